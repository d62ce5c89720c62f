"""Where a stack's images come from: their own registries where these answer, else stand-ins.

The source is chosen for a whole registry, once per cluster: MySQL's data, for example, must not get another server
because a network went away. ``WSO2EI_IMAGES=real|stand-in`` decides for all of them, also later.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from embedded.cluster import names as n
from embedded.errors import KitError
from embedded.images.references import DOCKER_HUB, parse
from embedded.images.registries import FORCE_STAND_INS, UnreachedError, refusal, why_unreachable
from embedded.status import pulls

VARIABLE = "WSO2EI_IMAGES"
Source = Literal["real", "stand-in"]
_REFERENCE = re.compile(r"(?P<registry>[\w-]+(\.[\w-]+)*(:\d+)?)/[\w./-]+([:@][\w.:-]+)?")


@dataclass(frozen=True)
class Choice:
    """What was decided."""

    sources: dict[str, Source]
    """By registry, for those of `names.IMITATED` that the stack names."""
    unreached: dict[str, str] = field(default_factory=dict)
    """Registries that did not answer, and why."""
    forced: bool = False
    others: tuple[str, ...] = ()
    """Registries that the stack names and nothing imitates."""

    @property
    def any_real(self) -> bool:
        """Whether the stack may run an image of a real registry."""
        return bool(self.others) or "real" in self.sources.values()

    def lines(self) -> list[str]:
        """Return a line for each registry of the stack, with the reason."""
        result = []
        for registry, source in self.sources.items():
            why = self.unreached.get(registry, "")
            if self.forced:
                result.append(f"images of {registry}: {_plural(source)}, set by {VARIABLE}")
            elif source == "real" and why:
                result.append(f"images of {registry}: real ones, as before; it cannot be reached now ({why})")
            elif source == "real":
                result.append(f"images of {registry}: real ones, the registry answers")
            elif why:
                result.append(f"images of {registry}: STAND-INS, since it cannot be reached from this machine ({why})")
            else:
                result.append(
                    f"images of {registry}: STAND-INS, as when this cluster was created; the registry answers now, so "
                    "`make clean` and `make up` bring the real ones"
                )
        return result


def choose(settings: Mapping[str, Any], recorded: Mapping[str, str]) -> Choice:
    """Query the registries that the stack names, in parallel.

    :param settings: the stack file's plain config.
    :param recorded: what the living cluster was started with, by registry.
    :raises KitError: for an invalid value of WSO2EI_IMAGES, and as `why_unreachable`.
    """
    wanted = os.environ.get(VARIABLE, "")
    if wanted == "stand-in":
        return Choice(dict.fromkeys(n.IMITATED, "stand-in"), forced=True)
    if wanted == "real":
        return Choice(dict.fromkeys(n.IMITATED, "real"), forced=True)
    if wanted:
        raise KitError(
            f"{VARIABLE} is '{wanted}'", "set it to real or stand-in, or unset it: then each registry is queried"
        )
    registries = named_registries(settings)
    with ThreadPoolExecutor(max_workers=len(registries)) as pool:
        reasons = dict(zip(registries, pool.map(why_unreachable, registries), strict=True))
    sources: dict[str, Source] = {}
    for registry in filter(n.IMITATED.__contains__, registries):
        before = recorded.get(registry)
        real = before == "real" or (before is None and not reasons[registry])
        sources[registry] = "real" if real else "stand-in"
    others = tuple(registry for registry in registries if registry not in n.IMITATED)
    return Choice(sources, {registry: why for registry, why in reasons.items() if why}, others=others)


def named_registries(settings: Mapping[str, Any]) -> list[str]:
    """Return Docker Hub and whatever in the stack file looks like an image reference or a mirror of images."""
    result = [DOCKER_HUB, str((settings.get("images") or {}).get("mirror") or DOCKER_HUB).partition("/")[0]]
    for text in _texts(settings):
        match = _REFERENCE.fullmatch(text)
        if match and match["registry"] == pulls.registry_of(text):
            result.append(match["registry"])
    return list(dict.fromkeys(result))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def named_images(plan: Mapping[str, Any]) -> dict[str, str]:
    """Return image to one of its containers, for all that runs after ``pulumi preview --json --show-sames``."""
    result: dict[str, str] = {}

    def walk(value: object) -> None:
        if isinstance(value, Mapping):
            for key, part in value.items():
                for item in part if key in {"containers", "initContainers"} and isinstance(part, list) else ():
                    result.setdefault(str(item.get("image")), str(item.get("name")))
                walk(part)
        elif isinstance(value, list):
            for part in value:
                walk(part)

    for step in plan.get("steps") or []:
        walk((step.get("newState") or {}).get("inputs"))
    return result


def check(
    images: Mapping[str, str], choice: Choice, account: pulls.Account, password: str, *, in_cluster: bool = False
) -> None:
    """Request the manifests of the images that are to be pulled.

    :param images: as `named_images` gives them.
    :param password: of the account, sent for images of the registry of EI's image, as the stack's pods do.
    :param in_cluster: credentials are in a Secret of the cluster, so only the node can pull EI's image, and others
        that a registry denies without credentials.
    :raises KitError: naming every image that a registry rejects or does not have, each with its fix.
    """

    with_login = {parse(image).registry for image, container in images.items() if container in pulls.EI_CONTAINERS}

    def problem(image: str) -> str:
        ei = images[image] in pulls.EI_CONTAINERS
        reference = parse(image)
        if choice.sources.get(reference.registry, "real") != "real" or (ei and in_cluster):
            return ""
        known = reference.registry in with_login and account.user and password
        user = (account.user, password) if known else None
        try:
            answer = refusal(reference, user)
        except UnreachedError as error:
            return _unreached(image, str(error), choice)
        if not answer or (in_cluster and answer[:3] in {"401", "403"}):
            return ""
        secrets = ["of the stack"] if user else []
        meaning = pulls.cause(answer, image, account.user if user else "")
        fix = pulls.way_out(answer, image, images[image], account, secrets)
        return f"{image}: {meaning} (the answer: {answer})\n    fix: {fix}"

    with ThreadPoolExecutor(max_workers=4) as pool:
        problems = list(filter(None, pool.map(problem, images)))
    if problems:
        raise KitError("the nodes could not pull these images:\n  " + "\n  ".join(problems), FORCE_STAND_INS)


def _unreached(image: str, why: str, choice: Choice) -> str:
    """Report an unreachable registry; '' for a real image that was pulled before, which needs none."""
    registry = parse(image).registry
    if choice.sources.get(registry) == "real" and registry in choice.unreached and not choice.forced:
        return ""
    return (
        f"{image}: {registry} cannot be reached from this machine ({why})\n"
        f"    fix: check network and HTTPS_PROXY, or set images.mirror to a registry that can be reached"
    )


def _plural(source: Source) -> str:
    return "real ones" if source == "real" else "STAND-INS"
