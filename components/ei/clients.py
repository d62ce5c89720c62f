"""Ports of the nodes that users add, and the pods of the cluster that call the nodes without NGINX. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pulumi_kubernetes as k8s

from components.ei import metrics
from components.ei.args import OperationsArgs
from components.shared import network_policies
from components.shared.problems import Problem
from components.wso2ei.metrics import TAKEN_PORTS

_NAMES = frozenset({"console", "gateway", "gateway-http", "members", metrics.PORT_NAME})
"""Names of the nodes' own ports."""


def named_ports(args: OperationsArgs) -> dict[str, int]:
    """The users' ports, by name."""
    return {item["name"]: item["port"] for item in args.get("ports") or ()}


def peers(args: OperationsArgs) -> list[k8s.networking.v1.NetworkPolicyPeerArgs]:
    """The clients, as a NetworkPolicy names them."""
    return [
        network_policies.pods_with(item.get("pod_labels"), item.get("namespace_labels"))
        for item in args.get("clients") or ()
    ]


def client_problems(args: OperationsArgs) -> Iterator[Problem]:
    """Report invalid ports, those of the server, ports that no client reaches, and clients without labels."""
    taken = dict(TAKEN_PORTS)
    if found := args.get("metrics"):
        taken[metrics.place(found)[0]] = "the metrics"
    names = set(_NAMES)
    for index, item in enumerate(args.get("ports") or ()):
        name, port = item["name"], item["port"]
        if not re.fullmatch(r"(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*", name) or len(name) > 15:
            yield Problem(
                ("ports", index, "name"), "must be at most 15 lower-case letters, digits and '-', with a letter"
            )
        elif name in names:
            yield Problem(("ports", index, "name"), f"must differ from other ports' names, and {name} is one of them")
        elif not 1024 <= port <= 65535:
            yield Problem(("ports", index, "port"), "must be from 1024 to 65535: nodes do not run as root")
        elif port in taken:
            yield Problem(("ports", index, "port"), f"must not be {port}, which is for {taken[port]}")
        names.add(name)
        taken.setdefault(port, f"ports[{index}]")
    for index, client in enumerate(args.get("clients") or ()):
        if not client.get("namespace_labels") and not client.get("pod_labels"):
            yield Problem(("clients", index), "needs namespace_labels or pod_labels")
    if args.get("ports") and not args.get("clients"):
        yield Problem(("clients",), "is required with ports: no other pod reaches them")
