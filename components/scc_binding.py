"""``SccBinding``: allows the pods of one namespace to use one of OpenShift's security context constraints (SCC).

OpenShift's default, ``restricted-v2``, requires user and group ids from the namespace's range; the images of this
stack have fixed ids (EI 802, MySQL 999, NGINX 101). ``nonroot-v2`` is the same constraint with any id except
root (openshift/cluster-kube-apiserver-operator, bindata/bootkube/scc-manifests). Owns a Role and its binding, not the
constraint.
"""

from __future__ import annotations

from typing import Literal, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from components.shared import metadata, rights
from components.shared.recommended_labels import with_labels


class SccBindingArgs(TypedDict):
    """Inputs of ``SccBinding``."""

    namespace: pulumi.Input[str]
    """Namespace; all of its service accounts get the right."""
    constraint: Literal["nonroot-v2"]
    """Name of an SCC that the cluster has."""


class SccBinding(pulumi.ComponentResource):
    """The right to use an SCC; the module docstring lists what it owns."""

    namespace: pulumi.Output[str]
    """The namespace, once its pods have the right, so that a resource that uses it waits for the binding."""

    def __init__(self, name: str, args: SccBindingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("wso2ei:index:SccBinding", name, {}, with_labels(opts, name))
        child = pulumi.ResourceOptions(parent=self)
        meta = k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=metadata.labels("wso2ei", name))
        namespace = pulumi.Output.from_input(args["namespace"])
        accounts = k8s.rbac.v1.SubjectArgs(
            api_group="rbac.authorization.k8s.io",
            kind="Group",
            # Jobs and MySQL use the namespace's default account, EI and NGINX have accounts.
            name=namespace.apply(lambda space: f"system:serviceaccounts:{space}"),
        )
        _, binding = rights.bound_role(f"{name}-role", meta, [scc_rule(args["constraint"])], accounts, child)
        self.namespace = pulumi.Output.all(namespace, metadata.name_of(binding)).apply(lambda made: str(made[0]))
        self.register_outputs({"namespace": self.namespace})


def scc_rule(constraint: str) -> k8s.rbac.v1.PolicyRuleArgs:
    """Return the right to use one SCC. The API server accepts it only from a user who has it."""
    return k8s.rbac.v1.PolicyRuleArgs(
        api_groups=["security.openshift.io"],
        resources=["securitycontextconstraints"],
        resource_names=[constraint],
        verbs=["use"],
    )
