"""What the stack exports, and how the addresses of the controller become hosts-file lines."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import pulumi

from components.nginx.ingress import NginxIngress
from preflight.storage import confirmed
from preflight.storage_guide import StorageRecord, kept_data
from settings.model import Settings

_README = Path(__file__).parents[1] / "Pulumi.README.md"


class IngressHosts(TypedDict):
    """The two host names that people use."""

    console: str
    gateway: str


class StackOutputs(TypedDict):
    """The outputs of a stack: ``pulumi stack output NAME``. docs/outputs.md has the same texts."""

    ingress_hosts: IngressHosts
    """Host names of console and gateway."""
    hosts_file_line: pulumi.Input[str]
    """What to add to the hosts file: a line for each address of the controller."""
    console_url: pulumi.Input[str]
    """URL of the management console, with the port where it is not 443."""
    gateway_url: pulumi.Input[str]
    """Base URL of the gateway, with the port where it is not 443."""
    namespace: pulumi.Input[str]
    """Namespace of everything that has one."""
    admin_username: pulumi.Input[str]
    """EI's administrator."""
    admin_password: NotRequired[pulumi.Input[str]]
    """Secret. The administrator's password; shown with `--show-secrets`. Absent where `secrets.admin` names a Secret
    that holds it."""
    kept_data: list[str]
    """What becomes of the data after `pulumi destroy`: a line a volume."""
    storage: pulumi.Input[dict[str, Any]]
    """Where the data lies: place, size and claim of each volume, namespace, cluster. The next update is compared with
    it (docs/storage.md)."""
    readme: pulumi.Input[str]
    """The page that the Pulumi console shows for the stack (`Pulumi.README.md`)."""


def hosts_file_line(addresses: list[str], hosts: list[str]) -> str:
    """One line for each address that a hosts file can hold: ``127.0.0.1`` for ``localhost``, IP addresses as they are.

    A name other than ``localhost`` has no place in a hosts file; the line then is a comment that says what to do.
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
    """``https://host``, with the port where it is not 443."""
    return f"https://{host}" if port == 443 else f"https://{host}:{port}"


def address_and_port(address: str, port: int) -> str:
    """``address:port``, with brackets round an IPv6 address."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def controller_address(settings: Settings, nginx: NginxIngress) -> pulumi.Input[str]:
    """``host:port`` of the controller as a pod reaches it."""
    if nginx.service:
        return f"{nginx.service}:{settings.ingress.https_port}"
    if settings.ingress.controller_address:
        return settings.ingress.controller_address
    port = settings.ingress.https_port
    return nginx.addresses.apply(lambda found: address_and_port(found[0] if found else "localhost", port))


def stack_outputs(
    settings: Settings,
    nginx: NginxIngress,
    namespace: pulumi.Input[str],
    admin_password: pulumi.Input[str] | None,
    storage: StorageRecord,
    claims: Sequence[pulumi.Output[str]],
) -> StackOutputs:
    """Every output; ``admin_password``, where it is known here, is marked secret."""
    hosts, port = settings.hosts, nginx.https_port
    found: StackOutputs = {
        "ingress_hosts": {"console": hosts.console, "gateway": hosts.gateway},
        "hosts_file_line": nginx.addresses.apply(lambda found: hosts_file_line(found, [hosts.console, hosts.gateway])),
        "console_url": port.apply(lambda found: f"{base_url(hosts.console, int(found))}/carbon"),
        "gateway_url": port.apply(lambda found: base_url(hosts.gateway, int(found))),
        "namespace": namespace,
        "admin_username": settings.ei.admin_username,
        "kept_data": kept_data(settings, storage),
        "storage": confirmed(storage, claims),
        "readme": _README.read_text(encoding="utf-8"),
    }
    if admin_password is not None:
        found["admin_password"] = pulumi.Output.secret(admin_password)
    return found


def export(
    settings: Settings,
    nginx: NginxIngress,
    namespace: pulumi.Input[str],
    admin_password: pulumi.Input[str] | None,
    storage: StorageRecord,
    claims: Sequence[pulumi.Output[str]],
) -> None:
    """Export the stack's outputs; ``storage`` once the ``claims`` exist."""
    for name, value in stack_outputs(settings, nginx, namespace, admin_password, storage, claims).items():
        pulumi.export(name, value)
