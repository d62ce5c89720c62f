"""Checks console and gateway from this machine, as a browser would: by address, with the host in SNI and Host."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

_CAUSES = {
    404: "NGINX has no Ingress for this host name",
    502: "NGINX reaches no node, or speaks HTTP to a port that expects HTTPS",
    503: "no node is ready",
    504: "a node took the request and did not answer in time",
}


@dataclass(frozen=True)
class Target:
    """One request and the status that must come back."""

    host: str
    path: str
    wanted: int
    address: str
    port: int

    @property
    def url(self) -> str:
        return f"https://{self.host}{'' if self.port == 443 else f':{self.port}'}{self.path}"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    target: Target
    status: int
    """0: no answer."""
    text: str
    empty: bool = False
    """It has no body."""

    @property
    def good(self) -> bool:
        return self.status == self.target.wanted or self.blocked

    @property
    def blocked(self) -> bool:
        """EI does not list its services (``http.block_service_list``): 403 without a body, unlike NGINX's."""
        return self.target.path == "/services" and self.status == 403 and self.empty


class _Named(http.client.HTTPSConnection):
    """Connects to an address and requests another host name."""

    def __init__(self, target: Target, timeout: float) -> None:
        # Whether the way to EI is open is the question; the certificate may be self-signed.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        super().__init__(target.host, target.port, timeout=timeout)
        self._target, self._tls = target, context

    def connect(self) -> None:
        plain = socket.create_connection((self._target.address, self._target.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self._target.host)


def ask(target: Target, timeout: float = 5.0) -> Answer:
    """Send one request; an error is an answer, too."""
    connection = _Named(target, timeout)
    try:
        connection.request("GET", target.path)
        answer = connection.getresponse()
        empty = not answer.read(1)
    except (OSError, http.client.HTTPException) as error:
        return Answer(target, 0, f"no answer from {target.address}: {error}")
    finally:
        connection.close()
    shown = answer.getheader("Location") or answer.getheader("Content-Type") or ""
    found = Answer(target, answer.status, f"{answer.status} {shown}".rstrip(), empty)
    if found.good:
        return found
    meaning = f", expected {target.wanted}"
    if answer.status in _CAUSES:
        meaning += f": {_CAUSES[answer.status]}"
    return replace(found, text=found.text + meaning)


def targets(hosts: Mapping[str, str], found: list[str], port: int) -> list[Target]:
    """Return the two requests, to the first address; none without an address."""
    if not found:
        return []
    address = "127.0.0.1" if found[0] == "localhost" else found[0]
    wanted = (("console", "/carbon", 302), ("gateway", "/services", 200))
    return [Target(hosts[key], path, status, address, port) for key, path, status in wanted if hosts.get(key)]


def port_of(outputs: Mapping[str, Any]) -> int:
    """Return the port of ``console_url``."""
    rest = str(outputs.get("console_url", "")).removeprefix("https://").partition("/")[0]
    port = rest.rpartition(":")[2]
    return int(port) if port.isdigit() else 443
