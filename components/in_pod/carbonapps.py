"""Gathers a node's integration artifacts (CAR files) and checks them; runs in a pod, on the standard library alone.

    python carbonapps.py --to DIR [--image DIR] [--folder DIR] [--live] [--manifest FILE]

Sources: ``--image`` holds what the image itself brings, as ``N/x.car`` with ``N.from``, which names its folder;
``--folder`` is the shared folder; ``--manifest`` is JSON, ``{"cars": [{"name", "url", "sha256"} or {"name"}]}``, with
the content of the latter in the same folder. All of them go to ``DIR/deploy``; with ``--live`` the server reads the
shared folder itself, which then must be the only source. ``DIR/expected/list`` names every CAR and its application.

A file that is no CAR, a wrong checksum, and one name or application twice stop the pod. Whether EI deploys the content
is EI's own verdict, which ``started.sh`` reads in its log.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

try:
    from components.in_pod.deliver import DeliveryError, check, fetch
except ImportError:  # inside a pod all programs are in one folder
    from deliver import DeliveryError, check, fetch  # type: ignore[import-not-found,no-redef]

APPLICATION = "carbon/application"
"""Type of the one artifact in ``artifacts.xml`` that lists the others (``AppDeployerConstants.CARBON_APP_TYPE``)."""


class BrokenCarError(Exception):
    """Why a CAR file would not be deployed."""


@dataclass(frozen=True)
class Car:
    """One CAR file of one source."""

    name: str
    file: Path
    source: str
    """In words."""


def application_of(file: Path) -> str:
    """The name under which EI logs the application in ``file``: ``NAME_VERSION`` (``ApplicationConfiguration``).

    :raises BrokenCarError: for a file that is not a whole zip archive with one application in its ``artifacts.xml``.
    """
    try:
        with zipfile.ZipFile(file) as car:
            bad = car.testzip()
            if bad:
                raise BrokenCarError(f"is damaged: the checksum of {bad} in it is wrong")
            if "artifacts.xml" not in car.namelist():
                raise BrokenCarError("has no artifacts.xml at its top")
            root = ElementTree.fromstring(car.read("artifacts.xml"))  # noqa: S314 - the pod's user may hurt only the pod
    except ElementTree.ParseError as error:
        raise BrokenCarError(f"has an artifacts.xml that is not well-formed: {error}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise BrokenCarError(f"is not a zip file that can be read: {error}") from error
    except OSError as error:
        raise BrokenCarError(f"cannot be read: {error.strerror or error}") from error
    application = next((item for item in root.iterfind("{*}artifact") if item.get("type") == APPLICATION), None)
    if application is None:
        raise BrokenCarError(f"has an artifacts.xml without an artifact of type {APPLICATION}")
    name, version = application.get("name"), application.get("version")
    if name is None:
        return file.name.rpartition(".")[0]
    return name if version is None else f"{name}_{version}"


class Gathering:
    """CARs of all sources, and their problems."""

    def __init__(self) -> None:
        self.cars: list[Car] = []
        self.problems: list[str] = []

    def image(self, folder: Path) -> list[Car]:
        """CARs of the image; two equal files count as one."""
        found: dict[str, Car] = {}
        for number in sorted(folder.glob("*.from")):
            place = number.read_text(encoding="utf-8").strip()
            for file in sorted((folder / number.stem).glob("*.car")):
                car = Car(file.name, file, f"the image ({place})")
                if file.name in found and not _same(found[file.name].file, file):
                    self._twice(found[file.name], car)
                found.setdefault(file.name, car)
        return list(found.values())

    def folder(self, folder: Path) -> list[Car]:
        """CARs of the shared folder. EI ignores other names, and folders below."""
        try:
            files = sorted(file for file in folder.iterdir() if file.name.endswith(".car") and file.is_file())
        except OSError as error:
            self.problems.append(f"the shared folder cannot be read: {error.strerror}")
            return []
        return [Car(file.name, file, "the shared folder") for file in files]

    def manifest(self, file: Path, to: Path) -> list[Car]:
        """What settings name, fetched."""
        found = []
        for item in json.loads(file.read_text(encoding="utf-8"))["cars"]:
            target = to / str(item["name"])
            try:
                source = _bring(item, file.parent, target)
            except DeliveryError as error:
                self.problems.append(f"{item['name']}: {error}")
                continue
            found.append(Car(str(item["name"]), target, source))
        return found

    def add(self, cars: list[Car]) -> None:
        """Add the CARs of one source; a name that exists already is reported with both places."""
        by_name = {car.name: car for car in self.cars}
        for car in cars:
            if car.name in by_name:
                self._twice(by_name[car.name], car)
            else:
                self.cars.append(car)

    def _twice(self, one: Car, other: Car) -> None:
        self.problems.append(f"{one.name} comes from {one.source} and from {other.source}; keep one of them")

    def applications(self) -> dict[str, str]:
        """Name of the application of each CAR, by the CAR's name."""
        found: dict[str, str] = {}
        for car in self.cars:
            try:
                application = application_of(car.file)
            except BrokenCarError as error:
                self.problems.append(f"{car.name} from {car.source} {error}")
                continue
            # "Two applications can't have the same Id. Deployment aborted."
            other = next((name for name, known in found.items() if known == application), None)
            if other:
                self.problems.append(f"{car.name} from {car.source} holds {application}, and so does {other}")
            found[car.name] = application
        return found


