"""``SccBinding``: lets the pods of one namespace run under one of OpenShift's security context constraints (SCC).

OpenShift's default, ``restricted-v2``, demands user and group ids out of the namespace's own range; the images of
this stack have ids of their own (EI 802, MySQL 999, NGINX 101). ``nonroot-v2`` is the same constraint but for the
ids: any but root (openshift/cluster-kube-apiserver-operator, bindata/bootkube/scc-manifests). Owns a Role and its
binding, no constraint.
"""

from __future__ import annotations

from typing import Literal, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from components.shared import metadata
from components.shared.recommended_labels import with_labels


class SccBindingArgs(TypedDict):
    """Inputs of ``SccBinding``."""

    namespace: pulumi.Input[str]
    """Namespace whose service accounts, all of them, get the right."""
    constraint: Literal["nonroot-v2"]
    """Name of an SCC that the cluster has."""


class SccBinding(pulumi.ComponentResource):
    """A right to use an SCC. See the module's text for what it owns."""

    namespace: pulumi.Output[str]
    """The namespace, once its pods have the right: whoever uses it waits for that."""

    def __init__(self, name: str, args: SccBindingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("wso2ei:index:SccBinding", name, {}, with_labels(opts, name))
        child = pulumi.ResourceOptions(parent=self)
        meta = k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=metadata.labels("wso2ei", name))
        role = k8s.rbac.v1.Role(f"{name}-role", metadata=meta, rules=[scc_rule(args["constraint"])], opts=child)
        namespace = pulumi.Output.from_input(args["namespace"])
        binding = k8s.rbac.v1.RoleBinding(
            f"{name}-role-binding",
            metadata=meta,
            role_ref=k8s.rbac.v1.RoleRefArgs(
                api_group="rbac.authorization.k8s.io", kind="Role", name=metadata.name_of(role)
            ),
            subjects=[
                k8s.rbac.v1.SubjectArgs(
                    api_group="rbac.authorization.k8s.io",
                    kind="Group",
                    # Jobs and MySQL run as the namespace's default account, EI and NGINX as their own.
                    name=namespace.apply(lambda space: f"system:serviceaccounts:{space}"),
                )
            ],
            opts=child,
        )
        self.namespace = pulumi.Output.all(namespace, metadata.name_of(binding)).apply(lambda made: str(made[0]))
        self.register_outputs({"namespace": self.namespace})


def scc_rule(constraint: str) -> k8s.rbac.v1.PolicyRuleArgs:
    """The right to use one SCC; only who has it may give it."""
    return k8s.rbac.v1.PolicyRuleArgs(
        api_groups=["security.openshift.io"],
        resources=["securitycontextconstraints"],
        resource_names=[constraint],
        verbs=["use"],
    )
