"""Parts of NetworkPolicies. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi_kubernetes as k8s


def no_clients_spec(selector: dict[str, str]) -> k8s.networking.v1.NetworkPolicySpecArgs:
    """NetworkPolicy of pods that are clients only: no ingress."""
    return k8s.networking.v1.NetworkPolicySpecArgs(
        pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector), policy_types=["Ingress"], ingress=[]
    )


def allow(
    peers: Sequence[k8s.networking.v1.NetworkPolicyPeerArgs] | None, *ports: int
) -> k8s.networking.v1.NetworkPolicyIngressRuleArgs:
    """Ingress rule of a NetworkPolicy: admit ``peers`` on TCP ``ports``; ``None`` admits every peer."""
    return k8s.networking.v1.NetworkPolicyIngressRuleArgs(
        from_=peers,
        ports=[k8s.networking.v1.NetworkPolicyPortArgs(port=port, protocol="TCP") for port in ports],
    )
