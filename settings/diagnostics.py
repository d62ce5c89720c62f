"""The section ``ei.diagnostics``: a volume for EI's log files and heap dumps, one model for each kind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, cast

import pulumi
from pydantic import Field

from components.shared.storage import DataVolumeArgs
from settings.storage import MOUNT_OPTIONS, ExportPath, MountOptions, NfsVersion, nfs_options, repeated_options
from settings.types import AbsolutePath, Address, Bytes, Conflict, ObjectName, Section


class _Diagnostics(Section):
    keep: Annotated[int, Field(ge=0, le=1000)] = 10
    """Folders of deleted pods that are kept. An older one is removed by the next pod that starts, when nothing was
    written in it for a day."""

    def volume(self, name: str, namespace: pulumi.Input[str]) -> DataVolumeArgs:
        """Return the arguments of the volume.

        Each place has a claim of another name: pods go over to the new claim before the old one is deleted.
        """
        place = self._place()
        digest = hashlib.sha256(json.dumps(place, sort_keys=True).encode()).hexdigest()[:6]
        name = f"{name}-logs-{digest}"
        args = {"claim_name": name, "access_mode": "ReadWriteMany", "namespace": namespace} | place
        return cast(DataVolumeArgs, args)

    def _place(self) -> dict[str, Any]:
        raise NotImplementedError


class HostPathDiagnostics(_Diagnostics):
    """A folder on each node, for the pods that run there."""

    kind: Literal["hostPath"]
    """A folder on the nodes."""
    path: AbsolutePath
    """Folder on the node; made where it is missing, owned by uid 802, kept after ``pulumi destroy``."""

    def _place(self) -> dict[str, Any]:
        # The size of a folder is what its disk has.
        return {"kind": "hostPath", "path": self.path, "size": "1Gi"}


class NfsDiagnostics(_Diagnostics):
    """A folder of an NFS export, owned by uid 802."""

    kind: Literal["nfs"]
    """A folder of an NFS export."""
    server: Annotated[Address, Field(examples=["nfs.example.com"])]
    """Host of the NFS server."""
    path: ExportPath
    """The folder; it must exist and belong to uid 802."""
    version: NfsVersion = "4.1"
    """NFS version of the mount."""
    mount_options: MountOptions = Field([*MOUNT_OPTIONS])
    """More mount options."""

    def conflicts(self) -> Iterator[Conflict]:
        """Report an option that is given twice, or with its opposite."""
        yield from repeated_options("ei.diagnostics.mountOptions", self.mount_options)

    def _place(self) -> dict[str, Any]:
        options = nfs_options(self.version, self.mount_options)
        return {"kind": "nfs", "server": self.server, "path": self.path, "size": "1Gi", "mount_options": options}


class ClaimDiagnostics(_Diagnostics):
    """A PersistentVolumeClaim that exists already in the namespace."""

    kind: Literal["claim"]
    """A claim that exists."""
    claim: Annotated[ObjectName, Field(examples=["ei-logs"])]
    """Its name."""
    access_mode: Literal["ReadWriteMany", "ReadWriteOnce"] = "ReadWriteMany"
    """What it offers. ReadWriteOnce: for one EI node, which an update then stops before it starts the next."""

    def _place(self) -> dict[str, Any]:
        return {"kind": "claim", "claim_name": self.claim, "access_mode": self.access_mode}


class ClassDiagnostics(_Diagnostics):
    """A volume made by a StorageClass; it goes with its claim unless the class keeps it."""

    kind: Literal["class"]
    """A claim that a StorageClass fills."""
    storage_class: Annotated[ObjectName, Field(examples=["nfs-client"])]
    """Its name."""
    size: Bytes = "10Gi"
    """Size of the volume; may grow where the class allows it."""
    access_mode: Literal["ReadWriteMany", "ReadWriteOnce"] = "ReadWriteMany"
    """As with an existing claim."""

    def _place(self) -> dict[str, Any]:
        return {"kind": "class", "storage_class": self.storage_class, "access_mode": self.access_mode}

    def volume(self, name: str, namespace: pulumi.Input[str]) -> DataVolumeArgs:
        """Return the arguments of the volume. The size is no part of its place: a volume grows where it is."""
        return {**super().volume(name, namespace), "size": self.size}


Diagnostics = Annotated[
    HostPathDiagnostics | NfsDiagnostics | ClaimDiagnostics | ClassDiagnostics, Field(discriminator="kind")
]
