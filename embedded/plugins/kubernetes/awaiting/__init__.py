"""When an object counts as ready, or gone, as in pulumi-kubernetes 4.34 (``provider/pkg/await``).

The rules are pure functions over an object and what belongs to it (``rules``, ``pods``); this module fetches, asks
and tells, a few times a second, where the real plugin watches.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from embedded.plugins.kubernetes.api import Api, ApiError
from embedded.plugins.kubernetes.awaiting import related, rules
from embedded.plugins.kubernetes.kinds import Gvk

Obj = dict[str, Any]
Log = Callable[[str], None]
_INTERVAL_SECONDS = 0.4
_DELETE_INTERVAL_SECONDS = 0.3


@dataclass
class AwaitResult:
    """The object as last seen, and why it is not ready; no errors: it is."""

    obj: Obj | None
    errors: list[str] = field(default_factory=list)


async def wait_ready(api: Api, kind: str, obj: Obj, *, timeout: float, log: Log, action: str) -> AwaitResult:
    """Until the object is ready, has failed, or ``timeout`` seconds have passed.

    :param action: ``create`` or ``update``.
    """
    rule = rules.RULES.get(kind)
    if rule is None:
        return AwaitResult(obj)
    meta = obj["metadata"]
    end = time.monotonic() + timeout
    memory = rules.Memory(started=time.monotonic(), first_seen=obj, action=action)
    live: Obj | None = obj
    while True:
        live = await api.get(Gvk.of(obj), meta.get("namespace"), meta["name"])
        if live is None:
            return AwaitResult(obj, [f"'{meta['name']}' was deleted while it was waited for"])
        memory.now = time.monotonic()
        state = rule(live, await related.fetch(api, live), memory)
        if state.ready:
            return AwaitResult(live)
        if state.failed:
            return AwaitResult(live, state.failed)
        log(state.shown())
        if time.monotonic() >= end:
            reasons = await related.with_last_words(api, state.unready, memory)
            return AwaitResult(live, [f"'{meta['name']}' timed out waiting to be Ready", *reasons])
        await asyncio.sleep(_INTERVAL_SECONDS)


async def wait_deleted(api: Api, obj: Obj, *, timeout: float, log: Log) -> AwaitResult:
    """Until the object of this uid is gone."""
    meta = obj["metadata"]
    end = time.monotonic() + timeout
    while True:
        try:
            live = await api.get(Gvk.of(obj), meta.get("namespace"), meta["name"])
        except ApiError as error:
            if error.status == 403:  # the namespace, and with it the right to look, is gone
                return AwaitResult(None)
            raise
        if live is None or live["metadata"]["uid"] != meta.get("uid"):
            return AwaitResult(None)
        finalizers = live["metadata"].get("finalizers") or []
        log("Waiting for deletion" + (f": held by {', '.join(finalizers)}" if finalizers else ""))
        if time.monotonic() >= end:
            return AwaitResult(live, [f"'{meta['name']}' timed out waiting to be Deleted"])
        await asyncio.sleep(_DELETE_INTERVAL_SECONDS)
