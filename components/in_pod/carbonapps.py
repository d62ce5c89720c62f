"""Gathers a node's integration artifacts (CAR files) and checks them; runs in a pod, on the standard library alone.

    python carbonapps.py --to DIR [--image DIR] [--folder DIR] [--live] [--manifest FILE] [--conf carbon.xml]

Sources: ``--image`` holds what the image itself brings, as ``N/x.car`` beside ``N.from``, which says where it was;
``--folder`` is the shared folder; ``--manifest`` is JSON, ``{"cars": [{"name", "url", "sha256"} or {"name"}]}``, with
the content of the latter beside it. All of them land in ``DIR/deploy``; with ``--live`` the server looks into the
shared folder itself, which then must be the only source. ``DIR/expected/list`` names every CAR and its application.

A CAR is refused for what EI would refuse it, ignore it or leave a part of it out for (wso2/carbon-kernel, tags v4.4.26
to v4.5.3, ``ApplicationManager``, ``ApplicationConfiguration``; the same in all of EI 6.2 to 6.6): nothing is started
then. What only the server can find out, ``started.sh`` looks for in its log.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
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
except ImportError:  # inside a pod the programs lie in one folder
    from deliver import DeliveryError, check, fetch  # type: ignore[import-not-found,no-redef]

APPLICATION = "carbon/application"
"""Type of the one artifact in ``artifacts.xml`` that lists the others (``AppDeployerConstants.CARBON_APP_TYPE``)."""


class BrokenCarError(Exception):
    """Why a CAR file would not be deployed."""


@dataclass(frozen=True)
class Artifact:
    """One ``artifact`` element."""

    name: str | None
    version: str | None
    type: str
    files: tuple[str, ...]
    needs: tuple[tuple[str | None, str | None, str | None], ...]
    """Name, version and server role of each artifact that it lists."""


@dataclass(frozen=True)
class Car:
    """One CAR file of one source."""

    name: str
    file: Path
    source: str
    """In words."""


def application_of(file: Path, roles: list[str] | None = None) -> str:
    """The name under which EI logs the application in ``file``: ``NAME_VERSION``.

    :param roles: patterns of the server's roles, from its carbon.xml; ``None``: not known, every role may be its own.
    :raises BrokenCarError: with the first thing that is wrong.
    """
    try:
        with zipfile.ZipFile(file) as car:
            bad = car.testzip()
            if bad:
                raise BrokenCarError(f"is damaged: the checksum of {bad} in it is wrong")
            return _application(car, file, roles)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise BrokenCarError(f"is not a zip file that can be read: {error}") from error
    except OSError as error:
        raise BrokenCarError(f"cannot be read: {error.strerror or error}") from error


def _application(car: zipfile.ZipFile, file: Path, roles: list[str] | None) -> str:
    names = car.namelist()
    outside = next((name for name in names if name.startswith("/") or ".." in name.split("/")), None)
    if outside:
        raise BrokenCarError(f"holds {outside}, which lies outside of it")
    if "artifacts.xml" not in names:
        raise BrokenCarError("has no artifacts.xml at its top")
    listed = (_artifact(element) for element in _xml(car, "artifacts.xml") if _local(element) == "artifact")
    application = next((artifact for artifact in listed if artifact.type == APPLICATION), None)
    if application is None:
        raise BrokenCarError(f"has an artifacts.xml without an artifact of type {APPLICATION}")
    wanted = [need for need in application.needs if _is_for(need, roles)]
    if not wanted:
        known = f" for this server's roles ({', '.join(roles)})" if roles and application.needs else ""
        raise BrokenCarError(f"has an artifacts.xml that lists no artifact{known}, so EI would ignore it")
    _resolve(car, wanted, _folders(car))
    if application.name is None:
        return file.name.rpartition(".")[0]
    return application.name if application.version is None else f"{application.name}_{application.version}"


def _is_for(need: tuple[str | None, str | None, str | None], roles: list[str] | None) -> bool:
    name, _, role = need
    if role is None:
        raise BrokenCarError(f"has an artifacts.xml that names no serverRole for {name}")
    return roles is None or any(re.fullmatch(pattern, role) for pattern in roles)


def _folders(car: zipfile.ZipFile) -> list[tuple[str, Artifact]]:
    """The artifacts that the CAR really holds, with their folders."""
    found = []
    for path in car.namelist():
        folder, _, name = path.partition("/")
        if name != "artifact.xml":
            continue
        root = _xml(car, path)
        artifact = _artifact(root)
        if _local(root) != "artifact" or artifact.name is None:
            raise BrokenCarError(f"has a {path} that is no artifact with a name")
        found.append((folder, artifact))
    return found


def _resolve(
    car: zipfile.ZipFile,
    needs: list[tuple[str | None, str | None, str | None]],
    folders: list[tuple[str, Artifact]],
    seen: frozenset[str] = frozenset(),
) -> None:
    """Each artifact that is listed must be there, with what it needs itself."""
    for name, version, _ in needs:
        match = next(((folder, a) for folder, a in folders if (a.name, a.version) == (name, version)), None)
        if match is None:
            raise BrokenCarError(
                f"lists {name} {version or '(no version)'}, and none of its folders has an artifact.xml of it"
            )
        folder, artifact = match
        if folder not in seen:
            _check_files(car, folder, artifact)
            _resolve(car, list(artifact.needs), folders, seen | {folder})


def _check_files(car: zipfile.ZipFile, folder: str, artifact: Artifact) -> None:
    names = set(car.namelist())
    # EI logs an error, leaves the artifact out and reports the application as deployed (validateArtifact).
    if artifact.type.startswith("synapse/") and len(artifact.files) != 1:
        raise BrokenCarError(f"has a {folder}/artifact.xml that names {len(artifact.files)} files and not one")
    for file in artifact.files:
        if f"{folder}/{file}" not in names:
            raise BrokenCarError(f"has no {folder}/{file}, which {folder}/artifact.xml names")
        if artifact.type.startswith("synapse/") and file.endswith(".xml"):
            _xml(car, f"{folder}/{file}")


def _xml(car: zipfile.ZipFile, path: str) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(car.read(path))  # noqa: S314 - the pod's own user may hurt only the pod
    except ElementTree.ParseError as error:
        raise BrokenCarError(f"has a {path} that is not well-formed: {error}") from error


def _artifact(element: ElementTree.Element) -> Artifact:
    children = list(element)
    return Artifact(
        element.get("name"),
        element.get("version"),
        element.get("type") or "",
        tuple((child.text or "").strip() for child in children if _local(child) == "file"),
        tuple(
            (child.get("artifact"), child.get("version"), child.get("serverRole"))
            for child in children
            if _local(child) == "dependency"
        ),
    )


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def server_roles(carbon_xml: Path) -> list[str] | None:
    """``ServerRoles`` of carbon.xml; ``None`` where there are none."""
    root = ElementTree.parse(carbon_xml).getroot()  # noqa: S314 - the server's own file
    found = [(element.text or "").strip() for element in root.iter() if _local(element) == "Role"]
    return found or None


class Gathering:
    """CARs of all sources, and what is wrong with them."""

    def __init__(self) -> None:
        self.cars: list[Car] = []
        self.problems: list[str] = []

    def image(self, folder: Path) -> list[Car]:
        """What the image brings; one file that lies there twice is one."""
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
        """What lies in the shared folder. EI looks at no file whose name does not end with .car, nor below."""
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
        """Take one source's; a name that is there already is told with both places."""
        by_name = {car.name: car for car in self.cars}
        for car in cars:
            if car.name in by_name:
                self._twice(by_name[car.name], car)
            else:
                self.cars.append(car)

    def _twice(self, one: Car, other: Car) -> None:
        self.problems.append(f"{one.name} comes from {one.source} and from {other.source}; keep one of them")

    def applications(self, roles: list[str] | None) -> dict[str, str]:
        """Name of the application of each CAR, by the CAR's name."""
        found: dict[str, str] = {}
        for car in self.cars:
            try:
                application = application_of(car.file, roles)
            except BrokenCarError as error:
                self.problems.append(f"{car.name} from {car.source} {error}")
                continue
            # "Two applications can't have the same Id. Deployment aborted."
            other = next((name for name, known in found.items() if known == application), None)
            if other:
                self.problems.append(f"{car.name} from {car.source} holds {application}, and so does {other}")
            found[car.name] = application
        return found


def _bring(item: dict[str, Any], beside: Path, target: Path) -> str:
    """Fetch or copy one CAR; where it came from, in words."""
    if "url" not in item:
        shutil.copyfile(beside / str(item["name"]), target)
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
    applications = found.applications(server_roles(args.conf) if args.conf else None)
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
    parser.add_argument("--conf", type=Path)
    problems = gather(parser.parse_args(arguments))
    # An update and `make status` show the last line alone.
    if problems:
        print(f"carbonapps: {'; '.join(problems)}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
