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
    registry, path = _split(text)
    name, _, digest = path.partition("@")
    repository, _, tag = name.partition(":")
    return ImageReference(registry, repository, digest or tag or "latest")


def from_mirror(text: str, mirror: str) -> str:
    """Return the reference of the same image in ``mirror``, a registry with or without a path.

    Docker Hub's official images keep ``library/``, which only Docker Hub itself implies. A reference to the mirror
    stays as it is.
    """
    return text if text.startswith(f"{mirror}/") else f"{mirror}/{_split(text)[1]}"


def _split(text: str) -> tuple[str, str]:
    """Return the registry and everything after it, with ``library/`` where Docker Hub implies it."""
    registry, slash, path = text.partition("/")
    if not slash or not ("." in registry or ":" in registry or registry == "localhost"):
        registry, path = DOCKER_HUB, text
    if registry == DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    return registry, path
