"""The page of all settings says what the models say."""

from __future__ import annotations

from pathlib import Path

from settings.errors import SECRET_KEYS
from settings.schema import walk
from tests.unit.support.mistake_pairs import single_values
from tools.descriptions import describe
from tools.settings_reference import PAGE, page

ROOT = Path(__file__).parents[3]


def test_the_page_has_not_drifted_from_the_models() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make docs"


def test_every_setting_has_a_description_of_its_own() -> None:
    describe()
    for key in walk():
        assert key.field is not None
        assert key.field.description, f"{key.path}: put a docstring under it in settings/"


def test_the_page_holds_every_key_and_the_readme_links_to_it() -> None:
    text = page()
    for key in single_values():
        assert f"| `{key.path}` |" in text
    for name in SECRET_KEYS:
        assert f"| `{name}` |" in text
    assert "(docs/settings.md)" in (ROOT / "README.md").read_text()
