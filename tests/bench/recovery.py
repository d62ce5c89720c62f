"""The row of disturbances: what a gateway's clients lose at half of the rate that the machine sustains."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from tests.bench.common import Bench
from tests.bench.gateway import controller
from tests.bench.model import Row, Sample
from tests.bench.stack import change_configuration
from tests.e2e.load import Load, Request
from tests.e2e.machine import Machine, eventually
from tests.e2e.test_lifecycle import serving

_BEFORE = _AFTER = 4.0
"""Seconds of load around an event."""
_ROLLED_OUT = ("rollout", "status", "deployment/wso2ei-nginx", "--timeout=2m")


def _node(machine: Machine) -> None:
    machine.kubectl("delete", "pod", machine.nodes()[0]["metadata"]["name"]).ok()


def _controller(machine: Machine) -> None:
    machine.kubectl("delete", "pod", controller(machine)["metadata"]["name"]).ok()
    machine.kubectl(*_ROLLED_OUT).ok()


def _controllers(machine: Machine) -> None:
    """Delete one after the other for so long that more than 10,000 requests are sent at four times the rate."""
    end = time.monotonic() + 180
    while time.monotonic() < end:
        _controller(machine)


def _configuration(machine: Machine) -> None:
    change_configuration(machine, f"disturbed at {time.time():.0f}")
    machine.update().ok()


def _java(machine: Machine) -> None:
    machine.configure("set", "wso2ei:ei.javaOptions[0]", f"-Ddisturbed={time.time():.0f}")
    machine.update().ok()


def _scaled(machine: Machine) -> None:
    for replicas in ("3", "2"):
        machine.configure("set", "wso2ei:ei.replicas", replicas)
        machine.update().ok()


def _rolled(machine: Machine) -> None:
    machine.kubectl("rollout", "restart", "deployment/wso2ei-nginx").ok()
    machine.kubectl(*_ROLLED_OUT).ok()


def _database(machine: Machine) -> None:
    machine.kubectl("delete", "pod", "-l", "app.kubernetes.io/name=mysql").ok()
    machine.kubectl("rollout", "status", "statefulset/wso2ei-mysql", "--timeout=3m").ok()


_EVENTS: list[tuple[str, Callable[[Machine], None], float]] = [
    ("an EI pod is deleted", _node, 0.5),
    ("the controller's pod is deleted", _controller, 0.5),
    ("the controller is rolled", _rolled, 0.5),
    ("an option of the JVM changes", _java, 0.5),
    ("a configuration change", _configuration, 0.5),
    ("three nodes, then two again", _scaled, 0.5),
    ("MySQL is restarted", _database, 0.5),
    ("a configuration change at four times the rate", _configuration, 2),
    ("the controller's pod is deleted again and again, at four times the rate", _controllers, 2),
]
"""Title, event, and the load as a share of the rate that the machine sustains while nodes change."""


def until_normal(requests: Sequence[Request], event: float) -> float:
    """Return the seconds from the event to the end of the last request that failed or was slow; 0 without one.

    Slow: a second, or three times the slowest of 100 before the event.
    """
    before = sorted(request.seconds for request in requests if request.ok and request.started < event)
    slow = max(1.0, 3 * before[int(len(before) * 0.99)]) if before else 1.0
    ends = [r.started + r.seconds for r in requests if r.started >= event and (not r.ok or r.seconds > slow)]
    return max(ends, default=event) - event


def disturbed(bench: Bench, runs: int) -> Iterator[Sample]:
    """Requests lost, POSTs executed twice, and the time until all are answered as before."""
    machine = bench.stack
    for _ in range(runs):
        for title, event, share in _EVENTS:
            with Load(machine, bench.new_folder(), share) as load:
                time.sleep(_BEFORE)
                at = time.time()
                event(machine)
                eventually("both nodes serve", lambda: serving(machine, 2), 300)
                took = time.time() - at
                time.sleep(_AFTER)
            twice = sum(times - 1 for times in load.executed.values())
            posts = sum(request.method == "POST" for request in load.requests)
            yield Sample(f"{title}: requests lost", len(load.lost()), len(load.requests), "", "requests sent")
            yield Sample(f"{title}: POSTs executed twice", twice, posts, "", "POSTs sent")
            yield Sample(
                f"{title}: until normal", until_normal(load.requests, at), took, "s", "until all pods are ready"
            )


ROWS: list[Row[Bench]] = [
    Row("R1", "What do clients lose when a part fails or changes?",
        "kubectl delete pod ...; pulumi up -s local; under the load of tests/e2e/load.py", 1, disturbed,
        "An open loop over HTTP/1.1 and HTTP/2, half of it POSTs, at half of the rate that the machine sustains while "
        "nodes change. Normal: no request fails, and none takes longer than a second and three times the slowest of "
        "100 before."),
]  # fmt: skip
