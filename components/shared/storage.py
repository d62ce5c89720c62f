"""``DataVolume``: one claim for data, on hostPath, NFS, an existing claim or a StorageClass.

Owns the PersistentVolumeClaim and, for hostPath and NFS, the PersistentVolume. Does not own the data: a folder or an
export stays when the objects are deleted and is used again when they are created again; a volume of a StorageClass is
deleted with its claim, unless ``retain`` keeps the claim.

Data that moves to another place, or gets another access mode, needs a claim with another name: pods switch to it
before the old claim is deleted. Under the same name the old claim would have to be deleted first, which waits for the
pods that use it.
"""

from __future__ import annotations

import re
from typing import Literal, NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from components.shared import metadata, pods, volumes

Kind = Literal["hostPath", "nfs", "claim", "class"]
AccessMode = Literal["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany", "ReadOnlyMany"]


class SourceArgs(TypedDict):
    """What a volume's data is kept on. Which fields are required depends on ``kind``."""

    kind: Kind
    """Kind of storage."""
    size: NotRequired[str]
    """Kubernetes quantity; required unless ``kind`` is ``claim``."""
    path: NotRequired[str]
    """hostPath: folder on the node. nfs: the export or a folder in it."""
    node: NotRequired[str | None]
    """hostPath: label kubernetes.io/hostname of the node with the folder; default any node."""
    server: NotRequired[str]
    """nfs: host name or address of the server."""
    mount_options: NotRequired[list[str]]
    """nfs: mount options, including the version. A change takes effect when a pod restarts."""
    storage_class: NotRequired[str]
    """class: the StorageClass."""
    retain: NotRequired[bool]
    """class: keep the claim, and the data, in the cluster when it is removed from the stack."""


class DataVolumeArgs(SourceArgs):
    """Inputs of ``DataVolume``. They decide which children exist, so all but ``namespace`` are plain."""

    namespace: pulumi.Input[str]
    """Namespace of the claim."""
    claim_name: str
    """Name of the claim, created or (``claim``) existing. The PersistentVolume is named after it."""
    access_mode: NotRequired[AccessMode]
    """Default ``ReadWriteOnce``. With ``ReadOnlyMany`` pods mount the volume read-only, an existing claim too."""
    keep: NotRequired[bool]
    """Protect claim and volume from deletion."""


_REQUIRED = {
    "hostPath": ("size", "path"),
    "nfs": ("size", "path", "server"),
    "claim": (),
    "class": ("size", "storage_class"),
}


def volume_name(stack: str, claim: str) -> str:
    """Name of a claim's PersistentVolume: unique in the cluster by program, stack and claim.

    Characters of the stack's name that are invalid in an object's name become ``-``.
    """
    return "wso2ei-" + re.sub(r"[^a-z0-9.-]+", "-", f"{stack}-{claim}".lower())


def persistent_volume_spec(args: DataVolumeArgs) -> k8s.core.v1.PersistentVolumeSpecArgs:
    """PersistentVolume of kind hostPath or nfs, reserved for the claim of ``args``.

    ``storage_class_name`` is empty, not omitted: a default StorageClass would otherwise apply. The capacity is not
    enforced for these kinds; the disk or the export limits the data.
    """
    spec = k8s.core.v1.PersistentVolumeSpecArgs(
        capacity={"storage": args["size"]},
        access_modes=[args.get("access_mode", "ReadWriteOnce")],
        persistent_volume_reclaim_policy="Retain",
        storage_class_name="",
        # Without it any claim with a matching request may bind the volume first.
        claim_ref=k8s.core.v1.ObjectReferenceArgs(namespace=args["namespace"], name=args["claim_name"]),
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


def ownership_fix(args: DataVolumeArgs, uid: int) -> str:
    """The command, or the setting, that gives ``uid`` access to the volume."""
    if args["kind"] == "nfs":
        return f"On {args['server']}: chown {uid}:{uid} {args['path']}, and export it writable for that user"
    where = f"claim {args['claim_name']}" if args["kind"] == "claim" else f"storage class {args['storage_class']}"
    return f"The volume of {where} does not take the pod's fsGroup: chown {uid}:{uid} its top folder"


class DataVolume(pulumi.ComponentResource):
    """One claim for data. The module's docstring lists what it owns.

    :raises ValueError: for an unknown ``kind`` and for missing arguments.
    """

    claim_name: pulumi.Output[str]
    """Name of the claim; using it adds a dependency on the claim."""
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
            raise ValueError(f"DataVolume {name}: kind {args['kind']} requires {', '.join(missing)}")
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
        """First init container of a pod that mounts the volume: sets (hostPath) or checks the owner.

        Other kinds get their owner elsewhere: from ``fsGroup`` with most StorageClasses, on the server with NFS. There
        the container fails with the command that fixes it.

        :param image: image with a POSIX shell and coreutils.
        :param volume: the pod's volume of this claim.
        :param programs: the pod's volume with ``check_volume.sh``.
        :param what: suffix of the container's name in a pod with several such volumes.
        """
        if self._args["kind"] == "hostPath":
            return pods.chown_container(image, volume, uid, what)
        return k8s.core.v1.ContainerArgs(
            name=f"check-volume-{what}" if what else "check-volume",
            image=image,
            command=["sh", f"{volumes.IN_POD_MOUNT}/check_volume.sh"],
            args=["/volume", "read" if self.read_only else "write", ownership_fix(self._args, uid)],
            security_context=pods.container_security(),
            resources=pods.resources("10m", pods.SMALLEST_MEMORY),
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
            # The API server rejects a larger request without a StorageClass that allows expansion (admission plugin
            # PersistentVolumeClaimResize). The volume grows; the claim keeps its first request.
            own = pulumi.ResourceOptions(ignore_changes=["spec.resources"])
        return k8s.core.v1.PersistentVolumeClaim(
            f"{name}-claim",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=args["claim_name"], namespace=args["namespace"], labels=labels),
            spec=spec,
            opts=pulumi.ResourceOptions.merge(child, own),
        )
