"""The section ``scheduling``: the nodes that run the stack's pods, and what the pods are worth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from components.shared.scheduling import SchedulingArgs, TolerationArgs
from settings.types import Conflict, LabelKey, LabelValue, ObjectName, Seconds, Section


class Toleration(Section):
    """One taint that a node may have."""

    key: Annotated[LabelKey | None, Field(examples=["dedicated"])] = None
    """Key of the taint. Left out, with ``operator`` Exists: every taint."""
    operator: Literal["Equal", "Exists"] = "Equal"
    """Equal: the taint has ``value``. Exists: it has any."""
    value: Annotated[LabelValue | None, Field(examples=["integration"])] = None
    """Value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; default every one."""
    seconds: Annotated[Seconds | None, Field(ge=0, le=86400, examples=[60])] = None
    """NoExecute: so long a pod stays after the taint came (``tolerationSeconds``). Default: for ever."""

    def problem(self) -> tuple[str, str] | None:
        """The field that the API server would reject in combination with the others, and what is allowed."""
        exists = self.operator == "Exists"
        if not exists and not self.key:
            return "key", "is required with operator Equal; a toleration of every taint has operator Exists"
        if exists and self.value:
            return "value", "must not be set with operator Exists"
        if self.seconds is not None and self.effect != "NoExecute":
            return "seconds", "is for the effect NoExecute only, which evicts pods"
        return None

    def as_args(self) -> TolerationArgs:
        """As the components take it."""
        return {"key": self.key, "operator": self.operator, "value": self.value, "effect": self.effect,
                "seconds": self.seconds}  # fmt: skip


class SchedulingSettings(Section):
    """Nodes and priority of every pod of the stack: EI's, MySQL's, an installed controller's and the Jobs'."""

    node_selector: Annotated[dict[LabelKey, LabelValue], Field(examples=[{"pool": "integration"}])] = {}
    """Labels that a node must have."""
    tolerations: list[Toleration] = []
    """Taints that a node may have."""
    priority_class: Annotated[ObjectName | None, Field(examples=["business-critical"])] = None
    """An existing PriorityClass. Default: the cluster's own default."""

    def conflicts(self) -> Iterator[Conflict]:
        """Tolerations that the API server would reject."""
        for index, toleration in reversed(list(enumerate(self.tolerations))):
            problem = toleration.problem()
            if problem:
                place = f"scheduling.tolerations[{index}]"
                yield Conflict(f"{place}.{problem[0]}", (place,), problem[1], {place: None})

    def as_args(self) -> SchedulingArgs:
        """As the components take it."""
        return {
            "node_selector": self.node_selector,
            "tolerations": [toleration.as_args() for toleration in self.tolerations],
            "priority_class": self.priority_class,
        }
