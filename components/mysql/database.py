"""``MysqlDatabase``: one MySQL server with two databases, for EI's users and EI's registry.

Owns the server, its Service, NetworkPolicy, passwords and claim, and its backups. Does not own the tables
(``EiCluster`` loads WSO2's scripts) or the data on the volumes, which stays when the component is deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from components.mysql import backup as mysql_backup
from components.mysql import bucket as mysql_bucket
from components.mysql import objects as mysql_objects
from components.mysql import options as mysql_options
from components.mysql.connection import (
    BACKUP_KEY,
    CA_KEY,
    CLIENT_LABEL,
    PORT,
    PROGRAMS,
    MysqlConnection,
    unverified,
)
from components.shared import certificates, metadata, network_policies, pods, volumes
from components.shared.certificates import CertificateArgs
from components.shared.deadlines import Deadline
from components.shared.recommended_labels import PodMetadataArgs, tag, with_labels
from components.shared.scheduling import SchedulingArgs
from components.shared.storage import DataVolume, DataVolumeArgs


class MysqlDatabaseArgs(CertificateArgs):
    """Inputs of ``MysqlDatabase``.

    With a source of the certificate its clients verify the server. The Secret also has ``CA_KEY``, the authority;
    ``tls_certificate`` then ends with that of the authority.
    """

    namespace: pulumi.Input[str]
    """Namespace of all objects."""
    image: str
    """Image reference of MySQL 8.4."""
    storage: DataVolumeArgs
    """Volume of the data; see ``DataVolumeArgs``."""
    cpu: str
    """CPU request, e.g. ``150m``."""
    cpu_limit: NotRequired[str]
    """Default: 2."""
    memory: str
    """Memory request, e.g. ``512Mi``. Sets the size of InnoDB's buffer pool, unless an option does."""
    memory_limit: NotRequired[str]
    """Default: the request."""
    max_connections: int
    """``max_connections`` of the server."""
    passwords_secret: NotRequired[str | None]
    """Existing Secret with the keys ``mysql_objects.SERVER_KEYS``, and ``BACKUP_KEY`` with ``backup``. Default: random
    passwords, kept in the state."""
    rotation: NotRequired[str | None]
    """Any text. A change makes new random passwords and restarts the server, which sets the Secret's passwords."""
    pull_secret: NotRequired[str | None]
    """Secret of type kubernetes.io/dockerconfigjson for ``image``."""
    pods: NotRequired[PodMetadataArgs]
    """Labels and annotations of all pods."""
    scheduling: NotRequired[SchedulingArgs]
    """Nodes and priority of the server."""
    options: NotRequired[list[str]]
    """More options of mysqld, validated before a running server is replaced; see ``options.py`` for managed ones."""
    backup: NotRequired[mysql_backup.BackupArgs | None]
    """Scheduled backups; default none."""
    backup_storage: NotRequired[DataVolumeArgs | None]
    """Volume of the backups; required with ``backup``, unless that names a bucket."""
    rclone_image: NotRequired[str]
    """Image reference of rclone; required with a bucket."""
    backup_pull_secret: NotRequired[str | None]
    """As ``pull_secret``, for pods with ``image`` and ``rclone_image``; default ``pull_secret``."""
    s3_secret_access_key: NotRequired[pulumi.Input[str] | None]
    """Secret part of the access key of the bucket; required with its ``access_key_id``."""
    pull_minutes: NotRequired[int]
    """Minutes until the server must be ready, image pull included; default 15."""


