"""CAR files as WSO2's tooling packs them, good ones and broken ones."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

ROLE = "EnterpriseServiceBus"
PROXY = (
    '<proxy xmlns="http://ws.apache.org/ns/synapse" name="{name}">{parameters}'
    "<target><inSequence>{body}</inSequence></target></proxy>"
)


def car_files(
    application: str = "Orders",
    service: str = "OrderService",
    *,
    version: str = "1.0.0",
    body: str = "<respond/>",
    parameters: str = "",
) -> dict[str, str]:
    """The entries of a CAR with one proxy service."""
    return {
        "artifacts.xml": (
            f'<artifacts><artifact name="{application}" version="{version}" type="carbon/application">'
            f'<dependency artifact="{service}" version="1.0.0" include="true" serverRole="{ROLE}"/></artifact>'
            "</artifacts>"
        ),
        f"{service}_1.0.0/artifact.xml": (
            f'<artifact name="{service}" version="1.0.0" type="synapse/proxy-service" serverRole="{ROLE}">'
            f"<file>{service}-1.0.0.xml</file></artifact>"
        ),
        f"{service}_1.0.0/{service}-1.0.0.xml": PROXY.format(name=service, body=body, parameters=parameters),
    }


def packed(files: Mapping[str, str]) -> bytes:
    """The archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            # The same bytes for the same files, whenever they are packed.
            archive.writestr(zipfile.ZipInfo(name), text)
    return made.getvalue()


def car(application: str = "Orders", service: str = "OrderService", **rest: str) -> bytes:
    """A CAR with one proxy service; see ``car_files``."""
    return packed(car_files(application, service, **rest))
