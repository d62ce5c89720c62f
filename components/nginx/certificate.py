"""The Secret with the certificate of all routes: given, of cert-manager, or self-signed."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from components.nginx.args import NginxIngressArgs
from components.nginx.tls import self_signed
from components.shared import certificates, metadata


def tls_secret(name: str, args: NginxIngressArgs, child: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """Make the Secret, unless it exists; return its name, known once it can be used."""
    hosts = [route["host"] for route in args["routes"].values()]
    meta = k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=metadata.labels("nginx-ingress", name))
    own = {} if certificates.has_source(args) else _self_signed(name, hosts, child)
    return certificates.named_secret(name, args, meta, hosts, child, own)


def _self_signed(name: str, hosts: Sequence[str], child: pulumi.ResourceOptions) -> dict[str, pulumi.Input[str]]:
    # Not RandomBytes: its ID is its value (pulumi-random, computeRandomBytesID), and no ID is encrypted.
    seed = random.RandomPassword(f"{name}-tls-seed", length=64, special=False, opts=child)
    pair = seed.result.apply(lambda text: self_signed(text.encode(), hosts))
    return {"tls.crt": pair.apply(lambda made: made.certificate), "tls.key": pair.apply(lambda made: made.key)}
