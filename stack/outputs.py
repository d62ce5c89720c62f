"""The outputs of a stack, and the hosts-file lines that are made of the controller's addresses."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import pulumi

from components.nginx.ingress import NginxIngress
from settings.model import Settings

_README = Path(__file__).parents[1] / "Pulumi.README.md"


class IngressHosts(TypedDict):
    """The host names for clients; ``console`` only where NGINX serves it."""

    console: NotRequired[str]
    gateway: str


class StackOutputs(TypedDict):
    """The outputs of a stack: ``pulumi stack output NAME``. docs/outputs.md has the same texts."""

    ingress_hosts: IngressHosts
    """Host names of console and gateway; without `console` where `ingress.console.enabled` is false."""
    hosts_file_line: pulumi.Input[str]
    """Lines for the hosts file, one for each address of the controller."""
    console_url: NotRequired[pulumi.Input[str]]
    """URL of the management console, with the port where it is not 443. Absent where `ingress.console.enabled` is
    false."""
    gateway_url: pulumi.Input[str]
    """Base URL of the gateway, with the port where it is not 443."""
    namespace: pulumi.Input[str]
    """Namespace of everything that has one."""
    admin_username: pulumi.Input[str]
    """EI's administrator."""
    admin_password: NotRequired[pulumi.Input[str]]
    """Secret. The administrator's password; shown with `--show-secrets`. Absent where `secrets.admin` names a Secret
    that holds it."""
    console_artifacts: str
    """How long what is made in EI's console lasts: proxies, APIs, data services, user stores, tenants."""
    kept_data: list[str]
    """What remains of the data after `pulumi destroy`, one line for each volume."""
    storage: pulumi.Input[dict[str, Any]]
    """Place, size and claim of each volume, namespace and cluster. The next update is compared with it
    (docs/storage.md)."""
    readme: pulumi.Input[str]
    """The page of the stack in the Pulumi console (`Pulumi.README.md`)."""


def hosts_file_line(addresses: list[str], hosts: list[str]) -> str:
    """Return one line for each address: ``127.0.0.1`` for ``localhost``, IP addresses as they are.

    A hosts file cannot hold a name other than ``localhost``; its line is a comment with the DNS record to make.
    """
    names = " ".join(hosts)
    lines = []
    for address in addresses:
        try:
            lines.append(f"{ipaddress.ip_address('127.0.0.1' if address == 'localhost' else address)} {names}")
        except ValueError:
            lines.append(f"# make {names} DNS aliases (CNAME) of {address}")
    return "\n".join(lines) or f"# the controller has no address yet; {names} will need one"


def base_url(host: str, port: int) -> str:
    """Return ``https://host``, with the port where it is not 443."""
    return f"https://{host}" if port == 443 else f"https://{host}:{port}"


def address_and_port(address: str, port: int) -> str:
    """Return ``address:port``, with brackets around an IPv6 address."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def controller_address(settings: Settings, nginx: NginxIngress) -> pulumi.Input[str]:
    """Return ``host:port`` of the controller as a pod reaches it."""
    if nginx.service:
        return f"{nginx.service}:{settings.ingress.https_port}"
    if settings.ingress.controller_address:
        return settings.ingress.controller_address
    return _first_address(settings, nginx.addresses)


def console_controller_address(settings: Settings, nginx: NginxIngress) -> pulumi.Input[str] | None:
    """Return ``host:port`` of the console's own controller as a pod reaches it; ``None``: it has none."""
    own = nginx.own_addresses.get("console")
    if own is None:
        return None
    return settings.ingress.console.controller_address or _first_address(settings, own)


def _first_address(settings: Settings, addresses: pulumi.Output[list[str]]) -> pulumi.Output[str]:
    port = settings.ingress.https_port
    return addresses.apply(lambda all_: address_and_port(all_[0] if all_ else "", port))


def _hosts_file_lines(settings: Settings, nginx: NginxIngress) -> pulumi.Output[str]:
    """Return the lines of each controller, with the hosts that it serves."""
    hosts, own = settings.hosts, nginx.own_addresses.get("console")
    shared = [hosts.console] if settings.ingress.console.enabled and own is None else []
    lines = nginx.addresses.apply(lambda all_: hosts_file_line(all_, [*shared, hosts.gateway]))
    if own is None:
        return lines
    of_console = own.apply(lambda all_: hosts_file_line(all_, [hosts.console]))
    return pulumi.Output.all(of_console, lines).apply("\n".join)


def _readme(settings: Settings) -> str:
    """Return the page, without the lines about a console that has no URL."""
    lines = _README.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if settings.ingress.console.enabled or "outputs.console_url" not in line)


def console_artifacts(settings: Settings) -> str:
    """Return how long what is made in EI's console lasts."""
    if settings.ei.deployment == "shared":
        return f"kept, and served by every node: {settings.storage.place('deployment')}"
    return (
        "temporary: proxies, APIs, data services, user stores and tenants that are made in the console are on one "
        "node, until its next start; ei.deployment shared keeps them (docs/artifacts.md)"
    )


def export(
    settings: Settings,
    nginx: NginxIngress,
    namespace: pulumi.Input[str],
    admin_password: pulumi.Input[str] | None,
    kept_data: list[str],
    storage: pulumi.Input[dict[str, Any]],
) -> None:
    """Export every output; ``admin_password``, where the stack has it, is marked secret."""
    hosts, port = settings.hosts, nginx.https_port
    values: StackOutputs = {
        "ingress_hosts": {"gateway": hosts.gateway},
        "hosts_file_line": _hosts_file_lines(settings, nginx),
        "gateway_url": port.apply(lambda number: base_url(hosts.gateway, int(number))),
        "namespace": namespace,
        "admin_username": settings.ei.admin_username,
        "console_artifacts": console_artifacts(settings),
        "kept_data": kept_data,
        "storage": storage,
        "readme": _readme(settings),
    }
    if settings.ingress.console.enabled:
        values["ingress_hosts"] = {"console": hosts.console, "gateway": hosts.gateway}
        values["console_url"] = port.apply(lambda number: f"{base_url(hosts.console, int(number))}/carbon")
    if admin_password is not None:
        values["admin_password"] = pulumi.Output.secret(admin_password)
    for name, value in values.items():
        pulumi.export(name, value)
