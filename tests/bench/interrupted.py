"""The rows of interruptions: an update that is killed at every operation, and pods that are killed at random."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.bench.common import Bench
from tests.bench.model import Row, Sample
from tests.bench.recovery import until_normal
from tests.e2e.load import Load
from tests.e2e.machine import CONSOLE, GATEWAY, NAMESPACE, ROOT, Machine, eventually
from tests.e2e.test_lifecycle import serving

_EVENTS = {"resourcePreEvent": "before", "resOutputsEvent": "after"}
_IDLE_OPERATIONS = {"same", "read", "refresh"}
_PAUSES = (0, 25)
"""Seconds between two kills of pods, at random."""
Point = tuple[str, str, str]
"""``before`` or ``after``, operation and URN."""


def points(log: str) -> Iterator[Point]:
    """Return the operations on Kubernetes objects in the engine's log of events, but for a last line in writing."""
    for line in log.splitlines():
        event = json.loads(line) if line.endswith("}") else {}
        for name, when in _EVENTS.items():
            found = (event.get(name) or {}).get("metadata") or {}
            if str(found.get("type")).startswith("kubernetes:") and found["op"] not in _IDLE_OPERATIONS:
                yield when, found["op"], found["urn"]


def attempt(log: Path, seen: set[Point]) -> Point | None:
    """Run ``make up`` and kill it at the first event that is not in ``seen``; None when it has ended by itself.

    :raises RuntimeError: when it failed by itself, with the end of what it printed.
    """
    log.unlink(missing_ok=True)
    said = log.with_suffix(".txt")
    # One operation at a time: of several in parallel only the first would be met.
    options = {"PULUMI_OPTION_EVENT_LOG": str(log), "PULUMI_PARALLEL": "1"}
    variables = os.environ | {"PULUMI_DEBUG_COMMANDS": "true"} | options
    with said.open("w") as out:
        update = subprocess.Popen(
            ["make", "-s", "up"], cwd=ROOT, env=variables, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        while update.poll() is None:
            text = log.read_text() if log.exists() else ""
            if fresh := next((one for one in points(text) if one not in seen), None):
                print(f"killed {' '.join(fresh)}", flush=True)
                return fresh
            time.sleep(0.02)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(update.pid, signal.SIGKILL)
        # Plugins and the language host have groups of their own.
        subprocess.run(["pkill", "-KILL", "-s", str(update.pid)], check=False)
        update.wait()
    if update.returncode != 0:
        raise RuntimeError(said.read_text()[-3000:])
    return None


def killed_updates(bench: Bench, _: int) -> Iterator[Sample]:
    """Make the stack by updates that are killed before and after each operation that no earlier one was killed at."""
    machine = bench.stack
    machine.make("destroy").ok()
    log, seen = bench.new_folder() / "events.json", set[Point]()
    while found := attempt(log, seen):
        seen.add(found)
    for when in _EVENTS.values():
        yield Sample(f"kills {when} an operation", sum(point[0] == when for point in seen), unit="")
    yield Sample("objects of the stack that its state lacks", len(orphans(machine)), unit="")
    yield _broken(invariants(machine))


def orphans(machine: Machine) -> set[str]:
    """Return the objects with the stack's labels that are not in its state, which a controller has not made."""
    state = json.loads(machine.pulumi("stack", "export", "-s", "local").ok())["deployment"]["resources"]
    objects = [item for item in state if item["type"].startswith("kubernetes:") and "kind" in item["inputs"]]
    known = {f"{item['inputs']['kind']}/{item['id'].rpartition('/')[2]}" for item in objects}
    kinds = {item["inputs"]["kind"] for item in objects}
    selector = ["-l", "app.kubernetes.io/part-of=wso2ei", "-A", "-o", "json"]
    text = machine.run(["kubectl", "get", ",".join(sorted(kinds)), *selector], env=machine.environment).ok()
    live = [item for item in json.loads(text)["items"] if not item["metadata"].get("ownerReferences")]
    return {f"{item['kind']}/{item['metadata']['name']}" for item in live} - known


def invariants(machine: Machine) -> dict[str, bool]:
    """Return what must hold of a stack at rest; a node that has just started gets a minute for its log."""
    addresses = {pod["status"]["podIP"] for pod in machine.nodes()}
    names = [pod["metadata"]["name"] for pod in machine.nodes()]

    def listed() -> bool:
        return all(machine.members(name) == addresses for name in names)

    eventually("each node lists both members", listed, 60)
    return {
        "two nodes serve": serving(machine, 2),
        "the console answers": machine.curl("/carbon", CONSOLE).text.startswith("HTTP/2 302"),
        "the gateway answers": machine.curl("/services", GATEWAY).text.startswith("HTTP/2 200"),
        "the administrator signs in": "loginStatus=true" in machine.login(machine.password()),
        "no drift": machine.pulumi("refresh", "-s", "local", "--yes", "--expect-no-changes").code == 0,
        "no change": machine.pulumi("preview", "-s", "local", "--expect-no-changes").code == 0,
    }


def _broken(found: dict[str, bool]) -> Sample:
    broken = [what for what, holds in found.items() if not holds]
    print(f"invariants that do not hold: {broken}")
    return Sample("invariants that do not hold at the end", len(broken), len(found), "", "all")


def chaos(bench: Bench, runs: int) -> Iterator[Sample]:
    """Kill random pods without grace under load, at random times, and look at the stack after it."""
    machine, chance = bench.stack, random.Random(runs)  # noqa: S311 - the same order each time
    machine.sql("WSO2EI_USER_DB", "CREATE TABLE IF NOT EXISTS CHAOS (ID INT); INSERT INTO CHAOS VALUES (1)")
    rows = machine.sql("WSO2EI_USER_DB", "SELECT COUNT(*) FROM CHAOS")
    killed: list[str] = []
    with Load(machine, bench.new_folder(), 0.5) as load:
        time.sleep(5)
        at = time.time()
        for _ in range(runs):
            pod = chance.choice(_running(machine))
            machine.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force").ok()
            killed.append(pod["metadata"]["labels"]["app.kubernetes.io/name"])
            time.sleep(chance.uniform(*_PAUSES))
        eventually("both nodes serve", lambda: serving(machine, 2), 600)
        normal = time.time()
        time.sleep(10)
    for name in sorted(set(killed)):
        yield Sample(f"kills of {name}", killed.count(name), len(killed), "", "all kills")
    yield Sample("requests lost", len(load.lost()), len(load.requests), "", "requests sent")
    twice = sum(times - 1 for times in load.executed.values())
    yield Sample("POSTs executed twice", twice, len(load.executed), "", "POSTs executed")
    yield Sample("until normal", until_normal(load.requests, at), normal - at, "s", "until all pods are ready")
    kept = machine.sql("WSO2EI_USER_DB", "SELECT COUNT(*) FROM CHAOS") == rows
    yield _broken(invariants(machine) | {"the data is there": kept})


def _running(machine: Machine) -> list[dict[str, Any]]:
    pods = [pod for name in ("mysql", "nginx-ingress") for pod in machine.pods(name)] + machine.nodes()
    assert pods, f"no pods in {NAMESPACE}"
    return pods


ROWS: list[Row[Bench]] = [
    Row("R2", "Does an update converge that was killed at any operation?",
        "make up, killed before and after each new operation of the engine's event log", 1, killed_updates,
        "One chain, one operation at a time, until an update ends by itself. An object that was created although its "
        "update was killed is imported by the next one, which then has no operation to be killed after.", by_name=True),
    Row("R3", "What is left of the stack after pods are killed at random?",
        "kubectl delete pod --grace-period=0 --force ..., at random pauses of up to 25 s", 20, chaos,
        "Each turn kills one pod of EI, NGINX or MySQL, ready or not. Under the load of R1.", by_name=True),
]  # fmt: skip
