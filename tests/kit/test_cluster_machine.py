"""What the embedded cluster demands of a machine, and how it finds what is its own there."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import pytest

from embedded.cluster import cgroups, files, leftovers, lifecycle, preconditions, unit, units
from embedded.cluster import names as n
from embedded.errors import KitError

FIT = preconditions.Host(
    platform="linux",
    uid=0,
    memory_free=6 * preconditions.GIB,
    disk_free=20 * preconditions.GIB,
    disk_needed=16 * preconditions.GIB,
    disk_folder=Path("/cache"),
    file_system="ext4",
    features={"overlayfs": True, "network namespaces": True},
)


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> n.Names:
    monkeypatch.setenv("WSO2EI_EMBEDDED_STATE", str(tmp_path))
    return n.current()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"platform": "darwin"}, "on Linux only"),
        ({"uid": 1000}, "needs root"),
        ({"features": {"overlayfs": False}}, "lacks: overlayfs"),
        ({"file_system": "overlay"}, "file system of type overlay"),
        ({"memory_free": 4 * preconditions.GIB}, "4.0 GiB of memory"),
        ({"disk_free": 15 * preconditions.GIB}, "15.0 GiB are free at /cache, 16 are"),
    ],
)
def test_an_unfit_machine_is_refused_in_one_sentence_with_a_way_out(change: dict[str, object], words: str) -> None:
    host = dataclasses.replace(FIT, **change)  # type: ignore[arg-type]
    with pytest.raises(KitError, match=words) as caught:
        preconditions.check(host)
    assert caught.value.way_out
    assert "\n" not in caught.value.message


def test_a_fit_machine_passes_and_one_that_runs_the_cluster_needs_no_more_memory() -> None:
    preconditions.check(FIT)
    preconditions.check(dataclasses.replace(FIT, memory_free=0, disk_free=0), running=True)


def test_a_record_of_another_boot_or_of_another_process_counts_for_nothing(names: n.Names) -> None:
    names.unit("node-1").mkdir(parents=True)
    record = {"pid": os.getpid(), "start_time": unit.start_time(os.getpid()), "boot_id": unit.boot_id()}
    path = str(names.unit("node-1") / "record.json")
    unit.write_json(path, record)
    assert units.alive(names, "node-1") == os.getpid()
    unit.write_json(path, {**record, "boot_id": "before"})
    assert units.alive(names, "node-1") == 0
    unit.write_json(path, {**record, "start_time": 1})
    assert units.alive(names, "node-1") == 0


def test_a_file_cut_off_by_a_power_failure_reads_as_missing(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text('{"name": "no')
    assert units.read_json(tmp_path / "spec.json") == {}


def test_a_cluster_grows_but_does_not_shrink(names: n.Names) -> None:
    for node in (1, 2):
        names.unit(n.node_name(node)).mkdir(parents=True)
        (names.unit(n.node_name(node)) / "spec.json").touch()
    count = lifecycle._node_count
    assert count(names, None) == 2
    assert count(names, 3) == 3
    with pytest.raises(KitError, match="cannot shrink"):
        count(names, 1)
    with pytest.raises(KitError, match="1 to 9 nodes"):
        count(names, 10)


def test_registry_credentials_are_made_once_and_are_nobody_elses(names: n.Names) -> None:
    made = files.credentials(names)
    assert files.credentials(names) == made
    assert len(made["password"]) >= 20
    assert names.credentials.stat().st_mode & 0o077 == 0


def test_where_images_come_from_is_known_as_long_as_the_cluster_lives(names: n.Names) -> None:
    assert files.image_sources(names) == {}
    names.unit("node-1").mkdir(parents=True)
    (names.unit("node-1") / "spec.json").write_text('{"name": "node-1"}')
    assert set(files.image_sources(names).values()) == {"stand-in"}, "an older kit's cluster"
    names.image_sources.write_text('{"docker.io": "real"}')
    assert files.image_sources(names) == {"docker.io": "real"}


def test_configuration_is_written_only_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "a" / "file"
    assert files.write_changed(path, "one")
    before = path.stat().st_mtime_ns, path.stat().st_ino
    assert not files.write_changed(path, "one")
    assert before == (path.stat().st_mtime_ns, path.stat().st_ino)
    assert files.write_changed(path, "two")
    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o077 == 0


def make_hierarchies(root: Path) -> None:
    for name in ("cpu", "cpuset", "memory"):
        (root / name).mkdir(parents=True)
        (root / name / "cgroup.procs").write_text("")
    for name in ("cpuset.cpus", "cpuset.mems"):
        (root / "cpuset" / name).write_text("0-1\n")


def test_cgroups_are_made_in_every_hierarchy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_hierarchies(tmp_path)
    monkeypatch.setattr(cgroups, "_inherit_cpuset", lambda folder: None)  # the kernel makes the files in it
    made = cgroups.create("wso2ei-x/node-1/system", root=tmp_path)
    assert {folder.relative_to(tmp_path).parts[0] for folder in made} == {"cpu", "cpuset", "memory"}
    assert all(folder.is_dir() for folder in made)
    assert cgroups.contains("wso2ei-x", "system", root=tmp_path)
    assert not cgroups.contains("wso2ei-x", "0a1b", root=tmp_path)
    assert cgroups.remove("wso2ei-x", root=tmp_path) == []
    assert cgroups.existing("wso2ei-x", root=tmp_path) == []


def test_processes_are_found_by_their_cgroup(tmp_path: Path) -> None:
    make_hierarchies(tmp_path)
    folder = tmp_path / "memory" / "wso2ei-x" / "node-1" / "kubepods"
    folder.mkdir(parents=True)
    (folder / "cgroup.procs").write_text("17\n18\n")
    assert cgroups.processes("wso2ei-x", root=tmp_path) == {17, 18}


def test_on_version_2_every_controller_is_handed_down(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    (tmp_path / "cgroup.subtree_control").write_text("")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "cgroup.controllers").write_text("cpu memory pids")
    assert cgroups.create("a/b", root=tmp_path) == [tmp_path / "a" / "b"]
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+pids"  # the kernel takes one after the other
    assert (tmp_path / "a" / "cgroup.subtree_control").read_text() == "+pids"


def test_a_folder_without_a_cluster_has_no_leftovers(names: n.Names) -> None:
    assert leftovers.mounts_below(names.root) == []
    assert not names.root.exists()


@pytest.mark.parametrize(("requirement", "met"), [("path:/proc/self", True), ("path:/no/such", False)])
def test_a_component_waits_for_what_it_requires(requirement: str, met: bool) -> None:
    assert unit.ready(requirement) is met


def test_a_component_that_keeps_ending_is_started_ever_more_slowly() -> None:
    component = unit.Component("x", {})
    pauses = []
    for _ in range(7):
        component.started = time.monotonic()
        pauses.append(component.pause)
        component.ended(9)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert component.last_exit == "signal 9"
