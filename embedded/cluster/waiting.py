"""Waiting for the cluster: what is still missing, shown while waiting, and with log lines after a timeout."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable

from embedded.cluster import api, cgroups, components, egress, manifests, units
from embedded.cluster import names as n
from embedded.cluster.files import write_changed
from embedded.errors import KitError
from embedded.process import capture
from embedded.progress import Reporter, Step

API_PATIENCE_SECONDS = 90.0
NODE_PATIENCE_SECONDS = 90.0
DNS_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.2


class UnitDiedError(KitError):
    """A whole unit ended while it was waited for, or was ending when it was looked at."""


def problems(names: n.Names, connection: api.Api, nodes: int) -> list[str]:
    """List what is missing or wrong; empty for a healthy cluster."""
    found = not_running(names, nodes)
    if not connection.ready():
        return [*found, "the API server does not answer"]
    found += _nodes_not_ready(names, connection, nodes)
    if not found and (text := _dns_problem(names, connection)):
        found.append(f"CoreDNS: {text}")
    applied = names.root / "applied"
    if not applied.exists() or applied.read_text() != _objects():
        found.append("its own objects are not up to date")
    return found


def status(names: n.Names) -> list[str]:
    """List what is missing or wrong of the cluster of today's state folder; empty when all of it runs."""
    nodes = len(units.nodes(names))
    if not nodes or not names.kubeconfig.exists():
        return ["there is no embedded cluster"]
    return problems(names, api.Api(names.pki), nodes)


def not_running(names: n.Names, nodes: int) -> list[str]:
    """List the components that do not run right now."""
    found = []
    for name in [*(n.node_name(node) for node in range(1, nodes + 1)), components.HOST_UNIT]:
        states = units.component_states(names, name)
        for part, state in states.items():
            if not state["running"]:
                found.append(f"{part} of {name} is not running ({state['last_exit'] or 'not started yet'})")
        if not states:
            found.append(f"{name} starts")
    return found


def _nodes_not_ready(names: n.Names, connection: api.Api, nodes: int) -> list[str]:
    every = [n.node_name(node) for node in range(1, nodes + 1)]
    since = {name: float(units.component_states(names, name).get("kubelet", {}).get("since", 0)) for name in every}
    conditions = connection.node_conditions(since)
    texts = {name: conditions.get(name, "has not registered yet") for name in every}
    return [f"{name}: {text}" for name, text in texts.items() if text]


def bring_up(
    names: n.Names, connection: api.Api, nodes: int, programs: components.Programs, reporter: Reporter
) -> None:
    """Wait, part by part, until the cluster is healthy; applies its own objects on the way.

    :raises KitError: when a part does not come up in its time, with the last log lines of those that it depends on.
    """
    first = n.node_name(1)
    with reporter.step("wait for the API server", "7 s") as step:

        def api_answers() -> str:
            answer = connection.get("/readyz")
            return "" if answer.ok else _first_line(answer.body)

        parts = [(first, "etcd"), (first, "kube-apiserver")]
        _wait(names, step, API_PATIENCE_SECONDS, api_answers, parts)
    with reporter.step("apply CoreDNS, rights and the decoy StorageClass", "2 s") as step:
        _apply(names, programs, step)
    _wait_for_nodes(names, connection, nodes, reporter)
    with reporter.step("wait for CoreDNS", "4 s") as step:
        # A pod that had to wait for its image or its node would go on waiting for minutes.
        if "BackOff" in _dns_problem(names, connection):
            _kubectl(names, programs, "delete", "pod", "-n=kube-system", "-l=k8s-app=kube-dns", "--wait=false")
        parts = [(first, "kubelet"), (first, "kube-proxy")]
        _wait(names, step, DNS_PATIENCE_SECONDS, lambda: _dns_problem(names, connection), parts)


def _dns_problem(names: n.Names, connection: api.Api) -> str:
    return connection.dns_problem(lambda identity: cgroups.contains(names.cgroup, identity))


def _wait_for_nodes(names: n.Names, connection: api.Api, nodes: int, reporter: Reporter) -> None:
    with reporter.step("wait for the nodes and the load balancer", "5 s") as step:

        def nodes_ready() -> str:
            return "; ".join([*not_running(names, nodes), *_nodes_not_ready(names, connection, nodes)])

        kubelets = [(n.node_name(node), "kubelet") for node in range(1, nodes + 1)]
        _wait(
            names,
            step,
            NODE_PATIENCE_SECONDS,
            nodes_ready,
            [*kubelets, (n.node_name(1), "containerd"), (components.HOST_UNIT, "load-balancer")],
        )


def _wait(
    names: n.Names, step: Step, patience: float, problem: Callable[[], str], parts: list[tuple[str, str]]
) -> None:
    """Poll until ``problem`` returns nothing.

    :raises KitError: after ``patience`` seconds, or at once when a unit has died; with the last log lines of ``parts``.
    """
    end = time.monotonic() + patience
    while text := problem():
        step.detail(text)
        dead = next((unit for unit, _ in parts if not units.alive(names, unit)), "")
        if dead or time.monotonic() > end:
            what = f"{dead} died" if dead else f"timed out after {patience:.0f} s: {text}"
            tails = [(dead, "unit")] if dead else parts
            raise (UnitDiedError if dead else KitError)(
                "\n".join([what, *(_tail_text(names, unit, part) for unit, part in tails)]),
                f"all logs are in {names.logs}; run the same command again to resume",
            )
        time.sleep(_POLL_SECONDS)
    step.detail("")


def _tail_text(names: n.Names, unit: str, part: str) -> str:
    lines = "\n".join(f"    {line[:300]}" for line in units.log_tail(names, unit, part))
    state = units.component_states(names, unit).get(part, {})
    ended = f", last ended with {state['last_exit']}" if state.get("last_exit") else ""
    return f"  last lines of {part} on {unit}{ended}:\n{lines or '    (nothing)'}"


def _first_line(body: object) -> str:
    return str(body.get("message", body) if isinstance(body, dict) else body).strip().split("\n")[0]


def _objects() -> str:
    return manifests.as_yaml(outside=bool(egress.find()))


def _apply(names: n.Names, programs: components.Programs, step: Step) -> None:
    """Apply the objects server-side; tries again for 30 s, as system namespaces appear shortly after the API server."""
    end = time.monotonic() + 30
    while True:
        done = _kubectl(
            names, programs, "apply", "--server-side", "--force-conflicts", "--field-manager=embedded", "-f", "-",
            stdin=_objects(),
        )  # fmt: skip
        if done.returncode == 0:
            write_changed(names.root / "applied", _objects())
            return
        step.detail(done.stderr)
        if time.monotonic() > end:
            raise KitError(f"the cluster's own objects cannot be applied: {done.stderr.strip()}")
        time.sleep(0.5)


def _kubectl(
    names: n.Names, programs: components.Programs, *arguments: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    command = [str(programs.kubernetes / "kubectl"), "--kubeconfig", str(names.kubeconfig), *arguments]
    environment = {**os.environ, **egress.direct(os.environ), "KUBECONFIG": ""}
    return capture(command, input=stdin, env=environment)
