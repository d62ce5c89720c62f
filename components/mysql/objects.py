"""Kubernetes bodies of ``MysqlDatabase``. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pulumi
import pulumi_kubernetes as k8s

from components.mysql import connection as mysql_connection
from components.mysql.connection import BACKUP_KEY, BACKUP_USER, PASSWORD_KEYS, PORT, ROOT_KEY, SECRETS_MOUNT, Schema
from components.shared import metadata, network_policies, pods, scheduling, volumes
from components.shared.certificates import CERTIFICATE_KEY, PRIVATE_KEY
from components.shared.deadlines import Deadline

UID = 999
"""User and group of the official image (docker-library/mysql, ``Dockerfile.oracle``)."""
USERS = Schema("WSO2EI_USER_DB", "wso2ei_user")
REGISTRY = Schema("WSO2EI_INTEGRATOR_CONFIG_GOV_DB", "wso2ei_registry")
SERVER_KEYS = (ROOT_KEY, *PASSWORD_KEYS)
"""Required keys of the Secret with the server's passwords."""
PROGRAMS = (
    "mysql_server.sh",
    "check_volume.sh",
    "mysql_root.sh",
    "mysql_dump.sh",
    "mysql_restore.sh",
    "mysql_move.sh",
    "mysql_options.sh",
    "mysql_wait.sh",
)
"""Files of ``components/in_pod`` in the pods; dump, restore and move are run with kubectl (docs/storage.md)."""


_TLS = f"{SECRETS_MOUNT}/tls"
TLS_ARGUMENTS = (
    f"--ssl-cert={_TLS}/{CERTIFICATE_KEY}",
    f"--ssl-key={_TLS}/{PRIVATE_KEY}",
    f"--ssl-ca={_TLS}/{mysql_connection.CA_KEY}",
)
"""Options of mysqld with a certificate of its own; without them it makes one, which no client can verify."""


class ServerSecrets(NamedTuple):
    """Names of the Secrets that the server reads."""

    passwords: pulumi.Input[str]
    """With ``SERVER_KEYS``."""
    backup: pulumi.Input[str] | None
    """With ``BACKUP_KEY``: the server then makes the user of backups."""
    tls: pulumi.Input[str] | None
    """With certificate, private key and ``CA_KEY``; the server loads renewed ones."""


def service_spec(selector: dict[str, str]) -> k8s.core.v1.ServiceSpecArgs:
    """The Service whose name is the host of EI's datasources."""
    return k8s.core.v1.ServiceSpecArgs(
        selector=selector, ports=[k8s.core.v1.ServicePortArgs(name="mysql", port=PORT, target_port="mysql")]
    )


def stateful_set_spec(
    *,
    selector: dict[str, str],
    service: str,
    image: str,
    secrets: ServerSecrets,
    config_map: pulumi.Input[str],
    claim: pulumi.Input[str],
    first: k8s.core.v1.ContainerArgs,
    resources: k8s.core.v1.ResourceRequirementsArgs,
    arguments: Sequence[pulumi.Input[str]],
    rotation: str | None = None,
    pull_secret: str | None = None,
    place: scheduling.SchedulingArgs | None = None,
) -> k8s.apps.v1.StatefulSetSpecArgs:
    """One mysqld on one claim, with a read-only root file system.

    ``Parallel``: with ``OrderedReady`` a pod that never becomes ready is not replaced when its template is corrected
    (kubernetes/kubernetes#67250).

    :param arguments: arguments of ``mysql_server.sh``.
    """
    backup_volumes, backup_mounts = [], []
    tls_volumes, tls_mounts = [], []
    if secrets.tls is not None:
        keys = [CERTIFICATE_KEY, PRIVATE_KEY, mysql_connection.CA_KEY]
        tls_volumes = [volumes.secret_volume("tls", secrets.tls, keys)]
        tls_mounts = [volumes.mount("tls", _TLS, read_only=True)]
    if secrets.backup is not None:
        backup_volumes = [volumes.secret_volume("backup-password", secrets.backup, [BACKUP_KEY])]
        backup_mounts = [volumes.mount("backup-password", f"{SECRETS_MOUNT}/backup", read_only=True)]
    container = k8s.core.v1.ContainerArgs(
        name="mysql",
        image=image,
        command=["bash", f"{volumes.IN_POD_MOUNT}/mysql_server.sh", *arguments],
        env=[
            *mysql_connection.env(mysql_connection.schema_values(USERS, REGISTRY)),
            *mysql_connection.env({"BACKUP_DATABASE_USER": BACKUP_USER} if backup_volumes else {}),
            *mysql_connection.env({"TLS": _TLS} if tls_volumes else {}),
            # mysql_server.sh names it in the command that moves a database.
            pods.from_pod("POD_NAMESPACE", "metadata.namespace"),
        ],
        ports=[k8s.core.v1.ContainerPortArgs(name="mysql", container_port=PORT)],
        security_context=pods.container_security(),
        resources=resources,
        # mysqladmin ping exits with 0 even when the login is rejected, so the probe needs no password. The user exists:
        # for an unknown one the server picks an authentication plugin at random and may log a deprecation.
        readiness_probe=_ping(period_seconds=3, failure_threshold=3),
        startup_probe=_ping(period_seconds=2, failure_threshold=300),
        liveness_probe=_ping(period_seconds=20, failure_threshold=6),
        volume_mounts=[
            volumes.mount("data", "/var/lib/mysql"),
            mysql_connection.passwords_mount(),
            mysql_connection.rendered_mount(),
            volumes.mount("programs", volumes.IN_POD_MOUNT, read_only=True),
            volumes.mount("scratch", "/tmp", sub_path="tmp"),  # noqa: S108
            volumes.mount("scratch", "/var/run/mysqld", sub_path="run"),
            volumes.mount("scratch", "/var/lib/mysql-files", sub_path="files"),
            *backup_mounts,
            *tls_mounts,
        ],
        termination_message_policy="FallbackToLogsOnError",
    )
    return k8s.apps.v1.StatefulSetSpecArgs(
        replicas=1,
        pod_management_policy="Parallel",
        service_name=service,
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector),
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=selector, annotations=metadata.rotated(rotation)),
            spec=k8s.core.v1.PodSpecArgs(
                automount_service_account_token=False,
                enable_service_links=False,
                image_pull_secrets=pods.pull_secrets(pull_secret),
                security_context=pods.pod_security(UID),
                # mysqld flushes its buffer pool on SIGTERM, which may take longer than the default 30 s.
                termination_grace_period_seconds=120,
                init_containers=[first],
                containers=[container],
                volumes=[
                    volumes.claim_volume("data", claim),
                    *mysql_connection.password_volumes(secrets.passwords, SERVER_KEYS),
                    volumes.config_map_volume("programs", config_map),
                    volumes.empty_dir("scratch", "512Mi"),
                    *backup_volumes,
                    *tls_volumes,
                ],
                **scheduling.pod_fields(place),
            ),
        ),
    )


