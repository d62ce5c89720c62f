"""``ExternalMysql``: an existing MySQL server as the database of one EI cluster.

Owns the Secret with the two passwords, unless one exists. Does not own the server, its databases and its users
(docs/secrets.md has the SQL that creates them) or the tables, which ``EiCluster`` loads.
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
    """Passwords under the keys ``user`` and ``registry``; marked secret."""
    passwords_secret: NotRequired[str | None]
    """Existing Secret with the keys ``connection.PASSWORD_KEYS``, instead of ``passwords``."""


class ExternalMysql(pulumi.ComponentResource):
    """An existing server. The module's docstring lists what it owns.

    :raises ValueError: unless exactly one of ``passwords`` and ``passwords_secret`` is given, and for ``verifyCa``
        without ``ca_config_map``.
    """

    connection: MysqlConnection
    """Connection for EI's pods."""

    def __init__(self, name: str, args: ExternalMysqlArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("wso2ei:index:ExternalMysql", name, {}, with_labels(opts, name))
        passwords, secret = args.get("passwords"), args.get("passwords_secret")
        if bool(passwords) == bool(secret):
            raise ValueError(f"ExternalMysql {name}: exactly one of passwords and passwords_secret is required")
        if args["tls"] == "verifyCa" and not args.get("ca_config_map"):
            raise ValueError(f"ExternalMysql {name}: tls verifyCa requires ca_config_map")
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
