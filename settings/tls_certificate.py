"""Checks the certificates in the config and their keys: both are valid, belong together, and fit the server's names.

``ingress.tlsCertificate`` and ``tlsPrivateKey`` are NGINX's, ``mysql.tlsCertificate`` and ``mysqlTlsPrivateKey``
MySQL's. Neither a key nor a part of it gets into a message.
"""

from __future__ import annotations

import datetime
import functools
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from settings.errors import MYSQL_TLS_KEY, TLS_KEY, Mistake, full
from settings.model import Settings
from stack import names

_RENEW_DAYS = 30


@dataclass(frozen=True)
class _Pair:
    """One certificate of the config and its key."""

    path: str
    """The setting of the certificate."""
    key: str
    """The secret config value of its key."""
    text: str | None
    hosts: list[str]
    """Names that clients use."""
    verified: bool
    """Whether EI verifies it, with the issuers that follow it: what is not valid is then a mistake."""

    @property
    def set(self) -> str:
        """Return the command that sets the certificate."""
        return f"pulumi config set --path '{full(self.path)}' -- \"$(cat FILE)\""

    @property
    def set_key(self) -> str:
        """Return the command that sets the key."""
        return f"pulumi config set --secret {self.key} < FILE"

    @functools.cached_property
    def chain(self) -> list[x509.Certificate]:
        """Return the certificates; empty where they cannot be read."""
        try:
            return x509.load_pem_x509_certificates((self.text or "").encode())
        except ValueError:
            return []


def mistakes(settings: Settings, given: Mapping[str, str]) -> Iterator[Mistake]:
    """Yield what is wrong with the certificates and their keys among the secret values; an empty one is not given."""
    for pair in _pairs(settings):
        key = given[pair.key]
        if pair.text is not None:
            yield from _certificate(pair)
            yield from _key(pair, key)
        elif key:
            expected = f"is the key of {pair.path}, which is not set"
            yield Mistake(full(pair.key), "[secret]", expected, f"{pair.set}, or pulumi config rm {pair.key}")


def keys(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield secret value and path of each certificate that needs its key."""
    yield from ((pair.key, pair.path) for pair in _pairs(settings) if pair.text is not None)


def warnings(settings: Settings) -> Iterator[str]:
    """Yield what is no reason to stop an update: a certificate that is not valid now, or not for long."""
    for pair in _pairs(settings):
        if not pair.chain:
            continue
        now, renew = datetime.datetime.now(datetime.UTC), f"Renew it: {pair.set} && {pair.set_key}"
        begin, end = pair.chain[0].not_valid_before_utc, pair.chain[0].not_valid_after_utc
        if now < begin:
            yield f"{pair.path} is not valid before {begin:%Y-%m-%d %H:%M} UTC: clients reject it"
        elif end < now:
            yield f"{pair.path} expired on {end:%Y-%m-%d}: clients reject it. {renew}"
        elif end < now + datetime.timedelta(days=_RENEW_DAYS):
            yield f"{pair.path} expires on {end:%Y-%m-%d}. {renew}"


def _pairs(settings: Settings) -> list[_Pair]:
    console = [settings.hosts.console] if settings.ingress.console.enabled else []
    hosts = [*console, settings.hosts.gateway]
    return [
        _Pair("ingress.tlsCertificate", TLS_KEY, settings.ingress.tls_certificate, hosts, verified=False),
        _Pair("mysql.tlsCertificate", MYSQL_TLS_KEY, settings.mysql.tls_certificate, [names.MYSQL], verified=True),
    ]


def _certificate(pair: _Pair) -> Iterator[Mistake]:
    chain, expected = pair.chain, ""
    if "PRIVATE KEY" in (pair.text or ""):
        # A PEM file may hold both.
        expected = f"must hold no private key: the stack file is readable, so make another key. Set it as {pair.key}"
    elif not chain:
        expected = "must be certificates in PEM format, that of the server first"
    elif lacking := [host for host in pair.hosts if not _names(chain[0], host)]:
        expected = f"must name {' and '.join(lacking)} among its subject alternative names"
    elif pair.verified and not _is_signed(chain):
        expected = (
            "must be followed by the certificate that signed it, and so on, until that of the authority, which signed "
            "itself: EI verifies MySQL with them"
        )
    elif pair.verified and (invalid := next((one for one in chain if not _is_valid(one)), None)):
        expected = (
            f"must be valid now, with its issuers: EI would reject {invalid.subject.rfc4514_string()}, valid from "
            f"{invalid.not_valid_before_utc:%Y-%m-%d} to {invalid.not_valid_after_utc:%Y-%m-%d}"
        )
    if expected:
        yield Mistake(full(pair.path), "", expected, pair.set)


def _key(pair: _Pair, key: str) -> Iterator[Mistake]:
    expected = ""
    if key and (public := _public_key(key)) is None:
        expected = "must be a private key in PEM format without a passphrase"
    elif key and pair.chain and public != pair.chain[0].public_key().public_bytes(*_FORM):
        expected = f"must be the key of {pair.path}, and belongs to another one"
    if expected:
        yield Mistake(full(pair.key), "[secret]", expected, pair.set_key)


def _names(certificate: x509.Certificate, host: str) -> bool:
    """Return whether ``certificate`` is for ``host``: a wildcard stands for the first label (RFC 9525, 6.3)."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    names_of_it = {name.lower() for name in found.get_values_for_type(x509.DNSName)}
    return bool({host, f"*.{host.partition('.')[2]}"} & names_of_it)


def _is_signed(chain: list[x509.Certificate]) -> bool:
    """Return whether each certificate is signed by the next one, and the last by itself."""
    try:
        for one, issuer in itertools.pairwise([*chain, chain[-1]]):
            one.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_valid(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_before_utc <= datetime.datetime.now(datetime.UTC) <= certificate.not_valid_after_utc


def _public_key(key: str) -> bytes | None:
    try:
        private = serialization.load_pem_private_key(key.encode(), password=None)
    # A TypeError for an encrypted key.
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return private.public_key().public_bytes(*_FORM)


_FORM = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
