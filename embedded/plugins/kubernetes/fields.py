"""Field managers: taking over what a client-side create wrote, and who owns a field."""

from __future__ import annotations

import copy
from typing import Any

Obj = dict[str, Any]

_CSA = ("pulumi-kubernetes", "pulumi-kubernetes.exe", "pulumi-resource-kubernetes")
# (manager, operation) whose fields the provider's own manager takes over at the first server-side apply
_TAKEN = {
    ("kubectl", "Apply"),
    ("kubectl", "Update"),
    ("before-first-apply", "Update"),
    *((name, "Update") for name in _CSA),
}


def taken_over(live: Obj, manager: str) -> list[Obj] | None:
    """The object's ``managedFields`` after the take-over, None if there is nothing to take.

    Create is a plain POST under a fixed manager name (so that an existing object is refused), update is a server-side
    apply under the resource's own: without this, a field that the program drops would stay on the server.
    """
    entries: list[Obj] = live.get("metadata", {}).get("managedFields") or []
    taken = [entry for entry in entries if _is_taken(entry)]
    if not taken:
        return None
    mine = next((one for one in entries if one["manager"] == manager and one["operation"] == "Apply"), None)
    merged = copy.deepcopy(mine or {**taken[0], "manager": manager, "operation": "Apply"})
    for entry in taken:
        _merge(merged.setdefault("fieldsV1", {}), entry.get("fieldsV1") or {})
    return [merged, *(entry for entry in entries if entry is not mine and not _is_taken(entry))]


def _is_taken(entry: Obj) -> bool:
    return (entry.get("manager"), entry.get("operation")) in _TAKEN and not entry.get("subresource")


def _merge(into: Obj, other: Obj) -> None:
    for key, value in other.items():
        _merge(into.setdefault(key, {}), value)


def must_force(live: Obj, preview: bool) -> bool:
    """Whether an apply has to be forced because its conflicts would be with the provider itself."""
    entries = live.get("metadata", {}).get("managedFields") or []
    if not entries:
        return True
    return preview and any(one.get("operation") == "Update" and one.get("manager") in _CSA for one in entries)


def keep_ignored(inputs: Obj, live: Obj, paths: list[tuple[str | int, ...]], manager: str) -> None:
    """Make ``ignoreChanges`` paths of ``inputs`` (changed in place) leave the cluster's value alone.

    A field that only somebody else owns is left out of the apply; any other keeps its live value.
    """
    entries = live.get("metadata", {}).get("managedFields") or []
    for path in paths:
        ours = any(_owns(one, path) for one in entries if one.get("manager") == manager)
        theirs = any(_owns(one, path) for one in entries if one.get("manager") != manager)
        found, value = _get(live, path)
        if theirs and not ours:
            _remove(inputs, path)
        elif found:
            _set(inputs, path, copy.deepcopy(value))


def _owns(entry: Obj, path: tuple[str | int, ...]) -> bool:
    fields = entry.get("fieldsV1") or {}
    for step in path:
        fields = fields.get(f"f:{step}")
        if fields is None:
            return False
    return True


def _get(obj: Any, path: tuple[str | int, ...]) -> tuple[bool, Any]:
    for step in path:
        try:
            obj = obj[step]
        except (KeyError, IndexError, TypeError):
            return False, None
    return True, obj


def _remove(obj: Obj, path: tuple[str | int, ...]) -> None:
    found, parent = _get(obj, path[:-1])
    if found and isinstance(parent, dict):
        parent.pop(path[-1], None)


def _set(obj: Obj, path: tuple[str | int, ...], value: Any) -> None:
    for step in path[:-1]:
        if isinstance(obj, dict):
            obj = obj.setdefault(str(step), {})
        elif isinstance(obj, list) and isinstance(step, int) and step < len(obj):
            obj = obj[step]
        else:
            return
    last: Any = path[-1]
    if isinstance(obj, dict) or (isinstance(obj, list) and isinstance(last, int) and last < len(obj)):
        obj[last] = value
