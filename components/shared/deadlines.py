"""How long an update waits for pods: one rule for Kubernetes' own deadlines and for the provider's timeouts. Pure.

Kubernetes' deadline is ``progressDeadlineSeconds`` or ``activeDeadlineSeconds``. The provider waits a little longer, so
that what Kubernetes reports, with its reason, comes before a timeout. A Service has the timeouts of its pods' workload,
instead of ten minutes: the provider waits while one of its endpoints is not ready.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

_MARGIN_MINUTES = 1


@dataclass(frozen=True)
class Deadline:
    """The time until pods must be ready or done."""

    minutes: int
    """Image pulls included; for a Deployment all pods of a rollout."""

    @property
    def seconds(self) -> int:
        """Kubernetes' deadline."""
        return self.minutes * 60

    @property
    def timeouts(self) -> pulumi.CustomTimeouts:
        """The provider's timeouts: of the workload, and of the Service of its pods."""
        text = f"{self.minutes + _MARGIN_MINUTES}m"
        return pulumi.CustomTimeouts(create=text, update=text)
