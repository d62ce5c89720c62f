"""Kubernetes quantities (``512Mi``, ``200m``) as numbers. Pure."""

from __future__ import annotations

import re

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|Ki|Mi|Gi|Ti|k|M|G|T)?")
_FACTORS = {"": 1.0, "m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12} | {
    unit: 1024.0**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"), start=1)
}


def quantity(text: str) -> float:
    """Parse a Kubernetes quantity into bytes or CPUs.

    :raises ValueError: for anything else.
    """
    match = _QUANTITY.fullmatch(text)
    if not match:
        raise ValueError("expected a Kubernetes quantity such as 512Mi, 1Gi or 200m")
    return float(match[1]) * _FACTORS[match[2] or ""]
