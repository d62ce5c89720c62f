"""The section ``mysql.backup``: when the databases are dumped, and which dumps are kept."""

from __future__ import annotations

import calendar
import functools
import re
import zoneinfo
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from components.mysql.bucket import ACCESS_KEY
from settings.types import Allowed, Bytes, Conflict, Endpoint, ObjectName, Section

_MONTHS, _WEEKDAYS = "jan feb mar apr may jun jul aug sep oct nov dec", "sun mon tue wed thu fri sat"
_MACROS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")


def _field(text: str, least: int, most: int, names: str = "") -> set[int]:
    """Return the numbers that one field of a schedule means."""
    words = {name: str(number) for number, name in enumerate(names.split(), start=least)}
    found: set[int] = set()
    for item in text.lower().split(","):
        match = re.fullmatch(r"([*?]|[0-9a-z]+)(?:-([0-9a-z]+))?(?:/([1-9][0-9]*))?", item)
        if not match or (match[1] in "*?" and match[2]):
            raise ValueError("not a field of a schedule")
        first = least if match[1] in "*?" else int(words.get(match[1], match[1]))
        open_end = match[1] in "*?" or match[3]
        last = int(words.get(match[2], match[2])) if match[2] else most if open_end else first
        if not least <= first <= last <= most:
            raise ValueError("out of range")
        found |= set(range(first, last + 1, int(match[3] or 1)))
    return found


def _schedule(text: str) -> str:
    """Check a cron expression by the rules of Kubernetes (robfig/cron, ``ParseStandard``): Sunday is 0, and never 7."""
    if text in _MACROS:
        return text
    minute, hour, day, month, weekday = text.split(" ")
    _field(minute, 0, 59)
    _field(hour, 0, 23)
    days, months = _field(day, 1, 31), _field(month, 1, 12, _MONTHS)
    _field(weekday, 0, 6, _WEEKDAYS)
    # Restricted weekdays count in addition to the days of the month.
    if weekday[0] in "*?" and not any(min(days) <= calendar.monthrange(2024, number)[1] for number in months):
        raise ValueError("no such date")
    return text


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _time_zone(text: str) -> str:
    # A machine without the database of time zones knows none; the API server checks the name too.
    if _zones() and text not in _zones():
        raise ValueError("no time zone")
    return text


Schedule = Annotated[
    str,
    AfterValidator(_schedule),
    Allowed(
        "a cron expression of minute, hour, day, month and weekday (0 to 6) with one space between them, such as "
        "30 2 * * *, or one of @hourly, @daily, @weekly and @monthly",
        "30 2 * * *",
    ),
]
TimeZone = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$"),
    AfterValidator(_time_zone),
    Allowed("a time zone by its name in the IANA database", "Europe/Berlin"),
]

BucketName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"),
    Allowed("a bucket's name of 3 to 63 lower-case letters, digits, '-' and '.'", "company-backups"),
]
Prefix = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$", max_length=200),
    Allowed("names of letters, digits, '.', '_' and '-', joined by '/', at most 200 characters", "wso2ei/prod"),
]
Region = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"),
    Allowed("a region of lower-case letters, digits and '-'", "eu-central-1"),
]
AccessKey = Annotated[
    str,
    StringConstraints(pattern=rf"^{ACCESS_KEY}$", max_length=128),
    Allowed("an access key of letters, digits and the characters _ = . / + -", "AKIAIOSFODNN7EXAMPLE"),
]


class S3Bucket(Section):
    """An S3-compatible bucket, in place of the volume ``backup`` of ``storage``."""

    endpoint: Annotated[Endpoint, Field(examples=["https://s3.eu-central-1.amazonaws.com"])]
    """URL of the server. With ``http://`` dumps are sent in plain text."""
    bucket: BucketName
    """An existing bucket."""
    prefix: Prefix
    """What the names of the objects begin with; no other stack may have the same."""
    region: Region = "us-east-1"
    """Region for which requests are signed; many servers other than Amazon's take any."""
    access_key_id: AccessKey | None = None
    """Identifier of the access key, whose secret part is ``s3SecretAccessKey``; or ``secret``."""
    secret: Annotated[ObjectName | None, Field(examples=["backup-bucket"])] = None
    """Existing Secret with the keys ``access-key-id`` and ``secret-access-key``, instead of ``accessKeyId``. Each Job
    reads it."""
    ca_config_map: Annotated[ObjectName | None, Field(examples=["company-ca"])] = None
    """ConfigMap with the key ``ca.crt``: certificates, PEM, that are trusted instead of the public authorities."""
    size: Bytes = "8Gi"
    """The largest dump, compressed. A pod holds one in its ephemeral storage, and is evicted when it is larger."""

    def conflicts(self) -> Iterator[Conflict]:
        """Report an access key that is given twice, or not at all."""
        key, other = "mysql.backup.s3.accessKeyId", "mysql.backup.s3.secret"
        if self.access_key_id is None and self.secret is None:
            yield Conflict(key, (other,), f"or {other} is required", {key: "AKIAIOSFODNN7EXAMPLE"})
        elif self.access_key_id and self.secret:
            yield Conflict(key, (other,), f"must not be set together with {other}, which has it already", {key: None})


class MysqlBackup(Section):
    """Scheduled dumps of both databases to a volume or a bucket; see docs/backup.md."""

    schedule: Annotated[Schedule, Field(examples=["30 2 * * *"])]
    """Cron expression of the backups."""
    time_zone: TimeZone | None = None
    """Time zone of ``schedule``. Default: that of the cluster's controller manager, mostly UTC."""
    keep: Annotated[int, Field(ge=1, le=1000)] = 7
    """Backups that are kept. Each backup removes older ones; damaged ones do not count, and are not removed."""
    keep_days: Annotated[int | None, Field(ge=1, le=3650, examples=[30])] = None
    """Days after which a backup is removed even if fewer than ``keep`` are left, except the newest."""
    drill: Annotated[Schedule | None, Field(examples=["0 5 * * 0"])] = None
    """Cron expression of drills, which restore the latest backup into a temporary server. Default: none."""
    drill_size: Bytes = "8Gi"
    """The largest database that a drill can restore. Its pod holds it in its ephemeral storage, and is evicted when it
    is larger."""
    s3: S3Bucket | None = None
    """A bucket for the backups. Default: the volume ``backup`` of ``storage``."""
