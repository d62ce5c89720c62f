"""Rows of the running local stack: updates without and with changes, the memory of its pods, and ``make up`` itself."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from components.shared.quantities import quantity
from embedded.cluster import cgroups, names
from tests.bench.common import Bench
from tests.bench.model import Row, Sample, SkippedRowError
from tests.bench.preview import EMPTY, prepare_empty, seconds
from tests.e2e.machine import NAMESPACE, ROOT, Machine, eventually
from tests.e2e.test_lifecycle import serving

_STEP = re.compile(r"^\s*(?:[\d.]+\s+)?(?:ok |ERR) (?P<title>.+?) \((?P<time>(?:\d+m)?\d+s)\)(?:: .*)?$")
_DONE = re.compile(r"done in (?P<all>(?:\d+m)?\d+s) \(.*pulumi up (?P<update>(?:\d+m)?\d+s)\)")
_STAMP = re.compile(r"^\s*([\d.]+) (.*)")


def unchanged(bench: Bench, runs: int) -> Iterator[Sample]:
    """``up`` and ``refresh`` that find nothing to do."""
    environment = bench.stack.environment
    empty = prepare_empty(bench)
    words = {"up": ["up", "--yes", "--skip-preview"], "refresh": ["refresh", "--yes", "--skip-preview"]}
    for turn in range(runs + 1):
        base = seconds(empty.arguments(words["up"]), empty.environment())
        for name, command in words.items():
            spent = seconds(["pulumi", "--non-interactive", "-C", str(ROOT), *command, "-s", "local"], environment)
            if turn:  # the first update of the empty program creates its stack
                yield Sample(name, spent, base, against=f"up of {EMPTY}")


def rollout(bench: Bench, runs: int) -> Iterator[Sample]:
    """A changed configuration file: the update that replaces all nodes, over what one node needs to start."""
    machine = bench.stack
    for turn in range(runs):
        before = {pod["metadata"]["uid"] for pod in machine.nodes()}
        change_configuration(machine, f"bench {turn}")
        started, clock = time.time(), time.monotonic()
        machine.update().ok()
        update = time.monotonic() - clock
        eventually("the old nodes have gone", lambda: serving(machine, 2), 300)
        fresh = [pod for pod in machine.nodes() if pod["metadata"]["uid"] not in before]
        assert len(fresh) == 2
        own = max(became_ready(pod) - _time(pod["metadata"]["creationTimestamp"]) for pod in fresh)
        against = "one node's own start, from the pod's creation until it is ready"
        yield Sample("until the last node is replaced", max(map(became_ready, fresh)) - started, own, against=against)
        yield Sample("until the update ends, with its acceptance check", update, own, against=against)


def change_configuration(machine: Machine, text: str) -> None:
    """Set a value of a configuration file that has no effect on requests."""
    machine.configure("set", "wso2ei:ei.patches[0].file", "conf/carbon.xml")
    machine.configure("set", "wso2ei:ei.patches[0].path", "Server/ServerKey")
    machine.configure("set", "wso2ei:ei.patches[0].set", text)


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def became_ready(pod: dict[str, Any]) -> float:
    """Return when a pod became ready the last time, in seconds since 1970."""
    return next(_time(c["lastTransitionTime"]) for c in pod["status"]["conditions"] if c["type"] == "Ready")


def memory(bench: Bench, runs: int) -> Iterator[Sample]:
    """Resident memory of each pod, from its cgroup, and what it requests and may use."""
    pods = [pod for pod in bench.stack.objects("pods") if pod["status"]["phase"] == "Running"]
    for turn in range(runs):
        time.sleep(2 if turn else 0)
        for pod in pods:
            used = resident_mib(pod)
            name = pod["metadata"]["labels"]["app.kubernetes.io/name"]
            for kind in ("requests", "limits"):
                total = sum(amounts(pod["spec"], kind, "memory"))
                yield Sample(f"{name}: memory", used, total or None, "MiB", f"its {kind.removesuffix('s')}")
            yield Sample(f"{name}: CPU request", sum(amounts(pod["spec"], "requests", "cpu")), unit="CPU")


def amounts(spec: Mapping[str, Any], kind: str, resource: str) -> list[float]:
    """Return what each container of a pod requests or may use, 0 for nothing; MiB for memory."""
    found = [((container.get("resources") or {}).get(kind) or {}).get(resource, 0) for container in spec["containers"]]
    return [float(quantity(str(one))) / (2**20 if resource == "memory" else 1) for one in found]


def resident_mib(pod: dict[str, Any]) -> float:
    """Return the memory of a pod's processes, without the cache of files."""
    unified = cgroups.unified()
    top = (cgroups.ROOT if unified else cgroups.ROOT / "memory") / names.current().cgroup
    folder = next(top.rglob(f"*pod{pod['metadata']['uid']}"))
    lines = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    return int(lines["anon" if unified else "total_rss"]) / 1024**2


