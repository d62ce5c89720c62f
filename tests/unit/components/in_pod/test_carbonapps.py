"""The program that gathers CAR files: every source is served, and a file that is no CAR is named beforehand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from components.in_pod import carbonapps
from components.in_pod.carbonapps import BrokenCarError, application_of
from components.in_pod.deliver import DeliveryError
from tests.cars import car, car_files, packed

LIST = "artifacts.xml"
FILES = car_files()


def changed(name: str, old: str, new: str) -> dict[str, str]:
    assert old in FILES[name]
    return FILES | {name: FILES[name].replace(old, new)}


def without(name: str) -> dict[str, str]:
    return {path: text for path, text in FILES.items() if path != name}


def damaged() -> bytes:
    data = car()
    return data.replace(b"<respond/>", b"<respomd/>", 1)


BROKEN: list[tuple[str, bytes, str]] = [
    ("text", b"404 page not found", "is not a zip file that can be read"),
    ("empty", b"", "is not a zip file that can be read"),
    ("half", car()[:300], "is not a zip file that can be read"),
    ("damaged", damaged(), "is damaged: the checksum of OrderService_1.0.0/OrderService-1.0.0.xml in it is wrong"),
    ("no list", packed(without(LIST)), "has no artifacts.xml at its top"),
    ("list in a folder", packed({f"x/{k}": v for k, v in FILES.items()}), "has no artifacts.xml at its top"),
    ("list not XML", packed(FILES | {LIST: "<artifacts>"}), "has an artifacts.xml that is not well-formed"),
    (
        "no application",
        packed(changed(LIST, "carbon/application", "lib/library")),
        "an artifacts.xml without an artifact of type carbon/application",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("data", "reason"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_file_that_is_no_whole_car_is_rejected_with_the_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "a.car").write_bytes(data)
    with pytest.raises(BrokenCarError) as caught:
        application_of(tmp_path / "a.car")
    assert reason in str(caught.value)


def test_an_application_is_named_as_ei_logs_it(tmp_path: Path) -> None:
    file = tmp_path / "some-file.car"
    file.write_bytes(car("Orders", version="2.1.0"))
    assert application_of(file) == "Orders_2.1.0"
    file.write_bytes(packed(changed(LIST, ' version="1.0.0" type', " type")))
    assert application_of(file) == "Orders"


class Pod:
    """The volumes of the container that gathers."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.folder, self.to = top / "folder", top / "cars"
        for folder in (self.folder, self.to / "image", top / "manifest"):
            folder.mkdir(parents=True)

    def of_image(self, number: int, name: str, data: bytes) -> None:
        (self.to / "image" / str(number)).mkdir(parents=True, exist_ok=True)
        (self.to / "image" / str(number) / name).write_bytes(data)
        (self.to / "image" / f"{number}.from").write_text(f"/home/wso2carbon/{number}\n")

    def gather(self, *words: str, items: list[dict[str, str]] | None = None) -> int:
        (self.top / "manifest" / "carbonapps.json").write_text(json.dumps({"cars": items or []}))
        manifest = ["--manifest", str(self.top / "manifest" / "carbonapps.json")] if items else []
        return carbonapps.main(
            ["--to", str(self.to), "--image", str(self.to / "image"), "--folder", str(self.folder),
             *manifest, *words]
        )  # fmt: skip

    def served(self) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in (self.to / "deploy").iterdir()}

    def expected(self) -> list[str]:
        return (self.to / "expected" / "list").read_text().splitlines()


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


def test_cars_of_all_sources_are_served_together(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    by_url = car("ByUrl")

    def fetch(url: str, to: Path) -> str:
        assert url == "https://repo.example.com/u.car"
        to.write_bytes(by_url)
        return hashlib.sha256(by_url).hexdigest()

    monkeypatch.setattr(carbonapps, "fetch", fetch)
    pod.of_image(0, "i.car", car("OfImage"))
    # What an entrypoint copies over the same is the same.
    pod.of_image(1, "i.car", car("OfImage"))
    (pod.folder / "f.car").write_bytes(car("OfFolder"))
    (pod.folder / "f.car.new").write_bytes(b"half")
    (pod.top / "manifest" / "n.car").write_bytes(car("Inline"))
    items = [{"name": "u.car", "url": "https://repo.example.com/u.car", "sha256": hashlib.sha256(by_url).hexdigest()}]
    assert pod.gather(items=[*items, {"name": "n.car"}]) == 0
    assert pod.served() == {
        "i.car": car("OfImage"), "f.car": car("OfFolder"), "u.car": by_url, "n.car": car("Inline"),
    }  # fmt: skip
    assert sorted(pod.expected()) == [
        "f.car\tOfFolder_1.0.0", "i.car\tOfImage_1.0.0", "n.car\tInline_1.0.0", "u.car\tByUrl_1.0.0",
    ]  # fmt: skip
    # The container may run again.
    pod.of_image(0, "i.car", car("OfImage"))
    (pod.folder / "f.car").unlink()
    assert pod.gather() == 0
    assert list(pod.served()) == ["i.car"]


def test_everything_that_is_wrong_is_in_the_last_line(
    pod: Pod, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetch(url: str, to: Path) -> str:
        if url.endswith("gone.car"):
            raise DeliveryError(f"{url} cannot be downloaded: HTTP 404 Not Found.")
        to.write_bytes(car("Other"))
        return hashlib.sha256(car("Other")).hexdigest()

    monkeypatch.setattr(carbonapps, "fetch", fetch)
    pod.of_image(0, "same.car", car("OfImage"))
    pod.of_image(1, "two.car", car("One"))
    pod.of_image(2, "two.car", car("Two"))
    (pod.folder / "same.car").write_bytes(car("OfFolder"))
    (pod.folder / "text.car").write_bytes(b"text")
    (pod.folder / "z-again.car").write_bytes(car("OfImage"))
    items = [
        {"name": "gone.car", "url": "http://r/gone.car", "sha256": "0" * 64},
        {"name": "moved.car", "url": "http://r/moved.car", "sha256": "0" * 64},
    ]
    assert pod.gather(items=items) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    for words in (
        "same.car comes from the image (/home/wso2carbon/0) and from the shared folder; keep one of them",
        "two.car comes from the image (/home/wso2carbon/1) and from the image (/home/wso2carbon/2)",
        "text.car from the shared folder is not a zip file",
        "z-again.car from the shared folder holds OfImage_1.0.0, and so does same.car",
        "gone.car: http://r/gone.car cannot be downloaded: HTTP 404 Not Found.",
        "moved.car: http://r/moved.car has sha256",
    ):
        assert words in last
    assert not (pod.to / "deploy").exists()


def test_a_live_folder_stays_where_it_is_and_may_hide_nothing(pod: Pod, capsys: pytest.CaptureFixture[str]) -> None:
    (pod.folder / "f.car").write_bytes(car("OfFolder"))
    assert pod.gather("--live") == 0
    assert pod.served() == {}
    assert pod.expected() == ["f.car\tOfFolder_1.0.0"]
    pod.of_image(0, "i.car", car("OfImage"))
    assert pod.gather("--live") == 1
    assert (
        "i.car of the image (/home/wso2carbon/0) would be hidden by the shared folder: set ei.carbonAppsFolder to "
        "atStart" in capsys.readouterr().err
    )
    # A copy of it in the folder is as good.
    (pod.folder / "i.car").write_bytes(car("OfImage"))
    assert pod.gather("--live") == 0


def test_a_node_without_cars_starts(pod: Pod) -> None:
    assert pod.gather() == 0
    assert (pod.served(), pod.expected()) == ({}, [])
