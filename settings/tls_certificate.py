"""Checks ``ingress.tlsCertificate`` and its key, ``tlsPrivateKey``: both are valid, belong together, and fit the hosts.

Neither the key nor a part of it gets into a message.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from settings.errors import TLS_KEY, Mistake, full
from settings.model import Settings

_PATH = "ingress.tlsCertificate"
_RENEW_DAYS = 30
_SET = f"pulumi config set --path '{full(_PATH)}' -- \"$(cat FILE)\""
_SET_KEY = f"pulumi config set --secret {TLS_KEY} < FILE"


def mistakes(settings: Settings, key: str) -> Iterator[Mistake]:
    """Yield what is wrong with certificate and ``key``; an empty one is not given."""
    text = settings.ingress.tls_certificate
    if text is None:
        if key:
            expected = f"is the key of {_PATH}, which is not set"
            yield Mistake(full(TLS_KEY), "[secret]", expected, f"{_SET}, or pulumi config rm {TLS_KEY}")
        return
    certificate = _first(text)
    if "PRIVATE KEY" in text:
        # A PEM file may hold both.
        expected = f"must hold no private key: the stack file is readable, so make another key. Set it as {TLS_KEY}"
        yield Mistake(full(_PATH), "", expected, _SET)
    elif certificate is None:
        expected = "must be certificates in PEM format, that of the server first"
        yield Mistake(full(_PATH), "", expected, _SET)
    elif lacking := [host for host in _hosts(settings) if not _names(certificate, host)]:
        expected = f"must name {' and '.join(lacking)} among its subject alternative names"
        yield Mistake(full(_PATH), "", expected, _SET)
    if key and (public := _public_key(key)) is None:
        yield Mistake(full(TLS_KEY), "[secret]", "must be a private key in PEM format without a passphrase", _SET_KEY)
    elif key and certificate is not None and public != _encoded(certificate):
        yield Mistake(full(TLS_KEY), "[secret]", f"must be the key of {_PATH}, and belongs to another one", _SET_KEY)


def warnings(settings: Settings) -> Iterator[str]:
    """Yield what is no reason to stop an update: a certificate that is not valid now, or not for long."""
    text = settings.ingress.tls_certificate
    certificate = _first(text) if text else None
    if certificate is None:
        return
    now = datetime.datetime.now(datetime.UTC)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begin:
        yield f"{_PATH} is not valid before {begin:%Y-%m-%d %H:%M} UTC: clients reject it"
    elif end < now:
        yield f"{_PATH} expired on {end:%Y-%m-%d}: clients reject it. Renew it: {_SET} && {_SET_KEY}"
    elif end < now + datetime.timedelta(days=_RENEW_DAYS):
        yield f"{_PATH} expires on {end:%Y-%m-%d}. Renew it: {_SET} && {_SET_KEY}"


def _first(text: str) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificates(text.encode())[0]
    except ValueError:
        return None


def _hosts(settings: Settings) -> list[str]:
    """The hosts that NGINX serves."""
    console = [settings.hosts.console] if settings.ingress.console.enabled else []
    return [*console, settings.hosts.gateway]


def _names(certificate: x509.Certificate, host: str) -> bool:
    """Return whether ``certificate`` is for ``host``: a wildcard stands for the first label (RFC 9525, 6.3)."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    names = {name.lower() for name in found.get_values_for_type(x509.DNSName)}
    return bool({host, f"*.{host.partition('.')[2]}"} & names)


def _public_key(key: str) -> bytes | None:
    try:
        private = serialization.load_pem_private_key(key.encode(), password=None)
    # A TypeError for an encrypted key.
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return private.public_key().public_bytes(*_FORM)


def _encoded(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(*_FORM)


_FORM = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
