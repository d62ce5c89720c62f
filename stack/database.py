"""EI's database: a MySQL server of the stack, or one that exists."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from components.mysql.connection import MysqlConnection, Schema
from components.mysql.database import MysqlDatabase, MysqlDatabaseArgs
from components.mysql.external import ExternalMysql, ExternalMysqlArgs
from components.shared.recommended_labels import PodMetadataArgs
from components.shared.scheduling import SchedulingArgs
from settings.model import Settings
from settings.secret_values import Secrets
from stack import names, passwords
from stack.pull_secrets import pull_secret


def make_database(
    settings: Settings,
    secrets: Secrets,
    namespace: pulumi.Input[str],
    claims: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> tuple[MysqlConnection, list[pulumi.Output[str]]]:
    """Make the server or, for an external one, its Secret; return how EI connects, and the claims that hold the data.

    :param claims: name of the claim of each volume, for those that the stack makes.
    """
    mysql, external = settings.mysql, settings.mysql.external
    if external:
        existing = ExternalMysql(
            names.MYSQL,
            {
                **external.as_args(ExternalMysqlArgs),
                "namespace": namespace,
                "user": Schema(external.user_database, external.user_database_user),
                "registry": Schema(external.registry_database, external.registry_database_user),
                "passwords": passwords.mysql_passwords(settings, secrets),
                "passwords_secret": settings.secrets.mysql,
            },
            opts,
        )
        return existing.connection, []
    made = MysqlDatabase(
        names.MYSQL,
        {
            **mysql.as_args(MysqlDatabaseArgs),
            "namespace": namespace,
            "image": settings.image(settings.images.mysql),
            "pull_secret": pull_secret(settings, settings.images.mysql),
            "pull_minutes": settings.images.pull_minutes,
            "storage": settings.volume("mysql", claims["mysql"], namespace),
            "backup_storage": settings.volume("backup", claims["backup"], namespace) if "backup" in claims else None,
            "rclone_image": settings.image(settings.images.rclone),
            # One Secret at most has the credentials of both registries.
            "backup_pull_secret": pull_secret(settings, settings.images.mysql)
            or (pull_secret(settings, settings.images.rclone) if mysql.bucket else None),
            "s3_secret_access_key": passwords.s3_secret_access_key(settings, secrets),
            "memory_limit": mysql.memory_limit,
            "passwords_secret": settings.secrets.mysql,
            "tls_key": passwords.mysql_tls_key(settings, secrets),
            "rotation": settings.secrets.rotation.mysql,
            "pods": settings.pods.as_args(PodMetadataArgs),
            "scheduling": settings.scheduling.as_args(SchedulingArgs),
        },
        opts,
    )
    return made.connection, [volume.claim_name for volume in (made.volume, made.backups) if volume]
