"""Checks, before an update, that cert-manager and the issuers that the settings name can issue certificates.

Without them the update would wait for its certificates, and time out after most objects were created. A running stack
has its certificates: an issuer that is not ready for a while, for example because its server is down, does not block
other changes of it. An external issuer is cert-manager's to find.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any, Protocol

from components.shared.certificates import CERT_MANAGER, CERTIFICATES, issued
from settings.errors import Mistake, full, remove_command
from settings.model import Settings
from settings.tls import TlsIssuerSettings
from stack import names


class Cluster(Protocol):
    """Reads of a cluster."""

    def has_kind(self, group_version: str, kind: str) -> bool:
        """Return whether the cluster has the definition of a custom resource."""

    def of_cert_manager(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return an object of cert-manager; an empty one where it may not be read."""


def mistakes(settings: Settings, context: str, cluster: Cluster) -> Iterator[Mistake]:
    """Yield a mistake for each issuer that cannot make the certificate of its server."""
    servers = {
        "ingress.tlsIssuer": (settings.ingress.tls_issuer, names.NGINX),
        "mysql.tlsIssuer": (settings.mysql.tls_issuer, names.MYSQL),
    }
    for path, (issuer, server) in servers.items():
        if issuer is None:
            continue
        if not cluster.has_kind(CERTIFICATES, "Certificate"):
            expected = f"needs the definition of Certificates ({CERTIFICATES}), which the cluster of '{context}' lacks"
            yield Mistake(full(path), "", f"{expected}; install cert-manager first", remove_command(path))
        elif issuer.group == CERT_MANAGER:
            kind, there = issuer.kind, "" if issuer.kind == "ClusterIssuer" else f" -n {settings.namespace.name}"
            describe = f"kubectl --context {shlex.quote(context)}{there} describe {kind.lower()}s"
            if expected := _problem(issuer, server, cluster):
                fix = f"see {describe}, and name one that is ready"
                yield Mistake(full(f"{path}.name"), f'"{issuer.name}"', expected, fix)


def _problem(issuer: TlsIssuerSettings, server: str, cluster: Cluster) -> str:
    """Return what the issuer must be; empty where it is."""
    found = cluster.of_cert_manager(issuer.kind, issuer.name)
    if found is None:
        return f"must be an existing {issuer.kind} of cert-manager"
    if server == names.MYSQL and not {"acme", "selfSigned"}.isdisjoint(found.get("spec", {})):
        return "must be a CA or Vault issuer, whose authority outlives a certificate: EI verifies MySQL with it"
    reason = _not_ready(found)
    if reason:
        certificate = cluster.of_cert_manager("Certificate", issued(server)) or {}
        reference = certificate.get("spec", {}).get("issuerRef", {})
        if (reference.get("kind"), reference.get("name")) != (issuer.kind, issuer.name) or _not_ready(certificate):
            return f"must be ready to issue certificates; cert-manager reports: {reason}"
    return ""


def _not_ready(item: dict[str, Any]) -> str:
    """Return why cert-manager reports that the object is not ready; empty where it has not looked at it yet."""
    ready = [one for one in item.get("status", {}).get("conditions", []) if one["type"] == "Ready"]
    return next((one.get("message") or one["reason"] for one in ready if one["status"] == "False"), "")
