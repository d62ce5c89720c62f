"""The connection of EI's pods to a MySQL server: address, TLS, databases, users, and mounts of the passwords.

The same for ``MysqlDatabase`` and ``ExternalMysql``. Pure functions and types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from components.shared import volumes
from components.shared.mysql_tls import Tls

PORT = 3306
CLIENT_LABEL = {"wso2ei/mysql-client": "true"}
"""Label of the pods that the server's NetworkPolicy admits."""
_SSL_MODES: dict[Tls, str] = {
    "disabled": "DISABLED",
    "preferred": "PREFERRED",
    "required": "REQUIRED",
    "verifyCa": "VERIFY_CA",
}
ROOT_KEY, USER_KEY, REGISTRY_KEY = "root-password", "user-password", "registry-password"
PASSWORD_KEYS = (USER_KEY, REGISTRY_KEY)
"""Keys of the Secret with EI's two passwords; a server of the stack also needs ``ROOT_KEY``."""
BACKUP_KEY, BACKUP_USER = "backup-password", "wso2ei_backup"
"""Key of the password of the user that dumps a server of the stack."""
SECRETS_MOUNT = "/run/secrets"
"""Folder with a subfolder for each Secret, in which each key is a file."""
RENDERED_MOUNT = "/run/rendered"
"""In memory: files that the programs of ``components/in_pod`` write from the passwords."""
CA_MOUNT, CA_KEY = "/run/mysql-ca", "ca.crt"
"""Mount and key of the certificates that ``verifyCa`` trusts; cert-manager has the same key."""
PROGRAMS = ("mysql_files.sh",)
"""Files of ``components/in_pod`` that every client of MySQL needs in addition to its own program."""


@dataclass(frozen=True)
class Schema:
    """One database and its user, who has all privileges on it and on nothing else."""

    database: str
    user: str


class MysqlServer(TypedDict):
    """Address of one MySQL server and the names of EI's two databases on it."""

    host: str
    """Host name or address, resolvable in the pods' namespace. Plain: nothing waits for the server's pods."""
    port: int
    tls: Tls
    """TLS mode; ``preferred`` and ``required`` do not verify the certificate."""
    ca_config_map: NotRequired[str | None]
    """ConfigMap whose key ``CA_KEY`` holds the PEM certificates that ``verifyCa`` trusts."""
    user: Schema
    """Users and permissions (UM_*)."""
    registry: Schema
    """The registry (REG_*)."""


class MysqlConnection(MysqlServer):
    """One MySQL server with EI's two databases, and the passwords."""

    secret: pulumi.Input[str]
    """Name of the Secret with ``PASSWORD_KEYS``."""
    claim: NotRequired[pulumi.Input[str]]
    """Claim of a server of the stack; the server reports it as ``report_host``."""
    ca_secret: NotRequired[pulumi.Input[str]]
    """Secret of a server of the stack with the key ``CA_KEY``, in place of ``ca_config_map``."""
    server: NotRequired[pulumi.Resource]
    """StatefulSet of a server of the stack. It sets the passwords of ``secret`` when it starts: clients with new ones
    are updated after it, and not at all when its update fails."""


def client_env(connection: MysqlConnection) -> list[k8s.core.v1.EnvVarArgs]:
    """Environment from which ``mysql_files.sh`` writes option files. Holds no secret."""
    values = {
        "DATABASE_HOST": connection["host"],
        "DATABASE_PORT": str(connection["port"]),
        "DATABASE_SSL_MODE": _SSL_MODES[connection["tls"]],
    } | schema_values(connection["user"], connection["registry"])
    if has_ca(connection):
        values["DATABASE_CA"] = f"{CA_MOUNT}/{CA_KEY}"
    return env(values)


def schema_values(user: Schema, registry: Schema) -> dict[str, str]:
    """Names of databases and users as environment variables of ``mysql_files.sh``."""
    return {
        "USER_DATABASE": user.database,
        "USER_DATABASE_USER": user.user,
        "REGISTRY_DATABASE": registry.database,
        "REGISTRY_DATABASE_USER": registry.user,
    }


def env(values: dict[str, str]) -> list[k8s.core.v1.EnvVarArgs]:
    """Environment variables with plain values."""
    return [k8s.core.v1.EnvVarArgs(name=name, value=value) for name, value in values.items()]


def password_volumes(secret: pulumi.Input[str], keys: Sequence[str] = PASSWORD_KEYS) -> list[k8s.core.v1.VolumeArgs]:
    """Volumes of the passwords, and of the files that are written from them, in memory.

    The keys are named: the kubelet reports a missing one, and pods that do not need the root password do not get it.
    """
    return [volumes.secret_volume("mysql-passwords", secret, keys), volumes.empty_dir("rendered", "1Mi", memory=True)]


def passwords_mount() -> k8s.core.v1.VolumeMountArgs:
    """Mount the passwords for the patcher and ``mysql_files.sh``."""
    return volumes.mount("mysql-passwords", f"{SECRETS_MOUNT}/mysql", read_only=True)


def rendered_mount() -> k8s.core.v1.VolumeMountArgs:
    """Mount the folder for files that are written from the passwords."""
    return volumes.mount("rendered", RENDERED_MOUNT)


def has_ca(connection: MysqlConnection) -> bool:
    """Return whether the server's certificate is verified."""
    return bool(connection.get("ca_config_map")) or "ca_secret" in connection


def unverified(connection: MysqlConnection) -> MysqlConnection:
    """Return the same connection without the CA, encrypted nevertheless."""
    plain: MysqlConnection = {**connection, "tls": "preferred", "ca_config_map": None}
    plain.pop("ca_secret", None)
    return plain


def ca_volumes(connection: MysqlConnection) -> list[k8s.core.v1.VolumeArgs]:
    """Volume of the CA's certificates, without the server's key; empty without a CA."""
    if "ca_secret" in connection:
        return [volumes.secret_volume("mysql-ca", connection["ca_secret"], [CA_KEY])]
    name = connection.get("ca_config_map")
    return [volumes.config_map_volume("mysql-ca", name)] if name else []


def ca_mounts(connection: MysqlConnection) -> list[k8s.core.v1.VolumeMountArgs]:
    """Mount the CA's certificates for ``DATABASE_CA`` and ``copy-conf``; empty without a CA."""
    return [volumes.mount("mysql-ca", CA_MOUNT, read_only=True)] if has_ca(connection) else []
