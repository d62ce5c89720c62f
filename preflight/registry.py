"""Asks the registry whether a user may pull an image, before anything of a stack is made.

Speaks the Docker Registry HTTP API v2 and its token flow (distribution: docs/spec/api.md, docs/spec/auth/token.md)
the way ``docker login`` and then ``docker pull`` do. The log-in comes first and alone: a token service may answer a
wrong password with a token that is good for nothing (Harbor does when a scope is asked for), and only a log-in
without scope tells "wrong password" from "no access to this project".

Owns no credentials and keeps none: the password goes to the registry and to the token service that the registry
names, never over plain HTTP to another machine, and into no message.
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

Demand = Literal["required", "whenReachable", "never"]
Verdict = Literal["accepted", "login refused", "no access", "no image", "not asked"]

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
    """What came of asking."""

    verdict: Verdict
    said: str
    """What the registry answered, or why it could not be asked; no secret in it."""


class RegistryRefusal(pulumi.RunError):
    """The registry refuses the stack's credentials or has no such image; the CLI prints the text and no traceback."""


def demand(
    image: str, username: str, password: str, *, stack: str, wanted: Demand, warn: Callable[[str], None]
) -> None:
    """Ask the registry of ``image``, and go on only if it lets ``username`` pull.

    :param wanted: ``never`` asks nothing; ``whenReachable`` takes no answer for a warning, ``required`` for a refusal.
    :param warn: is given the one-paragraph warning.
    :raises RegistryRefusal: with the registry, the user, the answer and the ways out.
    """
    if wanted == "never":
        return
    answer = ask(image, username, password)
    if answer.verdict == "accepted":
        return
    text = explain(image, username, answer, stack)
    if answer.verdict == "not asked" and wanted == "whenReachable":
        warn(f"The credentials were not checked. {text}")
        return
    raise RegistryRefusal(f"{text}\nNothing was changed.")


def ask(image: str, username: str, password: str) -> Answer:
    """Whether ``username`` may pull ``image``; comes back within about half a minute, whatever the network does."""
    found: list[Answer] = []

    def work() -> None:
        found.append(_scrubbed(_ask(parse_image(image), username, password), password))

    # Looking up a name has no time limit of its own in Python, so the limit of it all is this thread's.
    thread = threading.Thread(target=work, daemon=True, name="registry-check")
    thread.start()
    thread.join(_SECONDS_IN_ALL)
    return found[0] if found else Answer("not asked", f"no answer came within {_SECONDS_IN_ALL:.0f} s")


def explain(image: str, username: str, answer: Answer, stack: str) -> str:
    """A refusal, or the lack of an answer, with what can be done about it."""
    reference = parse_image(image)
    about = f"registry {reference.registry}, user '{username}', image {image}"
    title = {
        "accepted": "The registry lets the user pull the image.",
        "login refused": "The registry refuses the user or the password.",
        "no access": f"The registry knows the user, who may not pull {reference.repository} there.",
        "no image": f"The registry lets the user in and has no {reference.repository} {reference.version}.",
        "not asked": "The registry could not be asked.",
    }[answer.verdict]
    ways = "\n".join(f"  - {way}" for way in _ways_out(reference, username, answer.verdict, stack))
    return f"{title}\n  {about}\n  answer: {answer.said}\nWays out:\n{ways}"


def _ways_out(reference: ImageReference, username: str, verdict: Verdict, stack: str) -> list[str]:
    ways: list[str] = []
    if reference.registry == _OLD_WSO2_REGISTRY:
        ways.append(
            f"{_OLD_WSO2_REGISTRY} was replaced by {_WSO2_REGISTRY} in 2026: name the image as "
            f"{_WSO2_REGISTRY}/PROJECT/IMAGE:TAG (WSO2's support portal has the path): "
            f"pulumi config set -s {stack} --path ei.image {_WSO2_REGISTRY}/PROJECT/IMAGE:TAG"
        )
    match verdict:
        case "login refused":
            ways += [
                "the token may have expired or been withdrawn with the subscription: make a new one in the registry's "
                f"(WSO2: the support) portal, then: make credentials STACK={stack}",
                f"without make: pulumi config set -s {stack} registryUsername 'USER'; "
                f"pulumi config set -s {stack} --secret registryPassword",
            ]
            if username.startswith("robot") or "$" in username:
                ways.append("a robot account is called 'robot$NAME'; without single quotes a shell drops $NAME")
        case "no access":
            ways += [
                "look the image's path up in the registry's (WSO2: the support) portal, since a project that does not "
                f"exist gets the same answer: pulumi config set -s {stack} --path ei.image REFERENCE",
                f"or have '{username}' let into the project {reference.repository.split('/')[0]}",
            ]
        case "no image":
            ways.append(
                "look its path and tags up in the registry's portal (WSO2's own tags have four parts, such as "
                f"6.6.0.10), then: pulumi config set -s {stack} --path ei.image REFERENCE"
            )
        case _:
            ways.append(
                "if only the cluster reaches the registry, say that it need not be asked: "
                f"pulumi config set -s {stack} registryCheck never"
            )
    return ways


