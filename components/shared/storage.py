"""``DataVolume``: one claim for data, on hostPath, NFS, an existing claim or a storage class.

Owns the PersistentVolumeClaim and, for hostPath and NFS, the PersistentVolume. Does not own the data: a folder or an
export stays when the objects go, and is found again when they are made again; what a storage class made goes with its
claim, unless ``retain`` leaves the claim behind.

Data that moves to another place, or gets another access mode, needs a claim of another name: pods go over to it, and
only then the old one goes. Under one name the old claim would have to go first, and waits for ever for the pods that
use it.
"""

from __future__ import annotations

import re
from typing import Literal, NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from components.shared import metadata, pods, volumes

Kind = Literal["hostPath", "nfs", "claim", "class"]
AccessMode = Literal["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany", "ReadOnlyMany"]


class DataVolumeArgs(TypedDict):
    """Inputs of ``DataVolume``. Which children exist depends on ``kind``, so all but ``namespace`` are plain."""

    kind: Kind
    """Where the data lives."""
    namespace: pulumi.Input[str]
    """Namespace of the claim."""
    claim_name: str
    """Name of the claim: made, or (``claim``) existing. The PersistentVolume is named after it."""
    access_mode: NotRequired[AccessMode]
    """Default ``ReadWriteOnce``. ``ReadOnlyMany``: pods get the volume read-only, also on an existing claim."""
    size: NotRequired[str]
    """Kubernetes quantity; required unless ``kind`` is ``claim``."""
    path: NotRequired[str]
    """Folder on the node (hostPath) or in the export (nfs)."""
    node: NotRequired[str | None]
    """hostPath: the node that holds the folder."""
    server: NotRequired[str]
    """nfs: host of the NFS server."""
    mount_options: NotRequired[list[str]]
    """nfs: mount options, the version among them. A change reaches a pod when it starts again."""
    storage_class: NotRequired[str]
    """class: name of the StorageClass."""
    keep: NotRequired[bool]
    """Protect claim and volume from deletion."""
    retain: NotRequired[bool]
    """class: deleting the claim from the stack leaves it, and the data, in the cluster."""


_REQUIRED = {
    "hostPath": ("size", "path"),
    "nfs": ("size", "path", "server"),
    "claim": (),
    "class": ("size", "storage_class"),
}


def volume_name(stack: str, claim: str) -> str:
    """PersistentVolumes have no namespace, so their name says program, stack and claim.

    A stack's name may hold what an object's name may not.
    """
    return "wso2ei-" + re.sub(r"[^a-z0-9.-]+", "-", f"{stack}-{claim}".lower())


def persistent_volume_spec(args: DataVolumeArgs) -> k8s.core.v1.PersistentVolumeSpecArgs:
    """The volume of a hostPath or NFS kind.

    ``storage_class_name`` is the empty string: left out, a default class would catch volume and claim. The capacity is
    a number that nobody enforces: what the disk or the export has is what there is.
    """
    spec = k8s.core.v1.PersistentVolumeSpecArgs(
        capacity={"storage": args["size"]},
        access_modes=[args.get("access_mode", "ReadWriteOnce")],
        persistent_volume_reclaim_policy="Retain",
        storage_class_name="",
    )
    if args["kind"] == "hostPath":
        spec.host_path = k8s.core.v1.HostPathVolumeSourceArgs(path=args["path"], type="DirectoryOrCreate")
        node = args.get("node")
        if node:
            spec.node_affinity = k8s.core.v1.VolumeNodeAffinityArgs(
                required=k8s.core.v1.NodeSelectorArgs(
                    node_selector_terms=[
                        k8s.core.v1.NodeSelectorTermArgs(
                            match_expressions=[
                                k8s.core.v1.NodeSelectorRequirementArgs(
                                    key="kubernetes.io/hostname", operator="In", values=[node]
                                )
                            ]
                        )
                    ]
                )
            )
    else:
        spec.nfs = k8s.core.v1.NFSVolumeSourceArgs(server=args["server"], path=args["path"])
        spec.mount_options = args.get("mount_options")
    return spec


def ownership_remedy(args: DataVolumeArgs, uid: int) -> str:
    """What to do when ``uid`` may not use the volume."""
    if args["kind"] == "nfs":
        return f"On {args['server']}: chown {uid}:{uid} {args['path']}, and export it writable for that user"
    where = f"claim {args['claim_name']}" if args["kind"] == "claim" else f"storage class {args['storage_class']}"
    return f"The volume of {where} does not take the pod's fsGroup: chown {uid}:{uid} its top folder"


