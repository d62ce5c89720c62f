"""Names, labels and ``pulumi.com/*`` annotations of an object, in the words of pulumi-kubernetes 4.x."""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import Any

from embedded.plugins.kubernetes.values import UNKNOWN

AUTONAMED = "pulumi.com/autonamed"
SKIP_AWAIT = "pulumi.com/skipAwait"
WAIT_FOR = "pulumi.com/waitFor"
TIMEOUT_SECONDS = "pulumi.com/timeoutSeconds"
REPLACE_UNREADY = "pulumi.com/replaceUnready"
PATCH_FORCE = "pulumi.com/patchForce"
PATCH_FIELD_MANAGER = "pulumi.com/patchFieldManager"
DELETION_PROPAGATION = "pulumi.com/deletionPropagationPolicy"

MANAGED_BY = "app.kubernetes.io/managed-by"
DEFAULT_TIMEOUT_SECONDS = 600.0

Obj = dict[str, Any]


def _of(obj: Obj) -> Obj:
    meta = obj.get("metadata")
    return meta if isinstance(meta, dict) else {}


def text(obj: Obj, key: str) -> str:
    """A string of the metadata; empty if it is missing, unknown or no string."""
    value = _of(obj).get(key)
    return value if isinstance(value, str) else ""


def name(obj: Obj) -> str:
    """``metadata.name``, empty if it is missing or unknown."""
    return text(obj, "name")


def namespace(obj: Obj) -> str:
    """``metadata.namespace``, empty if it is missing or unknown."""
    return text(obj, "namespace")


def annotation(obj: Obj, key: str) -> str:
    """An annotation's value; empty if it is missing or unknown."""
    annotations = _of(obj).get("annotations")
    value = annotations.get(key) if isinstance(annotations, dict) else None
    return value if isinstance(value, str) else ""


def is_true(obj: Obj, key: str) -> bool:
    """Whether an annotation is exactly ``"true"``."""
    return annotation(obj, key) == "true"


def is_named(obj: Obj) -> bool:
    """Whether the object has a name, or will have one that is not known yet."""
    return _of(obj).get("name") is UNKNOWN or bool(name(obj))


def is_generate_name(obj: Obj) -> bool:
    """Whether the API server is to make up the name."""
    given = _of(obj).get("generateName")
    return not is_named(obj) and (given is UNKNOWN or bool(given))


def is_autonamed(obj: Obj) -> bool:
    """Whether the name was made here."""
    return is_true(obj, AUTONAMED)


def unique_suffix(seed: bytes, resource: str) -> str:
    """Eight hex digits: the same for the same seed and resource, so that a preview's name is the update's."""
    return hashlib.sha256(seed + resource.encode()).hexdigest()[:8] if seed else secrets.token_hex(4)


def assign_name(obj: Obj, seed: bytes, resource: str, proposed: str | None) -> None:
    """Give an unnamed object ``<resource>-<8 hex>`` (or the engine's proposal) and mark it as auto-named."""
    if is_named(obj) or is_generate_name(obj):
        return
    _set_name(obj, proposed or f"{resource}-{unique_suffix(seed, resource)}")


def adopt_old_name(new: Obj, old: Obj) -> None:
    """Keep an auto-name across updates."""
    if not is_named(new) and is_autonamed(old):
        _set_name(new, name(old))


def _set_name(obj: Obj, value: str) -> None:
    meta = obj.setdefault("metadata", {})
    if not isinstance(meta, dict):  # unknown as a whole: nowhere to put it
        return
    meta["name"] = value
    annotations = meta.setdefault("annotations", {})
    if isinstance(annotations, dict):
        annotations[AUTONAMED] = "true"


def set_namespace(obj: Obj, value: str) -> None:
    """Set, or with an empty value remove, the namespace; an unknown one stays."""
    meta = obj.setdefault("metadata", {})
    if not isinstance(meta, dict) or meta.get("namespace") is UNKNOWN:
        return
    if value:
        meta["namespace"] = value
    else:
        meta.pop("namespace", None)


def _managed_by() -> str:
    return os.environ.get("PULUMI_KUBERNETES_MANAGED_BY_LABEL", "pulumi")


def has_managed_by(obj: Obj) -> bool:
    """Whether the managed-by label is there as this provider sets it (or not known yet)."""
    meta = obj.get("metadata")
    labels = meta.get("labels") if isinstance(meta, dict) else meta
    value = labels.get(MANAGED_BY) if isinstance(labels, dict) else labels
    return value is UNKNOWN or value == _managed_by()


def set_managed_by(obj: Obj) -> None:
    """Set the managed-by label, unless metadata or labels are not known yet."""
    meta = obj.setdefault("metadata", {})
    if isinstance(meta, dict):
        labels = meta.setdefault("labels", {})
        if isinstance(labels, dict):
            labels[MANAGED_BY] = _managed_by()


def timeout(custom_seconds: float, obj: Obj) -> float:
    """How long to wait, in seconds: ``customTimeouts``, else the annotation, else ten minutes."""
    if custom_seconds:
        return custom_seconds
    given = annotation(obj, TIMEOUT_SECONDS)
    return float(given) if given.lstrip("+-").isdigit() else DEFAULT_TIMEOUT_SECONDS


def propagation(obj: Obj) -> str:
    """Deletion propagation policy: Foreground unless the annotation says orphan or background."""
    given = annotation(obj, DELETION_PROPAGATION).lower()
    return {"orphan": "Orphan", "background": "Background"}.get(given, "Foreground")


def full_name(obj: Obj) -> str:
    """The resource id: ``namespace/name``, or the name alone for a cluster-scoped object."""
    return f"{namespace(obj)}/{name(obj)}" if namespace(obj) else name(obj)


def parse_id(resource_id: str) -> tuple[str, str]:
    """The inverse of `full_name`: (namespace or "", name)."""
    first, slash, rest = resource_id.partition("/")
    return (first, rest.split("/")[0]) if slash else ("", first)
