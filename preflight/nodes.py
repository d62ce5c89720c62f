"""Checks, before an update, that hostPath storage is one folder on one node.

Without ``storage.node`` each pod mounts the folder of the node that it is scheduled to: with several nodes, MySQL could
start on an empty folder, and EI's nodes would see different artifacts.

Checked: that ``storage.node`` is set where pods can be scheduled to several nodes, and that the named node exists. Not
checked: nodes that are added later, and whether the folder exists. Where the nodes cannot be listed (no permission) the
update goes on with a warning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from preflight.context import TIMEOUT, connected, query_or_warn
from settings.errors import Mistake, full, set_command
from settings.model import Settings
from settings.scheduling import SchedulingSettings, Toleration
from settings.storage import HostPathStorage

_LISTED = 10
"""The most names in a message."""


@dataclass(frozen=True)
class Taint:
    """A taint with the effect NoSchedule or NoExecute."""

    key: str
    value: str
    effect: str

    def tolerated(self, by: Toleration) -> bool:
        """Return whether a toleration matches (k8s.io/api/core/v1, Toleration.ToleratesTaint)."""
        same_key = by.key is None or by.key == self.key
        same_value = by.operator == "Exists" or (by.value or "") == self.value
        return by.effect in {None, self.effect} and same_key and same_value


@dataclass(frozen=True)
class Node:
    """A node as the scheduler sees it."""

    name: str
    hostname: str
    """Its label kubernetes.io/hostname, which binds a volume to it."""
    labels: Mapping[str, str]
    taints: tuple[Taint, ...] = ()
    """Those that keep pods away; without the cluster's own, which go when the node is well again."""

    def accepts(self, scheduling: SchedulingSettings) -> bool:
        """Return whether the scheduler can place the stack's pods on it."""
        selected = all(self.labels.get(key) == value for key, value in scheduling.node_selector.items())
        return selected and all(any(map(taint.tolerated, scheduling.tolerations)) for taint in self.taints)


def mistakes(settings: Settings, context: str) -> list[Mistake]:
    """Return a mistake where hostPath storage would be several folders, or on no node; empty in a preview."""
    if pulumi.runtime.is_dry_run() or not settings.purposes or not isinstance(settings.storage, HostPathStorage):
        return []
    otherwise = f"storage.node is not checked, the nodes of '{context}' cannot be listed"
    nodes = query_or_warn(lambda: _nodes(context), otherwise)
    found = mistake(settings.storage.node, nodes, settings.scheduling) if nodes else None
    return [found] if found else []


def mistake(node: str | None, nodes: Sequence[Node], scheduling: SchedulingSettings) -> Mistake | None:
    """Return what is wrong with ``storage.node`` in a cluster with these ``nodes``. Pure."""
    if not nodes:
        return None
    names = [one.hostname for one in nodes if one.accepts(scheduling)]
    listed = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
    path = "storage.node"
    if node is None and len(names) > 1:
        expected = f"is required with hostPath in a cluster with several nodes ({listed}): each has a separate folder"
        return Mistake(full(path), "", expected, set_command(path, names[0]))
    if not names:
        expected = "must fit a node: none has all labels of nodeSelector and only taints that tolerations match"
        return Mistake(full("scheduling"), "", expected, "kubectl describe nodes; change labels, taints or these keys")
    if node is not None and all(one.hostname != node for one in nodes):
        label = next((one.hostname for one in nodes if one.name == node), names[0])
        expected = f"must be a node's label kubernetes.io/hostname: {listed}"
        return Mistake(full(path), f'"{node}"', expected, set_command(path, label))
    if node is not None and node not in names:
        expected = (
            f"must be a node with the labels of scheduling.nodeSelector and without taints that scheduling.tolerations "
            f"do not match: {listed}"
        )
        return Mistake(full(path), f'"{node}"', expected, set_command(path, names[0]))
    return None


def _nodes(context: str) -> list[Node]:
    from kubernetes import client  # noqa: PLC0415 - see preflight.context

    with connected(context) as api:
        answer = client.CoreV1Api(api).list_node(_request_timeout=TIMEOUT)
    return [_node(item) for item in answer.items]


def _node(item: Any) -> Node:
    labels = item.metadata.labels or {}
    # The cluster's own taints (unreachable, cordoned, disk pressure) pass; an administrator's (control plane) stay.
    taints = [
        Taint(taint.key, taint.value or "", taint.effect)
        for taint in item.spec.taints or []
        if taint.effect in {"NoSchedule", "NoExecute"} and not taint.key.startswith("node.kubernetes.io/")
    ]
    return Node(item.metadata.name, labels.get("kubernetes.io/hostname", item.metadata.name), labels, tuple(taints))
