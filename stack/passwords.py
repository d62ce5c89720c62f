"""The stack's encrypted config values: what they go with, which an update still needs, and whether the registry
accepts them. Existing Kubernetes Secrets (``Settings.secrets``) take their place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_random as random

from settings.errors import SECRET_KEYS, Mistake, full, set_command
from settings.model import Settings

_NOT_SET = "not set"
"""Only a preview goes on without a value; the object is then shown with this one, as a secret."""


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


def contradictions(settings: Settings, given: Mapping[str, str]) -> list[Mistake]:
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
    if (settings.registry_username or given["registryPassword"]) and settings.ei.image is None:
        found.append(
            Mistake(
                full("ei.image"),
                "",
                "must name the subscription image in full when credentials are given: the public image on Docker "
                "Hub has none of WSO2's updates, and the path of the private one is in WSO2's support portal",
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


def check_registry(settings: Settings, password: str | None) -> None:
    """Have the registry say that the credentials pull the EI image. Raises ``RegistryRefusal`` before anything is made.

    :param password: in plain text, here alone, because an Output would be known only while objects are made.
    """
    if settings.registry_username and password and settings.registry_check != "never":
        # Only here: a stack without credentials need not wait for an HTTP client to load.
        from preflight import registry as registry_check  # noqa: PLC0415

        registry_check.demand(
            settings.ei_image,
            settings.registry_username,
            password,
            stack=pulumi.get_stack(),
            wanted=settings.registry_check,
            warn=pulumi.log.warn,
        )


def registry_credentials(settings: Settings, secrets: Secrets) -> dict[str, pulumi.Input[str]] | None:
    """What the pull secret is made of; ``None`` for a public image, and where a Secret exists."""
    if settings.registry_username is None:
        return None
    return {
        "username": settings.registry_username,
        "password": secrets.registry_password or pulumi.Output.secret(_NOT_SET),
    }


def admin_password(settings: Settings, secrets: Secrets) -> pulumi.Output[str] | None:
    """The stack's own value, else a random one that stays in the state; ``None`` where a Secret exists."""
    if settings.secrets.admin:
        return None
    if secrets.admin_password:
        return secrets.admin_password
    rotation = settings.secrets.rotation.admin
    # Without a rotation there are no keepers at all, as there were none before there were rotations.
    keepers = {"rotation": rotation} if rotation else None
    return random.RandomPassword("admin-password", length=24, special=False, keepers=keepers).result


def mysql_passwords(settings: Settings, secrets: Secrets) -> dict[str, pulumi.Input[str]] | None:
    """The two passwords of an external server, by key ``user`` and ``registry``; ``None`` where a Secret exists."""
    if settings.secrets.mysql:
        return None
    return {
        "user": secrets.mysql_user_password or pulumi.Output.secret(_NOT_SET),
        "registry": secrets.mysql_registry_password or pulumi.Output.secret(_NOT_SET),
    }
