"""The certificate of a server: one that exists, one of cert-manager, or one that is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from components.shared import metadata
from components.shared.deadlines import Deadline

CERT_MANAGER = "cert-manager.io"
CERTIFICATES = f"{CERT_MANAGER}/v1"
"""API version of cert-manager's Certificates."""
CERTIFICATE_KEY, PRIVATE_KEY = "tls.crt", "tls.key"
"""Keys of a kubernetes.io/tls Secret."""
_ISSUE_MINUTES = 10


class TlsIssuerArgs(TypedDict):
    """Issuer of a certificate, as cert-manager refers to it."""

    kind: str
    """``Issuer``, ``ClusterIssuer`` or an external one."""
    name: str
    """Its name."""
    group: str
    """Its API group."""


class CertificateArgs(TypedDict):
    """Where a certificate comes from; at most one of the three sources."""

    tls_secret: NotRequired[str | None]
    """Existing Secret with ``CERTIFICATE_KEY`` and ``PRIVATE_KEY``."""
    tls_issuer: NotRequired[TlsIssuerArgs | None]
    """Issuer of a Certificate of cert-manager, which makes the Secret and renews it."""
    tls_certificate: NotRequired[str | None]
    """Certificate in PEM format, followed by those of its issuers; a Secret is made of it."""
    tls_key: NotRequired[pulumi.Input[str] | None]
    """Private key of ``tls_certificate``, kept secret."""


def problems(args: CertificateArgs) -> Iterator[str]:
    """Report a certificate without a key, and more than one source of the certificate."""
    if bool(args.get("tls_certificate")) != (args.get("tls_key") is not None):
        yield "tls_certificate and tls_key need each other"
    if sum(bool(args.get(name)) for name in ("tls_secret", "tls_issuer", "tls_certificate")) > 1:
        yield "only one of tls_secret, tls_issuer and tls_certificate can be given"


def is_renewed(args: CertificateArgs) -> bool:
    """Return whether the Secret's content changes under its name, so that the server has to watch it."""
    return bool(args.get("tls_secret") or args.get("tls_issuer"))


def has_source(args: CertificateArgs) -> bool:
    """Return whether there is a certificate at all."""
    return bool(is_renewed(args) or args.get("tls_certificate"))


def issuers(chain: str) -> str:
    """Return all certificates of ``chain`` but the first, or that one where it is alone: those that verify it."""
    begin = "-----BEGIN CERTIFICATE-----"
    rest = chain.partition(begin)[2].partition(begin)
    return f"{begin}{rest[2]}" if rest[1] else chain


def named_secret(
    name: str,
    args: CertificateArgs,
    meta: k8s.meta.v1.ObjectMetaArgs,
    hosts: Sequence[pulumi.Input[str]],
    child: pulumi.ResourceOptions,
    otherwise: Mapping[str, pulumi.Input[str]] | None = None,
) -> pulumi.Output[str]:
    """Make the Secret, unless it exists; return its name, known once it can be used.

    :param meta: namespace and labels of what is made.
    :param hosts: names that cert-manager's certificate is for.
    :param otherwise: content of the Secret where there is no source, or more of it where a certificate is given.
    """
    if existing := args.get("tls_secret"):
        return pulumi.Output.from_input(existing)
    if issuer := args.get("tls_issuer"):
        return _issued(name, meta, hosts, issuer, child)
    certificate, key = args.get("tls_certificate"), args.get("tls_key")
    given: dict[str, pulumi.Input[str]] = {}
    if certificate and key is not None:
        given = {CERTIFICATE_KEY: certificate, PRIVATE_KEY: pulumi.Output.secret(key)}
    secret = k8s.core.v1.Secret(
        f"{name}-tls", metadata=meta, type="kubernetes.io/tls", string_data={**given, **(otherwise or {})}, opts=child
    )
    return metadata.name_of(secret)


def certificate_spec(secret: str, hosts: Sequence[pulumi.Input[str]], issuer: TlsIssuerArgs) -> dict[str, Any]:
    """Return the spec of cert-manager's Certificate (pkg/apis/certmanager/v1/types_certificate.go)."""
    return {
        "secretName": secret,
        "dnsNames": list(hosts),
        "issuerRef": dict(issuer),
        "usages": ["digital signature", "key encipherment", "server auth"],
        # The default only since cert-manager 1.18; before, a renewed certificate kept its key.
        "privateKey": {"rotationPolicy": "Always"},
    }


def issued(name: str) -> str:
    """Return the name of cert-manager's Certificate for the server ``name``, and of its Secret."""
    return f"{name}-issued"


def _issued(
    name: str,
    meta: k8s.meta.v1.ObjectMetaArgs,
    hosts: Sequence[pulumi.Input[str]],
    issuer: TlsIssuerArgs,
    child: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """Make a Certificate, which has the name of its Secret and is awaited until cert-manager has issued it."""
    certificate = k8s.apiextensions.CustomResource(
        f"{name}-certificate",
        api_version=CERTIFICATES,
        kind="Certificate",
        metadata=k8s.meta.v1.ObjectMetaArgs(
            name=issued(name),
            namespace=meta.namespace,
            labels=meta.labels,
            annotations={"pulumi.com/waitFor": "condition=Ready"},
        ),
        spec=certificate_spec(issued(name), hosts, issuer),
        opts=pulumi.ResourceOptions.merge(
            child, pulumi.ResourceOptions(custom_timeouts=Deadline(_ISSUE_MINUTES).timeouts)
        ),
    )
    return metadata.name_of(certificate)
