"""Checks, before an update, that hostPath storage is one folder on one node.

Without ``storage.node`` each pod mounts the folder of the node that it is scheduled to: with several nodes, MySQL could
start on an empty folder, and EI's nodes would see different artifacts.

Checked: that ``storage.node`` is set where pods can be scheduled to several nodes, and that the named node exists. Not
checked: nodes that are added later, and whether the folder exists. Where the nodes cannot be listed (no permission) the
update goes on with a warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from preflight.context import TIMEOUT, connected, query_or_warn
from settings.errors import ConfigurationError, Mistake, set_command
from settings.model import Settings
from settings.storage import HostPathStorage

_LISTED = 10
"""The most names in a message."""


@dataclass(frozen=True)
class Node:
    """A node as the scheduler sees it."""

    name: str
    hostname: str
    """Its label kubernetes.io/hostname, which binds a volume to it."""
    open: bool
    """Pods without tolerations can go to it, now or when it is well again."""


def check(settings: Settings, context: str) -> None:
    """Reject hostPath storage that would be several folders.

    :raises ConfigurationError: in an update, when the stack file must name a node, or names none that exists.
    """
    if pulumi.runtime.is_dry_run() or not isinstance(settings.storage, HostPathStorage):
        return
    otherwise = f"storage.node is not checked, the nodes of '{context}' cannot be listed"
    nodes = query_or_warn(lambda: _nodes(context), otherwise)
    if nodes is None:
        return
    found = mistake(settings.storage.node, nodes)
    if found:
        raise ConfigurationError(pulumi.get_stack(), [found])


def mistake(node: str | None, nodes: Sequence[Node]) -> Mistake | None:
    """What is wrong with ``storage.node`` in a cluster with these ``nodes``. Pure."""
    candidates = [found for found in nodes if found.open]
    names = [found.hostname for found in candidates]
    listed = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
    if node is None and len(candidates) > 1:
        expected = f"is required with hostPath in a cluster with several nodes ({listed}): each has a separate folder"
        return Mistake("wso2ei:storage.node", "", expected, set_command("storage.node", names[0]))
    if node is not None and nodes and all(found.hostname != node for found in nodes):
        label = next((found.hostname for found in nodes if found.name == node), None)
        expected = f"must be a node's label kubernetes.io/hostname: {listed}"
        return Mistake(
            "wso2ei:storage.node", f'"{node}"', expected, set_command("storage.node", label or (names or [node])[0])
        )
    return None


def _nodes(context: str) -> list[Node]:
    from kubernetes import client  # noqa: PLC0415 - see preflight.context

    with connected(context) as api:
        answer = client.CoreV1Api(api).list_node(_request_timeout=TIMEOUT)
    return [_node(item) for item in answer.items]


def _node(item: Any) -> Node:
    labels = item.metadata.labels or {}
    # The cluster's own taints (unreachable, cordoned, disk pressure) pass; an administrator's (control plane) stay.
    closing = [
        taint
        for taint in item.spec.taints or []
        if taint.effect in {"NoSchedule", "NoExecute"} and not taint.key.startswith("node.kubernetes.io/")
    ]
    return Node(item.metadata.name, labels.get("kubernetes.io/hostname", item.metadata.name), not closing)
