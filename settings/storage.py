"""The section ``storage``: where the stack's data is kept. One model for each kind. See docs/storage.md.

A model owns all that its kind decides: arguments and place of the volumes, and what remains after ``pulumi destroy``.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, get_args

import pulumi
from pydantic import AfterValidator, Field

from components.shared.storage import AccessMode, DataVolumeArgs, SourceArgs
from settings.types import AbsolutePath, Address, Allowed, Bytes, Conflict, ObjectName, Section, Text

Purpose = Literal["mysql", "carbonapps", "deployment", "backup"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
"""The volumes of a stack: MySQL's data, with one writer; EI's integration artifacts, which all nodes read; where nodes
share it, what the console makes; and MySQL's backups, with one writer."""
SHARED: tuple[Purpose, ...] = ("carbonapps", "deployment")
"""The volumes that all EI nodes mount."""
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


def nfs_options(version: NfsVersion, options: Sequence[str]) -> list[str]:
    """Return all mount options of an NFS volume."""
    return [f"nfsvers={version}", *options]


def repeated_options(key: str, options: Sequence[str]) -> Iterator[Conflict]:
    """Mount options that are given twice, or with their opposite."""
    names = [option.partition("=")[0] for option in options]
    twice = {name for name in names if names.count(name) > 1 or f"no{name}" in names}
    if twice:
        expected = f"must hold no option twice or with its opposite: {', '.join(sorted(twice))}"
        yield Conflict(key, (), expected, {key: None})


class _Storage(Section):
    moved_from: Annotated[Text | None, Field(examples=["hostPath /var/lib/wso2ei/local"])] = None
    """States that the data has been moved away from this place; required for the one update that moves. It must repeat
    ``place`` of the stack's output ``storage``."""

    @abstractmethod
    def place(self, purpose: Purpose) -> str:
        """Return the place of one volume's data; it changes when, and only when, the data would have to be moved.

        A hostPath's node is not part of it: naming the node for the first time moves nothing.
        """

    @abstractmethod
    def places(self, purposes: Sequence[Purpose]) -> str:
        """Return the place of all data, in one line."""

    @abstractmethod
    def kept(self, purpose: Purpose, namespace: str, claim: str, *, created: bool) -> str:
        """Return what remains of one volume's data after ``pulumi destroy``, in words.

        :param created: the stack makes the namespace, and deletes it.
        """

    @abstractmethod
    def _source(self, purpose: Purpose, *, created: bool) -> SourceArgs:
        """Return what the volume's data is kept on."""

    def access_mode(self, purpose: Purpose) -> AccessMode:
        """Return how pods mount the volume; where it is no setting, EI's nodes share one and MySQL's has one writer."""
        default: AccessMode = "ReadWriteMany" if purpose in SHARED else "ReadWriteOnce"
        return getattr(self, f"{purpose}_access_mode", default)

    def size(self, purpose: Purpose) -> str | None:
        """Return the size of the volume; ``None`` for a claim that exists."""
        return None

    def existing_claim(self, purpose: Purpose) -> str | None:
        """Return the name of the claim that exists already, if there is one."""
        return None

    def volume(
        self, purpose: Purpose, claim: str, namespace: pulumi.Input[str], *, protect: bool, created: bool
    ) -> DataVolumeArgs:
        """Return the arguments of one volume.

        :param claim: name of the claim, where the stack makes it.
        :param created: as in ``kept``.
        """
        return {
            **self._source(purpose, created=created),
            "namespace": namespace,
            "claim_name": self.existing_claim(purpose) or claim,
            "access_mode": self.access_mode(purpose),
            "keep": protect,
        }


class _SizedStorage(_Storage):
    mysql_size: Bytes = "8Gi"
    """Size of MySQL's volume. May grow, never shrink; with hostPath and nfs a number that is not enforced."""
    carbonapps_size: Bytes = "1Gi"
    """Size of the volume of integration artifacts; as ``mysqlSize``."""
    deployment_size: Bytes = "1Gi"
    """Size of the volume of the shared deployment folder (``ei.deployment``); as ``mysqlSize``."""
    backup_size: Bytes = "8Gi"
    """Size of the volume of ``mysql.backup``; as ``mysqlSize``."""

    def size(self, purpose: Purpose) -> str:
        """Return the size of the volume."""
        return str(getattr(self, f"{purpose}_size"))


