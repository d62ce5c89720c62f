"""Egress of nodes and pods: names and routes outside, where this machine has them.

Owns one nftables table of this machine's network, which masquerades what the nodes send out and leads their lookups
and requests to a proxy on to where this machine sends its own; and the forwarding flags that it had to set. Both go
with `close`. Nothing of the machine's own firewall is touched: where that drops forwarded packets, they stay dropped.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from embedded.cluster import names as n
from embedded.cluster import network, units
from embedded.errors import KitError
from embedded.process import capture

_RESOLV_CONF = Path("/etc/resolv.conf")
_FLAGS = Path("/proc/sys/net/ipv4")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_DIRECT = (n.NODE_RANGE, n.POD_RANGE, n.SERVICE_RANGE, ".svc", f".{n.CLUSTER_DOMAIN}")
NODE_RESOLV_CONF = f"nameserver {n.HOST_ADDRESS}\noptions timeout:2 attempts:2\n"
"""The same with and without egress: where nothing answers, lookups are rejected at once."""


def find() -> str:
    """Return the name server that this machine reaches the outside by; '' without an IPv4 one or a default route."""
    has_route = any(route.destination == "default" for route in network.routes())
    return name_server(_RESOLV_CONF.read_text()) if has_route and _RESOLV_CONF.exists() else ""


def name_server(resolv_conf: str) -> str:
    """Return the first IPv4 name server of a resolv.conf, one on loopback too; '' where there is none."""
    for line in resolv_conf.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "nameserver" and _version(rest.strip()) == 4:
            return rest.strip()
    return ""


def _version(address: str) -> int:
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return 0


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the proxies and certificate authorities of a shell, as a node's container runtime can use them.

    A proxy on loopback is reached at the bridge's address, and the cluster's own addresses without a proxy.
    """
    result = {}
    for name, value in _proxies(environment).items():
        result[name] = _from_node(value)
    if result:
        result |= direct(environment)
    return result | {name: environment[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if environment.get(name)}


def direct(environment: Mapping[str, str]) -> dict[str, str]:
    """Return NO_PROXY with the cluster's own addresses: no proxy of this machine's reaches them."""
    known = (environment.get("NO_PROXY") or environment.get("no_proxy", "")).split(",")
    value = ",".join(dict.fromkeys(filter(None, [*known, *_DIRECT])))
    return {"NO_PROXY": value, "no_proxy": value}


def loopback_ports(environment: Mapping[str, str]) -> set[int]:
    """Return the ports of this machine's loopback where its proxies listen."""
    return {_port(value) for value in _proxies(environment).values() if _on_loopback(value)}


def _proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the URL of each proxy; one without a scheme is of HTTP, as in curl, Go and httpx."""
    values = {name: environment.get(name) or environment.get(name.lower(), "") for name in _PROXIES}
    return {name: value if "://" in value else f"http://{value}" for name, value in values.items() if value}


def _port(proxy: str) -> int:
    parts = urlsplit(proxy)
    return parts.port or {"https": 443}.get(parts.scheme, 1080 if parts.scheme.startswith("socks") else 80)


def _on_loopback(proxy: str) -> bool:
    host = urlsplit(proxy).hostname or ""
    return host == "localhost" or (_version(host) > 0 and ipaddress.ip_address(host).is_loopback)


def _from_node(proxy: str) -> str:
    if not _on_loopback(proxy):
        return proxy
    parts = urlsplit(proxy)
    user, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}{at}{n.HOST_ADDRESS}:{_port(proxy)}").geturl()


def why_closed(names: n.Names, url: str, environment: Mapping[str, str]) -> str:
    """Return '' when node 1 gets an answer from ``url``, whatever it is; else the reason."""
    inside = ["nsenter", "--target", str(units.alive(names, n.node_name(1))), "--net", "--mount"]
    done = capture([*inside, sys.executable, "-I", "-c", _PROBE, url], env=variables(environment))
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""


_PROBE = """
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], timeout=8)
except urllib.error.HTTPError:
    pass
