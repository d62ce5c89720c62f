"""Make a self-signed certificate that is the same in every run.

The key comes from random characters kept in the encrypted state; the signature is deterministic (RFC 6979) and the
dates are constants. So the same inputs give the same bytes, and a preview after an update shows no change.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# The order of the curve P-256 (FIPS 186-5, D.1.2.3).
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_NOT_BEFORE = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
_NOT_AFTER = datetime.datetime(2044, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class KeyPair:
    """Private key and certificate in PEM format."""

    key: str
    certificate: str


def self_signed(seed: bytes, hosts: Sequence[str]) -> KeyPair:
    """Sign a certificate for ``hosts`` (the first one is also the common name), for a developer's machine only.

    :raises ValueError: if ``seed`` is shorter than 32 bytes or ``hosts`` is empty.
    """
    if len(seed) < 32 or not hosts:
        raise ValueError("self_signed needs a seed of 32 bytes and at least one host")
    scalar = int.from_bytes(hashlib.sha512(b"wso2ei tls key" + seed).digest()) % (_P256_ORDER - 1) + 1
    key = ec.derive_private_key(scalar, ec.SECP256R1())
    # A common name holds at most 64 characters (RFC 5280, ub-common-name); clients read the alternative names.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    public = key.public_key()
    serial = int.from_bytes(hashlib.sha256(seed + "\n".join(hosts).encode()).digest()[:19]) | 1
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(_NOT_BEFORE)
        .not_valid_after(_NOT_AFTER)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    return KeyPair(
        key=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        certificate=certificate.public_bytes(serialization.Encoding.PEM).decode(),
    )
