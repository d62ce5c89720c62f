"""What all components share: labels, security contexts, pod defaults, files for ConfigMaps, spec hashes.

Pure functions; no resource is made here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

IN_POD = Path(__file__).parents[1] / "in_pod"
IN_POD_MOUNT = "/in_pod"
API_ACCESS_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where every client of the Kubernetes API looks for its token and the cluster's CA."""
CLUSTER_CA = "kube-root-ca.crt"
"""ConfigMap that the cluster keeps in every namespace; its key ``ca.crt`` is the API server's CA."""


def labels(name: str, component: str, part_of: str = "wso2ei") -> dict[str, str]:
    """The recommended labels (kubernetes.io, "Recommended Labels") that also select the pods.

    :param name: the application: ``mysql``, ``nginx-ingress`` or ``wso2ei``.
    :param component: its part in the stack; must be unique for one owner in a namespace.
    """
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": part_of,
    }


def pod_security(uid: int, gid: int | None = None) -> k8s.core.v1.PodSecurityContextArgs:
    """Pod-level context that passes Pod Security *restricted*; volumes belong to ``gid`` (default: ``uid``).

    ``OnRootMismatch`` spares large volumes a walk over every file at each start.
    """
    group = uid if gid is None else gid
    return k8s.core.v1.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=uid,
        run_as_group=group,
        fs_group=group,
        fs_group_change_policy="OnRootMismatch",
        seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
    )


def container_security(
    *, read_only: bool = True, add: tuple[str, ...] = (), uid: int | None = None
) -> k8s.core.v1.SecurityContextArgs:
    """Container-level context: no privilege escalation, all capabilities dropped but ``add``."""
    return k8s.core.v1.SecurityContextArgs(
        allow_privilege_escalation=False,
        capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"], add=list(add) or None),
        read_only_root_filesystem=read_only,
        run_as_user=uid,
    )


def chown_container(image: pulumi.Input[str], volume: str, uid: int, what: str = "") -> k8s.core.v1.ContainerArgs:
    """The one container that runs as root: gives the top folder of a hostPath volume to ``uid``.

    A hostPath folder is made root:root and ``fsGroup`` does not apply to it (kubernetes/kubernetes#138411 and its
    elders). Not recursive: what is below was written by ``uid`` itself.

    :param what: part of the container's name, where a pod has several such volumes.
    """
    return k8s.core.v1.ContainerArgs(
        name=f"own-folder-{what}" if what else "own-folder",
        image=image,
        command=["chown", f"{uid}:{uid}", "/volume"],
        security_context=k8s.core.v1.SecurityContextArgs(
            run_as_user=0,
            run_as_group=0,
            run_as_non_root=False,
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"], add=["CHOWN"]),
        ),
        resources=resources("10m", "16Mi"),
        volume_mounts=[mount(volume, "/volume")],
        termination_message_policy="FallbackToLogsOnError",
    )


def resources(
    cpu: str, memory: str, *, cpu_limit: str | None = None, memory_limit: str | None = None
) -> k8s.core.v1.ResourceRequirementsArgs:
    """Requests and limits, all four: a namespace with a ResourceQuota refuses a container that leaves one out.

    :param cpu_limit: default one CPU, enough for the short programs that say nothing.
    :param memory_limit: default the request.
    """
    limits = {"cpu": cpu_limit or "1", "memory": memory_limit or memory}
    return k8s.core.v1.ResourceRequirementsArgs(requests={"cpu": cpu, "memory": memory}, limits=limits)


def mount(
    name: str, path: str, *, sub_path: str | None = None, read_only: bool | None = None
) -> k8s.core.v1.VolumeMountArgs:
    """A volume mount."""
    return k8s.core.v1.VolumeMountArgs(name=name, mount_path=path, sub_path=sub_path, read_only=read_only)


def empty_dir(name: str, size: str | None = None, *, memory: bool = False) -> k8s.core.v1.VolumeArgs:
    """A volume that lives as long as the pod, at most ``size``; in ``memory`` it counts to its containers' memory."""
    source = k8s.core.v1.EmptyDirVolumeSourceArgs(size_limit=size, medium="Memory" if memory else None)
    return k8s.core.v1.VolumeArgs(name=name, empty_dir=source)