def _ask(image: ImageReference, username: str, password: str) -> Answer:
    plain = _is_loopback(image.api_host)
    base = f"{'http' if plain else 'https'}://{image.api_host}"
    limits = httpx.Timeout(_SECONDS, connect=_SECONDS / 2)
    try:
        with httpx.Client(timeout=limits, verify=_trust(), trust_env=not plain) as client:
            return _pull(client, base, image, (username, password))
    except _Refused as refused:
        return refused.answer
    # Anything that cannot be read as an answer of a registry is no answer: a proxy's page, a broken header, a bad name.
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return Answer("not asked", f"{type(error).__name__}: {_one_line(str(error)) or 'no answer'}")


class _Refused(Exception):  # noqa: N818 - an answer, not an error
    def __init__(self, verdict: Verdict, said: str) -> None:
        super().__init__(said)
        self.answer = Answer(verdict, said)


def _pull(client: httpx.Client, base: str, image: ImageReference, user: tuple[str, str]) -> Answer:
    """Log in, then ask for the manifest."""
    first = client.get(f"{base}/v2/", follow_redirects=True)
    basic, bearer = _challenges(first)
    authorization: dict[str, str] = {}
    if first.status_code == 401 and bearer:
        realm = _safe_realm(bearer, base)
        service = {"service": bearer["service"]} if "service" in bearer else {}
        _token(client, realm, service | {"account": user[0]}, user, "login refused")
        scope = {"scope": f"repository:{image.repository}:pull"}
        token = _token(client, realm, service | scope | {"account": user[0]}, user, "no access")
        authorization = {"Authorization": f"Bearer {token}"}
    elif first.status_code == 401 and basic:
        login = client.get(f"{base}/v2/", auth=user)
        _expect(login, "login refused", to="the log-in")
        authorization = {"Authorization": login.request.headers["Authorization"]}
    else:
        # 200: a registry that asks nobody who they are.
        _expect(first, "not asked", to="GET /v2/")
    url = f"{base}/v2/{image.repository}/manifests/{image.version}"
    headers = {"Accept": _MANIFESTS} | authorization
    # HEAD does not count against Docker Hub's limit of pulls; it has no body that would say why, so a refusal is
    # asked for again.
    found = client.head(url, headers=headers, follow_redirects=True)
    if found.status_code != 200:
        found = client.get(url, headers=headers, follow_redirects=True)
        _expect(found, "no image" if found.status_code == 404 else "no access", to="the request for the image")
    return Answer("accepted", f"{found.status_code} to the request for the image")


def _token(
    client: httpx.Client, realm: str, query: dict[str, str], user: tuple[str, str], refusal: Verdict
) -> str:  # fmt: skip
    answer = client.get(realm, params=query, auth=user)
    what = "the log-in" if refusal == "login refused" else "the request for a token"
    _expect(answer, refusal, to=f"{what} at {urlsplit(realm).hostname}")
    content = answer.json()
    token = content.get("token") or content.get("access_token") if isinstance(content, dict) else None
    if not isinstance(token, str):
        raise _Refused("not asked", f"{urlsplit(realm).hostname} gave no token")
    return token


def _expect(answer: httpx.Response, refusal: Verdict, *, to: str) -> None:
    """200, or raise: a refusal is the registry's word, everything else is a bad moment to ask."""
    if answer.status_code == 200:
        return
    final = answer.status_code in {401, 403} or (answer.status_code == 404 and refusal == "no image")
    raise _Refused(refusal if final else "not asked", f"{answer.status_code} to {to}{_reason(answer)}")


def _reason(answer: httpx.Response) -> str:
    """The first error of the API's JSON (``errors``), Docker Hub's ``details``, or nothing."""
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
    """(Basic is offered, parameters of the Bearer challenge) from every WWW-Authenticate header (RFC 9110, 11.6.1)."""
    text = ", ".join(answer.headers.get_list("WWW-Authenticate"))
    basic = re.search(r"(?:^|,)\s*Basic\b", text, re.I) is not None
    bearer = re.search(r"(?:^|,)\s*Bearer\s+(.*)", text, re.I)
    if not bearer:
        return basic, None
    found = re.findall(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', bearer[1])
    parameters = {name.lower(): re.sub(r"\\(.)", r"\1", quoted) or bare for name, quoted, bare in reversed(found)}
    return basic, parameters if "realm" in parameters else None


def _safe_realm(challenge: dict[str, str], base: str) -> str:
    """The token service's address; the password goes there, so it must be HTTPS as the registry's is."""
    realm = challenge["realm"]
    parts = urlsplit(realm)
    loopback = base.startswith("http:") and parts.scheme == "http" and _is_loopback(parts.netloc)
    if parts.scheme != "https" and not loopback:
        raise _Refused("not asked", f"it wants the password sent to {realm[:100]}, which is not HTTPS")
    return realm


def _is_loopback(host: str) -> bool:
    """This machine itself, where Docker and containerd speak plain HTTP too."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _trust() -> ssl.SSLContext:
    """The machine's own certificate authorities (and ``SSL_CERT_FILE``), and Mozilla's where the machine has none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:200].strip()


def _scrubbed(answer: Answer, password: str) -> Answer:
    return Answer(answer.verdict, answer.said.replace(password, "********")) if password else answer
