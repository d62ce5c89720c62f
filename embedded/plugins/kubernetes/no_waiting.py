"""Waits for nothing but deletion."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from embedded.plugins.kubernetes.api import Api
from embedded.plugins.kubernetes.kinds import Gvk

Obj = dict[str, Any]


@dataclass
class AwaitResult:
    """As of the awaiting package."""

    obj: Obj | None
    errors: list[str] = field(default_factory=list)


async def wait_ready(
    api: Api, kind: str, obj: Obj, *, timeout: float, log: Callable[[str], None], action: str
) -> AwaitResult:
    """At once."""
    return AwaitResult(obj)


async def wait_deleted(api: Api, obj: Obj, *, timeout: float, log: Callable[[str], None]) -> AwaitResult:
    """Until the object, or the one of its uid, is gone."""
    meta, end = obj["metadata"], time.monotonic() + timeout
    while time.monotonic() < end:
        live = await api.get(Gvk.of(obj), meta.get("namespace"), meta["name"])
        if live is None or live["metadata"]["uid"] != meta.get("uid"):
            return AwaitResult(None)
        await asyncio.sleep(0.2)
    return AwaitResult(obj, [f"'{meta['name']}' timed out waiting to be Deleted"])