class HostPathStorage(_SizedStorage):
    """Folders on a node's own disk: for one-node clusters, or with ``node`` named."""

    kind: Literal["hostPath"]
    """A folder on a node."""
    path: AbsolutePath
    """Folder on the node; ``mysql``, ``carbonapps``, ``deployment`` and ``backup`` below it are made where they are
    missing, belong to uid 999 (MySQL and its backups) and 802 (EI), and stay after ``pulumi destroy``."""
    node: Annotated[ObjectName | None, Field(examples=["node-1"])] = None
    """Node that holds the folder (its label kubernetes.io/hostname); required where the cluster has more than one: an
    update queries the cluster and is rejected without it."""

    def place(self, purpose: Purpose) -> str:
        """Return the folder."""
        return f"hostPath {self._folder(purpose)}"

    def places(self, purposes: Sequence[Purpose]) -> str:
        """Return the folder above the volumes, and its node."""
        return f"hostPath {self.path}" + (f" on {self.node}" if self.node else "")

    def kept(self, purpose: Purpose, namespace: str, claim: str, *, created: bool) -> str:
        """Return the folder, which stays."""
        return f"{self._folder(purpose)} on {f'node {self.node}' if self.node else 'the node'}"

    def _source(self, purpose: Purpose, *, created: bool) -> SourceArgs:
        return {"kind": "hostPath", "path": self._folder(purpose), "node": self.node, "size": self.size(purpose)}

    def _folder(self, purpose: Purpose) -> str:
        return f"{self.path}/{purpose}"


class NfsStorage(_SizedStorage):
    """Folders of an NFS export. ``mysql``, ``carbonapps`` and (``ei.deployment`` shared) ``deployment`` must exist,
    owned by uid 999 (MySQL) and uid 802 (EI); with ``mysql.backup`` also ``backup``, owned by uid 999."""

    kind: Literal["nfs"]
    """Folders of an NFS export."""
    server: Annotated[Address, Field(examples=["nfs.example.com"])]
    """Host of the NFS server."""
    path: ExportPath
    """The export, or a folder of it; ``mysql``, ``carbonapps``, ``deployment`` and ``backup`` in it stay after
    ``pulumi destroy``."""
    version: NfsVersion = "4.1"
    """NFS version of the mount."""
    mount_options: MountOptions = Field([*MOUNT_OPTIONS])
    """More mount options. A change reaches a pod when it starts again."""
    carbonapps_access_mode: Literal["ReadWriteMany", "ReadOnlyMany"] = "ReadWriteMany"
    """ReadOnlyMany: EI only reads integration artifacts, which a pipeline, for example, puts there; the console cannot
    upload."""

    def conflicts(self) -> Iterator[Conflict]:
        """Report an option that is given twice, or with its opposite."""
        yield from repeated_options("storage.mountOptions", self.mount_options)

    def place(self, purpose: Purpose) -> str:
        """Return server and folder."""
        return f"nfs {self.server}:{self._folder(purpose)}"

    def places(self, purposes: Sequence[Purpose]) -> str:
        """Return server and export."""
        return f"nfs {self.server}:{self.path}"

    def kept(self, purpose: Purpose, namespace: str, claim: str, *, created: bool) -> str:
        """Return the folder, which stays."""
        return f"{self.server}:{self._folder(purpose)}"

    def _source(self, purpose: Purpose, *, created: bool) -> SourceArgs:
        return {
            "kind": "nfs",
            "server": self.server,
            "path": self._folder(purpose),
            "mount_options": nfs_options(self.version, self.mount_options),
            "size": self.size(purpose),
        }

    def _folder(self, purpose: Purpose) -> str:
        return f"{self.path.rstrip('/')}/{purpose}"


