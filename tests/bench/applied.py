"""The row of the first update: what Pulumi takes over ``kubectl apply`` of the same objects."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from tests.bench.common import Bench
from tests.bench.model import Row, Sample
from tests.bench.stack import became_ready
from tests.e2e.machine import Machine
from tests.unit.support.recording import unwrap

_WORKLOADS = ("statefulset/wso2ei-mysql", "deployment/wso2ei-nginx", "deployment/wso2ei")


def applied(bench: Bench, runs: int) -> Iterator[Sample]:
    """Make the stack on an empty volume, by an update and by one ``kubectl apply``, until the same pods are ready."""
    machine = bench.stack
    kept = machine.pulumi("config", "get", "-s", "local", "--path", "wso2ei:storage.path").ok().strip()
    try:
        for turn in range(runs):
            yield from _turn(machine, f"{kept}-updated-{turn}", f"{kept}-applied-{turn}")
    finally:
        machine.destroy().ok()
        machine.configure("set", "wso2ei:storage.path", kept)
        machine.update().ok()


def _turn(machine: Machine, path: str, other_path: str) -> Iterator[Sample]:
    machine.destroy().ok()
    machine.configure("set", "wso2ei:storage.path", path)
    started, clock = time.time(), time.monotonic()
    machine.update().ok()
    whole = time.monotonic() - clock
    pods = [pod for name in ("mysql", "nginx-ingress", "wso2ei") for pod in machine.pods(name)]
    last = max(map(became_ready, pods)) - started
    items = objects(machine)
    machine.destroy().ok()
    plain = _apply(machine, json.loads(json.dumps(items).replace(path, other_path)))
    against = "kubectl apply of the same objects at once, until the same pods are ready"
    yield Sample("until all pods are ready", last, plain, against=against)
    yield Sample("until the update ends, with its acceptance check", whole, plain, against=against)


def objects(machine: Machine) -> list[dict[str, Any]]:
    """Return what the update has applied, under the names that it has given; the acceptance Job is not among them."""
    state = json.loads(machine.pulumi("stack", "export", "-s", "local", "--show-secrets").ok())
    found = []
    for item in state["deployment"]["resources"]:
        if item["type"].startswith("kubernetes:") and "acceptance" not in item["urn"]:
            body = {key: unwrap(value) for key, value in item["inputs"].items() if not key.startswith("__")}
            body["metadata"] = body["metadata"] | {"name": item["outputs"]["metadata"]["name"]}
            found.append(body)
    return found


def _apply(machine: Machine, items: list[dict[str, Any]]) -> float:
    """Seconds; the objects are deleted afterwards."""
    started = time.monotonic()
    try:
        machine.apply(items)
        for name in _WORKLOADS:
            machine.kubectl("rollout", "status", name, "--timeout=10m").ok()
        return time.monotonic() - started
    finally:
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        machine.run(["kubectl", "delete", "--wait", "-f", "-"], env=machine.environment, stdin=listed)


ROWS: list[Row[Bench]] = [
    Row("P2", "What does the first update take, over the least that Kubernetes takes?",
        "pulumi up -s local; kubectl apply of what it made", 2, applied,
        "On an empty volume, with all images in the cluster. The update makes what depends on MySQL after it; "
        "kubectl makes all at once, and the pods wait for each other by themselves."),
]  # fmt: skip
