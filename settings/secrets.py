"""Settings about passwords that live outside the stack's config, and about a database that is not the stack's own.

Part of ``Settings``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from settings.types import Allowed, Contradiction, Host, ObjectName, Port, Section, number_as_text

Rotation = Annotated[
    str,
    BeforeValidator(number_as_text),
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"),
    Allowed("a number, a date or another short word", "2026-11-30"),
]
DatabaseName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_$-]{1,64}$"),
    Allowed("a MySQL name of letters, digits, '_', '-' and '$', at most 64 characters", "wso2ei_users"),
]
DatabaseUser = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_.@-]{1,32}$"),
    Allowed("a MySQL user of letters, digits, '_', '.', '@' and '-', at most 32 characters", "wso2ei_user"),
]


class RotationSettings(Section):
    """Words that say "again": another one is a rotation."""

    mysql: Rotation | None = None
    """Another word makes new MySQL passwords, or has the pods read those of ``secrets.mysql`` again. Restarts MySQL and
    the EI nodes."""
    admin: Rotation | None = None
    """Another word makes a new password of EI's administrator, or has that of ``secrets.admin`` read again. Restarts
    the EI nodes one by one."""

    keystores: Rotation | None = None
    """Another word has the stores and passwords of ``ei.keystores`` read again. Restarts the EI nodes one by one."""

    secure_vault: Rotation | None = None
    """Another word has the cipher texts of ``ei.secureVault`` read again. Restarts the EI nodes one by one."""

    @property
    def text(self) -> str | None:
        """All as one text for pods that read all of them."""
        given = {"mysql": self.mysql, "admin": self.admin, "keystores": self.keystores, "vault": self.secure_vault}
        return ", ".join(f"{name} {word}" for name, word in given.items() if word) or None


class SecretsSettings(Section):
    """Secrets that exist already in the namespace (External Secrets, CSI, by hand), in place of those made here."""

    registry: Annotated[ObjectName | None, Field(examples=["wso2-registry"])] = None
    """Secret of type kubernetes.io/dockerconfigjson that pulls the EI image."""
    mysql: Annotated[ObjectName | None, Field(examples=["wso2ei-mysql"])] = None
    """Secret with the keys ``user-password`` and ``registry-password``; for the stack's own server ``root-password``
    too."""
    admin: Annotated[ObjectName | None, Field(examples=["wso2ei-admin"])] = None
    """Secret with the key ``password``: that of EI's administrator."""
    rotation: RotationSettings = RotationSettings()
    """What to rotate with the next update."""


class ExternalMysqlSettings(Section):
    """A MySQL 8 server of somebody else, with EI's two databases and their users (docs/secrets.md has the SQL)."""

    host: Annotated[Host, Field(examples=["mysql.example.com"])]
    """Host name or address of the server."""
    port: Port = 3306
    """Port of the server."""
    tls: Literal["disabled", "required", "verifyCa"] = "required"
    """``verifyCa`` also has the server's certificate signed by the authority of ``caConfigMap``; Connector/J 5.1 does
    not compare host names."""
    ca_config_map: Annotated[ObjectName | None, Field(examples=["mysql-ca"])] = None
    """ConfigMap with the key ``ca.crt``: certificates, PEM, that ``verifyCa`` trusts."""
    user_database: DatabaseName = "WSO2EI_USER_DB"
    """Database of users and permissions (UM_*)."""
    user_database_user: DatabaseUser = "wso2ei_user"
    """User with all privileges on ``userDatabase``; its password is ``mysqlUserPassword``."""
    registry_database: DatabaseName = "WSO2EI_INTEGRATOR_CONFIG_GOV_DB"
    """Database of the registry (REG_*)."""
    registry_database_user: DatabaseUser = "wso2ei_registry"
    """User with all privileges on ``registryDatabase``; its password is ``mysqlRegistryPassword``."""

    def contradictions(self) -> Iterator[Contradiction]:
        """A certificate to be verified by nobody, and an authority that nobody asks."""
        if self.tls == "verifyCa" and self.ca_config_map is None:
            yield Contradiction(
                "mysql.external.caConfigMap",
                ("mysql.external.tls",),
                "is needed with mysql.external.tls verifyCa",
                {"mysql.external.caConfigMap": "mysql-ca"},
            )
        if self.tls != "verifyCa" and self.ca_config_map is not None:
            yield Contradiction(
                "mysql.external.tls",
                ("mysql.external.caConfigMap",),
                "must be verifyCa where mysql.external.caConfigMap names an authority",
                {"mysql.external.tls": "verifyCa"},
            )
