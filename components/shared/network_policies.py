"""Specs and rules of NetworkPolicies. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi_kubernetes as k8s


def ingress_spec(
    selector: dict[str, str], *rules: k8s.networking.v1.NetworkPolicyIngressRuleArgs
) -> k8s.networking.v1.NetworkPolicySpecArgs:
    """NetworkPolicy that admits to the pods of ``selector`` what ``rules`` allow; without a rule, no ingress."""
    return k8s.networking.v1.NetworkPolicySpecArgs(
        pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector), policy_types=["Ingress"], ingress=[*rules]
    )


def allow(
    peers: Sequence[k8s.networking.v1.NetworkPolicyPeerArgs] | None, *ports: int | str
) -> k8s.networking.v1.NetworkPolicyIngressRuleArgs:
    """Ingress rule of a NetworkPolicy: admit ``peers`` on TCP ``ports``; ``None`` admits every peer."""
    return k8s.networking.v1.NetworkPolicyIngressRuleArgs(
        from_=peers,
        ports=[k8s.networking.v1.NetworkPolicyPortArgs(port=port, protocol="TCP") for port in ports],
    )


def pods_with(
    labels: Mapping[str, str] | None, namespace_labels: Mapping[str, str] | None = None
) -> k8s.networking.v1.NetworkPolicyPeerArgs:
    """Pods with ``labels``, by default all, of namespaces with ``namespace_labels``, by default the policy's."""
    pods, namespaces = (
        k8s.meta.v1.LabelSelectorArgs(match_labels=dict(found)) if found else None
        for found in (labels, namespace_labels)
    )
    return k8s.networking.v1.NetworkPolicyPeerArgs(namespace_selector=namespaces, pod_selector=pods)