def make_up_steps(log: str) -> dict[str, float]:
    """Return the seconds of each step of ``make up`` that took one and does not wait for another, from what it printed.

    Each line may begin with the seconds since the start; then the installation of the Python packages, which is older
    than the program that prints steps, is among them.
    """
    found: dict[str, float] = {}
    for line, following in itertools.pairwise([*log.splitlines(), ""]):
        if (step := _STEP.match(line)) and _duration(step["time"]) and not step["title"].endswith("waiting for it"):
            found[step["title"]] = found.get(step["title"], 0) + _duration(step["time"])
        elif (
            (at := _STAMP.match(line)) and at[2].startswith("... Python packages") and (end := _STAMP.match(following))
        ):
            found["Python packages"] = float(end[1]) - float(at[1])
        elif done := _DONE.search(line):
            found["pulumi up"] = _duration(done["update"])
            found["all"] = _duration(done["all"]) + found.get("Python packages", 0)
    return found


def _duration(text: str) -> float:
    minutes, _, rest = text.removesuffix("s").rpartition("m")
    return 60 * int(minutes or 0) + int(rest)


def _steps(log: str) -> Iterator[Sample]:
    steps = make_up_steps(log)
    if "all" not in steps:
        raise SkippedRowError("the log of `make up` does not end with `done in ...`")
    for title, spent in steps.items():
        yield Sample(title, spent, steps["all"], against="all")


def warm_up(bench: Bench, _: int) -> Iterator[Sample]:
    """The ``make up`` of this run."""
    assert bench.stack
    yield from _steps(bench.up_log)
    pulls = {name: _pull(bench, name) for name in ("mysql", "wso2ei-integrator")}
    against = "that of MySQL's image; both after the update has begun to make objects"
    yield Sample("the pull of EI's image begins", pulls["wso2ei-integrator"], pulls["mysql"], against=against)


def _pull(bench: Bench, image: str) -> float:
    """Seconds from the namespace's creation to the first pull of an image."""
    found = [item["metadata"] for item in bench.up_objects["namespaces"]]
    made = next(_time(one["creationTimestamp"]) for one in found if one["name"] == NAMESPACE)
    events = [event for event in bench.up_objects["events"] if event["reason"] == "Pulling"]
    return min(_time(one["firstTimestamp"]) for one in events if f"/{image}:" in one["message"]) - made


def cold_up(_: Bench, __: int) -> Iterator[Sample]:
    """A recorded ``make up`` on a machine without a cache."""
    file = os.environ.get("COLD")
    if not file:
        raise SkippedRowError("COLD=FILE names no log of a `make up` with an empty cache")
    yield from _steps(Path(file).read_text())


_PARALLEL = "Steps run in parallel, so the shares add up to more than one; steps under a second are left out."
ROWS: list[Row[Bench]] = [
    Row("P3", "What do an update and a refresh cost that change nothing?",
        "pulumi up -s local; pulumi refresh -s local", 2, unchanged, picture="bars"),
    Row("P6", "How long does a configuration change take to reach the last node?",
        "pulumi config set --path 'wso2ei:ei.patches[0].set' ...; pulumi up -s local", 1, rollout,
        "Nodes are replaced one after the other, so two starts are the least."),
    Row("P7", "What do the pods request, and what do they use?",
        "memory.stat of each pod's cgroup, without load", 3, memory,
        "Resident memory, without the file cache. Both EI nodes are counted in one line, and EI is the stand-in: what "
        "the real one uses is its heap and more. What prod's pods and those of charts request: R5."),
    Row("P8", "Where does the time of `make up` go, when everything is built?", "make up", 1, warm_up, _PARALLEL),
    Row("P8-cold", "Where does it go on a machine without any cache?",
        "make up 2>&1 | ts -s %.s >FILE; make bench ROWS=P8-cold COLD=FILE", 1, cold_up, _PARALLEL, by_name=True),
]  # fmt: skip