except OSError as error:
    sys.exit(str(error))
"""


def ruleset(names: n.Names, server: str, proxy_ports: set[int]) -> str:
    """Return the table, as `nft -f` reads it: it replaces an earlier one as a whole.

    ``guard`` keeps pods from this machine's loopback addresses, which ``route_localnet`` opens for the two kinds of
    packets that ``lead`` sends there; ``own`` gives these a loopback sender, the only one that local resolvers and
    proxies accept. ``forward`` drops connections from outside, and clamps TCP segments to the route's MTU.
    """
    bridge = names.bridge
    proxies = "".join(
        f'    iifname "{bridge}" ip daddr {n.HOST_ADDRESS} tcp dport {port} dnat to 127.0.0.1\n'
        for port in sorted(proxy_ports)
    )
    return f"""table ip {names.cgroup} {{}}
delete table ip {names.cgroup}
table ip {names.cgroup} {{
  chain guard {{
    type filter hook prerouting priority raw
    iifname "{bridge}" ip daddr 127.0.0.0/8 drop
  }}
  chain lead {{
    type nat hook prerouting priority dstnat
    iifname "{bridge}" ip daddr {n.HOST_ADDRESS} meta l4proto {{ tcp, udp }} th dport 53 dnat to {server}
{proxies}  }}
  chain own {{
    type nat hook input priority 100
    iifname "{bridge}" ip daddr 127.0.0.0/8 snat to 127.0.0.1
  }}
  chain forward {{
    type filter hook forward priority filter
    iifname != "{bridge}" oifname "{bridge}" ct state new drop
    oifname != "{bridge}" ip saddr {{ {n.NODE_RANGE}, {n.POD_RANGE} }} tcp flags syn tcp option maxseg size set rt mtu
  }}
  chain out {{
    type nat hook postrouting priority srcnat
    oifname != "{bridge}" ip saddr {{ {n.NODE_RANGE}, {n.POD_RANGE} }} masquerade
  }}
}}
"""


def ensure(names: n.Names, environment: Mapping[str, str]) -> None:
    """Open egress, or bring it up to date; where the machine has none, close it.

    :raises KitError: with nft's words, when the table cannot be made.
    """
    server = find()
    if not server:
        close(names)
        return
    done = _nft("-f", "-", stdin=ruleset(names, server, loopback_ports(environment)))
    if done.returncode != 0:
        raise KitError(
            f"egress of the nodes cannot be set up: {done.stderr.strip()}",
            "this kernel needs nftables with NAT (modules nf_tables, nft_nat, nft_masq)",
        )
    (_FLAGS / "conf" / names.bridge / "route_localnet").write_text("1")
    _forward(names)


def _forward(names: n.Names) -> None:
    """Let the kernel forward what comes in by interfaces with a route; what had to be set is remembered."""
    used = {route.interface for route in network.routes()} - {"", "lo"}
    record = _record(names)
    changed = set(json.loads(record.read_text())) if record.exists() else set()
    for interface in sorted(used):
        flag = _FLAGS / "conf" / interface / "forwarding"
        if flag.exists() and flag.read_text().strip() == "0":
            changed.add(interface)
            record.write_text(json.dumps(sorted(changed)))
            flag.write_text("1")


def close(names: n.Names) -> None:
    """Remove the table, and take forwarding back unless all of the machine forwards since; nothing there is fine."""
    if exists(names):
        _nft("delete", "table", "ip", names.cgroup)
    record = _record(names)
    if not record.exists():
        return
    if (_FLAGS / "ip_forward").read_text().strip() == "0":
        for interface in json.loads(record.read_text()):
            flag = _FLAGS / "conf" / interface / "forwarding"
            if flag.exists():
                flag.write_text("0")
    record.unlink()


def exists(names: n.Names) -> bool:
    """Return whether the table is there."""
    return _nft("list", "table", "ip", names.cgroup).returncode == 0


def _record(names: n.Names) -> Path:
    return names.root / "forwarding.json"


def _nft(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return capture(["nft", *arguments], input=stdin)
