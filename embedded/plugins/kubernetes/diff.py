"""What changes between the live object and the new inputs, and whether that needs a replacement.

Pure. The rules are those of pulumi-kubernetes 4.x: ``provider/pkg/provider/diff.go`` (the table), ``provider.go``
(``Diff``, ``convertPatchToDiff``) and ``pkg/openapi/match.go`` (how a table path matches).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from embedded.plugins.kubernetes import metadata
from embedded.plugins.kubernetes.kinds import KINDS, Gvk
from embedded.plugins.kubernetes.normalize import normalize, prune, settle
from embedded.plugins.kubernetes.values import UNKNOWN, plain

Obj = dict[str, Any]
Path = tuple[str | int, ...]

_MISSING = object()
_WORD = re.compile(r'\.?([^.\[\]"]+)|\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]')

_PV_SOURCES = (
    "awsElasticBlockStore azureDisk azureFile cephfs cinder csi fc flexVolume flocker gcePersistentDisk glusterfs "
    "hostPath iscsi local nfs photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume"
)
_POD_FIELDS = (
    "affinity automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC hostNetwork "
    "hostPID hostname imagePullSecrets nodeName nodeSelector overhead preemptionPolicy priority priorityClassName "
    "readinessGates restartPolicy runtimeClassName schedulerName securityContext serviceAccount serviceAccountName "
    "shareProcessNamespace subdomain terminationGracePeriodSeconds volumes"
)
_CONTAINER_FIELDS = (
    "args command env image imagePullPolicy lifecycle livenessProbe ports readinessProbe resources securityContext "
    "stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeDevices volumeMounts workingDir"
)


def _below(prefix: str, names: str) -> list[str]:
    return [f"{prefix}.{name}" for name in names.split()]


FORCE_NEW: dict[Gvk, list[str]] = {
    Gvk("apps/v1", "Deployment"): ["spec.selector"],
    Gvk("apps/v1", "StatefulSet"): _below(
        "spec", "podManagementPolicy revisionHistoryLimit selector serviceName volumeClaimTemplates"
    ),
    Gvk("batch/v1", "Job"): _below("spec", "completions parallelism selector template"),
    Gvk("v1", "PersistentVolume"): _below("spec", _PV_SOURCES),
    Gvk("v1", "PersistentVolumeClaim"): _below("spec", "accessModes selector storageClassName volumeName"),
    Gvk("v1", "Pod"): [
        *_below("spec", _POD_FIELDS),
        *_below("spec.containers[*]", _CONTAINER_FIELDS),
        *_below("spec.initContainers[*]", _CONTAINER_FIELDS),
    ],
    Gvk("v1", "Secret"): ["type"],
    Gvk("v1", "Service"): ["spec.clusterIP"],
    Gvk("rbac.authorization.k8s.io/v1", "RoleBinding"): ["roleRef"],
    Gvk("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): ["roleRef"],
    Gvk("storage.k8s.io/v1", "StorageClass"): ["parameters", "provisioner"],
}


@dataclass(frozen=True)
class DiffSettings:
    """The provider's options that a diff looks at."""

    config_map_mutable: bool = False
    secret_mutable: bool = False
    server_side_apply: bool = True


@dataclass
class Difference:
    """``kinds`` maps a property path to ADD, DELETE or UPDATE, with ``_REPLACE`` where a new object is needed."""

    kinds: dict[str, str] = field(default_factory=dict)
    replaces: list[str] = field(default_factory=list)
    delete_before_replace: bool = False


def force_new(obj: Obj, settings: DiffSettings) -> list[str]:
    """The paths whose change replaces an object of this kind; name and namespace always do."""
    gvk = Gvk(str(obj.get("apiVersion")), str(obj.get("kind")))
    paths = ["metadata.name", "metadata.namespace"]
    immutable = obj.get("immutable") is True
    if gvk == Gvk("v1", "Secret") and (not settings.secret_mutable or immutable):
        return [*paths, "type", "stringData", "data"]
    if gvk == Gvk("v1", "ConfigMap") and (not settings.config_map_mutable or immutable):
        return [*paths, "binaryData", "data"]
    return paths + FORCE_NEW.get(gvk, [])