class ClaimStorage(_Storage):
    """PersistentVolumeClaims that exist already in the namespace."""

    kind: Literal["claim"]
    """Claims that exist."""
    mysql_claim: Annotated[ObjectName | None, Field(examples=["wso2ei-mysql"])]
    """Claim for MySQL's data. Required, except with ``mysql.external``."""
    carbonapps_claim: Annotated[ObjectName | None, Field(examples=["wso2ei-carbonapps"])]
    """Claim for integration artifacts. Required, except with ``ei.carbonAppsFolder`` unused."""
    backup_claim: Annotated[ObjectName | None, Field(examples=["wso2ei-backup"])] = None
    """Claim for the backups of MySQL. Required with ``mysql.backup``."""
    carbonapps_access_mode: Literal["ReadWriteMany", "ReadOnlyMany", "ReadWriteOnce"] = "ReadWriteMany"
    """What the claim for integration artifacts offers. ReadOnlyMany: EI only reads; the console cannot upload.
    ReadWriteOnce: for one EI node, which an update then stops before it starts the next."""
    deployment_claim: Annotated[ObjectName | None, Field(examples=["wso2ei-deployment"])] = None
    """Claim for the shared deployment folder. Required with ``ei.deployment`` shared."""
    deployment_access_mode: Literal["ReadWriteMany", "ReadWriteOnce"] = "ReadWriteMany"
    """What that claim offers. ReadWriteOnce: as for ``carbonappsAccessMode``."""

    def existing_claim(self, purpose: Purpose) -> str:
        """Return the name of the claim, which every volume of the stack has (``cross_checks``)."""
        return getattr(self, f"{purpose}_claim") or ""

    def place(self, purpose: Purpose) -> str:
        """Return the claim."""
        return f"claim {self.existing_claim(purpose)}"

    def places(self, purposes: Sequence[Purpose]) -> str:
        """Return the claims."""
        return f"claim {' and '.join(map(self.existing_claim, purposes))}"

    def kept(self, purpose: Purpose, namespace: str, claim: str, *, created: bool) -> str:
        """Return the claim, which is not the stack's to delete."""
        return f"claim {namespace}/{self.existing_claim(purpose)}"

    def _source(self, purpose: Purpose, *, created: bool) -> SourceArgs:
        return {"kind": "claim"}


class ClassStorage(_SizedStorage):
    """Volumes made by StorageClasses."""

    kind: Literal["class"]
    """Claims that StorageClasses fill."""
    mysql_class: Annotated[ObjectName | None, Field(examples=["standard"])]
    """StorageClass of MySQL's claim. Required, except with ``mysql.external``."""
    carbonapps_class: Annotated[ObjectName | None, Field(examples=["nfs-client"])]
    """StorageClass of the claim for integration artifacts. Required, except with ``ei.carbonAppsFolder`` unused."""
    backup_class: Annotated[ObjectName | None, Field(examples=["standard"])] = None
    """StorageClass of the claim for the backups of MySQL. Required with ``mysql.backup``."""
    mysql_access_mode: Literal["ReadWriteOnce", "ReadWriteOncePod"] = "ReadWriteOnce"
    """ReadWriteOncePod: one pod in the whole cluster, where the class has a CSI driver that can."""
    carbonapps_access_mode: Literal["ReadWriteMany", "ReadWriteOnce"] = "ReadWriteMany"
    """All EI nodes share the volume. ReadWriteOnce: for one EI node, which an update then stops before it starts the
    next."""
    deployment_class: Annotated[ObjectName | None, Field(examples=["nfs-client"])] = None
    """StorageClass of the claim for the shared deployment folder. Required with ``ei.deployment`` shared."""
    deployment_access_mode: Literal["ReadWriteMany", "ReadWriteOnce"] = "ReadWriteMany"
    """As ``carbonappsAccessMode``."""
    retain: bool | None = None
    """Leave the claims in the namespace when the stack is destroyed. Default: true in an existing namespace; one that
    the stack makes takes its claims along, and the class's ``reclaimPolicy`` decides on the volumes."""

    def place(self, purpose: Purpose) -> str:
        """Return class and access mode: another mode needs another claim, which gets another volume."""
        return f"class {self.storage_class(purpose)} ({self.access_mode(purpose)})"

    def places(self, purposes: Sequence[Purpose]) -> str:
        """Return the classes."""
        return f"class {' and '.join(map(self.storage_class, purposes))}"

    def kept(self, purpose: Purpose, namespace: str, claim: str, *, created: bool) -> str:
        """Return the claim where it is retained, else what decides on the volume."""
        if self._retains(created):
            return f"claim {namespace}/{claim} (to use it again: storage kind claim, {purpose}Claim {claim})"
        return (
            f"nothing of {purpose}: its volume goes with its claim, unless the class {self.storage_class(purpose)} has "
            "reclaimPolicy Retain"
        )

    def _source(self, purpose: Purpose, *, created: bool) -> SourceArgs:
        return {
            "kind": "class",
            "storage_class": self.storage_class(purpose),
            "size": self.size(purpose),
            "retain": self._retains(created),
        }

    def storage_class(self, purpose: Purpose) -> str:
        """Return the class, which every volume of the stack has (``cross_checks``)."""
        return getattr(self, f"{purpose}_class") or ""

    def _retains(self, created: bool) -> bool:
        return not created if self.retain is None else self.retain


Storage = Annotated[HostPathStorage | NfsStorage | ClaimStorage | ClassStorage, Field(discriminator="kind")]
