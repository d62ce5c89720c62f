"""Decide which pods of a stack need a pull Secret."""

from __future__ import annotations

from components.ei.cluster import pull_secret_name
from components.shared.image_reference import parse_image
from settings.model import Settings
from stack import names


def pull_secret(settings: Settings, image: str) -> str | None:
    """Return the name of the Secret that pulls ``image``, a reference before ``images.mirror`` applies.

    ``registryUsername`` is a user of the registry of the EI image; with a mirror that is the registry of every image.
    The registries of an existing Secret are unknown here, so every pod gets it: the kubelet ignores a Secret without
    an entry for the image's registry.
    """
    if settings.secrets.registry or settings.registry_username is None:
        return settings.secrets.registry
    registry = parse_image(settings.ei_image).registry
    return pull_secret_name(names.EI) if parse_image(settings.image(image)).registry == registry else None
