"""Image pulls: how long one has been under way, and what a rejection means and how to fix it.

The words are those of containerd, CRI-O and Docker, as the kubelet hands them on in a container's waiting message and
in the event ``Failed to pull image``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from embedded.status import events as ev
from embedded.status.events import Object

FAILED = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable"}
EI_CONTAINERS = {"ei", "ei-image", "copy-conf", "copy-dbscripts"}
"""Containers of EI's own image; every other one is of ``images.*``."""


@dataclass(frozen=True)
class Account:
    """The user that the stack pulls as."""

    stack: str
    user: str = ""
    """``registryUsername`` of the stack file; empty: none there."""


def under_way(pod: Object, container: str, events: list[Object]) -> Object | None:
    """Return the event of the pull that runs now, if one does.

    The API's times have whole seconds, so an end in the same second counts as the end of this pull: the kubelet
    waits at least ten before it tries again.
    """
    mine = ev.of(events, pod, container)
    began = ev.newest(mine, "Pulling")
    if began is None:
        return None
    since = ev.time_of(ev.last_seen(began))
    ended = [event for event in mine if event.get("reason") in {"Pulled", "Failed", "Created", "Started"}]
    return None if any(ev.time_of(ev.last_seen(event)) >= since for event in ended) else began


def image_of(message: str) -> str:
    """Return the image that an event or a waiting message names."""
    found = re.search(r'image \\?"([^"\\]+)\\?"', message)
    return found[1] if found else ""


def registry_of(image: str) -> str:
    """Return the registry of a reference; without a host in front it is Docker Hub."""
    first, slash, _ = image.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    return first if named else "docker.io"


def refusal(pod: Object, status: Object, events: list[Object]) -> str:
    """Return the whole reason: the event has it always, ``ImagePullBackOff`` only since Kubernetes 1.31."""
    message = str((status["state"]["waiting"]).get("message") or "")
    if "failed to" in message or "rror" in message.partition("pulling image")[2]:
        return message
    failed = [
        event
        for event in ev.of(events, pod, status["name"])
        if event.get("reason") == "Failed" and "pull image" in str(event.get("message"))
    ]
    return str(failed[-1]["message"]) if failed else message


def essence(text: str) -> str:
    """Remove the chain of "failed to ..." in front, which repeats the image; the cause is at the end."""
    rest = " ".join(text.split())
    while found := _CHAIN.match(rest):
        rest = rest[found.end() :]
    return rest if len(rest) <= _MOST else f"…{rest[1 - _MOST :]}"


def cause(text: str, image: str, user: str) -> str:
    """Explain the message of the registry or runtime in a few words; the message itself where it is not a known one."""
    registry = registry_of(image)
    for pattern, meaning in _MEANINGS:
        if re.search(pattern, text, re.IGNORECASE):
            return meaning.format(registry=registry, user=user or "a pull without a user", image=image)
    return essence(text)


def way_out(text: str, image: str, container: str, account: Account, pull_secrets: list[str]) -> str:
    """Return how to fix it."""
    key = "ei.image" if container in EI_CONTAINERS else "images"
    if re.search(_UNAUTHORIZED, text, re.IGNORECASE):
        if not pull_secrets:
            return (
                f"this image needs credentials and the stack gives none: `make credentials STACK={account.stack}` "
                f"stores them, then update; or name a public image in {key}"
            )
        return (
            f"give a valid token: `make credentials STACK={account.stack}`, then update; it is in the pull secret "
            f"{', '.join(pull_secrets)}. If it is valid, the subscription does not cover {image}"
        )
    for pattern, advice in _ADVICE:
        if re.search(pattern, text, re.IGNORECASE):
            return advice.format(registry=registry_of(image), key=key, image=image)
    return f"is {image} right? {key} of the stack file names it"


_CHAIN = re.compile(
    r"(Back-off pulling image|Failed to pull image|failed to pull and unpack image|failed to resolve reference) "
    r'"[^"]*": |ErrImagePull: |failed to resolve image: |rpc error: code = \w+ desc = |Error response from daemon: '
)
_MOST = 240
_UNAUTHORIZED = (
    r"unauthorized|\b40[13]\b|authentication required|pull access denied|insufficient_scope|forbidden|no basic auth"
)
_MEANINGS = [
    (r"pull access denied|insufficient_scope", "{registry} rejects {user}, or has no repository of this name"),
    (r"unauthorized|\b401\b|authentication required|no basic auth", "{registry} rejects {user}: unauthorized"),
    (r"\b403\b|forbidden", "{registry} rejects {user}: forbidden"),
    (r"\b429\b|toomanyrequests|rate limit", "{registry} allows no more pulls for now: too many requests"),
    (r"no match for platform|no matching manifest", "{image} is not made for this node's processor"),
    (r"manifest unknown|not found|\b404\b|name unknown", "{registry} has no {image}"),
    (r"no such host|server misbehaving|temporary failure in name", "the node cannot find {registry} in DNS"),
    (r"x509|certificate", "the node does not trust the certificate of {registry}"),
    (r"no space left", "the node's disk is full"),
    (
        r"refused|timeout|deadline exceeded|unreachable|no route|connection reset|EOF",
        "the node does not reach {registry}",
    ),
    (r"couldn't parse|invalid reference|InvalidImageName", "{image} is no valid image reference"),
]
_ADVICE = [
    (
        r"\b429\b|toomanyrequests|rate limit",
        "wait, or pull through your own registry: `images.mirror` redirects every image of the stack",
    ),
    (
        r"no match for platform|no matching manifest",
        "EI's images are amd64 only: use amd64 nodes, or switch on emulation (Docker Desktop: Rosetta or QEMU)",
    ),
    (
        r"no such host|server misbehaving|temporary failure in name|refused|timeout|deadline|unreachable|no route",
        "check the node's DNS, proxy and firewall for {registry}, or set `images.mirror` to a registry that it reaches",
    ),
    (r"x509|certificate", "add the registry's CA to the container runtime of the nodes"),
    (r"no space left", "free some space on the node; EI's image needs 1.5 GB packed and about 3 GB on disk"),
]
