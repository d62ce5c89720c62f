"""``ExternalMysql``: a MySQL server of somebody else, as the database of one EI cluster.

Owns at most the Secret with its two passwords. Makes no server, volume or NetworkPolicy, and neither databases nor
users: those exist (docs/secrets.md has the SQL), and the tables are loaded by ``EiCluster``.
"""

from __future__ import annotations

from typing import NotRequired

import pulumi
import pulumi_kubernetes as k8s

from components.mysql.connection import REGISTRY_KEY, USER_KEY, MysqlConnection, MysqlServer
from components.shared import metadata
from components.shared.recommended_labels import with_labels


class ExternalMysqlArgs(MysqlServer):
    """Inputs of ``ExternalMysql``."""

    namespace: pulumi.Input[str]
    """Namespace of the Secret."""
    passwords: NotRequired[dict[str, pulumi.Input[str]] | None]
    """Passwords by key ``user`` and ``registry``; kept secret."""
    passwords_secret: NotRequired[str | None]
    """Existing Secret with ``mysql_connection.PASSWORD_KEYS``, instead of ``passwords``."""


class ExternalMysql(pulumi.ComponentResource):
    """An existing server. See the module's text for what it owns."""

    connection: MysqlConnection
    """How a pod reaches it."""

    def __init__(self, name: str, args: ExternalMysqlArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("wso2ei:index:ExternalMysql", name, {}, with_labels(opts, name))
        passwords, secret = args.get("passwords"), args.get("passwords_secret")
        if bool(passwords) == bool(secret):
            raise ValueError(f"ExternalMysql {name}: exactly one of passwords and passwords_secret is needed")
        if args["tls"] == "verifyCa" and not args.get("ca_config_map"):
            raise ValueError(f"ExternalMysql {name}: tls verifyCa needs ca_config_map")
        made: pulumi.Input[str] = secret or ""
        if passwords:
            made = metadata.name_of(
                k8s.core.v1.Secret(
                    f"{name}-passwords",
                    metadata=k8s.meta.v1.ObjectMetaArgs(
                        namespace=args["namespace"], labels=metadata.labels("mysql", name)
                    ),
                    string_data={
                        USER_KEY: pulumi.Output.secret(passwords["user"]),
                        REGISTRY_KEY: pulumi.Output.secret(passwords["registry"]),
                    },
                    opts=pulumi.ResourceOptions(parent=self),
                )
            )
        self.connection = {
            "host": args["host"],
            "port": args["port"],
            "tls": args["tls"],
            "ca_config_map": args.get("ca_config_map"),
            "user": args["user"],
            "registry": args["registry"],
            "secret": made,
        }
        self.register_outputs({"host": args["host"], "secret": made})
