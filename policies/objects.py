"""Kubernetes objects as plain data: their pods, their unknown values, and the findings of a rule.

Values that are known only after an update are placeholders in a preview. A finding that rests on one counts as not
judged: neither is the promise kept, nor is it broken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Manifest = Mapping[str, Any]
Path = tuple[str | int, ...]

UNKNOWN = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""Pulumi's placeholders of unknown values, one for each type (pulumi sdk/go/common/resource/plugin/rpc.go)."""
SECRET = "[secret]"  # noqa: S105 - what the CLI prints in place of one
"""The CLI's placeholder of a secret value."""


@dataclass(frozen=True)
class Violation:
    """A broken promise: the rule, the object, the place in it, and the reason."""

    rule: str
    target: str
    """``Kind name``."""
    path: Path
    message: str
    judged: bool = True
    """False: the value is not known before the update, so the rule cannot decide."""

    @property
    def where(self) -> str:
        """``path`` as text: ``spec.containers[0].image``."""
        return path_text(self.path)

    def __str__(self) -> str:
        return f"{self.target}: {self.where + ': ' if self.path else ''}{self.message}"


@dataclass(frozen=True)
class Finding:
    """What a rule reports about one object, without the names of rule and object."""

    path: Path
    message: str
    depends: tuple[Path, ...] = ()
    """Other places that decide it: with a placeholder there, the finding is not judged."""


@dataclass(frozen=True)
class PodTemplate:
    """The pods that an object makes."""

    path: Path
    """Of the pod or pod template within the object."""
    labels: Mapping[str, Any]
    spec: Mapping[str, Any]

    @property
    def labels_path(self) -> Path:
        """Of the pod's labels within the object."""
        return (*self.path, "metadata", "labels")

    @property
    def spec_path(self) -> Path:
        """Of the pod's spec within the object."""
        return (*self.path, "spec")

    def containers(self) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        """Every container, with its path; init containers first."""
        for kind in ("initContainers", "containers", "ephemeralContainers"):
            for index, container in enumerate(items(self.spec.get(kind))):
                yield (*self.spec_path, kind, index), mapping(container)


def path_text(path: Path) -> str:
    """``("spec", "containers", 0)`` as ``spec.containers[0]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def mapping(value: Any) -> Mapping[str, Any]:
    """``value`` if it is a mapping, else an empty one: a placeholder has no keys."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> Sequence[Any]:
    """``value`` if it is a list, else an empty one."""
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def is_unknown(value: Any) -> bool:
    """True for a placeholder, and for a text that contains one."""
    return isinstance(value, str) and (value == SECRET or any(placeholder in value for placeholder in UNKNOWN))


def known_before_update(manifest: Any, path: Path) -> bool:
    """False when the value at ``path``, or what it is a part of, is a placeholder."""
    value = manifest
    for part in path:
        if is_unknown(value):
            return False
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return True
    return not is_unknown(value)


def is_judged(manifest: Manifest, finding: Finding) -> bool:
    """Whether everything that the finding rests on is known before the update."""
    unknown = list(unknown_paths(manifest))
    below = any(place[: len(path)] == path for path in finding.depends for place in unknown)
    return not below and all(known_before_update(manifest, path) for path in (finding.path, *finding.depends))


def unknown_paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where an object holds placeholders of unknown values; secrets are not unknown."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from unknown_paths(item, (*path, key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, item in enumerate(value):
            yield from unknown_paths(item, (*path, index))
    elif isinstance(value, str) and value != SECRET and is_unknown(value):
        yield path


def texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text below ``value``, without the keys of mappings."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(item, (*path, key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, item in enumerate(value):
            yield from texts(item, (*path, index))
    elif isinstance(value, str):
        yield path, value


def target(manifest: Manifest) -> str:
    """``Kind name`` of an object, as findings name it."""
    return f"{manifest.get('kind', '?')} {mapping(manifest.get('metadata')).get('name', '?')}"


def namespace(manifest: Manifest) -> Any:
    """The object's namespace; ``default`` where it names none, as in the API server."""
    return mapping(manifest.get("metadata")).get("namespace", "default")


def pod_template(manifest: Manifest) -> PodTemplate | None:
    """The pods that the object makes, ``None`` if it makes none."""
    kind = str(manifest.get("kind"))
    where: dict[str, Path] = {
        "Pod": (),
        "CronJob": ("spec", "jobTemplate", "spec", "template"),
        **dict.fromkeys(
            ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"),
            ("spec", "template"),
        ),
    }
    path = where.get(kind)
    if path is None:
        return None
    value: Any = manifest
    for part in path:
        value = mapping(value).get(str(part))
    template = mapping(value)
    return PodTemplate(path, mapping(mapping(template.get("metadata")).get("labels")), mapping(template.get("spec")))
