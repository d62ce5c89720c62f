"""The table at the end of ``make up``: what a person needs next, and which parts are stand-ins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text


def summary_table(stack: str, outputs: Mapping[str, Any], stand_ins: list[str]) -> Table:
    """The table for one stack, from its outputs."""
    hosts = outputs.get("ingress_hosts") or {}
    base = f"https://{_address(str(outputs.get('hosts_file_line', '')))}{_port(str(outputs.get('gateway_url', '')))}"
    rows = [
        ("console", outputs.get("console_url")),
        ("gateway", f"{outputs.get('gateway_url')}/services"),
        ("hosts file", outputs.get("hosts_file_line")),
        ("administrator", outputs.get("admin_username")),
        (
            "password",
            f'eval "$(make -s env STACK={stack})"; pulumi stack output -s {stack} --show-secrets admin_password',
        ),
        ("try", f"curl -k -i {base}/carbon -H 'Host: {hosts.get('console')}'"),
        ("", f"curl -k -i {base}/services -H 'Host: {hosts.get('gateway')}'"),
        ("kept on destroy", "\n".join(outputs.get("kept_data") or [])),
        ("STAND-INS", "\n".join(stand_ins) or "none: everything is the real thing"),
    ]
    table = Table(show_header=False, title=f"WSO2 EI, stack {stack}", title_justify="left")
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        # As Text: an IPv6 address in brackets is no markup.
        table.add_row(name, Text(str(value)))
    return table


def _port(url: str) -> str:
    tail = url.rsplit(":", 1)[-1]
    return f":{tail}" if tail.isdigit() else ""


def _address(lines: str) -> str:
    """Where the controller is reached: the first address of the hosts-file lines, or the name in a comment."""
    first = lines.partition("\n")[0].split()
    if not first:
        return "ADDRESS"
    address = first[-1] if first[0] == "#" else first[0]
    if address == "127.0.0.1":
        return "localhost"
    return f"[{address}]" if ":" in address else address
