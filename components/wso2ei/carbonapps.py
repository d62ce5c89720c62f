"""Which integration artifacts (CAR files) ``EiCluster`` takes: checks of their arguments. Pure.

An inline CAR is looked into before anything is made, by the program that looks into all of them in the pod.
"""

from __future__ import annotations

import base64
import binascii
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from components.in_pod.carbonapps import BrokenCarError, application_of
from components.shared.problems import Problem
from components.wso2ei.additions import checksum_problems, name_problems, url_problems
from components.wso2ei.args import CarbonAppArgs, CarbonAppsFolder

MOST_INLINE = 1_000_000
"""Bytes of all inline CARs together; a ConfigMap holds 1 MiB, and their list is in it too."""


def car_name(car: CarbonAppArgs) -> str:
    """File name of a CAR."""
    return car.get("name") or PurePosixPath(urlsplit(car.get("url") or "").path).name


def carbon_app_problems(cars: Sequence[CarbonAppArgs], folder: CarbonAppsFolder) -> Iterator[Problem]:
    """CARs of no or two sources, without a checksum, twice, broken, too large; one a CAR. And a folder that is live."""
    seen: set[str] = set()
    size = 0
    for index, car in enumerate(cars):
        problem = next(_of_car(car, seen), None)
        seen.add(car_name(car))
        size += len(car.get("content") or "") * 3 // 4
        if problem:
            yield problem.within("carbon_apps", index)
    if size > MOST_INLINE:
        yield Problem(
            ("carbon_apps",),
            f"hold {size} bytes inline, of {MOST_INLINE} that a ConfigMap can hold; give the large ones by url, or put "
            "them into the image",
        )
    if cars and folder == "live":
        yield Problem(
            ("carbon_apps_folder",),
            "must be atStart or unused with carbon_apps: with live, EI reads the shared folder alone",
        )


def _of_car(car: CarbonAppArgs, seen: set[str]) -> Iterator[Problem]:
    url, content, name = car.get("url"), car.get("content"), car_name(car)
    if bool(url) == bool(content):
        yield Problem((), "needs either url and sha256, or name and content")
    if url:
        yield from url_problems(url, car.get("sha256"), "the CAR the same one on every node")
    yield from checksum_problems(car.get("sha256"))
    yield from name_problems(name, r"[A-Za-z0-9][A-Za-z0-9._-]{0,240}\.car", seen, ".car", "CARs")
    if content:
        wrong = _content_problem(content)
        if wrong:
            yield Problem(("content",), wrong)


def _content_problem(content: str) -> str | None:
    try:
        data = base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        return "must be a CAR file in base64, as `base64 -w0 FILE.car` prints it"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "inline.car"
        file.write_bytes(data)
        try:
            application_of(file)
        except BrokenCarError as error:
            return f"must be a whole CAR file, and this one {error}"
    return None
