"""Queries registries from this machine: can they be reached, and may the stack pull an image.

Goes out as the machine does: by its proxy variables (HTTPS_PROXY, NO_PROXY) and its certificate authorities
(SSL_CERT_FILE and SSL_CERT_DIR count). Speaks the registries' HTTP API v2 with its token flow (distribution:
docs/spec/api.md, docs/spec/auth/token.md), only as far as HEAD of a manifest: that does not count as a pull.
A connection that breaks is tried once more, as it is no answer of the registry's.
"""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future
from http import HTTPStatus
from typing import TypeVar

import httpx

from embedded.errors import KitError
from embedded.images.references import DOCKER_HUB, Reference

FORCE_STAND_INS = "or use stand-ins: WSO2EI_IMAGES=stand-in make up"
_CONNECT_SECONDS = 4.0
_SECONDS_IN_ALL = 12.0
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
# A proxy or gateway that cannot reach the registry answers with these itself.
_NOT_REACHED = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
T = TypeVar("T")


class UnreachedError(Exception):
    """The registry did not answer; the text is the reason, in a few words."""


def why_unreachable(registry: str) -> str:
    """Return '' when the registry answers, whatever it answers; else the reason. Takes a few seconds at most.

    :raises KitError: when the cause can be fixed here: a proxy that rejects the connection, a certificate that is
        not trusted.
    """
    try:
        _in_time(lambda: _exchange(registry, lambda client: client.get(f"{base(registry)}/v2/")))
    except UnreachedError as error:
        return str(error)
    return ""


def refusal(image: Reference, user: tuple[str, str] | None) -> str:
    """Return '' when the registry lets the user pull the image; else its answer: status, phrase and what answered.

    :param user: name and password, which go to the registry and to the token service that it names over HTTPS.
    :raises UnreachedError: when it does not answer.
    :raises KitError: as `why_unreachable`.
    """
    return _in_time(lambda: _exchange(image.registry, lambda client: _head(client, image, user)))


def _in_time(work: Callable[[], T]) -> T:
    """Bound the whole exchange: a name lookup cannot time out in Python, so it runs in a thread."""
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001 - it is passed on to the caller
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return done.result(_SECONDS_IN_ALL)
    except TimeoutError as error:
        raise UnreachedError(f"no answer within {_SECONDS_IN_ALL:.0f} s") from error


def _exchange(registry: str, work: Callable[[httpx.Client], T]) -> T:
    limits = httpx.Timeout(_SECONDS_IN_ALL, connect=_CONNECT_SECONDS)
    try:
        with httpx.Client(timeout=limits, verify=ssl.create_default_context(), follow_redirects=True) as client:
            try:
                return work(client)
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                return work(client)
    except httpx.ProxyError as error:
        if str(error)[:3] in map(str, map(int, _NOT_REACHED)):
            raise UnreachedError(f"the proxy answers {error}") from error
        raise KitError(
            f"the proxy rejects the connection to {registry}: {error}",
            f"check HTTPS_PROXY (its user and password too) and NO_PROXY, {FORCE_STAND_INS}",
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise KitError(
                f"the certificate of {registry} is not trusted here: {_one_line(str(error))}",
                "add its CA to this machine (update-ca-certificates, or SSL_CERT_FILE), or correct the clock, "
                + FORCE_STAND_INS,
            ) from error
        raise UnreachedError(_one_line(str(error)) or type(error).__name__) from error


def _head(client: httpx.Client, image: Reference, user: tuple[str, str] | None) -> str:
    url = f"{base(image.registry)}/v2/{image.repository}/manifests/{image.version}"
    headers = {"Accept": _MANIFESTS}
    answer = client.head(url, headers=headers)
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        kind, _, challenge = answer.headers.get("WWW-Authenticate", "").partition(" ")
        if kind.lower() == "bearer":
            given = _token(client, dict(re.findall(r'(\w+)="([^"]*)"', challenge)), user)
            if given.status_code != HTTPStatus.OK:
                return _words(given)
            content = given.json()
            token = content.get("token") or content.get("access_token")
            answer = client.head(url, headers=headers | {"Authorization": f"Bearer {token}"})
        elif user:
            answer = client.head(url, headers=headers, auth=user)
    if answer.status_code in _NOT_REACHED:
        raise UnreachedError(_words(answer))
    return "" if answer.status_code == HTTPStatus.OK else _words(answer)


def _token(client: httpx.Client, challenge: dict[str, str], user: tuple[str, str] | None) -> httpx.Response:
    realm = challenge.pop("realm", "")
    # Plain HTTP would show the password to the network.
    auth = user if user and realm.startswith("https://") else None
    return client.get(realm, params={name: challenge.get(name, "") for name in ("service", "scope")}, auth=auth)


def _words(answer: httpx.Response) -> str:
    """Return status and phrase, as containerd reports them, and what answered: it may be a gateway on the way.

    The meanings in `embedded.status.pulls` fit them.
    """
    phrase = answer.reason_phrase or HTTPStatus(answer.status_code).phrase
    server = answer.headers.get("Via") or answer.headers.get("Server")
    return f"{answer.status_code} {phrase} from {answer.url.host}{f' ({_one_line(server)})' if server else ''}"


def base(registry: str) -> str:
    """Return the URL of the registry's API; Docker Hub's is another host than its name."""
    return f"https://{'registry-1.docker.io' if registry == DOCKER_HUB else registry}"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