class DataVolume(pulumi.ComponentResource):
    """One claim for data. See the module's text for what it owns."""

    claim_name: pulumi.Output[str]
    """Name of the claim; whoever uses it depends on the claim."""
    read_only: bool
    """Whether pods mount the volume read-only."""
    shared: bool
    """Whether pods on several nodes can use the volume at the same time."""

    def __init__(self, name: str, args: DataVolumeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("wso2ei:index:DataVolume", name, {}, opts)
        missing = [field for field in _REQUIRED.get(args["kind"], ()) if not args.get(field)]
        if args["kind"] not in _REQUIRED:
            raise ValueError(f"DataVolume {name}: kind {args['kind']!r} is not one of {', '.join(_REQUIRED)}")
        if missing:
            raise ValueError(f"DataVolume {name}: kind {args['kind']} needs {', '.join(missing)}")
        self._args = args
        mode = args.get("access_mode", "ReadWriteOnce")
        self.read_only, self.shared = mode == "ReadOnlyMany", mode in {"ReadOnlyMany", "ReadWriteMany"}
        if args["kind"] == "claim":
            self.claim_name = pulumi.Output.from_input(args["claim_name"])
        else:
            self.claim_name = metadata.name_of(self._claim(name, args))
        self.register_outputs({"claim_name": self.claim_name})

    def first_container(
        self, image: str, volume: str, programs: str, uid: int, *, what: str = ""
    ) -> k8s.core.v1.ContainerArgs:
        """The init container that must go first in a pod that mounts the volume.

        A hostPath folder is made root:root: it is given to ``uid``. Anywhere else the owner is somebody else's to set
        (``fsGroup`` does it for most storage classes, and never for NFS): it is checked, and said.

        :param image: has a shell and the usual commands.
        :param volume: the pod's volume of this claim.
        :param programs: the pod's volume that holds ``check_volume.sh``.
        :param what: part of the container's name, where a pod has several such volumes.
        """
        if self._args["kind"] == "hostPath":
            return pods.chown_container(image, volume, uid, what)
        return k8s.core.v1.ContainerArgs(
            name=f"check-volume-{what}" if what else "check-volume",
            image=image,
            command=["sh", f"{volumes.IN_POD_MOUNT}/check_volume.sh"],
            args=["/volume", "read" if self.read_only else "write", ownership_remedy(self._args, uid)],
            security_context=pods.container_security(),
            resources=pods.resources("10m", "16Mi"),
            volume_mounts=[
                volumes.mount(volume, "/volume", read_only=self.read_only or None),
                volumes.mount(programs, volumes.IN_POD_MOUNT, read_only=True),
            ],
            termination_message_policy="FallbackToLogsOnError",
        )

    def _claim(self, name: str, args: DataVolumeArgs) -> k8s.core.v1.PersistentVolumeClaim:
        child = pulumi.ResourceOptions(parent=self, protect=args.get("keep") or None)
        labels = metadata.labels("storage", name)
        spec = k8s.core.v1.PersistentVolumeClaimSpecArgs(
            access_modes=[args.get("access_mode", "ReadWriteOnce")],
            resources=k8s.core.v1.VolumeResourceRequirementsArgs(requests={"storage": args["size"]}),
            storage_class_name=args.get("storage_class", ""),
        )
        if args["kind"] == "class":
            own = pulumi.ResourceOptions(retain_on_delete=args.get("retain") or None)
        else:
            volume = k8s.core.v1.PersistentVolume(
                f"{name}-volume",
                metadata=k8s.meta.v1.ObjectMetaArgs(
                    name=volume_name(pulumi.get_stack(), args["claim_name"]), labels=labels
                ),
                spec=persistent_volume_spec(args),
                opts=child,
            )
            spec.volume_name = metadata.name_of(volume)
            # The API server grows a claim only when its StorageClass says so, and there is none here (admission plugin
            # PersistentVolumeClaimResize). The volume grows; the claim keeps what it asked for when it was made.
            own = pulumi.ResourceOptions(ignore_changes=["spec.resources"])
        return k8s.core.v1.PersistentVolumeClaim(
            f"{name}-claim",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=args["claim_name"], namespace=args["namespace"], labels=labels),
            spec=spec,
            opts=pulumi.ResourceOptions.merge(child, own),
        )
