"""Makes what a plan lacks, piece by piece, and returns how to run Pulumi there."""

from __future__ import annotations

import os
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from embedded import images, plugins, toolchain
from embedded.cluster import config, egress, files, lifecycle
from embedded.cluster import names as n
from embedded.errors import KitError
from embedded.images import sources
from embedded.machine import Plan, choose, make_plan, stack_settings, user_kubeconfigs
from embedded.paths import state_dir
from embedded.process import capture
from embedded.progress import Reporter
from embedded.pulumi_env import PulumiEnv, copy_stack_file, embedded_variables

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass
class Environment:
    """A place where the stack can run."""

    plan: Plan
    pulumi: PulumiEnv
    plugins: list[plugins.Plugin] = field(default_factory=list)
    """Of the Pulumi home that is the kit's; empty where the user has one."""
    images: sources.Choice | None = None
    """Where the embedded cluster pulls from."""
    stand_in_digests: Collection[str] = ()
    """Of all images that are stand-ins."""


def describe(plan: Plan) -> list[str]:
    """Describe what will be used and what will be made, a line each."""
    lines = [
        f"Pulumi CLI: {plan.pulumi}"
        if plan.pulumi
        else "Pulumi CLI: the official one if it can be downloaded, else built from its Go module"
    ]
    if plan.embedded_cluster:
        lines.append(
            "cluster: an embedded one-node Kubernetes in separate network namespaces (removed by `make clean`)"
        )
        lines.append("images: from their own registries where these answer, else stand-ins")
    else:
        lines.append(f"cluster: your context {plan.cluster}; images from their real registries")
    return lines


def ensure(plan: Plan, reporter: Reporter, *, pulls: bool = True) -> Environment:
    """Make what is missing. Raises ``KitError``; whatever was finished is kept for the next try.

    :param pulls: images are going to be pulled, so it is decided where from.
    """
    kubeconfigs = user_kubeconfigs()
    choice, digests = None, set()
    if plan.embedded_cluster:
        recorded = files.image_sources(n.current())
        if pulls:
            choice = sources.choose(stack_settings(plan.stack_file), recorded)
            recorded |= choice.sources
            for line in choice.lines():
                reporter.note(line)
        # The images are mostly downloads and the toolchain mostly compiling, so they run in parallel.
        with ThreadPoolExecutor(max_workers=1) as pool:
            making = pool.submit(images.ensure, reporter, config.stand_ins(recorded))
            bins = [toolchain.ensure("pulumi", reporter)] if plan.pulumi is None else []
            bins.append(toolchain.ensure("kubernetes", reporter))
            store = making.result()
        lifecycle.start(store.public_root, store.private_root, reporter=reporter, sources=recorded)
        kubeconfigs, digests = [state_dir() / "cluster" / "kubeconfig"], store.digests()
    else:
        bins = [toolchain.ensure("pulumi", reporter)] if plan.pulumi is None else []
    env = pulumi_environment(plan, bins, kubeconfigs)
    Path(env.environment().get("PULUMI_HOME", state_dir() / "pulumi" / "home")).mkdir(parents=True, exist_ok=True)
    if "PULUMI_HOME" in env.variables:
        found = plugins.install(Path(env.variables["PULUMI_HOME"]), env.environment(), reporter)
    else:
        found = []
    return Environment(plan, env, found, choice, digests)


def existing(stack: str, *, look_only: bool = False) -> PulumiEnv:
    """Return how to run Pulumi on what ``make up`` has made. Raises ``KitError`` when there is nothing yet.

    :param look_only: leave the copy of the stack file alone too, which otherwise takes over what was edited.
    """
    plan = make_plan(CHECKOUT, stack)
    kubeconfigs = [state_dir() / "cluster" / "kubeconfig"] if plan.embedded_cluster else user_kubeconfigs()
    bins = [] if plan.pulumi else [toolchain.built("pulumi")]
    bins += [toolchain.built("kubernetes")] if plan.embedded_cluster else []
    found = [folder for folder in bins if folder is not None]
    if not any(file.exists() for file in kubeconfigs) or len(found) != len(bins):
        raise KitError("there is nothing to use yet", "run `make up` first")
    return pulumi_environment(plan, found, kubeconfigs, look_only=look_only)


def configuring(stack: str, reporter: Reporter) -> PulumiEnv:
    """Return how to run Pulumi on a stack's config alone: with the backend and stack file of ``make up``.

    Queries no cluster. For a user who is logged in to a backend it is the stack file of the checkout.
    """
    plan = choose(CHECKOUT, stack)
    if _has_own_backend(plan):
        return PulumiEnv(CHECKOUT, stack)
    return pulumi_environment(plan, [] if plan.pulumi else [toolchain.ensure("pulumi", reporter)], [])


def pulumi_environment(plan: Plan, bins: list[Path], kubeconfigs: list[Path], *, look_only: bool = False) -> PulumiEnv:
    """Return the variables and the stack file for a plan. The backend that a user is logged in to is kept."""
    variables = {} if _has_own_backend(plan) else embedded_variables(bins, os.pathsep.join(map(str, kubeconfigs)))
    if plan.embedded_cluster:
        variables |= egress.direct(os.environ)
    copy = None if look_only else copy_stack_file(plan.stack_file, state_dir() / "stacks")
    return PulumiEnv(CHECKOUT, plan.stack, variables, copy)


def _has_own_backend(plan: Plan) -> bool:
    return not plan.embedded_cluster and plan.pulumi is not None and _logged_in(plan.pulumi)


def _logged_in(pulumi: Path) -> bool:
    if os.environ.get("PULUMI_BACKEND_URL") or os.environ.get("PULUMI_ACCESS_TOKEN"):
        return True
    return capture([pulumi, "whoami", "--non-interactive"]).returncode == 0
