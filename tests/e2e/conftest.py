"""One stack for all tests here, brought up as a user does it, and removed whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.machine import Machine

_machine = Machine()


@pytest.fixture(scope="session")
def machine() -> Machine:
    return _machine


@pytest.fixture(scope="session")
def first_up(machine: Machine) -> Iterator[str]:
    """What the first ``make up`` printed."""
    machine.used = True
    done = machine.make("up")
    print(done.text[-8000:])
    yield done.ok()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A failed test shows pods, events and logs."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.failed and item.get_closest_marker("e2e"):
        try:
            report.sections.append(("pods, events and logs", _machine.diagnosis()))
        except Exception as error:  # noqa: BLE001 - the diagnosis must not hide the failure
            report.sections.append(("no diagnosis", repr(error)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Nothing is left running, also after a failure."""
    if _machine.used:
        if _machine.run(["make", "-s", "env"]).code == 0 and not _machine.embedded:
            _machine.make("destroy")
        _machine.make("clean")
