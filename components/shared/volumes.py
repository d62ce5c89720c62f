"""Volumes of pods, their mounts, and the programs of ``components/in_pod`` as ConfigMap data. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

IN_POD = Path(__file__).parents[1] / "in_pod"
IN_POD_MOUNT = "/in_pod"
API_ACCESS_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Default path of token and CA in every client of the Kubernetes API."""
CLUSTER_CA = "kube-root-ca.crt"
"""ConfigMap that Kubernetes publishes in every namespace; its key ``ca.crt`` is the API server's CA."""


def mount(
    name: str, path: str, *, sub_path: str | None = None, read_only: bool | None = None
) -> k8s.core.v1.VolumeMountArgs:
    """Mount of a volume of the pod."""
    return k8s.core.v1.VolumeMountArgs(name=name, mount_path=path, sub_path=sub_path, read_only=read_only)


def empty_dir(name: str, size: str | None = None, *, memory: bool = False) -> k8s.core.v1.VolumeArgs:
    """emptyDir volume of at most ``size``; with ``memory`` its content counts towards the containers' memory limits."""
    source = k8s.core.v1.EmptyDirVolumeSourceArgs(size_limit=size, medium="Memory" if memory else None)
    return k8s.core.v1.VolumeArgs(name=name, empty_dir=source)


def secret_volume(name: str, secret: pulumi.Input[str], keys: Sequence[str] | None = None) -> k8s.core.v1.VolumeArgs:
    """Secret as files that only the pod's group can read.

    :param keys: the only keys to mount, all required; default every key that exists.
    """
    items = [k8s.core.v1.KeyToPathArgs(key=key, path=key) for key in keys] if keys else None
    return k8s.core.v1.VolumeArgs(
        name=name, secret=k8s.core.v1.SecretVolumeSourceArgs(secret_name=secret, default_mode=0o440, items=items)
    )


def config_map_volume(name: str, config_map: pulumi.Input[str]) -> k8s.core.v1.VolumeArgs:
    """ConfigMap as files."""
    return k8s.core.v1.VolumeArgs(
        name=name, config_map=k8s.core.v1.ConfigMapVolumeSourceArgs(name=config_map, default_mode=0o444)
    )


def claim_volume(name: str, claim: pulumi.Input[str]) -> k8s.core.v1.VolumeArgs:
    """Volume of a PersistentVolumeClaim."""
    return k8s.core.v1.VolumeArgs(
        name=name,
        persistent_volume_claim=k8s.core.v1.PersistentVolumeClaimVolumeSourceArgs(claim_name=claim),
    )


def api_access_volume(name: str) -> k8s.core.v1.VolumeArgs:
    """Volume for ``API_ACCESS_MOUNT``: token, the cluster's CA and the namespace.

    Replaces the default mount, which every container of the pod would get. The kubelet renews the token, which is
    valid for an hour.
    """
    return k8s.core.v1.VolumeArgs(
        name=name,
        projected=k8s.core.v1.ProjectedVolumeSourceArgs(
            sources=[
                k8s.core.v1.VolumeProjectionArgs(
                    service_account_token=k8s.core.v1.ServiceAccountTokenProjectionArgs(
                        path="token", expiration_seconds=3600
                    )
                ),
                k8s.core.v1.VolumeProjectionArgs(
                    config_map=k8s.core.v1.ConfigMapProjectionArgs(
                        name=CLUSTER_CA, items=[k8s.core.v1.KeyToPathArgs(key="ca.crt", path="ca.crt")]
                    )
                ),
                k8s.core.v1.VolumeProjectionArgs(
                    downward_api=k8s.core.v1.DownwardAPIProjectionArgs(
                        items=[
                            k8s.core.v1.DownwardAPIVolumeFileArgs(
                                path="namespace",
                                field_ref=k8s.core.v1.ObjectFieldSelectorArgs(field_path="metadata.namespace"),
                            )
                        ]
                    )
                ),
            ]
        ),
    )


def programs(*names: str) -> dict[str, str]:
    """Read files of ``components/in_pod`` as ConfigMap data."""
    return {name: (IN_POD / name).read_text(encoding="utf-8") for name in names}
