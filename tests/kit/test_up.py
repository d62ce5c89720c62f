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

GOOD, BAD = (Answer(Target("console.example.com", "/carbon", 302, "127.0.0.1", 443), code, "x") for code in (302, 503))
RUNS = PodRow("ei-1", "1/1", 0, "1m", "good", "runs")
STARTS = PodRow("ei-1", "0/1", 1, "1m", "busy", "starting for 5s")
BACKUP = PodRow("backup-1", "0/1", 0, "1h", "bad", "failed: no space left", permanent=False)


def seen(*pods: PodRow, answers: tuple[Answer, ...] = (GOOD,)) -> Report:
    return Report(list(pods), [], list(answers), 1, [], "")


SERVES = seen(RUNS, BACKUP)


def waited(*looks: Report) -> str:
    """What is printed while these are seen, the last one for ever."""
    left, file = list(looks), io.StringIO()
    reporter = Reporter(Console(file=file, width=200))
    up.wait_until_it_serves(lambda: left.pop(0) if len(left) > 1 else left[0], reporter, every=0)
    assert left == [SERVES]
    return file.getvalue()


@pytest.mark.parametrize("missing", [seen(STARTS), seen(RUNS, answers=(BAD,)), seen(RUNS, answers=())])
def test_it_waits_for_pods_and_answers_and_else_prints_nothing(missing: Report) -> None:
    assert waited(SERVES) == ""
    assert "waiting until every pod runs" in waited(missing, missing, missing, SERVES)


def test_it_ends_with_what_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "_PATIENCE_SECONDS", 0)
    with pytest.raises(KitError, match="not everything runs: ei-1: starting for 5s"):
        waited(seen(STARTS))
