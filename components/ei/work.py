"""The volume of an EI pod in which init containers make the server's files of the image's own: one name for each place.

Pure functions.
"""

from __future__ import annotations

import pulumi_kubernetes as k8s

from components.shared import volumes

VOLUME = "work"
FOLDER = f"/{VOLUME}"
CONF = f"{FOLDER}/conf"
"""What becomes the server's ``conf``."""
STORES = f"{FOLDER}/keystores"
"""What becomes ``pod.KEYSTORES``."""


def conf_mount(path: str = CONF, *, read_only: bool | None = None) -> k8s.core.v1.VolumeMountArgs:
    """``conf``, in an init container or at its place in the server."""
    return volumes.mount(VOLUME, path, sub_path="conf", read_only=read_only)


def stores_mount(path: str = STORES) -> k8s.core.v1.VolumeMountArgs:
    """Keystore and truststore, likewise."""
    return volumes.mount(VOLUME, path, sub_path="keystores")