def _bring(item: dict[str, Any], folder: Path, target: Path) -> str:
    """Fetch or copy one CAR; where it came from, in words."""
    if "url" not in item:
        shutil.copyfile(folder / str(item["name"]), target)
        return "ei.carbonApps"
    url, wanted = str(item["url"]), item["sha256"]
    check(target, url, fetch(url, target), wanted)
    return url


def _same(one: Path, other: Path) -> bool:
    return _digest(one) == _digest(other)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def gather(args: argparse.Namespace) -> list[str]:
    """Do it; what is wrong, in sentences, or nothing."""
    fetched = args.to / "fetched"
    fetched.mkdir(parents=True, exist_ok=True)
    found = Gathering()
    image = found.image(args.image) if args.image else []
    folder = found.folder(args.folder) if args.folder else []
    if args.live:
        hidden = [car for car in image if not any(_covers(car, other) for other in folder)]
        if hidden:
            found.problems.append(
                f"{', '.join(car.name for car in hidden)} of {hidden[0].source} would be hidden by the shared folder: "
                "set ei.carbonAppsFolder to atStart, to serve both"
            )
        found.add(folder)
    else:
        found.add(image)
        found.add(folder)
        found.add(found.manifest(args.manifest, fetched) if args.manifest else [])
    applications = found.applications()
    if not found.problems:
        _place(found.cars, applications, args)
    return found.problems


def _covers(own: Car, shared: Car) -> bool:
    return own.name == shared.name and _same(own.file, shared.file)


def _place(cars: list[Car], applications: dict[str, str], args: argparse.Namespace) -> None:
    deploy, expected = args.to / "deploy", args.to / "expected"
    shutil.rmtree(deploy, ignore_errors=True)
    for folder in (deploy, expected):
        folder.mkdir(parents=True, exist_ok=True)
    for car in cars:
        if not args.live:
            shutil.copyfile(car.file, deploy / car.name)
        print(f"carbonapps: {car.name} from {car.source}: {applications[car.name]}")
    lines = [f"{car.name}\t{applications[car.name]}\n" for car in cars]
    (expected / "list").write_text("".join(lines), encoding="utf-8")
    # Each was there twice.
    shutil.rmtree(args.to / "fetched", ignore_errors=True)
    if args.image:
        shutil.rmtree(args.image, ignore_errors=True)


def main(arguments: list[str] | None = None) -> int:
    """Gather; exit code 1 with everything that is wrong, and all of it in the last line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--image", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--manifest", type=Path)
    problems = gather(parser.parse_args(arguments))
    # An update and `make status` show the last line alone.
    if problems:
        print(f"carbonapps: {'; '.join(problems)}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