def secret_volume(name: str, secret: pulumi.Input[str], keys: Sequence[str] | None = None) -> k8s.core.v1.VolumeArgs:
    """A Secret's keys as files, readable by the pod's group only; ``keys``: these alone, and all of them must exist."""
    items = [k8s.core.v1.KeyToPathArgs(key=key, path=key) for key in keys] if keys else None
    return k8s.core.v1.VolumeArgs(
        name=name, secret=k8s.core.v1.SecretVolumeSourceArgs(secret_name=secret, default_mode=0o440, items=items)
    )


def config_map_volume(name: str, config_map: pulumi.Input[str]) -> k8s.core.v1.VolumeArgs:
    """A ConfigMap's keys as files."""
    return k8s.core.v1.VolumeArgs(
        name=name, config_map=k8s.core.v1.ConfigMapVolumeSourceArgs(name=config_map, default_mode=0o444)
    )


def claim_volume(name: str, claim: pulumi.Input[str]) -> k8s.core.v1.VolumeArgs:
    """A PersistentVolumeClaim."""
    return k8s.core.v1.VolumeArgs(
        name=name,
        persistent_volume_claim=k8s.core.v1.PersistentVolumeClaimVolumeSourceArgs(claim_name=claim),
    )


def api_access_volume(name: str) -> k8s.core.v1.VolumeArgs:
    """What a client of the Kubernetes API looks for at ``API_ACCESS_MOUNT``: token, the cluster's CA, the namespace.

    The same files as the token that is mounted by default, but only in the containers that mount the volume: that one
    reaches every container of the pod. The kubelet renews the token.
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


def from_pod(name: str, field: str) -> k8s.core.v1.EnvVarArgs:
    """An environment variable from the pod's own fields."""
    reference = k8s.core.v1.ObjectFieldSelectorArgs(field_path=field)
    return k8s.core.v1.EnvVarArgs(name=name, value_from=k8s.core.v1.EnvVarSourceArgs(field_ref=reference))


def no_clients_spec(selector: dict[str, str]) -> k8s.networking.v1.NetworkPolicySpecArgs:
    """A NetworkPolicy for pods that ask others and that nobody has to ask."""
    return k8s.networking.v1.NetworkPolicySpecArgs(
        pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector), policy_types=["Ingress"], ingress=[]
    )


def allow(
    peers: Sequence[k8s.networking.v1.NetworkPolicyPeerArgs] | None, *ports: int
) -> k8s.networking.v1.NetworkPolicyIngressRuleArgs:
    """A rule of a NetworkPolicy: ``peers`` reach TCP ``ports``; ``None``: whoever reaches the pod."""
    return k8s.networking.v1.NetworkPolicyIngressRuleArgs(
        from_=peers,
        ports=[k8s.networking.v1.NetworkPolicyPortArgs(port=port, protocol="TCP") for port in ports],
    )


def programs(*names: str) -> dict[str, str]:
    """Files of ``components/in_pod`` as ConfigMap data."""
    return {name: (IN_POD / name).read_text(encoding="utf-8") for name in names}


def name_of(resource: pulumi.CustomResource) -> pulumi.Output[str]:
    """The Kubernetes name of an object, auto-named or not; whoever uses it depends on the object."""
    name: pulumi.Output[str] = resource.metadata["name"]  # type: ignore[attr-defined] # every object has metadata
    return name


def spec_hash(values: Mapping[str, pulumi.Input[Any]]) -> pulumi.Output[str]:
    """A short hash of resolved inputs; it changes when one of them does. Values must not be secret."""
    return pulumi.Output.json_dumps(dict(values), sort_keys=True).apply(
        lambda text: hashlib.sha256(text.encode()).hexdigest()[:16]
    )


def rotated(rotation: str | None) -> dict[str, str] | None:
    """Annotations of a pod template that must change when a Secret's content did under the same name."""
    return {"wso2ei/secrets-rotated": rotation} if rotation else None


def timeouts(minutes: int) -> pulumi.CustomTimeouts:
    """How long create and update may take."""
    return pulumi.CustomTimeouts(create=f"{minutes}m", update=f"{minutes}m")
