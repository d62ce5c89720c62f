"""The table at the end of ``make up``: what a user needs next, each image, and which parts are stand-ins."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from rich.table import Table
from rich.text import Text

from embedded.plugins import Plugin


def image_lines(pods: Sequence[Mapping[str, Any]], stand_ins: Collection[str]) -> list[str]:
    """Return a line for each image that runs or has run in the pods; its digest decides what it is.

    :param stand_ins: digests of images that are stand-ins.
    """
    result: dict[str, None] = {}
    for pod in pods:
        for containers, statuses in (("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")):
            # The image of a status is any name of its digest, not the one that the stack gives it.
            names = {container["name"]: container["image"] for container in pod["spec"].get(containers) or []}
            for status in pod["status"].get(statuses) or []:
                if digest := str(status.get("imageID", "")).rpartition("@")[2]:
                    result[f"{'STAND-IN' if digest in stand_ins else 'real':8}  {names[status['name']]}"] = None
    return sorted(result)


def summary_table(stack: str, outputs: Mapping[str, Any], plugins: Sequence[Plugin], images: Sequence[str]) -> Table:
    """Return the table for one stack, from its outputs.

    :param plugins: those that the kit has installed.
    :param images: as `image_lines` gives them.
    """
    hosts = outputs.get("ingress_hosts") or {}
    port = urlsplit(str(outputs.get("gateway_url", ""))).port
    base = f"https://{_address(str(outputs.get('hosts_file_line', '')))}{f':{port}' if port else ''}"
    rows = [
        ("console", outputs.get("console_url") or "not served by NGINX"),
        ("gateway", f"{outputs.get('gateway_url')}/services"),
        ("hosts file", outputs.get("hosts_file_line")),
        ("administrator", outputs.get("admin_username")),
        (
            "password",
            f'eval "$(make -s env STACK={stack})"; pulumi stack output -s {stack} --show-secrets admin_password',
        ),
        *([("try", f"curl -k -i {base}/carbon -H 'Host: {hosts['console']}'")] if "console" in hosts else []),
        ("try", f"curl -k -i {base}/services -H 'Host: {hosts.get('gateway')}'"),
        ("kept on destroy", "\n".join(outputs.get("kept_data") or [])),
        ("plugins", "\n".join(plugin.line() for plugin in plugins) or "yours"),
        ("images", "\n".join(images)),
        ("STAND-INS", "\n".join(_stand_ins(plugins, images)) or "none: everything is the real thing"),
    ]
    table = Table(show_header=False, title=f"WSO2 EI, stack {stack}", title_justify="left")
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        # As Text: an IPv6 address in brackets is no markup.
        table.add_row(name, Text(str(value)))
    return table


def _stand_ins(plugins: Sequence[Plugin], images: Sequence[str]) -> list[str]:
    some = any(line.startswith("STAND-IN") for line in images)
    announced = ["the images marked above:\nthey announce themselves in their logs"] if some else []
    return [*announced, *(f"plugin {plugin.name}" for plugin in plugins if plugin.stand_in)]


def _address(lines: str) -> str:
    """Return the controller's address: the first one of the hosts-file lines, or the name in a comment."""
    first = lines.partition("\n")[0].split()
    if not first:
        return "ADDRESS"
    address = first[-1] if first[0] == "#" else first[0]
    if address == "127.0.0.1":
        return "localhost"
    return f"[{address}]" if ":" in address else address
