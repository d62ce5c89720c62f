"""The host's side of the network: one bridge, a cable to every node, and routes to pods and Services.

Owned: the bridge, the cables, their routes. Not owned: egress (`egress`), and firewall rules of
the host, which stay as they are.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from typing import Any

from embedded.cluster import names as n
from embedded.errors import KitError
from embedded.process import capture

_ALIAS_START = n.current().alias.split(" ", 1)[0]


@dataclass(frozen=True)
class Route:
    """A route of the machine; ``alias`` is the text on its interface, ``table`` as `ip` prints it."""

    destination: str
    interface: str
    alias: str = ""


def ip(*arguments: str, check: bool = True) -> str:
    """Run `ip`; a failure is a KitError with its message. Without ``check``, no `ip` means no output."""
    done = capture(["ip", *arguments])
    if check and done.returncode != 0:
        raise KitError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _ip_json(*arguments: str) -> list[dict[str, Any]]:
    text = ip("-j", *arguments, check=False).strip()
    return [entry for entry in json.loads(text) if entry] if text else []


def links() -> dict[str, str]:
    """Return the interfaces of the machine and the alias of each ('' where there is none)."""
    return {link["ifname"]: link.get("ifalias", "") for link in _ip_json("link", "show")}


def routes() -> list[Route]:
    """Return the IPv4 routes of the machine, local tables included."""
    aliases = links()
    found = []
    for entry in _ip_json("-4", "route", "show", "table", "all"):
        interface = entry.get("dev", "")
        found.append(Route(entry["dst"], interface, aliases.get(interface, "")))
    return found


def check_ranges(present: list[Route], own_bridge: str) -> None:
    """Reject the machine when another cluster runs here, or when it has a route to one of our ranges.

    :raises KitError: naming the other cluster's state folder, or the route in the way.
    """
    for route in present:
        if route.alias.startswith(f"{_ALIAS_START} ") and route.interface != own_bridge:
            state = route.alias.partition(" ")[2]
            raise KitError(
                f"another embedded cluster is on this machine; its state folder is {state}",
                f"stop it first: WSO2EI_EMBEDDED_STATE={state} python -m embedded cluster stop",
            )
    for wanted in (n.NODE_RANGE, n.POD_RANGE, n.SERVICE_RANGE):
        for route in present:
            if route.destination == "default" or route.interface == own_bridge:
                continue
            there = ipaddress.ip_network(route.destination, strict=False)
            if there.prefixlen > 0 and there.overlaps(ipaddress.ip_network(wanted)):
                raise KitError(
                    f"the embedded cluster needs {wanted}, but this machine already has a route to "
                    f"{route.destination} over {route.interface or 'no interface'}",
                    "leave that network (a VPN, another container engine) while the cluster runs, "
                    "or use a cluster of another kind",
                )


def check_forwarding(rules: str) -> None:
    """Reject several nodes where the host's firewall (as `iptables -S FORWARD` prints it) drops what nodes exchange.

    Bridged packets pass the FORWARD chain too once br_netfilter is loaded. One node needs nothing of it.

    :raises KitError: with the rule that would let the nodes talk.
    """
    if "-P FORWARD DROP" in rules and f"-s {n.NODE_RANGE} -j ACCEPT" not in rules:
        raise KitError(
            "this machine's firewall drops forwarded packets, so several nodes cannot reach each other",
            f"use one node, or allow it: iptables -I FORWARD -s {n.NODE_RANGE} -j ACCEPT; "
            f"iptables -I FORWARD -s {n.POD_RANGE} -j ACCEPT",
        )


def ensure_bridge(names: n.Names) -> None:
    """Create the bridge and its routes, or repair them."""
    if names.bridge not in links():
        ip("link", "add", names.bridge, "type", "bridge")
    ip("link", "set", names.bridge, "alias", names.alias)
    ip("addr", "replace", f"{n.HOST_ADDRESS}/24", "dev", names.bridge)
    ip("link", "set", names.bridge, "up")


def connect(names: n.Names, node: int, pid: int) -> None:
    """Put a cable between the bridge and the network namespace of ``pid``; its inner end is called eth0."""
    cable = names.veth(node)
    if cable in links():
        ip("link", "delete", cable, check=False)
    ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    ip("link", "set", cable, "master", names.bridge, "up")


def ensure_routes(names: n.Names, nodes: int) -> None:
    """Lead the host to every node's pods, and to Services through node 1."""
    for node in range(1, nodes + 1):
        ip(
            "route", "replace", n.pod_range(node), "via", n.node_address(node), "dev", names.bridge,
            "src", n.HOST_ADDRESS,
        )  # fmt: skip
    ip(
        "route", "replace", n.SERVICE_RANGE, "via", n.node_address(1), "dev", names.bridge,
        "src", n.HOST_ADDRESS,
    )  # fmt: skip


def node_setup(node: int, nodes: int) -> list[list[str]]:
    """Return the commands that a node's PID 1 runs in its namespace; each can be repeated."""
    commands = [
        ["ip", "link", "set", "lo", "up"],
        ["ip", "addr", "replace", f"{n.node_address(node)}/24", "dev", "eth0"],
        ["ip", "link", "set", "eth0", "up"],
        ["ip", "route", "replace", "default", "via", n.HOST_ADDRESS],
    ]
    for other in range(1, nodes + 1):
        if other != node:
            commands.append(["ip", "route", "replace", n.pod_range(other), "via", n.node_address(other)])
    return commands


NODE_SYSCTLS = {
    "/proc/sys/net/ipv4/ip_forward": "1",
    "/proc/sys/net/bridge/bridge-nf-call-iptables": "1",
}


def remove(names: n.Names) -> None:
    """Delete the cables and the bridge, and with it the routes; nothing there is fine."""
    present = links()
    cables = [name for name in present if name.startswith("ei") and name.endswith(f"-{names.key}")]
    for name in [*cables, names.bridge]:
        if name in present:
            ip("link", "delete", name, check=False)
