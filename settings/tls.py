"""Settings of a server's certificate, the same for NGINX and MySQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import StringConstraints
from pydantic.alias_generators import to_camel

from components.shared.certificates import CERT_MANAGER
from settings.types import Allowed, Conflict, IngressHost, ObjectName, Section

IssuerKind = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]{0,62}$"),
    Allowed("a kind such as Issuer or ClusterIssuer", "ClusterIssuer"),
]
Certificates = Annotated[
    str, Allowed("certificates in PEM format", "-----BEGIN CERTIFICATE-----", any_text=True, removed=True)
]


class TlsIssuerSettings(Section):
    """Issuer of the certificate, for cert-manager."""

    kind: IssuerKind
    """``Issuer`` of the namespace, ``ClusterIssuer``, or the kind of an external issuer."""
    name: ObjectName
    """Its name."""
    group: IngressHost = CERT_MANAGER
    """API group of the kind; an external issuer has its own."""


def source_conflicts(section: str, settings: Section, reason: str) -> Iterator[Conflict]:
    """Report more than one source of the certificate of ``section``."""
    given = [name for name in ("tls_secret", "tls_certificate", "tls_issuer") if getattr(settings, name)]
    for first, path in ((f"{section}.{to_camel(given[0])}", f"{section}.{to_camel(name)}") for name in given[1:]):
        yield Conflict(path, (first,), f"must not be set together with {first}: {reason}", {path: None})
