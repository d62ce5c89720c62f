"""Certificates and keys of one cluster: made once, kept in the state folder, deleted by `stop`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import trustme

from embedded.cluster import names as n


class Identity(NamedTuple):
    """Subject and hosts of a certificate: for Kubernetes ``user`` (CN) is the user and ``group`` (O) its group."""

    user: str
    group: str = "embedded"
    # A certificate without a host is rejected everywhere; no server has this one.
    hosts: tuple[str, ...] = ("client.invalid",)


def identities(nodes: int) -> dict[str, Identity]:
    """Return file name and identity of every certificate of a cluster with ``nodes`` nodes."""
    api_hosts = (
        *("kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{n.CLUSTER_DOMAIN}"),
        *("localhost", "127.0.0.1", n.API_SERVICE_ADDRESS, n.node_address(1)),
    )
    wanted = {
        "apiserver": Identity("kube-apiserver", hosts=api_hosts),
        "admin": Identity("embedded-admin", "system:masters"),
        "apiserver-kubelet": Identity("kube-apiserver-kubelet-client", "system:masters"),
        "controller-manager": Identity("system:kube-controller-manager"),
        "scheduler": Identity("system:kube-scheduler"),
        "kube-proxy": Identity("system:kube-proxy"),
        "kube-router": Identity("embedded:kube-router"),
        "load-balancer": Identity("embedded:load-balancer"),
    }
    for node in range(1, nodes + 1):
        name = n.node_name(node)
        wanted[f"kubelet-{node}"] = Identity(f"system:node:{name}", "system:nodes")
        wanted[f"kubelet-server-{node}"] = Identity(f"system:node:{name}", "system:nodes", (name, n.node_address(node)))
    return wanted


def ensure(folder: Path, nodes: int) -> None:
    """Make what is missing: ``ca``, ``ca-bundle``, ``service-account``, and a certificate and key for each identity."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (folder / "ca.crt").exists():
        authority = trustme.CA.from_pem((folder / "ca.crt").read_bytes(), (folder / "ca.key").read_bytes())
    else:
        authority = trustme.CA()
        _write(folder / "ca.key", authority.private_key_pem)
        _write(folder / "ca.crt", authority.cert_pem)
    if not (folder / "ca-bundle.crt").exists():
        # Pods get a bundle, as on OpenShift and while a CA is rotated: a client that reads only the first one fails.
        _write(folder / "ca-bundle.crt", trustme.CA().cert_pem, authority.cert_pem)
    if not (folder / "service-account.pub").exists():
        signer = trustme.CA()
        _write(folder / "service-account.key", signer.private_key_pem)
        # The API server takes a certificate for its public key.
        _write(folder / "service-account.pub", signer.cert_pem)
    for name, identity in identities(nodes).items():
        if not (folder / f"{name}.crt").exists():
            leaf = authority.issue_cert(*identity.hosts, common_name=identity.user, organization_name=identity.group)
            _write(folder / f"{name}.key", leaf.private_key_pem)
            _write(folder / f"{name}.crt", *leaf.cert_chain_pems)


def _write(path: Path, *content: trustme.Blob) -> None:
    """Write on the disk. The certificate is written last everywhere: that it is there means that the key is too."""
    new = path.with_suffix(f"{path.suffix}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(b"".join(blob.bytes() for blob in content))
        handle.flush()
        os.fsync(handle.fileno())
    new.replace(path)