def options_job_spec(
    *,
    connection: mysql_connection.MysqlConnection,
    selector: dict[str, str],
    image: str,
    config_map: pulumi.Input[str],
    arguments: Sequence[str],
    deadline: Deadline,
    pull_secret: str | None = None,
    place: scheduling.SchedulingArgs | None = None,
) -> k8s.batch.v1.JobSpecArgs:
    """Validate options with the server's image, and compare the initial ones with the running server.

    :param arguments: arguments of ``mysql_options.sh``.
    """
    container = k8s.core.v1.ContainerArgs(
        name="mysql-options",
        image=image,
        command=["bash", f"{volumes.IN_POD_MOUNT}/mysql_options.sh", *arguments],
        env=mysql_connection.client_env(connection),
        security_context=pods.container_security(),
        # mysqld 9.7 takes 54 MiB to validate, whatever the size of its buffers.
        resources=pods.resources("50m", "128Mi"),
        volume_mounts=[
            mysql_connection.passwords_mount(),
            mysql_connection.rendered_mount(),
            volumes.mount("programs", volumes.IN_POD_MOUNT, read_only=True),
            volumes.mount("scratch", "/tmp"),  # noqa: S108
        ],
        termination_message_policy="FallbackToLogsOnError",
    )
    return k8s.batch.v1.JobSpecArgs(
        backoff_limit=0,
        active_deadline_seconds=deadline.seconds,
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=selector | mysql_connection.CLIENT_LABEL),
            spec=k8s.core.v1.PodSpecArgs(
                automount_service_account_token=False,
                enable_service_links=False,
                restart_policy="Never",
                image_pull_secrets=pods.pull_secrets(pull_secret),
                security_context=pods.pod_security(UID),
                containers=[container],
                volumes=[
                    *mysql_connection.password_volumes(connection["secret"]),
                    volumes.config_map_volume("programs", config_map),
                    volumes.empty_dir("scratch", "16Mi"),
                ],
                **scheduling.pod_fields(place),
            ),
        ),
    )


def _ping(*, period_seconds: int, failure_threshold: int) -> k8s.core.v1.ProbeArgs:
    command = f"mysqladmin ping --host=127.0.0.1 --user={USERS.user} --connect-timeout=3 --silent"
    return k8s.core.v1.ProbeArgs(
        exec_=k8s.core.v1.ExecActionArgs(command=command.split()),
        period_seconds=period_seconds,
        timeout_seconds=5,
        failure_threshold=failure_threshold,
    )


def network_policy_spec(selector: dict[str, str], clients: dict[str, str]) -> k8s.networking.v1.NetworkPolicySpecArgs:
    """Admit ``clients`` on the server's port; allow no egress."""
    admitted = network_policies.allow([network_policies.pods_with(clients)], PORT)
    spec = network_policies.ingress_spec(selector, admitted)
    spec.policy_types, spec.egress = ["Ingress", "Egress"], []
    return spec
