"""The end of ``make up``: the stack runs, or it is reported why not."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from embedded import up
from embedded.errors import KitError
from embedded.progress import Reporter
from embedded.status.checks import Answer, Target
from embedded.status.report import Report
from embedded.status.rows import PodRow

TARGET = Target("console.example.com", "/carbon", 302, "127.0.0.1", 443)
GOOD, BAD, FORBIDDEN = (Answer(TARGET, code, f"{code} x") for code in (302, 503, 403))
PODS = [
    PodRow("neighbour-1", "0/1", 9, "1h", "bad", "of another team"),
    PodRow("wso2ei-1", "0/1", 1, "1m", "busy", "starting for 5s"),
]


def seen(*unready: str, answer: Answer = GOOD) -> Report:
    return Report(PODS, [], [answer], 1, [], "", [(name, f"{name}: 1 of 2 pods are ready") for name in unready])


SERVES, STARTS, SILENT = seen(), seen("wso2ei"), seen(answer=BAD)
AWAY = KitError("the cluster of context embedded does not answer: timeout")


def waited(*looks: Report | KitError) -> str:
    """What is printed while these are seen, the last one for ever."""
    left, file = list(looks), io.StringIO()

    def look() -> Report:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, KitError):
            raise found
        return found

    up.wait_until_it_serves(look, Reporter(Console(file=file, width=200)), every=0)
    assert len(left) == 1
    return file.getvalue()


@pytest.mark.parametrize("serving", [SERVES, seen(answer=FORBIDDEN), Report([], [], [], 1, [], "")])
def test_a_stack_that_serves_is_not_waited_for(serving: Report) -> None:
    """Neither for an answer to others only, nor for one of a host whose address is unknown."""
    assert waited(serving) == ""


@pytest.mark.parametrize("missing", [STARTS, SILENT, AWAY])
def test_it_waits_for_pods_answers_and_the_api_server(missing: Report | KitError) -> None:
    assert re.search(
        r"ok  waiting until every pod runs and each host answers \(\d+s\)\n$", waited(missing, missing, SERVES)
    )


def test_it_ends_with_what_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "_PODS_SECONDS", 0)
    with pytest.raises(KitError, match="not everything runs: wso2ei-1: starting for 5s"):
        waited(STARTS)
    with pytest.raises(KitError, match="not everything runs: mysql: 1 of 2 pods are ready"):
        waited(seen("mysql"))


def test_a_host_that_does_not_answer_is_reported_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "_ANSWERS_SECONDS", 0)
    assert "https://console.example.com/carbon: 503 x" in waited(SILENT)
