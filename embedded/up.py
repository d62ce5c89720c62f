"""``make up``: makes what the machine lacks and updates the stack."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from typing import Any

from embedded.cluster import egress
from embedded.cluster import names as n
from embedded.environment import CHECKOUT, Environment, describe, ensure
from embedded.errors import KitError
from embedded.images import sources
from embedded.images.references import parse
from embedded.images.registries import FORCE_STAND_INS, base
from embedded.machine import make_plan, stack_settings
from embedded.process import capture
from embedded.progress import Reporter, elapsed_text
from embedded.pulumi_env import PulumiEnv, ensure_stack
from embedded.recover import recover
from embedded.status.cli import LOOK_EVERY_SECONDS, Looker
from embedded.status.pulls import Account
from embedded.status.report import Report
from embedded.summary import image_lines, summary_table

_PODS_SECONDS = 600.0
"""Two EI nodes on one CPU need some minutes."""
_ANSWERS_SECONDS = 30.0
"""NGINX reads new addresses within seconds."""


def run(args: argparse.Namespace, reporter: Reporter) -> int:
    """Plan, make what is missing, update the stack, and show how to use it."""
    started = time.monotonic()
    plan = make_plan(CHECKOUT, args.stack)
    for line in describe(plan):
        reporter.note(line)
    environment = ensure(plan, reporter)
    pulumi = environment.pulumi
    ensure_stack(pulumi)
    recover(pulumi, reporter)
    check_images(environment, reporter)
    updating = time.monotonic()
    code = pulumi.run(["up", "--yes", "--skip-preview"])
    if code != 0:
        raise KitError(
            "the update did not finish; the cause is in Pulumi's output above",
            "fix it and run `make up` again (it resumes where this one stopped), or run `make status`",
        )
    reporter.timings.append(("pulumi up", time.monotonic() - updating))
    outputs = pulumi.outputs()
    if plan.embedded_cluster:
        wait_until_it_serves(Looker(plan, pulumi, outputs).report, reporter)
    images = image_lines(pods(pulumi, str(outputs.get("namespace"))), environment.stand_in_digests)
    reporter.console.print(summary_table(plan.stack, outputs, environment.plugins, images))
    parts = ", ".join(f"{title} {elapsed_text(seconds)}" for title, seconds in reporter.timings if seconds >= 1)
    reporter.note(f"done in {elapsed_text(time.monotonic() - started)} ({parts})")
    return 0


def wait_until_it_serves(look: Callable[[], Report], reporter: Reporter, every: float = LOOK_EVERY_SECONDS) -> None:
    """Wait until all pods run and each host answers: after a reboot the pods start again without an update.

    A host that does not answer soon after is reported, and no error: an existing controller may have another address.

    :param every: seconds between two looks.
    :raises KitError: when a pod does not run after ten minutes.
    """

    def missing(what: Callable[[Report], str]) -> str:
        # On a machine that starts everything at once, the API server may not answer in time.
        try:
            return what(look())
        except KitError as error:
            return error.message

    def wait(what: Callable[[Report], str], patience: float) -> str:
        end = time.monotonic() + patience
        while (text := missing(what)) and time.monotonic() < end:
            step.detail(text)
            time.sleep(every)
        step.detail(text)
        return text

    if not missing(lambda seen: seen.starting or seen.unanswered):
        return
    with reporter.step("waiting until every pod runs and each host answers", "1 min") as step:
        if text := wait(lambda seen: seen.starting, _PODS_SECONDS):
            raise KitError(f"the stack is up to date, but not everything runs: {text}", "run `make status`")
        wait(lambda seen: seen.unanswered, _ANSWERS_SECONDS)


def check_images(environment: Environment, reporter: Reporter) -> None:
    """Check in their registries that the stack's images exist and may be pulled, before anything is updated.

    The images are those of a preview. Where it fails, the update fails too, with the reason.

    :raises KitError: naming each image that cannot be pulled.
    """
    choice, pulumi = environment.images, environment.pulumi
    if choice is None or not choice.any_real:
        return
    settings = stack_settings(pulumi.config_file or environment.plan.stack_file)
    with reporter.step("checking the stack's images in their registries", "10s"):
        preview = pulumi.read(["preview", "--json", "--show-sames"])
        images = sources.named_images(json.loads(preview.stdout)) if preview.returncode == 0 else {}
        account = Account(environment.plan.stack, str(settings.get("registryUsername") or ""))
        password = _password(pulumi) if account.user else ""
        in_cluster = (settings.get("secrets") or {}).get("registry")
        sources.check(images, choice, account, password, in_cluster=bool(in_cluster))
        for registry in sorted({parse(image).registry for image in images}):
            if choice.sources.get(registry, "real") == "real" and registry not in choice.unreached:
                _check_node(registry)


def _check_node(registry: str) -> None:
    why = egress.why_closed(n.current(), f"{base(registry)}/v2/", os.environ)
    if why:
        raise KitError(
            f"this machine reaches {registry}, but the nodes of the embedded cluster do not ({why})",
            "this machine's firewall may drop what it forwards (`iptables -S FORWARD`, `nft list ruleset`): allow "
            f"{n.NODE_RANGE} and {n.POD_RANGE} there, {FORCE_STAND_INS}",
        )


def _password(pulumi: PulumiEnv) -> str:
    """Return the stack's password, decrypted; '' when it has none."""
    file = ["--config-file", str(pulumi.config_file)] if pulumi.config_file else []
    answer = pulumi.read(["config", "get", "registryPassword", *file])
    return answer.stdout.strip() if answer.returncode == 0 else ""


def pods(pulumi: PulumiEnv, namespace: str) -> list[dict[str, Any]]:
    """Return the pods of the stack, those of finished Jobs too."""
    command = ["kubectl", "get", "pods", "--namespace", namespace, "--output=json"]
    answer = capture(command, env=pulumi.environment())
    return list(json.loads(answer.stdout)["items"]) if answer.returncode == 0 else []
