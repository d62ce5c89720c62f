"""The Secret with the certificate of all routes: given, of cert-manager, or self-signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from components.nginx.args import CERTIFICATES, NginxIngressArgs, TlsIssuerArgs
from components.nginx.tls import self_signed
from components.shared import metadata
from components.shared.deadlines import Deadline

_ISSUE_MINUTES = 10


def problems(args: NginxIngressArgs) -> Iterator[str]:
    """Report a certificate without a key, and more than one source of the certificate."""
    if bool(args.get("tls_certificate")) != (args.get("tls_key") is not None):
        yield "tls_certificate and tls_key need each other"
    if sum(bool(args.get(name)) for name in ("tls_secret", "tls_issuer", "tls_certificate")) > 1:
        yield "only one of tls_secret, tls_issuer and tls_certificate can be given"


def is_renewed(args: NginxIngressArgs) -> bool:
    """Return whether the Secret's content changes under its name, so that the controller has to watch it."""
    return bool(args.get("tls_secret") or args.get("tls_issuer"))


def tls_secret(name: str, args: NginxIngressArgs, child: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """Make the Secret, unless it exists; return its name, known once it can be used."""
    existing, issuer = args.get("tls_secret"), args.get("tls_issuer")
    if existing:
        return pulumi.Output.from_input(existing)
    hosts = [route["host"] for route in args["routes"].values()]
    if issuer:
        return _issued(name, args["namespace"], hosts, issuer, child)
    certificate, key = args.get("tls_certificate"), args.get("tls_key")
    secret = k8s.core.v1.Secret(
        f"{name}-tls",
        metadata=k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=metadata.labels("nginx-ingress", name)),
        type="kubernetes.io/tls",
        string_data={"tls.crt": certificate, "tls.key": pulumi.Output.secret(key)}
        if certificate and key is not None
        else _self_signed(name, hosts, child),
        opts=child,
    )
    return metadata.name_of(secret)


def _self_signed(name: str, hosts: Sequence[str], child: pulumi.ResourceOptions) -> dict[str, pulumi.Input[str]]:
    # Not RandomBytes: its ID is its value (pulumi-random, computeRandomBytesID), and no ID is encrypted.
    seed = random.RandomPassword(f"{name}-tls-seed", length=64, special=False, opts=child)
    pair = seed.result.apply(lambda text: self_signed(text.encode(), hosts))
    return {"tls.crt": pair.apply(lambda made: made.certificate), "tls.key": pair.apply(lambda made: made.key)}


def certificate_spec(secret: str, hosts: Sequence[str], issuer: TlsIssuerArgs) -> dict[str, Any]:
    """Return the spec of cert-manager's Certificate (pkg/apis/certmanager/v1/types_certificate.go)."""
    return {
        "secretName": secret,
        "dnsNames": list(hosts),
        "issuerRef": dict(issuer),
        "usages": ["digital signature", "key encipherment", "server auth"],
        # The default only since cert-manager 1.18; before, a renewed certificate kept its key.
        "privateKey": {"rotationPolicy": "Always"},
    }


def _issued(
    name: str,
    namespace: pulumi.Input[str],
    hosts: Sequence[str],
    issuer: TlsIssuerArgs,
    child: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """Make a Certificate, which has the name of its Secret and is awaited until cert-manager has issued it."""
    issued = f"{name}-issued"
    certificate = k8s.apiextensions.CustomResource(
        f"{name}-certificate",
        api_version=CERTIFICATES,
        kind="Certificate",
        metadata=k8s.meta.v1.ObjectMetaArgs(
            name=issued,
            namespace=namespace,
            labels=metadata.labels("nginx-ingress", name),
            annotations={"pulumi.com/waitFor": "condition=Ready"},
        ),
        spec=certificate_spec(issued, hosts, issuer),
        opts=pulumi.ResourceOptions.merge(
            child, pulumi.ResourceOptions(custom_timeouts=Deadline(_ISSUE_MINUTES).timeouts)
        ),
    )
    return metadata.name_of(certificate)
