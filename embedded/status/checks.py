"""Checks console and gateway from this machine, as a browser would: by address, with the host in SNI and Host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import httpx

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


def ask(target: Target, timeout: float = 5.0) -> Answer:
    """Send one request; an error is an answer, too."""
    address = f"[{target.address}]" if ":" in target.address else target.address
    try:
        # Whether the way to EI is open is the question; the certificate may be self-signed.
        with httpx.Client(verify=False, trust_env=False, timeout=timeout) as client:  # noqa: S501
            answer = client.get(
                f"https://{address}:{target.port}{target.path}",
                headers={"Host": urlsplit(target.url).netloc},
                extensions={"sni_hostname": target.host},
            )
    except httpx.HTTPError as error:
        return Answer(target, 0, f"no answer from {target.address}: {error}")
    shown = answer.headers.get("Location") or answer.headers.get("Content-Type") or ""
    found = Answer(target, answer.status_code, f"{answer.status_code} {shown}".rstrip(), not answer.content)
    if found.good:
        return found
    meaning = f", expected {target.wanted}"
    if found.status in _CAUSES:
        meaning += f": {_CAUSES[found.status]}"
    return replace(found, text=found.text + meaning)


def targets(hosts: Mapping[str, str], found: list[str], port: int) -> list[Target]:
    """Return the two requests, to the first address; none without an address."""
    if not found:
        return []
    address = "127.0.0.1" if found[0] == "localhost" else found[0]
    wanted = (("console", "/carbon", 302), ("gateway", "/services", 200))
    return [Target(hosts[key], path, status, address, port) for key, path, status in wanted if hosts.get(key)]