class MysqlDatabase(pulumi.ComponentResource):
    """A MySQL server for one EI cluster. The module's docstring lists what it owns.

    :raises ValueError: for a ``max_connections`` that is not positive, for managed options, for ``backup`` without its
        storage, or without image and access key of its bucket, and for more than one certificate or one without a key.
    """

    connection: MysqlConnection
    """Connection for pods with ``CLIENT_LABEL``."""
    volume: DataVolume
    """Volume of the data."""
    backups: DataVolume | None
    """Volume of the backups, if there are any."""
    stateful_set: k8s.apps.v1.StatefulSet

    def __init__(self, name: str, args: MysqlDatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        labelled = with_labels(opts, name, tag(args["image"]), args.get("pods"))
        super().__init__("wso2ei:index:MysqlDatabase", name, {}, labelled)
        if args["max_connections"] < 1:
            raise ValueError(f"MysqlDatabase {name}: max_connections must be positive, not {args['max_connections']}")
        if wrong := list(mysql_options.option_problems(args.get("options", []))):
            raise ValueError("\n".join(f"MysqlDatabase {name}: {found.field} {found.expected}" for found in wrong))
        for problem in certificates.problems(args):
            raise ValueError(f"MysqlDatabase {name}: {problem}")
        child = pulumi.ResourceOptions(parent=self)
        selector = metadata.labels("mysql", name)
        self.volume = DataVolume(f"{name}-data", args["storage"], child)
        own = (name, args, selector, child)
        passwords = args.get("passwords_secret")
        secret = passwords or self._random_passwords(f"{name}-passwords", mysql_objects.SERVER_KEYS, *own)
        backup_secret: pulumi.Input[str] | None = None
        if args.get("backup"):
            # A separate Secret: EI's pods mount the other one, and would restart for one more key.
            backup_secret = passwords or self._random_passwords(f"{name}-backup-passwords", (BACKUP_KEY,), *own)
        self.connection = {
            "host": name,
            "port": PORT,
            "tls": "preferred",
            "user": mysql_objects.USERS,
            "registry": mysql_objects.REGISTRY,
            "secret": secret,
            "claim": self.volume.claim_name,
        }
        tls = _certificate(name, args, selector, child)
        if tls is not None:
            self.connection["tls"] = "verifyCa"
            self.connection["ca_secret"] = tls
        config_map = k8s.core.v1.ConfigMap(
            f"{name}-programs",
            metadata=k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=selector),
            data=volumes.programs(*mysql_objects.PROGRAMS, *PROGRAMS),
            opts=child,
        )
        k8s.networking.v1.NetworkPolicy(
            f"{name}-clients",
            metadata=k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=selector),
            spec=mysql_objects.network_policy_spec(selector, CLIENT_LABEL),
            opts=child,
        )
        k8s.core.v1.Service(
            f"{name}-service",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=name, namespace=args["namespace"], labels=selector),
            spec=mysql_objects.service_spec(selector),
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(custom_timeouts=_deadline(args).timeouts)),
        )
        secrets = mysql_objects.ServerSecrets(secret, backup_secret, tls)
        self.stateful_set = self._server(name, args, selector, metadata.name_of(config_map), secrets, child)
        self.connection["server"] = self.stateful_set
        self.backups = self._backups(name, args, selector, backup_secret, child)
        self.register_outputs({"host": name, "secret": secret})

    def _server(
        self,
        name: str,
        args: MysqlDatabaseArgs,
        selector: dict[str, str],
        config_map: pulumi.Output[str],
        secrets: mysql_objects.ServerSecrets,
        child: pulumi.ResourceOptions,
    ) -> k8s.apps.v1.StatefulSet:
        arguments = mysql_options.arguments(args["memory"], args.get("options", []))
        validated = [self._options_job(name, args, arguments, config_map, child)] if args.get("options") else []
        return k8s.apps.v1.StatefulSet(
            f"{name}-server",
            # Explicit name: replacing an auto-named StatefulSet would run two servers on one data folder.
            metadata=k8s.meta.v1.ObjectMetaArgs(name=name, namespace=args["namespace"], labels=selector),
            spec=mysql_objects.stateful_set_spec(
                selector=selector,
                service=name,
                image=args["image"],
                secrets=secrets,
                config_map=config_map,
                claim=self.volume.claim_name,
                first=self.volume.first_container(args["image"], "data", "programs", mysql_objects.UID),
                resources=pods.resources(
                    args["cpu"],
                    args["memory"],
                    cpu_limit=args.get("cpu_limit", "2"),
                    memory_limit=args.get("memory_limit", args["memory"]),
                    # The scratch volume, and the log.
                    disk="1Gi",
                ),
                arguments=[
                    *arguments,
                    # The NetworkPolicy keeps the server from DNS; a lookup of clients would only delay each login.
                    "--skip-name-resolve",
                    f"--max-connections={args['max_connections']}",
                    *(mysql_objects.TLS_ARGUMENTS if secrets.tls is not None else ()),
                    # schema.sh reads it to see which volume the server that answers is on.
                    pulumi.Output.concat("--report-host=", self.volume.claim_name),
                ],
                rotation=args.get("rotation"),
                pull_secret=args.get("pull_secret"),
                place=args.get("scheduling"),
            ),
            opts=pulumi.ResourceOptions.merge(
                child,
                pulumi.ResourceOptions(
                    custom_timeouts=_deadline(args).timeouts,
                    depends_on=validated,
                    # The provider deletes in the foreground: the old pod is gone before the new one starts.
                    delete_before_replace=True,
                ),
            ),
        )

    def _options_job(
        self,
        name: str,
        args: MysqlDatabaseArgs,
        arguments: list[str],
        config_map: pulumi.Output[str],
        child: pulumi.ResourceOptions,
    ) -> k8s.batch.v1.Job:
        """Validate options before the StatefulSet changes; a failure leaves a running server as it is."""
        selector = metadata.labels("mysql-options", name)
        k8s.networking.v1.NetworkPolicy(
            f"{name}-clients-of-options",
            metadata=k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=selector),
            spec=network_policies.ingress_spec(selector),
            opts=child,
        )
        return k8s.batch.v1.Job(
            f"{name}-options",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                namespace=args["namespace"], labels=selector, annotations={"pulumi.com/replaceUnready": "true"}
            ),
            spec=mysql_objects.options_job_spec(
                # The running server may have another certificate yet.
                connection=unverified(self.connection),
                selector=selector,
                image=args["image"],
                config_map=config_map,
                arguments=arguments,
                deadline=_deadline(args),
                pull_secret=args.get("pull_secret"),
                place=args.get("scheduling"),
            ),
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(custom_timeouts=_deadline(args).timeouts)),
        )

    def _backups(
        self,
        name: str,
        args: MysqlDatabaseArgs,
        server: dict[str, str],
        secret: pulumi.Input[str] | None,
        child: pulumi.ResourceOptions,
    ) -> DataVolume | None:
        """Make the backups of the server's pods ``server``, if there are any; return their volume."""
        backup, storage = args.get("backup"), args.get("backup_storage")
        if backup is None or secret is None:
            return None
        selector, s3 = metadata.labels("mysql-backup", name), backup.get("s3")
        if s3 is None and storage is None:
            raise ValueError(f"MysqlDatabase {name}: backup requires backup_storage")
        bucket = None
        if s3:
            image, key = args.get("rclone_image", ""), args.get("s3_secret_access_key")
            bucket = mysql_bucket.make_bucket(f"{name}-backup-bucket", s3, image, key, args["namespace"], child)
        config_map = k8s.core.v1.ConfigMap(
            f"{name}-backup-programs",
            metadata=k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=selector),
            data=volumes.programs(*mysql_backup.programs(backup)),
            opts=child,
        )
        common = mysql_backup.BackupPods(
            volume=DataVolume(f"{name}-backups", storage, child) if storage and not bucket else None,
            bucket=bucket,
            secret=secret,
            connection=self.connection,
            image=args["image"],
            config_map=metadata.name_of(config_map),
            selector=selector,
            pull_minutes=args.get("pull_minutes", 15),
            pull_secret=args.get("backup_pull_secret", args.get("pull_secret")),
            scheduling=args.get("scheduling"),
        )
        # The server makes the user of backups when it starts.
        after = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[self.stateful_set]))
        mysql_backup.make_backups(name, backup, common, args["namespace"], server, after)
        return common.volume

    def _random_passwords(
        self,
        secret: str,
        keys: Sequence[str],
        name: str,
        args: MysqlDatabaseArgs,
        selector: dict[str, str],
        child: pulumi.ResourceOptions,
    ) -> pulumi.Output[str]:
        """Make random passwords, and ``secret`` with all of them by key; return its name."""
        # Without a rotation no keepers, not empty ones: adding them would replace the passwords of stacks of 1.0.0.
        keepers = {"rotation": rotation} if (rotation := args.get("rotation")) else None
        passwords = {
            key: random.RandomPassword(
                f"{name}-{key}",
                length=32,
                special=False,
                keepers=keepers,
                opts=child,
            ).result
            for key in keys
        }
        made = k8s.core.v1.Secret(
            secret,
            metadata=k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=selector),
            string_data=passwords,
            opts=child,
        )
        return metadata.name_of(made)


def _certificate(
    name: str, args: MysqlDatabaseArgs, selector: dict[str, str], child: pulumi.ResourceOptions
) -> pulumi.Output[str] | None:
    """Return the Secret with the server's certificate; ``None`` where mysqld makes its own."""
    if not certificates.has_source(args):
        return None
    meta = k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=selector)
    hosts: list[pulumi.Input[str]] = [name, pulumi.Output.concat(name, ".", args["namespace"], ".svc")]
    authority = {CA_KEY: certificates.issuers(args.get("tls_certificate") or "")}
    return certificates.named_secret(name, args, meta, hosts, child, authority)


def _deadline(args: MysqlDatabaseArgs) -> Deadline:
    return Deadline(args.get("pull_minutes", 15))
