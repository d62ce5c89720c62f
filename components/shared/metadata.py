"""Names, labels and annotations of objects, and hashes that make an object change. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pulumi


def labels(name: str, component: str, part_of: str = "wso2ei") -> dict[str, str]:
    """The recommended labels (kubernetes.io, "Recommended Labels") that also select the pods.

    :param name: the application: ``mysql``, ``nginx-ingress`` or ``wso2ei``.
    :param component: its part in the stack; must be unique for one owner in a namespace.
    """
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": part_of,
    }


def name_of(resource: pulumi.CustomResource) -> pulumi.Output[str]:
    """The Kubernetes name of an object, auto-named or not; whoever uses it depends on the object."""
    name: pulumi.Output[str] = resource.metadata["name"]  # type: ignore[attr-defined] # every object has metadata
    return name


def spec_hash(values: Mapping[str, pulumi.Input[Any]]) -> pulumi.Output[str]:
    """A short hash of resolved inputs; it changes when one of them does. Values must not be secret."""
    return pulumi.Output.json_dumps(dict(values), sort_keys=True).apply(
        lambda text: hashlib.sha256(text.encode()).hexdigest()[:16]
    )


def rotated(rotation: str | None) -> dict[str, str] | None:
    """Annotations of a pod template that must change when a Secret's content did under the same name."""
    return {"wso2ei/secrets-rotated": rotation} if rotation else None


def timeouts(minutes: int) -> pulumi.CustomTimeouts:
    """How long create and update may take."""
    return pulumi.CustomTimeouts(create=f"{minutes}m", update=f"{minutes}m")
