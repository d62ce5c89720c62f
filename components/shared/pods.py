"""Security contexts, resources and containers that pods of several components share. Pure functions."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as k8s

from components.shared.volumes import mount

SMALLEST_MEMORY = "64Mi"
"""Memory of containers that run a short command; with 16Mi runc's own start can run out of memory."""


def pod_security(uid: int, gid: int | None = None) -> k8s.core.v1.PodSecurityContextArgs:
    """Pod-level security context for Pod Security *restricted*.

    ``OnRootMismatch`` avoids a walk over every file of a large volume at each start.

    :param gid: group of the process and of volumes; default ``uid``.
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
    """Container-level security context: no privilege escalation, all capabilities dropped except ``add``."""
    return k8s.core.v1.SecurityContextArgs(
        allow_privilege_escalation=False,
        capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"], add=list(add) or None),
        read_only_root_filesystem=read_only,
        run_as_user=uid,
    )


def chown_container(image: pulumi.Input[str], volume: str, uid: int, what: str = "") -> k8s.core.v1.ContainerArgs:
    """Init container that sets the owner of a hostPath volume's top folder; the only container that runs as root.

    The kubelet makes a hostPath folder as root:root, and ``fsGroup`` does not apply (kubernetes/kubernetes#138411).
    Not recursive: ``uid`` itself has written the content.

    :param what: suffix of the container's name in a pod with several such volumes.
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
        resources=resources("10m", SMALLEST_MEMORY),
        volume_mounts=[mount(volume, "/volume")],
        termination_message_policy="FallbackToLogsOnError",
    )


def resources(
    cpu: str,
    memory: str,
    *,
    cpu_limit: str | None = None,
    memory_limit: str | None = None,
    disk: str | None = None,
    disk_limit: str | None = None,
) -> k8s.core.v1.ResourceRequirementsArgs:
    """Requests and limits of CPU and memory; a namespace with a ResourceQuota rejects a container that lacks one.

    :param cpu_limit: default one CPU.
    :param memory_limit: default the request.
    :param disk: ephemeral storage: logs, emptyDir volumes, the writable layer; default not limited.
    :param disk_limit: default ``disk``.
    """
    requests, limits = {"cpu": cpu, "memory": memory}, {"cpu": cpu_limit or "1", "memory": memory_limit or memory}
    if disk:
        requests["ephemeral-storage"], limits["ephemeral-storage"] = disk, disk_limit or disk
    return k8s.core.v1.ResourceRequirementsArgs(requests=requests, limits=limits)


def pull_secrets(name: str | None) -> list[k8s.core.v1.LocalObjectReferenceArgs] | None:
    """Return ``imagePullSecrets`` of a pod, or ``None`` without a Secret."""
    return [k8s.core.v1.LocalObjectReferenceArgs(name=name)] if name else None


def from_pod(name: str, field: str) -> k8s.core.v1.EnvVarArgs:
    """Environment variable from a field of the pod."""
    reference = k8s.core.v1.ObjectFieldSelectorArgs(field_path=field)
    return k8s.core.v1.EnvVarArgs(name=name, value_from=k8s.core.v1.EnvVarSourceArgs(field_ref=reference))
