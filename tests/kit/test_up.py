"""The end of ``make up``: the stack runs, or it is reported why not."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from embedded import up
from embedded.errors import KitError
from embedded.progress import Reporter
from embedded.status.checks import Answer, Target
from embedded.status.report import Report
from embedded.status.rows import PodRow

ANSWER = Answer(Target("console.example.com", "/carbon", 302, "127.0.0.1", 443), 302, "302")
WELL = Report([PodRow("ei-1", "1/1", 0, "1m", "good", "runs")], [], [ANSWER], 1, [], "")
STARTS = Report([PodRow("ei-1", "0/1", 1, "1m", "busy", "starts: JVM is up")], [], [ANSWER], 1, [], "")


def waited(*looks: Report) -> str:
    """What is printed while these are seen, the last one for ever."""
    left, file = list(looks), io.StringIO()
    reporter = Reporter(Console(file=file, width=200))
    up.wait_until_well(lambda: left.pop(0) if len(left) > 1 else left[0], reporter, every=0)
    assert left == [WELL]
    return file.getvalue()


def test_it_waits_for_pods_that_start_again_and_else_prints_nothing() -> None:
    assert waited(WELL) == ""
    assert "waiting until every pod runs" in waited(STARTS, STARTS, STARTS, WELL)


def test_it_ends_with_what_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "_PATIENCE_SECONDS", 0)
    with pytest.raises(KitError, match="not everything runs: ei-1: starts: JVM is up"):
        waited(STARTS)
