"""The machinery of ``make bench`` on trivial rows, and that its page, pictures and figures are those of its results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench import page
from tests.bench.__main__ import ROWS
from tests.bench.gateway import per_second, percentile
from tests.bench.interrupted import points
from tests.bench.model import Result, Row, Sample, Spread, select
from tests.bench.observed import imports
from tests.bench.preview import durations, imported_packages
from tests.bench.recovery import until_normal
from tests.bench.stack import make_up_steps
from tests.e2e.load import Request
from tests.unit.support.stacks import ROOT


def measure(_: None, runs: int) -> Iterator[Sample]:
    for turn in range(runs):
        yield Sample("2 things", 3.0 + turn, 2.0, against="one thing")
        yield Sample("10 things", 20.0, 10.0 * (1 + turn), against="one thing")
        yield Sample("alone", 1200, unit="/s")


TRIVIAL: list[Row[Any]] = [
    Row("A", "How long?", "sleep", 2, measure, picture="curve"),
    Row("B", "How much?", "true", 1, measure, "Some notes.", picture="bars"),
]


def results() -> dict[str, Result]:
    return {
        row.name: Result(row.runs, {"": "2026-01-01", "cores": "2"}, [*row.measure(None, row.runs)]) for row in TRIVIAL
    }


def test_a_case_has_medians_and_the_ratios_turn_by_turn() -> None:
    first, second, alone = results()["A"].summaries()
    assert (first.value, first.base, first.ratio) == (Spread(3.5, 3, 4), Spread(2, 2, 2), Spread(1.75, 1.5, 2))
    assert second.ratio == Spread(1.5, 1, 2)
    assert (alone.base, alone.ratio, alone.count) == (None, None, 2)


def test_a_comparison_with_nothing_has_no_ratio() -> None:
    summary = Result(1, {}, [Sample("imports", 0.5, 0.0, against="an empty program")]).summaries()[0]
    assert (summary.base, summary.ratio) == (Spread(0, 0, 0), None)


def test_rows_are_chosen_by_name_in_their_own_order() -> None:
    assert [row.name for row in select(TRIVIAL, "")] == ["A", "B"]
    assert [row.name for row in select(TRIVIAL, "B, A")] == ["A", "B"]
    assert [row.name for row in select(TRIVIAL, "B")] == ["B"]
    slow = Row[Any]("S", "", "", 1, measure, by_name=True)
    assert [row.name for row in select([*TRIVIAL, slow], "")] == ["A", "B"]
    assert [row.name for row in select([*TRIVIAL, slow], "S")] == ["S"]
    with pytest.raises(ValueError, match=r"no row C, D; rows are A B"):
        select(TRIVIAL, "D,A,C")


def test_the_page_has_a_section_and_a_picture_for_each_row_with_a_result(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("before\n<!-- make bench -->\nold\n<!-- /make bench -->\nafter\n")
    page.write(tmp_path, TRIVIAL, {"B": results()["B"]})
    text = (tmp_path / page.PAGE).read_text()
    assert "## A" not in text
    assert "## B: How much?\n\n`make bench ROWS=B RUNS=1` measures `true`.\n\nSome notes.\n" in text
    assert "| 2 things | 3 s | one thing | 2 s | 1.50 | 1 |" in text
    assert "| alone | 1,200 /s |  |  |  | 1 |" in text
    assert text.endswith("![How much?](benchmarks/B.svg)\n\n2026-01-01, cores 2.\n")
    assert (tmp_path / page.FOLDER / "B.svg").read_text().startswith("<?xml")
    assert page.load(tmp_path) == {"B": results()["B"]}
    assert (tmp_path / "README.md").read_text() == "before\n<!-- make bench -->\n<!-- /make bench -->\nafter\n"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0123, "0.012"), (0.5, "0.50"), (2, "2"), (2.345, "2.35"), (45.67, "45.7"), (1234.5, "1,234")]
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert page.number(value) == text


def test_the_figures_are_ratios_of_known_cases() -> None:
    sample = Sample("local", 6, 2, against="an empty program")
    assert page.figures({"P1": Result(1, {}, [sample])}) == (
        "- A preview of the local stack takes 3 times as long as that of an empty program.\n"
    )
    assert page.figures({}) == ""


def test_page_pictures_and_readme_are_those_of_the_stored_results() -> None:
    stored = page.load(ROOT)
    assert set(stored) <= {row.name for row in ROWS}
    for path, text in page.files(ROWS, stored).items():
        assert (ROOT / path).read_text() == text, f"{path}: make bench"
    assert f"<!-- make bench -->\n{page.figures(stored)}<!-- /make bench -->" in (ROOT / "README.md").read_text()


def test_the_names_of_rows_are_unique() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_phases_follow_one_another_and_a_mark_that_was_not_made_takes_no_time() -> None:
    found = durations(10, {"python": 11, "program": 11.5, "registered": 12, "end": 14, "after": 15})
    assert (found["python"], found["program"], found["imported"], found["registered"]) == (1, 0.5, 0, 0.5)
    assert sum(found.values()) == 5


def test_imports_are_summed_by_package() -> None:
    report = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:       100 |       1000 |     pulumi_kubernetes.core\n"
        "import time:       200 |       1000 | pulumi_kubernetes\nwarning: a line\nimport time: 5 | 5 | stack.names\n"
    )
    assert imported_packages(report) == {"pulumi_kubernetes": 300e-6, "this project": 5e-6}


def test_only_the_imports_of_a_program_are_run_before_it(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text("import os\nfrom a import b\nb.run()\n")
    assert imports(file) == "import os\nfrom a import b"


def test_the_steps_of_make_up_are_read_with_and_without_stamps() -> None:
    log = (
        "... image layer pause\nok  image layer pause (0s)\nok  Kubernetes (6m05s): 1914 of 1914 packages\n"
        "    Kubernetes (10s, usually 6 min): 3 of 5\nERR downloading (usual) things (2s)\n"
        "done in 8m10s (Kubernetes 6m05s, pulumi up 58s)\n"
    )
    steps = {"Kubernetes": 365, "downloading (usual) things": 2, "pulumi up": 58, "all": 490}
    assert make_up_steps(log) == steps
    stamped = "".join(f"{number + 100:7.1f} {line}\n" for number, line in enumerate(log.splitlines()))
    packages = "    0.5 ... Python packages (once, usually 40s)\n"
    assert make_up_steps(packages + stamped) == {"Python packages": 99.5} | steps | {"all": 589.5}


def test_operations_on_objects_of_kubernetes_are_read_from_a_log_in_writing() -> None:
    def line(event: str, kind: str, operation: str) -> str:
        return json.dumps({event: {"metadata": {"op": operation, "urn": f"urn:{kind}", "type": kind}}})

    service, component = "kubernetes:core/v1:Service", "wso2ei:index:EiCluster"
    lines = [
        line("resourcePreEvent", component, "create"), line("resourcePreEvent", service, "create"),
        line("resOutputsEvent", service, "create"), line("resOutputsEvent", service, "same"), '{"resourcePreEv',
    ]  # fmt: skip
    assert [*points("\n".join(lines))] == [(when, "create", f"urn:{service}") for when in ("before", "after")]


def request(started: float, seconds: float, code: int = 200) -> Request:
    return Request("h1", started, seconds, code, "", "GET")


def test_a_service_is_normal_after_the_last_request_that_failed_or_was_slow() -> None:
    before = [request(n / 10, 0.5) for n in range(100)]
    assert until_normal([*before, request(11, 1.4)], 10) == 0
    assert until_normal([*before, request(11, 1.6)], 10) == pytest.approx(2.6)
    assert until_normal([*before, request(11, 1.6), request(12, 3, 502)], 10) == 5


def test_throughput_counts_answers_until_the_last_one() -> None:
    requests = [request(0, 1), request(1, 1), request(2, 2, 500)]
    assert per_second(requests) == 0.5
    assert percentile(requests, 50) == 1000
