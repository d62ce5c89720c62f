"""A file of ``pulumi preview --json``: its Kubernetes objects, warnings and errors."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.objects import Manifest, mapping, target

NEED = "an update will need"
"""Start of the program's warning about what an update needs and a preview does not."""


@dataclass(frozen=True)
class PreviewFile:
    """The content of a preview."""

    objects: tuple[Manifest, ...]
    """Kubernetes objects after the update, as the provider checked them."""
    changes: Mapping[str, int]
    """Number of resources by operation (``create``, ``update``, ``same``, ...)."""
    errors: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def needs(self) -> tuple[str, ...]:
        """What an update still needs."""
        return tuple(text for text in self.warnings if NEED in text)


class UnreadableError(Exception):
    """The file holds no preview; the text has the reason."""


def read(path: Path) -> PreviewFile:
    """Read one file. Raises ``UnreadableError``."""
    try:
        # Lines before the JSON come from programs that print.
        text = path.read_text(encoding="utf-8")
        content = json.loads(text[text.index("{") :])
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise UnreadableError(f"{path} is not the JSON of `pulumi preview --json`") from error
    if not isinstance(content, dict) or not {"steps", "diagnostics", "changeSummary"} & set(content):
        raise UnreadableError(f"{path} is not the JSON of `pulumi preview --json`")
    steps = [mapping(step) for step in content.get("steps") or []]
    diagnostics = [mapping(entry) for entry in content.get("diagnostics") or []]
    return PreviewFile(
        tuple(_objects(steps)),
        Counter(str(step.get("op")) for step in steps),
        tuple(_texts(diagnostics, "error")),
        tuple(_texts(diagnostics, "warning")),
    )


def _objects(steps: list[Mapping[str, Any]]) -> Iterator[Manifest]:
    """Each object once: a replacement has several steps of one URN, and the last one that has a new state counts."""
    found: dict[Any, Manifest] = {}
    for step in steps:
        state = mapping(step.get("newState"))
        inputs = mapping(state.get("inputs"))
        if str(state.get("type", "")).startswith("kubernetes:") and {"apiVersion", "kind"} <= set(inputs):
            found[step.get("urn", target(inputs))] = inputs
    yield from found.values()


def _texts(diagnostics: list[Mapping[str, Any]], severity: str) -> Iterator[str]:
    for entry in diagnostics:
        if entry.get("severity") == severity:
            yield str(entry.get("message", "")).strip().removeprefix(f"{severity}: ")
