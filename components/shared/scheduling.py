"""Where pods run and what they are worth: node selector, tolerations, priority class. Checks and pod fields, pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

import pulumi_kubernetes as k8s


class TolerationArgs(TypedDict):
    """One taint of nodes that pods put up with; without ``key`` (and with ``Exists``) every taint."""

    key: NotRequired[str | None]
    """Key of the taint."""
    operator: NotRequired[Literal["Exists", "Equal"]]
    """Default ``Equal``: the taint has ``value``."""
    value: NotRequired[str | None]
    """Value of the taint; default the empty one."""
    effect: NotRequired[Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None]
    """Default: every effect."""
    seconds: NotRequired[int | None]
    """``NoExecute``: so long a pod stays after the taint came; default for ever."""


class SchedulingArgs(TypedDict):
    """Which nodes may run a component's pods, and which pods give way to them."""

    node_selector: NotRequired[Mapping[str, str]]
    """Labels that a node must have."""
    tolerations: NotRequired[Sequence[TolerationArgs]]
    """Taints that a node may have."""
    priority_class: NotRequired[str | None]
    """An existing PriorityClass; default the cluster's own default."""


def pod_fields(args: SchedulingArgs | None) -> dict[str, Any]:
    """Fields of a pod spec; empty for what is not given."""
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


def toleration_problem(toleration: TolerationArgs) -> tuple[str, str] | None:
    """The field of a toleration that the API server would refuse beside the others, and what is allowed."""
    exists = toleration.get("operator") == "Exists"
    if not exists and not toleration.get("key"):
        return "key", "is needed with the operator Equal; a toleration of every taint has the operator Exists"
    if exists and toleration.get("value"):
        return "value", "must not stand beside the operator Exists"
    if toleration.get("seconds") is not None and toleration.get("effect") != "NoExecute":
        return "seconds", "is for the effect NoExecute alone, the one that makes pods go"
    return None


def problems(args: SchedulingArgs | None) -> Iterator[tuple[str, str]]:
    """Fields that are wrong, each with what is allowed."""
    for index, toleration in enumerate((args or {}).get("tolerations") or ()):
        problem = toleration_problem(toleration)
        if problem:
            yield f"scheduling.tolerations[{index}].{problem[0]}", problem[1]
    name = (args or {}).get("priority_class")
    if name and not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", name):
        yield "scheduling.priority_class", f"must be the name of a PriorityClass, not {name!r}"
