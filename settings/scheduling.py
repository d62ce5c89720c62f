"""The section ``scheduling``: nodes, tolerations and priority of the stack's pods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from settings.types import Conflict, LabelKey, LabelValue, ObjectName, Seconds, Section


class Toleration(Section):
    """One toleration of a taint."""

    key: Annotated[LabelKey | None, Field(examples=["dedicated"])] = None
    """Key of the taint. Left out, with ``operator`` Exists: every taint."""
    operator: Literal["Equal", "Exists"] = "Equal"
    """Equal: the taint has ``value``. Exists: it has any."""
    value: Annotated[LabelValue | None, Field(examples=["integration"])] = None
    """Value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; default every one."""
    seconds: Annotated[Seconds | None, Field(ge=0, le=86400, examples=[60])] = None
    """NoExecute: how long a pod stays after the taint was added (``tolerationSeconds``). Default: without limit."""

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


class SchedulingSettings(Section):
    """Nodes and priority of every pod of the stack: EI's, MySQL's, an installed controller's and the Jobs'."""

    node_selector: Annotated[dict[LabelKey, LabelValue], Field(examples=[{"pool": "integration"}])] = {}
    """Labels that a node must have."""
    tolerations: list[Toleration] = []
    """Tolerations of the pods, for taints of nodes."""
    priority_class: Annotated[ObjectName | None, Field(examples=["business-critical"])] = None
    """An existing PriorityClass. Default: the cluster's own default."""

    def conflicts(self) -> Iterator[Conflict]:
        """Report tolerations that the API server would reject."""
        for index, toleration in reversed(list(enumerate(self.tolerations))):
            problem = toleration.problem()
            if problem:
                place = f"scheduling.tolerations[{index}]"
                yield Conflict(f"{place}.{problem[0]}", (place,), problem[1], {place: None})
