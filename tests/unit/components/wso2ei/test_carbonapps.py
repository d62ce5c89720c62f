"""Which CAR files the component takes."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from components.wso2ei.carbonapps import MOST_INLINE, carbon_app_problems
from tests.cars import car, car_files, packed

URL = {"url": "https://repo.example.com/a.car", "sha256": "0" * 64}
CONTENT = base64.b64encode(car()).decode()


def told(*cars: dict[str, Any], folder: Any = "atStart") -> list[str]:
    return [f"{problem.field} {problem.expected}" for problem in carbon_app_problems(cars, folder)]  # type: ignore[arg-type]


def test_good_ones_are_taken_and_so_is_none() -> None:
    assert told(URL, {"content": CONTENT, "name": "b.car"}) == []
    assert told(folder="live") == []
    # As `base64` prints it without -w0.
    assert told({"content": "\n".join([CONTENT[:76], CONTENT[76:]]), "name": "b.car"}) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "carbon_apps[0] needs either url and sha256, or name and content"),
        (URL | {"content": CONTENT}, "carbon_apps[0] needs either"),
        (URL | {"url": "ftp://x/a.car"}, "carbon_apps[0].url must be http:// or https://"),
        (URL | {"url": "https://me:pw@x/a.car"}, "carbon_apps[0].url must be"),
        (URL | {"url": "https://x/a.car?access_token=abcdef"}, "carbon_apps[0].url must be"),
        (URL | {"sha256": None}, "carbon_apps[0].sha256 is required with url"),
        (URL | {"sha256": "ABC"}, "carbon_apps[0].sha256 must be 64"),
        (URL | {"url": "https://x/get"}, "carbon_apps[0].name must be given"),
        (URL | {"name": "../a.car"}, "carbon_apps[0].name must be given"),
        ({"content": CONTENT}, "carbon_apps[0].name must be given"),
        ({"content": "no base64!", "name": "a.car"}, "carbon_apps[0].content must be a CAR file in base64"),
        ({"content": "bm8gemlw", "name": "a.car"}, "carbon_apps[0].content must be a whole CAR file, and this one"),
    ],
)
def test_a_wrong_one_is_told_by_its_field(wrong: dict[str, Any], words: str) -> None:
    (found,) = told(wrong)
    assert found.startswith(words)


def test_one_name_twice_too_much_in_all_and_a_live_folder_are_told() -> None:
    assert "carbon_apps[1].name must differ" in told(URL, URL)[0]
    large = base64.b64encode(packed(car_files() | {"pad": "x" * (MOST_INLINE // 2)})).decode()
    assert told({"content": large, "name": "a.car"}) == []
    (found,) = told({"content": large, "name": "a.car"}, {"content": large, "name": "b.car"})
    assert found.startswith("carbon_apps hold 10")
    (found,) = told(URL, folder="live")
    assert found.startswith("carbon_apps_folder must be atStart or unused")
