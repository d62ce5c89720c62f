"""The shared deployment folder: what an image brings, what users do to it, and runs that end anywhere."""

from __future__ import annotations

import json
import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from components.in_pod import deployment

MAIN = "server/synapse-configs/default/sequences/main.xml"
FAULT = "server/synapse-configs/default/sequences/fault.xml"
PROXIES = "server/synapse-configs/default/proxy-services"
OLD = {MAIN: "main 1", FAULT: "fault 1", "server/webapps/a.war": "war 1", "server/gone/x.xml": "x 1", f"{PROXIES}/": ""}
"""Defaults of an image; a folder ends with a slash."""
NEW = {MAIN: "main 2", FAULT: "fault 2", "server/webapps/b.war": "war 2", "tenants/t.xml": "t 2", f"{PROXIES}/": ""}
Files = Mapping[str, str]


class Killed(BaseException):
    """The container is killed."""


def write(top: Path, files: Files) -> Path:
    for name, text in files.items():
        path = top / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_text(text)
    return top


def read(top: Path) -> dict[str, str]:
    """What EI sees: files with their text, and folders without files."""
    found = {}
    for name in deployment.TOPS:
        for path in sorted((top / name).rglob("*")):
            place = path.relative_to(top).as_posix()
            if path.is_file():
                found[place] = path.read_text()
            elif path.is_dir() and not any(path.iterdir()) and place != "server/carbonapps":
                found[f"{place}/"] = ""
    return found


@pytest.fixture
def merge(tmp_path: Path) -> Callable[[Files], dict[str, str]]:
    """Runs the program with the defaults of an image; what is on the volume then."""
    (tmp_path / "volume").mkdir()

    def run(defaults: Files) -> dict[str, str]:
        image = tmp_path / "image"
        shutil.rmtree(image, ignore_errors=True)
        write(image, defaults)
        assert deployment.main(["--defaults", str(image), "--volume", str(tmp_path / "volume")]) == 0
        return read(tmp_path / "volume")

    return run


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    return tmp_path / "volume"


Merge = Callable[[Files], dict[str, str]]


def test_an_empty_volume_gets_the_defaults_and_the_folders_that_mounts_need(merge: Merge, volume: Path) -> None:
    assert merge(OLD) == OLD
    for name in deployment.MOUNTED:
        assert (volume / name).is_dir()
    assert merge(OLD) == OLD
    assert not list(volume.rglob("*.tmp"))


def test_an_image_without_tenants_or_defaults_still_gives_both_folders(merge: Merge, volume: Path) -> None:
    assert merge({}) == {}
    assert (volume / "tenants").is_dir()


def test_untouched_defaults_follow_the_image_forth_and_back(merge: Merge) -> None:
    merge(OLD)
    assert merge(NEW) == NEW
    assert merge(OLD) == OLD


def test_what_users_changed_and_made_stays(merge: Merge, volume: Path) -> None:
    merge(OLD)
    own = {MAIN: "mine", f"{PROXIES}/Orders.xml": "orders", "tenants/1/synapse-configs/default/api/a.xml": "a",
           "server/gone/mine.xml": "m", "server/webapps/b.war": "mine"}  # fmt: skip
    write(volume, own)
    found = merge(NEW)
    assert found == {name: text for name, text in (NEW | own).items() if name != f"{PROXIES}/"}
    assert merge(OLD)[MAIN] == "mine"


def test_a_default_that_was_changed_and_set_back_follows_again(merge: Merge, volume: Path) -> None:
    merge(OLD)
    write(volume, {MAIN: "mine"})
    merge(NEW)
    write(volume, {MAIN: NEW[MAIN]})
    assert merge(OLD)[MAIN] == OLD[MAIN]


def test_what_users_deleted_stays_deleted_in_every_later_image(merge: Merge, volume: Path) -> None:
    merge(OLD)
    (volume / MAIN).unlink()
    shutil.rmtree(volume / "server/webapps")
    for image in (OLD, NEW, OLD, {FAULT: "fault 3"}, NEW):
        found = merge(image)
        assert MAIN not in found
        assert not (volume / "server/webapps").exists()
        assert found[FAULT] == image[FAULT]


def test_what_was_deleted_and_made_again_is_the_users(merge: Merge, volume: Path) -> None:
    merge(OLD)
    (volume / MAIN).unlink()
    merge(OLD)
    write(volume, {MAIN: "mine"})
    assert merge(NEW)[MAIN] == "mine"


def test_a_default_in_the_place_of_a_file_of_users_is_not_brought_and_not_brought_later(
    merge: Merge, volume: Path
) -> None:
    write(volume, {"tenants/t.xml": "mine", "server/webapps": "a file"})
    assert merge(NEW)["tenants/t.xml"] == "mine"
    assert (volume / "server/webapps").read_text() == "a file"
    (volume / "tenants/t.xml").unlink()
    assert "tenants/t.xml" not in merge(NEW)


@pytest.mark.parametrize(("before", "after"), [({"server/a": "file"}, {"server/a/b": "b"}),
                                               ({"server/a/b": "b"}, {"server/a": "file"})])  # fmt: skip
