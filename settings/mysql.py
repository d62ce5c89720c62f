"""The section ``mysql``: a MySQL server of the stack, or an existing one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from components.mysql.options import option_problems
from components.shared.quantities import quantity
from settings.backup import MysqlBackup, S3Bucket
from settings.tls import Certificates, TlsIssuerSettings, source_conflicts
from settings.types import (
    Allowed,
    Bytes,
    Conflict,
    Cpu,
    Host,
    ObjectName,
    Port,
    Section,
    camel_case_arguments,
    cpu_limit_conflicts,
)

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


class ExternalMysqlSettings(Section):
    """An existing MySQL 8 server, with EI's two databases and their users (docs/secrets.md has the SQL)."""

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

    def conflicts(self) -> Iterator[Conflict]:
        """Report a verification without an authority, and an authority without a verification."""
        if self.tls == "verifyCa" and self.ca_config_map is None:
            yield Conflict(
                "mysql.external.caConfigMap",
                ("mysql.external.tls",),
                "is needed with mysql.external.tls verifyCa",
                {"mysql.external.caConfigMap": "mysql-ca"},
            )
        if self.tls != "verifyCa" and self.ca_config_map is not None:
            yield Conflict(
                "mysql.external.tls",
                ("mysql.external.caConfigMap",),
                "must be verifyCa where mysql.external.caConfigMap names an authority",
                {"mysql.external.tls": "verifyCa"},
            )


class MysqlSettings(Section):
    """The MySQL server that holds users and registry."""

    external: ExternalMysqlSettings | None = None
    """An existing server; then none is made, and nothing else of this section applies."""
    cpu: Cpu = "150m"
    """CPU request."""
    cpu_limit: Cpu = "2"
    """CPU limit; a namespace with a ResourceQuota rejects a container without one."""
    memory: Bytes = "512Mi"
    """Memory request; the limit is 1.5 times as much. InnoDB's buffer pool is half of what exceeds 256Mi, and at least
    128Mi, unless ``options`` sets ``--innodb-buffer-pool-size``."""
    max_connections: Annotated[int, Field(ge=50, le=10000)] = 530
    """At least 130 for each EI node, and for the additional one of an update: a node may open 80 + 50 (WSO2's pool
    sizes)."""
    options: list[
        Annotated[
            str,
            StringConstraints(pattern=r"^--[a-z][a-z0-9_-]*(=[ -~]*)?$"),
            Allowed("a mysqld option such as --innodb-buffer-pool-size=2G", "--innodb-buffer-pool-size=256M"),
        ]
    ] = []
    """More options of mysqld, validated by a Job before a running server is replaced. Managed options, such as
    ``--datadir`` and ``--port``, are rejected. ``--lower-case-table-names``, ``--innodb-page-size`` and
    ``--innodb-data-file-path`` apply when the database is created, and must not change later."""
    tls_secret: Annotated[ObjectName | None, Field(examples=["wso2ei-mysql-tls"])] = None
    """Secret in the namespace with the server's certificate, ``tls.crt`` and ``tls.key``, and in ``ca.crt`` the
    authorities that EI verifies it with. Default: MySQL makes a certificate, which EI does not verify."""
    tls_issuer: TlsIssuerSettings | None = None
    """Issuer of cert-manager, which then makes the certificate of the server and renews it. It must put an authority
    that outlives the certificate into ``ca.crt``: a CA or Vault issuer does, ACME and a self-signed issuer do not."""
    tls_certificate: Certificates | None = None
    """Certificate of the server, for the name ``wso2ei-mysql``, in PEM format, followed by those of its issuers up to
    the authority; its key is the secret ``mysqlTlsPrivateKey``."""
    backup: MysqlBackup | None = None
    """Scheduled dumps to the volume ``backup`` of ``storage``, or to a bucket. Default: none."""

    def conflicts(self) -> Iterator[Conflict]:
        """Report a limit below the request, and managed options."""
        for problem in reversed(list(option_problems(self.options))):
            path = f"mysql.options[{problem.place[1]}]"
            yield Conflict(path, (), camel_case_arguments(problem.expected), {path: None})
        yield from source_conflicts("mysql", self, "the server has one certificate")
        yield from cpu_limit_conflicts("mysql", self.cpu, self.cpu_limit)

    @property
    def bucket(self) -> S3Bucket | None:
        """Return the bucket of the backups, if they are in one."""
        return self.backup.s3 if self.backup else None

    @property
    def memory_limit(self) -> str:
        """Return the memory limit, in Mi."""
        return f"{int(quantity(self.memory) * 1.5 / 1024**2)}Mi"
