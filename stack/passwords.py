"""Passwords of a stack: from its encrypted config, at random, or in an existing Secret."""

from __future__ import annotations

import pulumi
import pulumi_random as random

from settings.model import Settings
from settings.secret_values import Secrets

_NOT_SET = "not set"
"""Placeholder of a preview, which runs without the value; the object is then shown with it, as a secret."""


def registry_credentials(settings: Settings, secrets: Secrets) -> dict[str, pulumi.Input[str]] | None:
    """Return the content of the pull secret; ``None`` for a public image, and where a Secret exists."""
    if settings.registry_username is None:
        return None
    return {
        "username": settings.registry_username,
        "password": secrets.registry_password or pulumi.Output.secret(_NOT_SET),
    }


def admin_password(settings: Settings, secrets: Secrets) -> pulumi.Output[str] | None:
    """Return the configured password, else a random one that stays in the state; ``None`` where a Secret exists."""
    if settings.secrets.admin:
        return None
    if secrets.admin_password:
        return secrets.admin_password
    rotation = settings.secrets.rotation.admin
    # Without a rotation there are no keepers at all, as there were none before there were rotations.
    keepers = {"rotation": rotation} if rotation else None
    return random.RandomPassword("admin-password", length=24, special=False, keepers=keepers).result


def tls_key(settings: Settings, secrets: Secrets) -> pulumi.Output[str] | None:
    """Return the key of the certificate in the config; ``None`` without such a certificate."""
    if settings.ingress.tls_certificate is None:
        return None
    return secrets.tls_private_key or pulumi.Output.secret(_NOT_SET)


def s3_secret_access_key(settings: Settings, secrets: Secrets) -> pulumi.Output[str] | None:
    """Return the secret part of the bucket's access key; ``None`` where a Secret exists, and without a bucket."""
    s3 = settings.mysql.bucket
    if s3 is None or s3.access_key_id is None:
        return None
    return secrets.s3_secret_access_key or pulumi.Output.secret(_NOT_SET)


def mysql_tls_key(settings: Settings, secrets: Secrets) -> pulumi.Output[str] | None:
    """Return the key of MySQL's certificate in the config; ``None`` without such a certificate."""
    if settings.mysql.tls_certificate is None:
        return None
    return secrets.mysql_tls_private_key or pulumi.Output.secret(_NOT_SET)


def mysql_passwords(settings: Settings, secrets: Secrets) -> dict[str, pulumi.Input[str]] | None:
    """Return the passwords of an external server by key, ``user`` and ``registry``; ``None`` where a Secret exists."""
    if settings.secrets.mysql:
        return None
    return {
        "user": secrets.mysql_user_password or pulumi.Output.secret(_NOT_SET),
        "registry": secrets.mysql_registry_password or pulumi.Output.secret(_NOT_SET),
    }
