"""The namespace of a stack: made with its Pod Security level, or an existing one."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as k8s

from components.scc_binding import SccBinding
from settings.model import Settings
from stack import names


def make_namespace(settings: Settings, opts: pulumi.ResourceOptions) -> pulumi.Input[str]:
    """Make what the namespace needs and return its name; what uses the name depends on all of it."""
    namespace: pulumi.Input[str] = settings.namespace.name
    if settings.namespace.create:
        level = _pod_security_level(settings)
        namespace = k8s.core.v1.Namespace(
            "namespace",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=settings.namespace.name,
                labels={
                    "pod-security.kubernetes.io/enforce": level,
                    "pod-security.kubernetes.io/warn": level,
                },
            ),
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=settings.protect or None)),
        ).metadata["name"]
    if settings.kubernetes.openshift and settings.kubernetes.cluster_scoped:
        binding = SccBinding(names.SCC_BINDING, {"namespace": namespace, "constraint": "nonroot-v2"}, opts)
        namespace = binding.namespace
    return namespace


def _pod_security_level(settings: Settings) -> str:
    if settings.ingress.uses_host_ports:
        return "privileged"
    # A folder on a node belongs to root until a container with CHOWN changes the owner, which "restricted" forbids.
    return "baseline" if settings.has_host_folders else "restricted"
