"""Events of one object, and times as the API writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]
_EPOCH = datetime.fromtimestamp(0, UTC)


def time_of(text: str | None) -> datetime:
    """Parse a time of the API; the epoch where there is none."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else _EPOCH


def seconds_since(text: str | None, now: datetime) -> float:
    """Return the seconds since a time; never negative, as two machines' clocks differ a little."""
    return max(0.0, (now - time_of(text)).total_seconds())


def last_seen(event: Object) -> str:
    """Return when it happened last. The scheduler and newer components write ``eventTime`` or ``series`` alone."""
    series = event.get("series") or {}
    return str(
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event.get("firstTimestamp")
        or event["metadata"].get("creationTimestamp")
        or ""
    )


def of(events: list[Object], owner: Object, container: str | None = None) -> list[Object]:
    """Return the events of an object, or of one container of a pod, oldest first."""
    uid = owner["metadata"].get("uid")
    found = [event for event in events if (event.get("involvedObject") or {}).get("uid") == uid]
    if container is not None:
        found = [
            event for event in found if str(event["involvedObject"].get("fieldPath", "")).endswith(f"{{{container}}}")
        ]
    return sorted(found, key=lambda event: time_of(last_seen(event)))


def newest(events: list[Object], *reasons: str) -> Object | None:
    """Return the last event with one of these reasons."""
    return next((event for event in reversed(events) if event.get("reason") in reasons), None)


def newest_warning(events: list[Object]) -> Object | None:
    """Return the last event of type ``Warning``, unless something normal happened after it."""
    last = events[-1] if events else None
    return last if last and last.get("type") == "Warning" else None


def one_line(text: object, most: int = 300) -> str:
    """Return the text without line breaks, with at most so many characters."""
    flat = " ".join(str(text or "").split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"


def telling_line(text: object) -> str:
    """Return the last line with an error (no stack frames), else the last one that is not blank."""
    lines = [line for line in str(text or "").splitlines() if line.strip() and not re.match(r"\s+at \S", line)]
    errors = [line for line in lines if re.search(r"\b(ERROR|FATAL|SEVERE)\b|Exception|^Caused by|\b[Ee]rror:", line)]
    return one_line((errors or lines or [""])[-1])


def last_lines(text: object, count: int = 1) -> str:
    """Return the last lines that are not blank, as one: of a termination message or a log."""
    return one_line(" ".join([line for line in str(text or "").splitlines() if line.strip()][-count:]), 500)
