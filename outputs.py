"""What the stack exports, and how the address of the controller becomes a hosts-file line."""

from __future__ import annotations

import ipaddress

import pulumi

from components.nginx_ingress import NginxIngress
from settings import Settings
from volumes import kept_data


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


def controller_address(settings: Settings, nginx: NginxIngress) -> pulumi.Input[str]:
    """``host:port`` of the controller as a pod reaches it."""
    if nginx.service:
        return f"{nginx.service}:{settings.ingress.https_port}"
    if settings.ingress.controller_address:
        return settings.ingress.controller_address
    return nginx.addresses.apply(lambda found: f"{found[0] if found else 'localhost'}:443")


def export(
    settings: Settings,
    nginx: NginxIngress,
    namespace: pulumi.Input[str],
    admin_password: pulumi.Input[str],
) -> None:
    """Export the stack's outputs; ``admin_password`` stays secret."""
    hosts, port = settings.hosts, settings.ingress.https_port
    line = nginx.addresses.apply(lambda found: hosts_file_line(found, [hosts.console, hosts.gateway]))
    pulumi.export("ingress_hosts", {"console": hosts.console, "gateway": hosts.gateway})
    pulumi.export("hosts_file_line", line)
    pulumi.export("console_url", f"{base_url(hosts.console, port)}/carbon")
    pulumi.export("gateway_url", base_url(hosts.gateway, port))
    pulumi.export("namespace", namespace)
    pulumi.export("admin_username", settings.ei.admin_username)
    pulumi.export("admin_password", pulumi.Output.secret(admin_password))
    pulumi.export("kept_data", kept_data(settings))
