"""The stack's encrypted config values: what they go with, and which of them an update still needs.

Existing Kubernetes Secrets (``Settings.secrets``) take their place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from settings.errors import SECRET_KEYS, Mistake, full, set_command
from settings.model import Settings


@dataclass(frozen=True)
class Secrets:
    """The stack's secret config values, in the order of ``SECRET_KEYS``; ``None`` where the stack has none."""

    registry_password: pulumi.Output[str] | None
    admin_password: pulumi.Output[str] | None
    mysql_user_password: pulumi.Output[str] | None
    mysql_registry_password: pulumi.Output[str] | None


def read(config: pulumi.Config) -> Secrets:
    """All of them."""
    return Secrets(*(config.get_secret(key) if config.get(key) else None for key in SECRET_KEYS))


def conflicts(settings: Settings, given: Mapping[str, str]) -> list[Mistake]:
    """Secret values of a wrong form, without what they go with, and beside what takes their place.

    :param given: the values, by key; empty where the stack has none. None of them gets into a message.
    """
    found = _wrong_forms(given)
    if given["registryPassword"] and not settings.registry_username and not settings.secrets.registry:
        found.append(
            Mistake(
                full("registryUsername"),
                "",
                "is needed beside registryPassword",
                "pulumi config set registryUsername USER",
            )
        )
    named = settings.ei.image or settings.images.mirror
    if (settings.registry_username or given["registryPassword"]) and named is None:
        found.append(
            Mistake(
                full("ei.image"),
                "",
                "must name the subscription image in full when credentials are given without images.mirror: the public "
                "image on Docker Hub has none of WSO2's updates, and the path of the private one is in WSO2's support "
                "portal",
                set_command("ei.image", "registry.wso2.com/PROJECT/IMAGE:TAG"),
            )
        )
    existing = {
        "registryPassword": settings.secrets.registry and "secrets.registry",
        "adminPassword": settings.secrets.admin and "secrets.admin",
    }
    for key in ("mysqlUserPassword", "mysqlRegistryPassword"):
        existing[key] = settings.secrets.mysql and "secrets.mysql"
        if given[key] and settings.mysql.external is None:
            text = "is of use only with mysql.external: the passwords of the stack's own server are made at random"
            found.append(Mistake(full(key), "[secret]", text, f"pulumi config rm {key}"))
    for key, name in existing.items():
        if given[key] and name:
            text = f"must not stand beside {name}, which holds it already"
            found.append(Mistake(full(key), "[secret]", text, f"pulumi config rm {key}"))
    return found


def _wrong_forms(given: Mapping[str, str]) -> list[Mistake]:
    """What a pod would refuse, and what EI's user store would."""
    found = []
    for key, value in given.items():
        text = ""
        if re.search(r"[\x00-\x1f\x7f]", value):
            text = "must hold no line end or other control character"
        # PasswordJavaRegEx of the default user-mgt.xml, the same from 6.2.0 to 6.6.0.
        elif key == "adminPassword" and value and not re.fullmatch(r"\S{5,30}", value):
            text = "must have 5 to 30 characters without spaces, as EI's user store wants it"
        if text:
            found.append(Mistake(full(key), "[secret]", text, f"pulumi config set --secret {key}"))
    return found


def missing(settings: Settings, secrets: Secrets) -> list[Mistake]:
    """What an update needs and the stack has not."""
    needed: list[tuple[str, pulumi.Output[str] | None, str]] = []
    if settings.registry_username:
        needed.append(("registryPassword", secrets.registry_password, f"is needed to pull {settings.ei_image}"))
    external = settings.mysql.external
    if external and not settings.secrets.mysql:
        for key, value, user in (
            ("mysqlUserPassword", secrets.mysql_user_password, external.user_database_user),
            ("mysqlRegistryPassword", secrets.mysql_registry_password, external.registry_database_user),
        ):
            text = f"is needed to log in to {external.host} as {user} (or name a Secret in secrets.mysql)"
            needed.append((key, value, text))
    return [
        Mistake(full(key), "", text, f"pulumi config set --secret {key}")
        for key, value, text in needed
        if value is None
    ]


def plain_registry_password() -> str | None:
    """Return the registry's password in plain text, for the check of the registry alone.

    An ``Output`` would be known only while objects are made.
    """
    return pulumi.Config().get("registryPassword")