def difference(old_state: Obj, new_inputs: Obj, ignore: list[str], settings: DiffSettings) -> Difference:
    """Of the state that the last operation returned (with its ``__inputs``) and the new inputs.

    Secretness does not matter; an unknown input counts as a change.
    """
    old_inputs, live = split_state(old_state)
    old_inputs, new = normalize(old_inputs), normalize(plain(new_inputs))
    old = prune(live, old_inputs)
    new = settle(new, old_inputs, live)
    namespaced = (
        served := KINDS.get(Gvk(str(new.get("apiVersion")), str(new.get("kind"))))
    ) is None or served.namespaced
    for obj in (old, new):
        metadata.set_namespace(obj, (metadata.namespace(obj) or "default") if namespaced else "")
    for key in ("apiVersion", "kind"):
        old.setdefault(key, new.get(key))
    if settings.server_side_apply:
        old.get("metadata", {}).pop("resourceVersion", None)
    if metadata.name(new):
        old.setdefault("metadata", {})["name"] = metadata.name(live)

    result = Difference()
    ignored = [parse_path(path) for path in ignore]
    paths = [parse_path(path) for path in force_new(new, settings)]
    for path, kind, value in _compare((), old, new):
        if any(_covers(one, path) for one in ignored):
            continue
        text = path_text(path)
        replace = any(_matches(one, path, value) for one in paths)
        result.kinds[text] = f"{kind}_REPLACE" if replace else kind
        if replace or (kind == "DELETE" and text == "metadata"):
            result.replaces.append(text)
    result.delete_before_replace = must_delete_first(result.replaces, new, live)
    return result


def must_delete_first(replaces: list[str], new: Obj, live: Obj) -> bool:
    """Whether the old object is in the way of the new one: an explicit name that stays, in the same namespace."""
    return (
        bool(replaces)
        and metadata.is_named(new)
        and not metadata.is_autonamed(new)
        and metadata.name(new) == metadata.name(live)
        and metadata.namespace(new) == metadata.namespace(live)
    )


def split_state(state: Obj) -> tuple[Obj, Obj]:
    """(inputs, live object) of a state, both without secret wrappers."""
    live = plain(state)
    inputs = live.pop("__inputs", None) or {}
    return inputs, live


def _compare(path: Path, old: Any, new: Any) -> Iterator[tuple[Path, str, Any]]:
    if new is UNKNOWN:
        yield path, "ADD" if old is _MISSING else "UPDATE", None
    elif new is _MISSING:
        yield path, "DELETE", None
    elif old is _MISSING:
        yield path, "ADD", new
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in [*new, *(key for key in old if key not in new)]:
            yield from _compare((*path, key), old.get(key, _MISSING), new.get(key, _MISSING))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else _MISSING
            after = new[index] if index < len(new) else _MISSING
            yield from _compare((*path, index), before, after)
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield path, "UPDATE", new


def _matches(wanted: Path, path: Path, value: Any) -> bool:
    """Whether a table path is met by a change at ``path`` to ``value``: above it, at it, or inside the new value."""
    for index, step in enumerate(wanted):
        if index >= len(path):
            return _inside(wanted[index:], value)
        if step != path[index] and not (step == "*" and isinstance(path[index], int)):
            return False
    return True


def _inside(wanted: Path, value: Any) -> bool:
    if not wanted:
        return True
    if wanted[0] == "*":
        return isinstance(value, list) and any(_inside(wanted[1:], item) for item in value)
    return isinstance(value, dict) and wanted[0] in value and _inside(wanted[1:], value[str(wanted[0])])


def _covers(ignored: Path, path: Path) -> bool:
    return len(ignored) <= len(path) and all(one in ("*", other) for one, other in zip(ignored, path, strict=False))


def parse_path(text: str) -> Path:
    """``spec.containers[0].image``, ``metadata.labels["a.b/c"]``: as the engine writes property paths."""
    steps: list[str | int] = []
    for match in _WORD.finditer(text):
        word, quoted, index = match.groups()
        if index is not None:
            steps.append(index if index == "*" else int(index))
        else:
            steps.append(word if word is not None else quoted.replace('\\"', '"'))
    return tuple(steps)


def path_text(path: Path) -> str:
    """The inverse of `parse_path`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif any(char in step for char in '."[]'):
            escaped = step.replace('"', '\\"')
            text += f'["{escaped}"]'
        else:
            text += f".{step}" if text else step
    return text
