"""`start` repairs whatever was killed, and the cluster's data stays. Kills parts of the running cluster: `make e2e`."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
import yaml

from embedded.cluster import api, cgroups, components, leftovers, lifecycle, network, units
from embedded.cluster import names as n
from embedded.cluster.waiting import status
from embedded.errors import KitError
from embedded.progress import Reporter

pytestmark = pytest.mark.cluster


FLAP_SECONDS = 5
"""What the API server still shows of before a reboot is corrected within this time."""


def roots() -> tuple[Path, Path]:
    """The storage folders that the running registries serve."""
    found = []
    for kind in ("public", "private"):
        path = n.current().unit("node-1") / "config" / f"registry-{kind}.yml"
        found.append(Path(yaml.safe_load(path.read_text())["storage"]["filesystem"]["rootdirectory"]))
    return found[0], found[1]


def processes(unit: str, text: str) -> set[int]:
    """Processes of a unit with ``text`` in their command line."""
    found = set()
    for process in cgroups.processes(f"{n.current().cgroup}/{unit}/system"):
        try:
            line = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if text in line:
            found.add(process)
    return found


def start() -> list[tuple[str, float]]:
    reporter = Reporter()
    lifecycle.start(*roots(), reporter=reporter)
    return reporter.timings


def lives(process: int) -> bool:
    """A killed process goes on for the moment that the kernel needs to end it; a zombie has gone."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def object_uid() -> str:
    answer = api.Api(n.current().pki).get("/api/v1/namespaces/kube-system")
    return str(answer.body["metadata"]["uid"])


PARTS = [
    ("node-1", "kube-apiserver --"),
    ("node-1", "etcd --name"),
    ("node-1", "registry-private.yml"),
    ("node-1", "/kubelet --"),
    ("node-1", "containerd --config"),
    ("node-1", "kube-controller-manager --"),
    ("node-1", "kube-router --"),
    (components.HOST_UNIT, "embedded.cluster.loadbalancer"),
]


def test_on_a_healthy_cluster_nothing_is_done() -> None:
    start()
    before = {unit: units.alive(n.current(), unit) for unit in ("node-1", components.HOST_UNIT)}
    assert start() == []
    assert before == {unit: units.alive(n.current(), unit) for unit in before}


@pytest.mark.parametrize(("unit", "part"), PARTS)
def test_a_killed_part_comes_back(unit: str, part: str) -> None:
    start()
    killed = processes(unit, part)
    assert killed
    for process in killed:
        os.kill(process, signal.SIGKILL)
    while any(lives(process) for process in killed):
        time.sleep(0.01)
    start()
    assert status(n.current()) == []
    assert processes(unit, part).isdisjoint(killed)


@pytest.mark.parametrize("unit", ["node-1", components.HOST_UNIT])
def test_a_dead_node_takes_its_processes_along_and_comes_back_with_its_objects(unit: str) -> None:
    start()
    uid = object_uid()
    os.kill(units.alive(n.current(), unit), signal.SIGKILL)
    start()
    assert status(n.current()) == []
    assert object_uid() == uid


def test_after_a_reboot_start_brings_the_same_cluster_back() -> None:
    """As a reboot leaves it: no process, no interface, no cgroup; the state folder alone."""
    start()
    uid, names = object_uid(), n.current()
    units.end_processes(names.cgroup)
    network.remove(names)
    assert cgroups.remove(names.cgroup) == []
    start()
    end = time.monotonic() + FLAP_SECONDS
    while time.monotonic() < end:
        assert status(n.current()) == []
        time.sleep(0.1)
    assert object_uid() == uid


def test_a_second_cluster_is_refused_with_the_first_ones_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, found = n.current().state, roots()
    monkeypatch.setenv("WSO2EI_EMBEDDED_STATE", str(tmp_path))
    with pytest.raises(KitError, match=str(first)):
        lifecycle.start(*found, reporter=Reporter())
    assert leftovers.leftovers() == []
