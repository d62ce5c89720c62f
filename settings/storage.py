"""Where a stack's data lies: the section ``storage``, one model for each kind. See docs/storage.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from settings.types import AbsolutePath, Address, Allowed, Bytes, Conflict, ObjectName, Section, Text

_GENERIC_OPTIONS = (
    "async atime auto context defaults defcontext dev diratime dirsync exec fscontext lazytime noatime noauto nodev "
    "nodiratime noexec nolazytime norelatime nosuid relatime rootcontext strictatime suid sync"
)
_NFS_OPTIONS = (
    "ac acdirmax acdirmin acl acregmax acregmin actimeo bg clientaddr cto fg fsc hard intr local_lock lock "
    "lookupcache max_connect migration mountaddr mounthost mountport mountproto mountvers namlen nconnect noac noacl "
    "nocto nofsc nointr nolock nomigration nordirplus noresvport nosharecache nosoftreval notrunkdiscovery port proto "
    "rdirplus rdma resvport retrans retry rsize sec sharecache sloppy softreval tcp timeo trunkdiscovery udp wsize "
    "xprtsec"
)
_MOUNT_OPTIONS = frozenset(f"{_GENERIC_OPTIONS} {_NFS_OPTIONS}".split())
"""mount(8), "Filesystem-independent mount options", and nfs(5). Left out on purpose: the version, which is a setting of
its own; ``ro`` and ``rw``, which the access mode decides; ``soft`` and ``softerr``, with which a server that answers
late makes the kernel give MySQL an error for a write that may yet happen."""


def _mount_option(text: str) -> str:
    match = re.fullmatch(r"([a-z_]+)(=[A-Za-z0-9._:/-]+)?", text)
    if not match or match[1] not in _MOUNT_OPTIONS:
        raise ValueError("not a mount option that may be set")
    return text


def _export_path(text: str) -> str:
    if not re.fullmatch(r"/|(/[^/\s]+)+/?", text) or {"..", "."} & set(text.split("/")):
        raise ValueError("not an absolute path")
    return text.rstrip("/") or "/"


MountOption = Annotated[
    str,
    AfterValidator(_mount_option),
    Allowed(
        "one option of nfs(5) such as hard or rsize=1048576, without spaces and commas; the version is "
        "storage.version, ro and rw follow from storage.carbonappsAccessMode, soft and softerr would damage a database",
        "hard",
    ),
]
MountOptions = Annotated[list[MountOption], Field(examples=[["hard"]])]
MOUNT_OPTIONS = ("hard", "noatime")
"""Default of every NFS volume."""
NfsVersion = Literal["3", "4", "4.0", "4.1", "4.2"]
ExportPath = Annotated[
    str,
    AfterValidator(_export_path),
    Allowed("an absolute path without '..' and spaces", "/exports/wso2ei"),
]


def repeated_options(key: str, options: Sequence[str]) -> Iterator[Conflict]:
    """Mount options that are given twice, or with their opposite."""
    names = [option.partition("=")[0] for option in options]
    twice = {name for name in names if names.count(name) > 1 or f"no{name}" in names}
    if twice:
        expected = f"must hold no option twice or with its opposite: {', '.join(sorted(twice))}"
        yield Conflict(key, (), expected, {key: None})


class _Storage(Section):
    moved_from: Annotated[Text | None, Field(examples=["hostPath /var/lib/wso2ei/local"])] = None
    """Says that the data has been moved away from this place; needed for one update, on a stack whose data lies
    elsewhere. It must be what the output ``storage`` of the stack says as ``place``."""


class _SizedStorage(_Storage):
    mysql_size: Bytes = "8Gi"
    """Size of MySQL's volume. May grow, never shrink; with hostPath and nfs a number that nobody enforces."""
    carbonapps_size: Bytes = "1Gi"
    """Size of the volume of integration artifacts; as ``mysqlSize``."""


class HostPathStorage(_SizedStorage):
    """Folders on a node's own disk: for one-node clusters, or with ``node`` named."""

    kind: Literal["hostPath"]
    """A folder on a node."""
    path: AbsolutePath
    """Folder on the node; ``mysql`` and ``carbonapps`` below it are made where they are missing, belong to uid 999 and
    802, and stay after ``pulumi destroy``."""
    node: Annotated[ObjectName | None, Field(examples=["node-1"])] = None
    """Node that holds the folder (its label kubernetes.io/hostname); needed where the cluster has more than one: an
    update asks the cluster and is refused without it."""


class NfsStorage(_SizedStorage):
    """Folders of an NFS export. ``mysql`` and ``carbonapps`` must exist in it, owned by uid 999 and uid 802."""

    kind: Literal["nfs"]
    """Folders of an NFS export."""
    server: Annotated[Address, Field(examples=["nfs.example.com"])]
    """Host of the NFS server."""
    path: ExportPath
    """The export, or a folder of it; ``mysql`` and ``carbonapps`` below it stay after ``pulumi destroy``."""
    version: NfsVersion = "4.1"
    """NFS version of the mount."""
    mount_options: MountOptions = Field([*MOUNT_OPTIONS])
    """More mount options. A change reaches a pod when it starts again."""
    carbonapps_access_mode: Literal["ReadWriteMany", "ReadOnlyMany"] = "ReadWriteMany"
    """ReadOnlyMany: EI only reads integration artifacts, which somebody else puts there; the console cannot upload."""

    def conflicts(self) -> Iterator[Conflict]:
        """An option that is given twice, or with its opposite."""
        yield from repeated_options("storage.mountOptions", self.mount_options)


class ClaimStorage(_Storage):
    """PersistentVolumeClaims that exist already in the namespace."""

    kind: Literal["claim"]
    """Claims that exist."""
    mysql_claim: Annotated[ObjectName, Field(examples=["wso2ei-mysql"])]
    """Claim for MySQL's data."""
    carbonapps_claim: Annotated[ObjectName, Field(examples=["wso2ei-carbonapps"])]
    """Claim for integration artifacts."""
    carbonapps_access_mode: Literal["ReadWriteMany", "ReadOnlyMany", "ReadWriteOnce"] = "ReadWriteMany"
    """What the claim for integration artifacts offers. ReadOnlyMany: EI only reads; the console cannot upload.
    ReadWriteOnce: for one EI node, which an update then stops before it starts the next."""


class ClassStorage(_SizedStorage):
    """Volumes made by StorageClasses."""

    kind: Literal["class"]
    """Claims that StorageClasses fill."""
    mysql_class: Annotated[ObjectName, Field(examples=["standard"])]
    """StorageClass of MySQL's claim."""
    carbonapps_class: Annotated[ObjectName, Field(examples=["nfs-client"])]
    """StorageClass of the claim for integration artifacts."""
    mysql_access_mode: Literal["ReadWriteOnce", "ReadWriteOncePod"] = "ReadWriteOnce"
    """ReadWriteOncePod: one pod in the whole cluster, where the class has a CSI driver that can."""
    carbonapps_access_mode: Literal["ReadWriteMany", "ReadWriteOnce"] = "ReadWriteMany"
    """All EI nodes share the volume. ReadWriteOnce: for one EI node, which an update then stops before it starts the
    next."""
    retain: bool | None = None
    """Leave the claims in the namespace when the stack is destroyed. Default: true in a given namespace; one that the
    stack makes takes its claims along, and the class's ``reclaimPolicy`` says what becomes of the volumes."""


Storage = Annotated[HostPathStorage | NfsStorage | ClaimStorage | ClassStorage, Field(discriminator="kind")]
