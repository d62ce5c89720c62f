"""Reads and checks the stack's encrypted config values.

Existing Kubernetes Secrets (``Settings.secrets``) replace them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.mysql.bucket import ACCESS_KEY
from settings import tls_certificate
from settings.errors import MYSQL_TLS_KEY, S3_KEY, SECRET_KEYS, TLS_KEY, Mistake, full, set_command
from settings.model import Settings


@dataclass(frozen=True)
class Secrets:
    """The stack's secret config values, in the order of ``SECRET_KEYS``; ``None`` where the stack has none."""

    registry_password: pulumi.Output[str] | None
    admin_password: pulumi.Output[str] | None
    mysql_user_password: pulumi.Output[str] | None
    mysql_registry_password: pulumi.Output[str] | None
    tls_private_key: pulumi.Output[str] | None
    mysql_tls_private_key: pulumi.Output[str] | None
    s3_secret_access_key: pulumi.Output[str] | None


def read(config: pulumi.Config) -> Secrets:
    """Read all of them."""
    return Secrets(*(config.get_secret(key) if config.get(key) else None for key in SECRET_KEYS))


def conflicts(settings: Settings, given: Mapping[str, str]) -> list[Mistake]:
    """Return mistakes about secret values: invalid ones, and conflicts with settings.

    :param given: the values, by key; empty where the stack has none. None of them gets into a message.
    """
    found = [*_wrong_forms(given), *tls_certificate.mistakes(settings, given)]
    if given["registryPassword"] and not settings.registry_username and not settings.secrets.registry:
        found.append(
            Mistake(
                full("registryUsername"),
                "",
                "is required with registryPassword",
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
            text = "is used only with mysql.external: the passwords of the stack's own server are random"
            found.append(Mistake(full(key), "[secret]", text, f"pulumi config rm {key}"))
    s3 = settings.mysql.bucket
    if given[S3_KEY] and not (s3 and s3.access_key_id):
        text = "is used only with mysql.backup.s3.accessKeyId"
        found.append(Mistake(full(S3_KEY), "[secret]", text, f"pulumi config rm {S3_KEY}"))
    for key, name in existing.items():
        if given[key] and name:
            text = f"must not be set together with {name}, which has it already"
            found.append(Mistake(full(key), "[secret]", text, f"pulumi config rm {key}"))
    return found


def _wrong_forms(given: Mapping[str, str]) -> list[Mistake]:
    """Return values that a pod, or EI's user store, would reject."""
    found = []
    for key, value in given.items():
        text = ""
        if key not in {TLS_KEY, MYSQL_TLS_KEY} and re.search(r"[\x00-\x1f\x7f]", value):
            text = "must not contain line ends or other control characters"
        # PasswordJavaRegEx of the default user-mgt.xml, the same from 6.2.0 to 6.6.0.
        elif key == "adminPassword" and value and not re.fullmatch(r"\S{5,30}", value):
            text = "must have 5 to 30 characters without spaces, as EI's user store requires"
        elif key == S3_KEY and value and not re.fullmatch(ACCESS_KEY, value):
            text = "must have letters, digits and the characters _ = . / + - only"
        if text:
            found.append(Mistake(full(key), "[secret]", text, f"pulumi config set --secret {key}"))
    return found


def missing(settings: Settings, secrets: Secrets) -> list[Mistake]:
    """Return what an update needs and the stack does not have."""
    needed: list[tuple[str, pulumi.Output[str] | None, str]] = []
    if settings.registry_username:
        needed.append(("registryPassword", secrets.registry_password, f"is required to pull {settings.ei_image}"))
    private = {TLS_KEY: secrets.tls_private_key, MYSQL_TLS_KEY: secrets.mysql_tls_private_key}
    for key, path in tls_certificate.keys(settings):
        needed.append((key, private[key], f"is required: the key of {path}"))
    s3 = settings.mysql.bucket
    if s3 and s3.access_key_id:
        text = f"is required to log in to {s3.endpoint} (or name a Secret in mysql.backup.s3.secret)"
        needed.append((S3_KEY, secrets.s3_secret_access_key, text))
    external = settings.mysql.external
    if external and not settings.secrets.mysql:
        for key, value, user in (
            ("mysqlUserPassword", secrets.mysql_user_password, external.user_database_user),
            ("mysqlRegistryPassword", secrets.mysql_registry_password, external.registry_database_user),
        ):
            text = f"is required to log in to {external.host} as {user} (or name a Secret in secrets.mysql)"
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
