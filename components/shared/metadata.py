"""Labels, names, hashes and rotation annotations of resources. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pulumi


def labels(name: str, component: str) -> dict[str, str]:
    """Labels of an object and selector of its pods (kubernetes.io, "Recommended Labels").

    :param name: the application: ``mysql``, ``nginx-ingress`` or ``wso2ei``.
    :param component: its part in the stack; unique in a namespace for each ``name``.
    """
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "wso2ei",
    }


def name_of(resource: pulumi.CustomResource) -> pulumi.Output[str]:
    """Kubernetes name of an object, auto-named or not; using it adds a dependency on the object."""
    name: pulumi.Output[str] = resource.metadata["name"]  # type: ignore[attr-defined] # every object has metadata
    return name


def spec_hash(values: Mapping[str, pulumi.Input[Any]]) -> pulumi.Output[str]:
    """Short hash of resolved inputs, which must not be secret."""
    return pulumi.Output.json_dumps(dict(values), sort_keys=True).apply(
        lambda text: hashlib.sha256(text.encode()).hexdigest()[:16]
    )


def rotated(rotation: str | None) -> dict[str, str] | None:
    """Annotation that restarts pods when the content of an existing Secret has changed under the same name."""
    return {"wso2ei/secrets-rotated": rotation} if rotation else None
