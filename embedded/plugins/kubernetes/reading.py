"""Whether an object is ready when it is read: a refresh notes what is not, and the next update waits for it."""

from __future__ import annotations

from typing import Any

from embedded.plugins.kubernetes import metadata
from embedded.plugins.kubernetes.api import Api
from embedded.plugins.kubernetes.awaiting import related, rules

Obj = dict[str, Any]

# PersistentVolumes, claims and Namespaces are waited for, but not looked at by a read (await/awaiters.go, awaitRead).
_KINDS = {"Deployment", "StatefulSet", "Service", "Ingress", "Job", "Pod"}
_LONG = 3600.0


async def unready(api: Api, inputs: Obj, live: Obj) -> list[str]:
    """What is not ready, in the words that waiting would use; empty if all is well or nobody wants to know."""
    kind = str(live.get("kind"))
    if kind not in _KINDS or metadata.is_true(inputs, metadata.SKIP_AWAIT):
        return []
    rule = rules.RULES[kind]
    found = await related.fetch(api, live)
    memory = rules.Memory(started=-_LONG, first_seen=live, action="read")
    # Some rules want a state to have lasted: what is seen now is taken to have been so for long.
    rule(live, found, memory)
    memory.now = _LONG
    state = rule(live, found, memory)
    return [] if state.ready else state.failed or state.unready or [state.message]
