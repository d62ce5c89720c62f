"""Settings of integration artifacts (CAR files): by URL, from a file of the project, or inline."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated

from pydantic import Field

from components.ei.args import CarbonAppArgs
from settings.types import AnyText, Line, Section, Sha256

PROJECT_FOLDER = Path(__file__).parents[1]
"""Where ``Pulumi.yaml`` is, and what ``file`` is relative to: stack files may lie elsewhere."""


class EiCarbonApp(Section):
    """One integration artifact (CAR file), by ``url`` and ``sha256``, by ``file``, or by ``content`` and ``name``.

    Files and contents travel in a ConfigMap, so they may be 1 000 000 bytes in all.
    """

    url: Annotated[Line | None, Field(examples=["https://repo.example.com/Orders_1.0.0.car"])] = None
    """http or https, reachable from the pods without credentials."""
    sha256: Sha256 | None = None
    """Checksum of the CAR; required beside ``url``."""
    file: Annotated[Line | None, Field(examples=["cars/Orders_1.0.0.car"])] = None
    """Path of a small CAR, relative to the folder of ``Pulumi.yaml``."""
    content: AnyText | None = None
    """A small CAR in base64."""
    name: Annotated[Line | None, Field(examples=["Orders_1.0.0.car"])] = None
    """File name; default: the last part of ``url`` or ``file``."""

    @property
    def unreadable(self) -> str | None:
        """Why ``file`` cannot be read."""
        if self.file is None:
            return None
        try:
            with (PROJECT_FOLDER / self.file).open("rb"):
                return None
        except OSError as error:
            return error.strerror or str(error)

    def as_args(self) -> CarbonAppArgs:
        """As ``EiCluster`` takes it, with the content of ``file``."""
        content, name = self.content, self.name
        if self.file is not None and self.unreadable is None:
            content = base64.b64encode((PROJECT_FOLDER / self.file).read_bytes()).decode()
            name = name or Path(self.file).name
        return {"url": self.url, "sha256": self.sha256, "content": content, "name": name}
