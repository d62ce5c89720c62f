"""Scheduling of pods: node selector, tolerations, priority class. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

import pulumi_kubernetes as k8s


class TolerationArgs(TypedDict):
    """One toleration; without ``key`` and with ``Exists`` it matches every taint."""

    key: NotRequired[str | None]
    """Key of the taint."""
    operator: NotRequired[Literal["Exists", "Equal"]]
    """Default ``Equal``: the taint's value must be ``value``."""
    value: NotRequired[str | None]
    """Value of the taint; default empty."""
    effect: NotRequired[Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None]
    """Effect of the taint; default all."""
    seconds: NotRequired[int | None]
    """``NoExecute``: seconds that a pod stays after the taint was added; default: indefinitely."""


class SchedulingArgs(TypedDict):
    """Nodes and priority of a component's pods."""

    node_selector: NotRequired[Mapping[str, str]]
    """Required labels of the node."""
    tolerations: NotRequired[Sequence[TolerationArgs]]
    """Tolerations of the pods."""
    priority_class: NotRequired[str | None]
    """An existing PriorityClass; default the cluster's default."""


def pod_fields(args: SchedulingArgs | None) -> dict[str, Any]:
    """Fields of a pod spec; those that are not given are left out."""
    args = args or {}
    tolerations = [
        k8s.core.v1.TolerationArgs(
            key=one.get("key"),
            operator=one.get("operator") or "Equal",
            value=one.get("value"),
            effect=one.get("effect"),
            toleration_seconds=one.get("seconds"),
        )
        for one in args.get("tolerations") or ()
    ]
    fields = {
        "node_selector": dict(args.get("node_selector") or {}),
        "tolerations": tolerations,
        "priority_class_name": args.get("priority_class"),
    }
    return {name: value for name, value in fields.items() if value}
