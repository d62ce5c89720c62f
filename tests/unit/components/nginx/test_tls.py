"""The self-signed certificate: the same inputs give the same bytes, and it fits the hosts."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from components.nginx.tls import self_signed

SEED = bytes(range(32))


def test_same_seed_and_hosts_give_the_same_bytes() -> None:
    assert self_signed(SEED, ["a", "b"]) == self_signed(SEED, ["a", "b"])


def test_another_seed_gives_another_key_and_another_host_another_certificate() -> None:
    first = self_signed(SEED, ["a"])
    assert self_signed(SEED[::-1], ["a"]).key != first.key
    assert self_signed(SEED, ["b"]).key == first.key
    assert self_signed(SEED, ["b"]).certificate != first.certificate


def test_certificate_names_every_host_and_belongs_to_the_key() -> None:
    pair = self_signed(SEED, ["console", "gateway.example.com", "x" * 63 + ".example.com"])
    certificate = x509.load_pem_x509_certificate(pair.certificate.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName)[:2] == ["console", "gateway.example.com"]
    assert load_pem_private_key(pair.key.encode(), None).public_key() == certificate.public_key()


@pytest.mark.parametrize(("seed", "hosts"), [(b"short", ["a"]), (SEED, [])])
def test_too_short_a_seed_or_no_host_is_refused(seed: bytes, hosts: list[str]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        self_signed(seed, hosts)
