"""Image references, parsed as containerd and Docker do (distribution/reference)."""

from __future__ import annotations

from dataclasses import dataclass

DOCKER_HUB = "docker.io"


@dataclass(frozen=True)
class ImageReference:
    """The parts of an image reference."""

    registry: str
    """Registry host as written, with its port if there is one; default ``docker.io``."""
    repository: str
    """Path in the registry; Docker Hub's official images are in ``library/``."""
    version: str
    """The digest, else the tag, else ``latest``."""

    @property
    def api_host(self) -> str:
        """Host of the registry's HTTP API; for Docker Hub it differs from the registry's name."""
        return "registry-1.docker.io" if self.registry == DOCKER_HUB else self.registry

    @property
    def credentials_key(self) -> str:
        """The registry's key in a dockerconfigjson; for Docker Hub the URL of its first API."""
        return "https://index.docker.io/v1/" if self.registry == DOCKER_HUB else self.registry


def parse_image(text: str) -> ImageReference:
    """Parse an image reference; ``wso2/ei:1`` is on Docker Hub, ``localhost/ei:1`` and ``a.b/ei:1`` are not."""
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
