"""Image references, read as containerd and Docker read them (distribution/reference)."""

from __future__ import annotations

from typing import NamedTuple

from embedded.status.pulls import registry_of

DOCKER_HUB = "docker.io"


class Reference(NamedTuple):
    """One reference, taken apart; ``version`` is the digest if there is one, else the tag."""

    registry: str
    repository: str
    version: str


def parse(image: str) -> Reference:
    """Split a reference; Docker Hub's official images are below ``library/``, the default version is ``latest``."""
    name, _, digest = image.partition("@")
    registry = registry_of(name)
    path, _, tag = name.removeprefix(f"{registry}/").partition(":")
    if registry == DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    return Reference(registry, path, digest or tag or "latest")
