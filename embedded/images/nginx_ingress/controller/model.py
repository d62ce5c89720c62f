"""Convert Kubernetes objects to servers and upstreams; decide which Ingresses are served and which are rejected."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from annotations import Rejected, Settings, read

Object = dict[str, Any]


@dataclass(frozen=True)
class Upstream:
    """One backend (Service and port) of one Ingress."""

    name: str
    endpoints: tuple[str, ...]
    """host:port of every ready endpoint."""
    https: bool
    cookie: str


@dataclass(frozen=True)
class Location:
    """One path of a server."""

    path: str
    exact: bool
    upstream: Upstream


@dataclass(frozen=True)
class Server:
    """One host name."""

    host: str
    certificate: str | None
    """Name of the certificate file; ``None``: no TLS; empty: handshakes are rejected."""
    locations: tuple[Location, ...]
    settings: Settings
    ingress: str = ""
    """``namespace/name`` of the Ingress."""


@dataclass(frozen=True)
class Result:
    """The servers, and which Ingresses were accepted and rejected."""

    servers: list[Server]
    rejected: list[tuple[Object, str]]
    accepted: list[Object]
    certificates: dict[str, bytes]


def belongs(ingress: Object, ingress_class: str) -> bool:
    """The Ingress names this class; the deprecated annotation wins, as in the real controller."""
    annotation = (ingress["metadata"].get("annotations") or {}).get("kubernetes.io/ingress.class")
    return bool((annotation or ingress["spec"].get("ingressClassName")) == ingress_class)


def build(
    ingresses: Iterable[Object],
    ingress_class: str,
    services: dict[str, Object],
    slices: Iterable[Object],
    secrets: dict[str, Object],
    wildcard: bool,
) -> Result:
    """All servers. Of two Ingresses for one host the oldest wins. Services and Secrets are keyed ``namespace/name``."""
    result = Result([], [], [], {})
    hosts: set[str] = set()
    mine = [item for item in ingresses if belongs(item, ingress_class)]
    by_age = sorted(mine, key=lambda item: (item["metadata"]["creationTimestamp"], item["metadata"]["uid"]))
    slices = list(slices)
    for ingress in by_age:
        try:
            servers = _servers(ingress, services, slices, secrets, wildcard, result.certificates)
            taken = [server.host for server in servers if server.host in hosts]
            if taken:
                raise Rejected(f"All hosts are taken by other resources: {', '.join(taken)}")
        except Rejected as reason:
            result.rejected.append((ingress, str(reason)))
            continue
        hosts |= {server.host for server in servers}
        result.servers.extend(servers)
        result.accepted.append(ingress)
    return result


def backends(ingresses: Iterable[Object]) -> set[tuple[str, str]]:
    """Return namespace and name of every Service of these Ingresses."""
    return {
        (ingress["metadata"]["namespace"], path["backend"]["service"]["name"])
        for ingress in ingresses
        for rule in ingress["spec"].get("rules") or []
        for path in (rule.get("http") or {}).get("paths", [])
        if "service" in path["backend"]
    }


def _servers(
    ingress: Object,
    services: dict[str, Object],
    slices: list[Object],
    secrets: dict[str, Object],
    wildcard: bool,
    certificates: dict[str, bytes],
) -> list[Server]:
    spec = ingress["spec"]
    rules = spec.get("rules") or []
    settings = read(ingress["metadata"].get("annotations") or {}, {name for _, name in backends([ingress])})
    found = []
    for rule in rules:
        host = rule.get("host", "")
        if not host:
            raise Rejected("spec.rules[0].host: Required value")
        locations = [
            Location(
                path.get("path") or "/",
                path.get("pathType") == "Exact",
                _upstream(ingress, host, path["backend"]["service"], services, slices, settings),
            )
            for path in (rule.get("http") or {}).get("paths", [])
        ]
        if not locations:
            raise Rejected("spec.rules[0].http.paths: Required value")
        certificate = _certificate(ingress, host, secrets, wildcard, certificates)
        name = f"{ingress['metadata']['namespace']}/{ingress['metadata']['name']}"
        found.append(Server(host, certificate, tuple(locations), settings, name))
    if not found:
        raise Rejected("spec.rules: Required value")
    return found


def _certificate(
    ingress: Object, host: str, secrets: dict[str, Object], wildcard: bool, certificates: dict[str, bytes]
) -> str | None:
    namespace = ingress["metadata"]["namespace"]
    for entry in ingress["spec"].get("tls") or []:
        if host not in (entry.get("hosts") or []):
            continue
        name = entry.get("secretName")
        if not name:
            return "wildcard" if wildcard else ""
        pem = tls_pem(secrets.get(f"{namespace}/{name}"))
        if pem is None:
            return ""
        certificates[f"{namespace}-{name}"] = pem
        return f"{namespace}-{name}"
    return None


def tls_pem(secret: Object | None) -> bytes | None:
    """Certificate and key of a kubernetes.io/tls Secret; any other type is rejected."""
    if not secret or secret.get("type") != "kubernetes.io/tls":
        return None
    data = secret.get("data") or {}
    if not data.get("tls.crt") or not data.get("tls.key"):
        return None
    return base64.b64decode(data["tls.crt"]) + b"\n" + base64.b64decode(data["tls.key"])


def _upstream(
    ingress: Object, host: str, backend: Object, services: dict[str, Object], slices: list[Object], settings: Settings
) -> Upstream:
    name, port = backend["name"], backend.get("port") or {}
    key = port.get("name") or port.get("number")
    meta = ingress["metadata"]
    return Upstream(
        f"{meta['namespace']}-{meta['name']}-{host}-{name}-{key}",
        tuple(sorted(endpoints(services.get(f"{meta['namespace']}/{name}"), key, slices))),
        name in settings.ssl_services,
        settings.cookies.get(name, ""),
    )


def service_of(item: Object) -> tuple[str, str]:
    """Return namespace and name of the Service of an EndpointSlice; the name is ``-`` where it has none."""
    labels = item["metadata"].get("labels") or {}
    return item["metadata"]["namespace"], labels.get("kubernetes.io/service-name", "-")


def endpoints(service: Object | None, port: str | int | None, slices: list[Object]) -> list[str]:
    """host:port of the ready endpoints of one port of a Service, from its EndpointSlices."""
    ports = (service or {}).get("spec", {}).get("ports", [])
    match = next((item for item in ports if port in (item.get("name"), item["port"])), None)
    if service is None or match is None:
        return []
    found = []
    for item in slices:
        if service_of(item) != (service["metadata"]["namespace"], service["metadata"]["name"]):
            continue
        numbers = [p["port"] for p in item.get("ports") or [] if (p.get("name") or "") == (match.get("name") or "")]
        for endpoint in item.get("endpoints") or []:
            if (endpoint.get("conditions") or {}).get("ready", True):
                found += [f"{address}:{number}" for address in endpoint["addresses"] for number in numbers]
    return found
