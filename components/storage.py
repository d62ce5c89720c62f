"""``DataVolume``: one claim for data, on hostPath, NFS, an existing claim or a storage class.

Owns the PersistentVolumeClaim and, for hostPath and NFS, the PersistentVolume. Does not own the data: the folder
or export stays when the objects go, and is found again when they are made again.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from components import common


class DataVolumeArgs(TypedDict):
    """Inputs of ``DataVolume``. Which children exist depends on ``kind``, so all but ``namespace`` are plain."""

    kind: Literal["hostPath", "nfs", "claim", "class"]
    """Where the data lives."""
    namespace: pulumi.Input[str]
    """Namespace of the claim."""
    claim_name: str
    """Name of the claim: made, or (``claim``) existing."""
    access_mode: NotRequired[Literal["ReadWriteOnce", "ReadWriteMany"]]
    """Default ``ReadWriteOnce``."""
    size: NotRequired[str]
    """Kubernetes quantity; required unless ``kind`` is ``claim``."""
    path: NotRequired[str]
    """Folder on the node (hostPath) or in the export (nfs)."""
    node: NotRequired[str | None]
    """hostPath: the node that holds the folder."""
    server: NotRequired[str]
    """nfs: host of the NFS server."""
    mount_options: NotRequired[list[str]]
    """nfs: mount options, the version among them."""
    storage_class: NotRequired[str]
    """class: name of the StorageClass."""
    keep: NotRequired[bool]
    """Protect claim and volume from deletion."""


_REQUIRED = {
    "hostPath": ("size", "path"),
    "nfs": ("size", "path", "server"),
    "claim": (),
    "class": ("size", "storage_class"),
}


def volume_name(stack: str, namespace_and_claim: str) -> str:
    """PersistentVolumes have no namespace, so their name says project, stack and claim."""
    return f"wso2ei-{stack}-{namespace_and_claim}".lower()


def persistent_volume_spec(args: DataVolumeArgs) -> k8s.core.v1.PersistentVolumeSpecArgs:
    """The volume of a hostPath or NFS kind.

    ``storage_class_name`` is the empty string: left out, a default class would catch volume and claim.
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


class DataVolume(pulumi.ComponentResource):
    """One claim for data. See the module's text for what it owns."""

    claim_name: pulumi.Output[str]
    """Name of the bound claim."""
    needs_owner: bool
    """True where the folder is made root:root and a container must give it to the user that writes."""

    def __init__(self, name: str, args: DataVolumeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("wso2ei:index:DataVolume", name, {}, opts)
        missing = [field for field in _REQUIRED.get(args["kind"], ()) if not args.get(field)]
        if args["kind"] not in _REQUIRED:
            raise ValueError(f"DataVolume {name}: kind {args['kind']!r} is not one of {', '.join(_REQUIRED)}")
        if missing:
            raise ValueError(f"DataVolume {name}: kind {args['kind']} needs {', '.join(missing)}")
        self.needs_owner = args["kind"] == "hostPath"
        keep = args.get("keep", False)
        child = pulumi.ResourceOptions(parent=self, protect=keep or None)
        if args["kind"] == "claim":
            self.claim_name = pulumi.Output.from_input(args["claim_name"])
        else:
            self.claim_name = common.name_of(self._claim(name, args, child))
        self.register_outputs({"claim_name": self.claim_name})

    def _claim(
        self, name: str, args: DataVolumeArgs, child: pulumi.ResourceOptions
    ) -> k8s.core.v1.PersistentVolumeClaim:
        spec = k8s.core.v1.PersistentVolumeClaimSpecArgs(
            access_modes=[args.get("access_mode", "ReadWriteOnce")],
            resources=k8s.core.v1.VolumeResourceRequirementsArgs(requests={"storage": args["size"]}),
            storage_class_name=args.get("storage_class", ""),
        )
        if args["kind"] != "class":
            volume = k8s.core.v1.PersistentVolume(
                f"{name}-volume",
                metadata=k8s.meta.v1.ObjectMetaArgs(name=volume_name(pulumi.get_stack(), args["claim_name"])),
                spec=persistent_volume_spec(args),
                opts=child,
            )
            spec.volume_name = common.name_of(volume)
        return k8s.core.v1.PersistentVolumeClaim(
            f"{name}-claim",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=args["claim_name"], namespace=args["namespace"]),
            spec=spec,
            opts=child,
        )
