"""How EI reaches MySQL, whoever runs the server: address, TLS, databases and users, and where the passwords lie."""

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
"""Pods with this label may reach the server."""
_SSL_MODES: dict[Tls, str] = {
    "disabled": "DISABLED",
    "preferred": "PREFERRED",
    "required": "REQUIRED",
    "verifyCa": "VERIFY_CA",
}
ROOT_KEY, USER_KEY, REGISTRY_KEY = "root-password", "user-password", "registry-password"
PASSWORD_KEYS = (USER_KEY, REGISTRY_KEY)
"""Keys of the Secret with EI's two passwords; that of a server in the stack has ``ROOT_KEY`` too."""
SECRETS_MOUNT = "/run/secrets"
"""Below it each Secret is a folder, and each key a file."""
RENDERED_MOUNT = "/run/rendered"
"""In memory: what the programs of ``components/in_pod`` make of the passwords."""
CA_MOUNT, CA_KEY = "/run/mysql-ca", "ca.crt"
"""Where the certificates that ``verifyCa`` trusts lie."""
PROGRAMS = ("mysql_files.sh",)
"""What every container that speaks to MySQL needs of ``components/in_pod``, beside its own program."""


@dataclass(frozen=True)
class Schema:
    """One database and the one user that may use it."""

    database: str
    user: str


class MysqlServer(TypedDict):
    """Where one MySQL server is, and what EI's two databases on it are called."""

    host: str
    """Name or address, valid in the pods' namespace. Plain, so that nothing waits for pods that wait for it."""
    port: int
    tls: Tls
    """``preferred`` and ``required`` verify no certificate."""
    ca_config_map: NotRequired[str | None]
    """ConfigMap whose key ``CA_KEY`` holds the certificates, PEM, that ``verifyCa`` trusts."""
    user: Schema
    """Users and permissions (UM_*)."""
    registry: Schema
    """The registry (REG_*)."""


class MysqlConnection(MysqlServer):
    """One MySQL server with EI's two databases, and the passwords."""

    secret: pulumi.Input[str]
    """Name of the Secret with ``PASSWORD_KEYS``."""
    claim: NotRequired[pulumi.Input[str]]
    """Claim of a server in the stack, which says it as its ``report_host``."""


def client_env(connection: MysqlConnection) -> list[k8s.core.v1.EnvVarArgs]:
    """What ``mysql_files.sh`` has to know to write option files; nothing secret."""
    values = {
        "DATABASE_HOST": connection["host"],
        "DATABASE_PORT": str(connection["port"]),
        "DATABASE_SSL_MODE": _SSL_MODES[connection["tls"]],
    } | schema_values(connection["user"], connection["registry"])
    if connection.get("ca_config_map"):
        values["DATABASE_CA"] = f"{CA_MOUNT}/{CA_KEY}"
    return env(values)


def schema_values(user: Schema, registry: Schema) -> dict[str, str]:
    """Names of databases and users, as ``mysql_files.sh`` reads them."""
    return {
        "USER_DATABASE": user.database,
        "USER_DATABASE_USER": user.user,
        "REGISTRY_DATABASE": registry.database,
        "REGISTRY_DATABASE_USER": registry.user,
    }


def env(values: dict[str, str]) -> list[k8s.core.v1.EnvVarArgs]:
    """Environment variables of a container."""
    return [k8s.core.v1.EnvVarArgs(name=name, value=value) for name, value in values.items()]


def password_volumes(secret: pulumi.Input[str], keys: Sequence[str] = PASSWORD_KEYS) -> list[k8s.core.v1.VolumeArgs]:
    """The passwords, and a place in memory for what is made of them.

    The keys are named: a Secret that lacks one is told by the kubelet, and the server's root password stays away from
    the pods that need it not.
    """
    return [volumes.secret_volume("mysql-passwords", secret, keys), volumes.empty_dir("rendered", "1Mi", memory=True)]


def passwords_mount() -> k8s.core.v1.VolumeMountArgs:
    """Where the patcher and ``mysql_files.sh`` look for the passwords."""
    return volumes.mount("mysql-passwords", f"{SECRETS_MOUNT}/mysql", read_only=True)


def rendered_mount() -> k8s.core.v1.VolumeMountArgs:
    """Where a program of the MySQL image writes what it makes of the passwords."""
    return volumes.mount("rendered", RENDERED_MOUNT)


def ca_volumes(connection: MysqlConnection) -> list[k8s.core.v1.VolumeArgs]:
    """The authority's certificates, where there are any."""
    name = connection.get("ca_config_map")
    return [volumes.config_map_volume("mysql-ca", name)] if name else []


def ca_mounts(connection: MysqlConnection) -> list[k8s.core.v1.VolumeMountArgs]:
    """Where ``DATABASE_CA`` and ``copy-conf`` look for them."""
    return [volumes.mount("mysql-ca", CA_MOUNT, read_only=True)] if connection.get("ca_config_map") else []


def trust_script(connection: MysqlConnection, folder: str, opened_with: str) -> str:
    """Shell lines that add the authority to ``folder/client-truststore.jks``; keytool takes one certificate at a time.

    ``opened_with``: options of keytool that open the store.

    Connector/J asks the JVM's truststore when it verifies a server.
    """
    if not connection.get("ca_config_map"):
        return ""
    return f"""rm -f {folder}/mysql-ca-*.pem
number=0
while IFS= read -r line || [ -n "$line" ]; do
    case $line in *"BEGIN CERTIFICATE"*) number=$((number + 1)) ;; esac
    [ "$number" -eq 0 ] || printf '%s\\n' "$line" >>"{folder}/mysql-ca-$number.pem"
done <{CA_MOUNT}/{CA_KEY}
[ "$number" -gt 0 ] || {{ echo "copy-conf: {CA_KEY} holds no certificate in PEM" >&2; exit 1; }}
while [ "$number" -gt 0 ]; do
    keytool -importcert -noprompt -alias "mysql-ca-$number" -keystore {folder}/client-truststore.jks \\
        {opened_with} -file "{folder}/mysql-ca-$number.pem"
    rm "{folder}/mysql-ca-$number.pem"
    number=$((number - 1))
done
"""
