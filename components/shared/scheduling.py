"""Scheduling of pods: node selector, tolerations, priority class, spread, disruption budget. Pure functions."""

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


def spread(selector: Mapping[str, str]) -> list[k8s.core.v1.TopologySpreadConstraintArgs]:
    """Return constraints that spread the pods of ``selector`` over nodes and zones, where there are several."""
    return [
        k8s.core.v1.TopologySpreadConstraintArgs(
            max_skew=1,
            topology_key=key,
            when_unsatisfiable="ScheduleAnyway",
            label_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=dict(selector)),
            # Without it the pods that a rollout removes count too. Kubernetes 1.27 or newer.
            match_label_keys=["pod-template-hash"],
        )
        for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
    ]


def budget_spec(selector: Mapping[str, str]) -> k8s.policy.v1.PodDisruptionBudgetSpecArgs:
    """Return a PodDisruptionBudget: drains evict one pod of ``selector`` at a time."""
    return k8s.policy.v1.PodDisruptionBudgetSpecArgs(
        max_unavailable=1,
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=dict(selector)),
        # Without it pods that are never ready block every drain. Kubernetes 1.27 or newer.
        unhealthy_pod_eviction_policy="AlwaysAllow",
    )
