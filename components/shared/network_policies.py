"""Parts of NetworkPolicies. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi_kubernetes as k8s


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
