"""Checks that a user may pull an image from its registry, before anything of a stack is made.

Uses the Docker Registry HTTP API v2 and its token flow (distribution: docs/spec/api.md, docs/spec/auth/token.md)
the way ``docker login`` and then ``docker pull`` do. The login is a request without scope: a token service may
answer a wrong password with a token that grants nothing (Harbor does for a request with a scope), and only a login
without scope distinguishes "wrong password" from "no access to this project".

Stores no credentials: the password is sent to the registry and to the token service that the registry names, never over
plain HTTP to another machine, and is in no message.
"""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

import certifi
import httpx
import pulumi

from components.shared.image_reference import ImageReference, parse_image
from components.wso2ei.versions import SUBSCRIPTION_REGISTRIES

CheckMode = Literal["required", "whenReachable", "never"]
Verdict = Literal["accepted", "login rejected", "no access", "no image", "no answer"]

_SECONDS = 10.0
"""For one request; connecting may take half of it."""
_SECONDS_IN_ALL = 30.0
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_WSO2_REGISTRY, _OLD_WSO2_REGISTRY = SUBSCRIPTION_REGISTRIES


@dataclass(frozen=True)
class Answer:
    """Result of the check."""

    verdict: Verdict
    detail: str
    """What the registry answered, or why there is no answer; contains no secret."""


class RegistryRejectedError(pulumi.RunError):
    """The registry rejects the credentials or has no such image; the CLI prints the text without a traceback."""


def require_pull(
    image: str, username: str, password: str, *, stack: str, mode: CheckMode, warn: Callable[[str], None]
) -> None:
    """Query the registry of ``image``, and return only if ``username`` may pull it.

    :param mode: ``never`` sends no request; without an answer, ``whenReachable`` warns and ``required`` raises.
    :param warn: receives the warning, one paragraph.
    :raises RegistryRejectedError: with the registry, the user, the answer and possible fixes.
    """
    if mode == "never":
        return
    answer = query(image, username, password)
    if answer.verdict == "accepted":
        return
    text = explain(image, username, answer, stack)
    if answer.verdict == "no answer" and mode == "whenReachable":
        warn(f"The credentials were not checked. {text}")
        return
    raise RegistryRejectedError(f"{text}\nNothing was changed.")


def query(image: str, username: str, password: str) -> Answer:
    """Return whether ``username`` may pull ``image``; takes at most about half a minute, whatever the network does."""
    found: list[Answer] = []

    def work() -> None:
        found.append(_scrubbed(_query(parse_image(image), username, password), password))

    # A name lookup cannot time out in Python, so the time limit of the check is this thread's.
    thread = threading.Thread(target=work, daemon=True, name="registry-check")
    thread.start()
    thread.join(_SECONDS_IN_ALL)
    return found[0] if found else Answer("no answer", f"no answer came within {_SECONDS_IN_ALL:.0f} s")


def explain(image: str, username: str, answer: Answer, stack: str) -> str:
    """Return a rejection, or a missing answer, in words, with possible fixes."""
    reference = parse_image(image)
    about = f"registry {reference.registry}, user '{username}', image {image}"
    title = {
        "accepted": "The user may pull the image.",
        "login rejected": "The registry rejects the user or the password.",
        "no access": f"The registry accepts the login, but the user may not pull {reference.repository}.",
        "no image": f"The registry accepts the login, but has no {reference.repository} {reference.version}.",
        "no answer": "The registry gave no answer.",
    }[answer.verdict]
    ways = "\n".join(f"  - {way}" for way in _ways_out(reference, username, answer.verdict, stack))
    return f"{title}\n  {about}\n  answer: {answer.detail}\nfix:\n{ways}"


def _ways_out(reference: ImageReference, username: str, verdict: Verdict, stack: str) -> list[str]:
    ways: list[str] = []
    if reference.registry == _OLD_WSO2_REGISTRY:
        ways.append(
            f"{_OLD_WSO2_REGISTRY} was replaced by {_WSO2_REGISTRY} in 2026: name the image as "
            f"{_WSO2_REGISTRY}/PROJECT/IMAGE:TAG (WSO2's support portal has the path): "
            f"pulumi config set -s {stack} --path ei.image {_WSO2_REGISTRY}/PROJECT/IMAGE:TAG"
        )
    match verdict:
        case "login rejected":
            ways += [
                "the token may have expired or been withdrawn with the subscription: make a new one in the registry's "
                f"(WSO2: the support) portal, then: make credentials STACK={stack}",
                f"without make: pulumi config set -s {stack} registryUsername 'USER'; "
                f"pulumi config set -s {stack} --secret registryPassword",
            ]
            if username.startswith("robot") or "$" in username:
                ways.append("the name of a robot account is 'robot$NAME'; without single quotes a shell drops $NAME")
        case "no access":
            ways += [
                "look up the image's path in the registry's (WSO2: the support) portal, since a project that does not "
                f"exist gets the same answer: pulumi config set -s {stack} --path ei.image REFERENCE",
                f"or give '{username}' access to the project {reference.repository.split('/')[0]}",
            ]
        case "no image":
            ways.append(
                "look up its path and tags in the registry's portal (WSO2's own tags have four parts, such as "
                f"6.6.0.10), then: pulumi config set -s {stack} --path ei.image REFERENCE"
            )
        case _:
            ways.append(
                "if only the cluster reaches the registry, turn the check off: "
                f"pulumi config set -s {stack} registryCheck never"
            )
    return ways


