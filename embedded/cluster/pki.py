"""Certificates and keys of one cluster: made once, kept in the state folder, deleted by `stop`."""

from __future__ import annotations

import datetime
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from embedded.cluster import names as n

_LIFE = datetime.timedelta(days=3650)


@dataclass(frozen=True)
class Identity:
    """Subject and hosts of a certificate: for Kubernetes ``user`` (CN) is the user and ``group`` (O) its groups."""

    user: str
    group: str = ""
    hosts: tuple[str, ...] = ()
    server: bool = False


def identities(nodes: int) -> dict[str, Identity]:
    """Return file name and identity of every certificate of a cluster with ``nodes`` nodes."""
    wanted = {
        "apiserver": Identity(
            "kube-apiserver",
            hosts=(
                *("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"),
                f"kubernetes.default.svc.{n.CLUSTER_DOMAIN}",
                *("127.0.0.1", n.API_SERVICE_ADDRESS, n.node_address(1)),
            ),
            server=True,
        ),
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
        wanted[f"kubelet-server-{node}"] = Identity(
            f"system:node:{name}", "system:nodes", (name, n.node_address(node)), server=True
        )
    return wanted


def ensure(folder: Path, nodes: int) -> None:
    """Make what is missing: ``ca``, ``ca-bundle``, ``service-account``, and a certificate and key for each identity."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (folder / "ca.crt").exists():
        _make_authority(folder, "ca", "embedded-ca")
    if not (folder / "ca-bundle.crt").exists():
        # Pods get a bundle, as on OpenShift and while a CA is rotated: a client that reads only the first one fails.
        _make_authority(folder, "ca-before", "embedded-ca-before")
        certificates = [(folder / f"{name}.crt").read_bytes() for name in ("ca-before", "ca")]
        _write(folder / "ca-bundle.crt", b"".join(certificates))
    if not (folder / "service-account.key").exists():
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        _write(folder / "service-account.pub", public)
        _write(folder / "service-account.key", _pem(key))
    for name, identity in identities(nodes).items():
        if not (folder / f"{name}.crt").exists():
            _make_leaf(folder, name, identity)


def _make_authority(folder: Path, file: str, common_name: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
    certificate = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    # The certificate is written last everywhere: that it is there means that the key is too.
    _write(folder / f"{file}.key", _pem(key))
    _write(folder / f"{file}.crt", certificate.public_bytes(serialization.Encoding.PEM))


def _make_leaf(folder: Path, name: str, identity: Identity) -> None:
    authority = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    authority_key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not an elliptic curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, identity.user)]
    if identity.group:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, identity.group))
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if identity.server:
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
    builder = _builder(x509.Name(attributes), authority.subject, key.public_key()).add_extension(
        x509.ExtendedKeyUsage(usages), critical=False
    )
    if identity.hosts:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(host) for host in identity.hosts]), critical=False
        )
    # Python's own TLS (3.13 and newer) rejects a certificate that does not name the key that signed it.
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    certificate = builder.add_extension(issuer, critical=False).sign(authority_key, hashes.SHA256())
    _write(folder / f"{name}.key", _pem(key))
    _write(folder / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM))


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # The clock of a laptop may be slow after it wakes up.
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + _LIFE)
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    new = path.with_suffix(f"{path.suffix}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    new.replace(path)
