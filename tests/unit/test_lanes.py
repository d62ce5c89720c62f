"""The lanes of ``make e2e``."""

from __future__ import annotations

from collections import Counter

from tests.e2e import lanes
from tests.unit.support.stacks import ROOT

KIT = {"kit/plugins", "kit/test_cluster_live", "kit/test_cluster_mending"}


def test_every_file_of_tests_on_a_cluster_is_in_one_lane() -> None:
    files = Counter([*lanes.LOADED, *lanes.FIRST, *lanes.SECOND, *lanes.LAST, *lanes.BY_NAME])
    assert set(files) == KIT | {f"e2e/{file.stem}" for file in (ROOT / "tests/e2e").glob("test_*.py")}
    assert set(files.values()) == {1}
