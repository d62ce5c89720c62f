"""A certificate in the config, and its key: what is rejected, what is a warning, and that no key is printed."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from components.nginx.tls import self_signed
from settings import errors, loading, tls_certificate
from tests.unit.settings.test_loading import LOCAL, load
from tests.unit.support.recording import Recorder, unwrap
from tests.unit.support.stacks import run

HOSTS = ["wso2ei-scalable-integrator", "wso2ei-scalable-integrator-gateway"]
PAIR, OTHER = self_signed(b"1" * 32, HOSTS), self_signed(b"2" * 32, HOSTS)
GATEWAY_ONLY = self_signed(b"1" * 32, HOSTS[1:])


def config(certificate: str, key: str = "", **ingress: Any) -> dict[str, Any]:
    return LOCAL | {"ingress": {"tlsCertificate": certificate} | ingress} | ({"tlsPrivateKey": key} if key else {})


def told(config: dict[str, Any]) -> list[str]:
    """The keys of what is wrong."""
    with pytest.raises(errors.ConfigurationError) as caught:
        load(config, ("tlsPrivateKey", "mysqlTlsPrivateKey"))
    text = str(caught.value)
    assert "PRIVATE KEY" not in text
    secrets = [line for pair in (PAIR, OTHER) for line in pair.key.splitlines()[1:-1]]
    assert not any(line in text for line in secrets)
    return [line.split(":")[1].split()[0] for line in text.splitlines() if line.startswith("  - ")]


def encrypted(key: str) -> str:
    private = serialization.load_pem_private_key(key.encode(), None)
    form = serialization.BestAvailableEncryption(b"opensesame")
    return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, form).decode()


def test_a_pair_that_fits_is_accepted_and_a_preview_needs_no_key() -> None:
    assert load(config(PAIR.certificate, PAIR.key), ("tlsPrivateKey",)).ingress.tls_certificate == PAIR.certificate
    chain = PAIR.certificate + OTHER.certificate
    assert load(config(chain, PAIR.key), ("tlsPrivateKey",)).ingress.tls_certificate == chain
    load(config(PAIR.certificate))


@pytest.mark.parametrize(
    ("certificate", "key", "keys"),
    [
        ("no certificate", "", ["ingress.tlsCertificate"]),
        (OTHER.certificate + PAIR.certificate, PAIR.key, ["tlsPrivateKey"]),
        (PAIR.certificate, OTHER.key, ["tlsPrivateKey"]),
        (PAIR.certificate, "hunter2", ["tlsPrivateKey"]),
        (PAIR.certificate, encrypted(PAIR.key), ["tlsPrivateKey"]),
        (PAIR.certificate + PAIR.key, PAIR.key, ["ingress.tlsCertificate"]),
        (PAIR.key, PAIR.key, ["ingress.tlsCertificate"]),
        (GATEWAY_ONLY.certificate, OTHER.key, ["ingress.tlsCertificate", "tlsPrivateKey"]),
    ],
)
def test_a_pair_that_nginx_or_a_client_would_reject_is_rejected(certificate: str, key: str, keys: list[str]) -> None:
    assert told(config(certificate, key)) == keys


def test_a_key_without_a_certificate_and_a_certificate_together_with_a_secret_are_rejected() -> None:
    assert told(LOCAL | {"tlsPrivateKey": PAIR.key}) == ["tlsPrivateKey"]
    assert told(config(PAIR.certificate, PAIR.key, tlsSecret="tls")) == ["ingress.tlsCertificate"]


def test_the_certificate_names_the_hosts_that_nginx_serves() -> None:
    load(config(GATEWAY_ONLY.certificate, console={"enabled": False}))
    wildcard = self_signed(b"1" * 32, ["*.example.com"]).certificate
    hosts = {"console": "ei-console.example.com", "gateway": "ei.example.com"}
    load(config(wildcard) | {"hosts": hosts})
    assert told(config(wildcard) | {"hosts": hosts | {"gateway": "a.ei.example.com"}}) == ["ingress.tlsCertificate"]


def mysql(certificate: str, key: str = "") -> dict[str, Any]:
    return LOCAL | {"mysql": {"tlsCertificate": certificate}} | ({"mysqlTlsPrivateKey": key} if key else {})


def test_a_certificate_of_mysql_is_checked_as_that_of_nginx_and_that_ei_can_verify_it() -> None:
    own, other = self_signed(b"1" * 32, ["wso2ei-mysql"]), self_signed(b"2" * 32, ["wso2ei-mysql"])
    load(mysql(own.certificate, own.key), ("mysqlTlsPrivateKey",))
    load(mysql(own.certificate))
    wrong: list[tuple[str, str, list[str]]] = [
        ("no certificate", "", ["mysql.tlsCertificate"]),
        (own.certificate, other.key, ["mysqlTlsPrivateKey"]),
        (own.certificate, "hunter2", ["mysqlTlsPrivateKey"]),
        (own.certificate + own.key, own.key, ["mysql.tlsCertificate"]),
        (PAIR.certificate, PAIR.key, ["mysql.tlsCertificate"]),
        # Not signed by the one that follows.
        (own.certificate + other.certificate, own.key, ["mysql.tlsCertificate"]),
        (valid_for(-60, -1, ["wso2ei-mysql"]), "", ["mysql.tlsCertificate"]),
        (valid_for(1, 60, ["wso2ei-mysql"]), "", ["mysql.tlsCertificate"]),
    ]
    for certificate, key, keys in wrong:
        assert told(mysql(certificate, key)) == keys
    assert told(LOCAL | {"mysqlTlsPrivateKey": own.key}) == ["mysqlTlsPrivateKey"]
    with pytest.raises(errors.ConfigurationError, match="mysqlTlsPrivateKey: is required: the key"):
        run("local", {"mysql": {"tlsCertificate": own.certificate}})
    (text,) = tls_certificate.warnings(load(mysql(valid_for(-60, 10, ["wso2ei-mysql"]))))
    assert text.startswith("mysql.tlsCertificate expires on")


def test_the_key_of_mysql_is_in_its_secret_and_nowhere_else() -> None:
    own = self_signed(b"1" * 32, ["wso2ei-mysql"])
    recorder = run("local", {"mysql": {"tlsCertificate": own.certificate}, "mysqlTlsPrivateKey": own.key})
    line = own.key.splitlines()[1]
    assert [item.name for item in recorder.registered if line in str(unwrap(item.inputs))] == ["wso2ei-mysql-tls"]


def valid_for(begin: int, end: int, hosts: Sequence[str] = HOSTS) -> str:
    """A certificate that is valid between two days from now."""
    now, key = datetime.datetime.now(datetime.UTC), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now + datetime.timedelta(days=begin))
    builder = builder.not_valid_after(now + datetime.timedelta(days=end))
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    made = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("begin", "end", "words"),
    [(-1, 60, ""), (1, 60, "is not valid before"), (-60, -1, "expired on"), (-60, 10, "expires on")],
)
def test_a_certificate_that_is_not_valid_or_not_for_long_is_a_warning_of_every_run(
    begin: int, end: int, words: str
) -> None:
    settings = load(config(valid_for(begin, end)))
    found = list(tls_certificate.warnings(settings))
    assert len(found) == bool(words)
    assert all(words in text for text in found)


def secret(recorder: Recorder) -> Any:
    return next(item for item in recorder.registered if item.name == "wso2ei-nginx-tls")


def test_the_certificate_is_in_a_secret_and_the_key_is_nowhere_else() -> None:
    ingress = {"ingress": {"tlsCertificate": PAIR.certificate}}
    recorder = run("local", ingress | {"tlsPrivateKey": PAIR.key})
    made = secret(recorder)
    assert made.body()["stringData"] == {"tls.crt": PAIR.certificate, "tls.key": PAIR.key}
    assert made.body()["type"] == "kubernetes.io/tls"
    line = PAIR.key.splitlines()[1]
    assert [item.name for item in recorder.registered if line in str(unwrap(item.inputs))] == ["wso2ei-nginx-tls"]
    assert "wso2ei-nginx-tls-seed" not in [item.name for item in recorder.registered]
    with pytest.raises(errors.ConfigurationError, match="tlsPrivateKey: is required"):
        run("local", ingress)
    assert secret(run("local", ingress, preview=True)).body()["stringData"]["tls.key"] == "not set"


def test_plain_text_is_rejected() -> None:
    with pytest.raises(errors.ConfigurationError, match=r"tlsPrivateKey = .plain text.: must be stored encrypted"):
        loading.load("wso2ei", "test", {"wso2ei:tlsPrivateKey": PAIR.key}, frozenset())