def test_a_default_that_becomes_a_folder_or_a_file(merge: Merge, volume: Path, before: Files, after: Files) -> None:
    merge(before)
    assert merge(after) == after
    assert merge(before) == before
    # A user's file in the folder, or a user's change of the file, wins.
    write(volume, {"server/a/mine": "mine"} if "server/a/b" in before else {"server/a": "mine"})
    assert "mine" in merge(after).values()


def test_links_are_users_and_stay_and_modes_come_along(merge: Merge, volume: Path, tmp_path: Path) -> None:
    merge(OLD)
    (volume / MAIN).unlink()
    (volume / MAIN).symlink_to(tmp_path / "nowhere")
    merge(NEW)
    assert (volume / MAIN).is_symlink()
    source = write(tmp_path / "other", {"server/run.sh": "run"})
    (source / "server/run.sh").chmod(0o555)
    deployment.merge(source, volume)
    assert stat.S_IMODE((volume / "server/run.sh").stat().st_mode) == 0o755


def test_records_are_outside_of_what_ei_scans_and_leftovers_go(merge: Merge, volume: Path) -> None:
    merge(OLD)
    assert sorted(path.name for path in volume.iterdir()) == ["defaults", "server", "tenants"]
    for name, age in (("old.tmp", 2 * 86400), ("new.tmp", 0)):
        (volume / "defaults" / name).touch()
        os.utime(volume / "defaults" / name, (volume.stat().st_mtime - age,) * 2)
    merge(OLD)
    assert [path.name for path in (volume / "defaults").glob("*.tmp")] == ["new.tmp"]


def test_what_cannot_be_merged_is_reported_in_one_line(
    merge: Merge, volume: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    merge(OLD)
    (volume / "defaults/state.json").write_text("{")
    assert deployment.main(["--defaults", str(volume), "--volume", str(volume)]) == 1
    assert capsys.readouterr().err.startswith("deployment: the shared deployment folder cannot be merged: ")
    assert read(volume) == OLD


STEPS = ("replace", "mkdir", "rmdir", "unlink")
"""What changes the volume, except the content of unfinished files; a run may end before each and after it."""


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int | None], None]]:
    """``steps(n)`` lets n steps happen and kills the run at the next; ``None``: lets it be."""
    left: list[int | None] = [None]

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object, **options: object) -> object:
            if left[0] is not None:
                if left[0] == 0:
                    raise Killed
                left[0] -= 1
            return real(*args, **options)

        return step

    for name in STEPS:
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    monkeypatch.setattr(os, "fsync", counted(lambda _: None))
    yield lambda number: left.__setitem__(0, number)
    left[0] = None


def users(volume: Path) -> dict[str, str]:
    """What users do between two images; what must be there after the second."""
    write(volume, {FAULT: "mine", f"{PROXIES}/Orders.xml": "orders"})
    (volume / "server/webapps/a.war").unlink()
    expected = NEW | {FAULT: "mine", f"{PROXIES}/Orders.xml": "orders"}
    return {name: text for name, text in expected.items() if name != f"{PROXIES}/"}


@pytest.mark.parametrize("then", ["the same image", "the old image", "the new image after the old one"])
def test_a_run_that_is_killed_before_any_step_is_made_good_by_the_next(
    merge: Merge, volume: Path, tmp_path: Path, steps: Callable[[int | None], None], then: str
) -> None:
    for number in range(200):
        shutil.rmtree(volume)
        volume.mkdir()
        merge(OLD)
        expected = users(volume)
        try:
            steps(number)
            merge(NEW)
            finished = True
        except Killed:
            finished = False
        steps(None)
        if then == "the same image":
            assert merge(NEW) == expected, number
        else:
            old = {name: text for name, text in OLD.items() if name not in {"server/webapps/a.war", f"{PROXIES}/"}}
            old |= {FAULT: "mine", f"{PROXIES}/Orders.xml": "orders", "server/webapps/": ""}
            assert merge(OLD) == old, number
            if then != "the old image":
                assert merge(NEW) == expected, number
        if finished:
            assert number > 10
            return
    raise AssertionError("it never ended")


def test_a_first_run_that_is_killed_before_any_step_is_made_good_by_the_next(
    merge: Merge, volume: Path, steps: Callable[[int | None], None]
) -> None:
    for number in range(200):
        shutil.rmtree(volume)
        volume.mkdir()
        try:
            steps(number)
            merge(OLD)
            finished = True
        except Killed:
            finished = False
        steps(None)
        # Never half a file, not even before the next run.
        assert {item for item in read(volume).items() if item[1]} <= OLD.items()
        assert merge(OLD) == OLD, number
        if finished:
            return
    raise AssertionError("it never ended")


def test_nodes_may_run_it_at_once(tmp_path: Path) -> None:
    image = write(tmp_path / "image", OLD | {f"server/f{n}.xml": str(n) for n in range(50)})
    volume = tmp_path / "volume"
    volume.mkdir()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            deployment.merge(image, volume)
        except BaseException as error:  # noqa: BLE001 - reported by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert read(volume) == read(image)
    state = json.loads((volume / "defaults/state.json").read_text())
    assert state["deleted"] == []
    assert set(state["seeded"]) >= read(image).keys()