def _query(image: ImageReference, username: str, password: str) -> Answer:
    plain = _is_loopback(image.api_host)
    base = f"{'http' if plain else 'https'}://{image.api_host}"
    limits = httpx.Timeout(_SECONDS, connect=_SECONDS / 2)
    try:
        with httpx.Client(timeout=limits, verify=_trust(), trust_env=not plain) as client:
            try:
                return _pull(client, base, image, (username, password))
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                # A connection that broke is no answer of the registry's; a second one is.
                return _pull(client, base, image, (username, password))
    except _Rejected as rejected:
        return rejected.answer
    # Anything that cannot be read as an answer of a registry is no answer: a proxy's page, a broken header, a bad name.
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return Answer("no answer", f"{type(error).__name__}: {_one_line(str(error)) or 'no answer'}")


class _Rejected(Exception):  # noqa: N818 - an answer, not an error
    def __init__(self, verdict: Verdict, detail: str) -> None:
        super().__init__(detail)
        self.answer = Answer(verdict, detail)


def _pull(client: httpx.Client, base: str, image: ImageReference, user: tuple[str, str]) -> Answer:
    """Log in, then request the manifest."""
    first = client.get(f"{base}/v2/", follow_redirects=True)
    basic, bearer = _challenges(first)
    authorization: dict[str, str] = {}
    if first.status_code == 401 and bearer:
        realm = _safe_realm(bearer, base)
        service = {"service": bearer["service"]} if "service" in bearer else {}
        _token(client, realm, service | {"account": user[0]}, user, "login rejected")
        scope = {"scope": f"repository:{image.repository}:pull"}
        token = _token(client, realm, service | scope | {"account": user[0]}, user, "no access")
        authorization = {"Authorization": f"Bearer {token}"}
    elif first.status_code == 401 and basic:
        login = client.get(f"{base}/v2/", auth=user)
        _expect(login, "login rejected", to="the login")
        authorization = {"Authorization": login.request.headers["Authorization"]}
    else:
        # 200: a registry without authentication.
        _expect(first, "no answer", to="GET /v2/")
    url = f"{base}/v2/{image.repository}/manifests/{image.version}"
    headers = {"Accept": _MANIFESTS} | authorization
    # HEAD does not count against Docker Hub's limit of pulls; it has no body that would say why, so a
    # rejected request is sent again as GET.
    found = client.head(url, headers=headers, follow_redirects=True)
    if found.status_code != 200:
        found = client.get(url, headers=headers, follow_redirects=True)
        _expect(found, "no image" if found.status_code == 404 else "no access", to="the request for the image")
    return Answer("accepted", f"{found.status_code} to the request for the image")


def _token(
    client: httpx.Client, realm: str, query: dict[str, str], user: tuple[str, str], rejection: Verdict
) -> str:  # fmt: skip
    answer = client.get(realm, params=query, auth=user)
    what = "the login" if rejection == "login rejected" else "the request for a token"
    _expect(answer, rejection, to=f"{what} at {urlsplit(realm).hostname}")
    content = answer.json()
    token = content.get("token") or content.get("access_token") if isinstance(content, dict) else None
    if not isinstance(token, str):
        raise _Rejected("no answer", f"{urlsplit(realm).hostname} gave no token")
    return token


def _expect(answer: httpx.Response, rejection: Verdict, *, to: str) -> None:
    """Accept 200, else raise: 401 and 403 are final, everything else counts as no answer."""
    if answer.status_code == 200:
        return
    final = answer.status_code in {401, 403} or (answer.status_code == 404 and rejection == "no image")
    raise _Rejected(rejection if final else "no answer", f"{answer.status_code} to {to}{_reason(answer)}")


def _reason(answer: httpx.Response) -> str:
    """Return the first error of the API's JSON (``errors``), Docker Hub's ``details``, or nothing."""
    try:
        content = answer.json()
    except ValueError:
        return ""
    if not isinstance(content, dict):
        return ""
    errors = content.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        words = [str(errors[0].get(key)) for key in ("code", "message") if errors[0].get(key)]
        return f" ({_one_line(': '.join(words))})"
    text = content.get("details") or content.get("message") or content.get("error")
    return f" ({_one_line(str(text))})" if text else ""


def _challenges(answer: httpx.Response) -> tuple[bool, dict[str, str] | None]:
    """Return (Basic is offered, parameters of the Bearer challenge) from all WWW-Authenticate headers (RFC 9110)."""
    text = ", ".join(answer.headers.get_list("WWW-Authenticate"))
    basic = re.search(r"(?:^|,)\s*Basic\b", text, re.I) is not None
    bearer = re.search(r"(?:^|,)\s*Bearer\s+(.*)", text, re.I)
    if not bearer:
        return basic, None
    found = re.findall(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', bearer[1])
    parameters = {name.lower(): re.sub(r"\\(.)", r"\1", quoted) or bare for name, quoted, bare in reversed(found)}
    return basic, parameters if "realm" in parameters else None


def _safe_realm(challenge: dict[str, str], base: str) -> str:
    """Return the token service's address; the password is sent there, so it must be HTTPS as the registry's is."""
    realm = challenge["realm"]
    parts = urlsplit(realm)
    loopback = base.startswith("http:") and parts.scheme == "http" and _is_loopback(parts.netloc)
    if parts.scheme != "https" and not loopback:
        raise _Rejected("no answer", f"it requests the password at {realm[:100]}, which is not HTTPS")
    return realm


def _is_loopback(host: str) -> bool:
    """Return whether ``host`` is this machine, where Docker and containerd use plain HTTP too."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _trust() -> ssl.SSLContext:
    """Trust the machine's certificate authorities (and ``SSL_CERT_FILE``), and Mozilla's where the machine has none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:200].strip()


def _scrubbed(answer: Answer, password: str) -> Answer:
    return Answer(answer.verdict, answer.detail.replace(password, "********")) if password else answer
