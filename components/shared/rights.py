"""Rights of service accounts in a namespace."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s

from components.shared import metadata


def role_ref(role: k8s.rbac.v1.Role | k8s.rbac.v1.ClusterRole) -> k8s.rbac.v1.RoleRefArgs:
    """Reference of a binding to ``role``."""
    kind = type(role).__name__
    return k8s.rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind=kind, name=metadata.name_of(role))


def bound_role(
    name: str,
    meta: k8s.meta.v1.ObjectMetaArgs,
    rules: Sequence[k8s.rbac.v1.PolicyRuleArgs],
    subject: k8s.rbac.v1.SubjectArgs,
    opts: pulumi.ResourceOptions,
) -> tuple[k8s.rbac.v1.Role, k8s.rbac.v1.RoleBinding]:
    """Make the Role ``name`` with ``rules``, and ``NAME-binding``, which gives it to ``subject``."""
    role = k8s.rbac.v1.Role(name, metadata=meta, rules=rules, opts=opts)
    binding = k8s.rbac.v1.RoleBinding(
        f"{name}-binding", metadata=meta, role_ref=role_ref(role), subjects=[subject], opts=opts
    )
    return role, binding
