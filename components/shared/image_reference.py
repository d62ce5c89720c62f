"""Image references, read as containerd and Docker read them (distribution/reference)."""

from __future__ import annotations

from dataclasses import dataclass

DOCKER_HUB = "docker.io"


@dataclass(frozen=True)
class ImageReference:
    """One image reference, taken apart."""

    registry: str
    """Registry as people write it, with its port if it has one; ``docker.io`` where the reference names none."""
    repository: str
    """Path below the registry; Docker Hub's official images lie below ``library/``."""
    version: str
    """The digest if there is one, else the tag; ``latest`` where the reference has neither."""

    @property
    def api_host(self) -> str:
        """Where the registry's HTTP API answers; Docker Hub's is another host than its name."""
        return "registry-1.docker.io" if self.registry == DOCKER_HUB else self.registry

    @property
    def credentials_key(self) -> str:
        """The registry's key in a dockerconfigjson; Docker Hub keeps the one of its first API."""
        return "https://index.docker.io/v1/" if self.registry == DOCKER_HUB else self.registry


def parse_image(text: str) -> ImageReference:
    """``text`` taken apart; ``wso2/ei:1`` is one of Docker Hub's, ``localhost/ei:1`` and ``a.b/ei:1`` are not."""
    name, _, digest = text.partition("@")
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        first, rest = DOCKER_HUB, name
    repository, colon, tag = rest.rpartition(":")
    if not colon:
        repository, tag = rest, ""
    if first == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return ImageReference(first, repository, digest or tag or "latest")
