"""From ``Settings.mysql`` to EI's database: a server of the stack's own, or one that exists."""

from __future__ import annotations

import pulumi

from components.mysql.connection import MysqlConnection, Schema
from components.mysql.database import MysqlDatabase
from components.mysql.external import ExternalMysql
from preflight.storage_guide import StorageRecord
from settings.model import Settings
from settings.secret_values import Secrets
from settings.volumes import volume
from stack import passwords
from stack.pull_secrets import pull_secret


def make_database(
    name: str,
    settings: Settings,
    secrets: Secrets,
    namespace: pulumi.Input[str],
    storage: StorageRecord,
    opts: pulumi.ResourceOptions,
) -> tuple[MysqlConnection, list[pulumi.Output[str]]]:
    """Make what the stack has to make of it: how EI reaches it, and the claims that hold its data."""
    mysql, external = settings.mysql, settings.mysql.external
    if external:
        existing = ExternalMysql(
            name,
            {
                "namespace": namespace,
                "host": external.host,
                "port": external.port,
                "tls": external.tls,
                "ca_config_map": external.ca_config_map,
                "user": Schema(external.user_database, external.user_database_user),
                "registry": Schema(external.registry_database, external.registry_database_user),
                "passwords": passwords.mysql_passwords(settings, secrets),
                "passwords_secret": settings.secrets.mysql,
            },
            opts,
        )
        return existing.connection, []
    made = MysqlDatabase(
        name,
        {
            "namespace": namespace,
            "image": settings.image(settings.images.mysql),
            "pull_secret": pull_secret(settings, settings.images.mysql),
            "storage": volume(settings, "mysql", namespace, storage.volumes["mysql"].claim),
            "cpu": mysql.cpu,
            "cpu_limit": mysql.cpu_limit,
            "memory": mysql.memory,
            "memory_limit": mysql.memory_limit,
            "max_connections": mysql.max_connections,
            "passwords_secret": settings.secrets.mysql,
            "rotation": settings.secrets.rotation.mysql,
            "options": mysql.options,
            "scheduling": settings.scheduling.as_args(),
        },
        opts,
    )
    return made.connection, [made.volume.claim_name]
