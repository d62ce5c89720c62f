"""The section ``pods``: labels and annotations of all pods of the stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from components.shared.plain_secrets import sets_secret
from components.shared.recommended_labels import is_managed
from settings.types import AnyText, Conflict, LabelKey, LabelValue, Section


class PodsSettings(Section):
    """Labels and annotations of every pod of the stack: EI's, MySQL's, an installed controller's and the Jobs'."""

    labels: Annotated[dict[LabelKey, LabelValue], Field(examples=[{"cost-center": "integration"}])] = {}
    """Additional labels. By default all pods opt out of the sidecars of a service mesh, because Jobs with a sidecar do
    not end; `sidecar.istio.io/inject: "true"` is for meshes with native sidecars."""
    annotations: Annotated[dict[LabelKey, AnyText], Field(examples=[{"example.com/owner": "integration"}])] = {}
    """Additional annotations."""

    def conflicts(self) -> Iterator[Conflict]:
        """Report keys that are managed, and passwords in annotations."""
        for field, values in (("labels", self.labels), ("annotations", self.annotations)):
            for key, value in values.items():
                path = f'pods.{field}["{key}"]'
                if is_managed(key):
                    yield Conflict(path, (), "must not be set: it is managed", {path: None})
                elif field == "annotations" and sets_secret(key, value):
                    words = "holds a password in plain text, readable to everyone who may list pods"
                    yield Conflict(path, (), words, {path: None})
