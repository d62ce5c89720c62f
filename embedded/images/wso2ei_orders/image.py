"""An image as a team makes it of WSO2's, by the Dockerfile of docs/artifacts.md: its CAR files and nothing else."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

from embedded.images.spec import File, Image, files_layer
from embedded.images.wso2ei.image import IMAGES as WSO2EI
from embedded.images.wso2ei.image import UID

_CAR = Path(__file__).parent / "car"
REFERENCE = "registry.wso2.com/example/wso2ei-orders:1.0.0"
VERSION = "6.5.0"
"""Of EI."""


def _files() -> list[File]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(_CAR.rglob("*.xml")):
            # Without the file's own date, so that the same sources give the same bytes.
            archive.writestr(zipfile.ZipInfo(path.relative_to(_CAR).as_posix()), path.read_text())
    folder = f"home/wso2carbon/wso2ei-{VERSION}/repository/deployment/server/carbonapps"
    return [File(f"{folder}/orders-1.0.0.car", packed.getvalue(), owner=UID)]


def _image() -> Image:
    base = next(image for image in WSO2EI if image.references[0].endswith(f":{VERSION}"))
    return replace(base, references=(REFERENCE,), layers=(*base.layers, files_layer("wso2ei-orders", _files)))


IMAGES = [_image()]
