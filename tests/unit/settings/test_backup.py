"""The section ``mysql.backup``: schedules are those that Kubernetes takes (robfig/cron, ``ParseStandard``)."""

from __future__ import annotations

from typing import Any

import pytest

from settings import backup
from tests.unit.settings.test_loading import LOCAL, load, mistakes


def stack(**fields: Any) -> dict[str, Any]:
    return LOCAL | {"mysql": {"backup": {"schedule": "@daily"} | fields}}


@pytest.mark.parametrize(
    "schedule",
    ["30 2 * * *", "*/15 * * * *", "0 0-6/2 1,15 * ?", "5/20 4 * JAN-mar 1-5", "0 0 31 * *", "0 0 29 2 *",
     "0 0 30 2 mon", "@weekly", "59 23 31 12 6"],
)  # fmt: skip
def test_schedules_of_kubernetes_are_accepted(schedule: str) -> None:
    found = load(stack(schedule=schedule)).mysql.backup
    assert found
    assert found.schedule == schedule


@pytest.mark.parametrize(
    "schedule",
    [
        *("", "daily", "@every 1h", "@reboot", "* * * *", "0 30 2 * * *", "30  2 * * *", "TZ=UTC 30 2 * * *"),
        *("60 2 * * *", "30 24 * * *", "30 2 0 * *", "30 2 32 * *", "30 2 * 13 *", "30 2 * * 7", "30 2 * * 8"),
        *("*/0 2 * * *", "5-3 2 * * *", "*-5 2 * * *", "-1 2 * * *", "1_0 2 * * *", "30 2 L * *", "30 2 * * 1#2"),
        *("30 2 * * monday", "30 2 * sun *", "1,,2 2 * * *", "30 2 30 2 *", "30 2 31 4,6 *"),
    ],
)
def test_other_schedules_are_rejected(schedule: str) -> None:
    assert "wso2ei:mysql.backup.schedule" in mistakes(stack(schedule=schedule))


def test_a_time_zone_is_one_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "_zones", lambda: frozenset({"Europe/Berlin"}))
    assert load(stack(timeZone="Europe/Berlin"))
    assert "wso2ei:mysql.backup.timeZone" in mistakes(stack(timeZone="Europe/Berlim"))
    monkeypatch.setattr(backup, "_zones", frozenset)
    assert load(stack(timeZone="Europe/Berlim")), "a machine without the database leaves the check to the API server"


def test_only_a_stack_with_backups_has_their_volume() -> None:
    assert "backup" not in load(LOCAL).purposes
    assert "backup" in load(stack()).purposes
