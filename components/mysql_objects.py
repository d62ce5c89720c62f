"""The Kubernetes bodies of ``MysqlDatabase``, as pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components import common

UID = 999
"""User and group of the official image (docker-library/mysql, Dockerfile.oracle)."""
PORT = 3306
PING_USER = "wso2ei_user"
"""A user that always exists; the probe gives no password."""
PROGRAMS = ("mysql_server.sh", "check_volume.sh", "mysql_root.sh", "mysql_dump.sh", "mysql_restore.sh")
"""What the pod holds in ``common.IN_POD_MOUNT``; the last two are for people (docs/storage.md)."""
CLIENT_LABEL = {"wso2ei/mysql-client": "true"}
"""Pods with this label may reach the server."""


@dataclass(frozen=True)
class Schema:
    """One database and the one user that may use it."""

    database: str
    user: str
    password: str


def quote(text: str) -> str:
    """An SQL string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def init_sql(root_password: str, schemas: Sequence[Schema]) -> str:
    """What mysqld runs at every start before it listens: makes what is missing and sets every password.

    So a fresh stack fits kept data, and rotation is a restart. One statement a line (``init_file`` demands it).
    """
    lines = [f"ALTER USER 'root'@'localhost' IDENTIFIED BY {quote(root_password)};"]
    for schema in schemas:
        user = f"{quote(schema.user)}@'%'"
        lines += [
            f"CREATE DATABASE IF NOT EXISTS `{schema.database}`;",
            f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY {quote(schema.password)};",
            f"ALTER USER {user} IDENTIFIED BY {quote(schema.password)};",
            f"GRANT ALL PRIVILEGES ON `{schema.database}`.* TO {user};",
        ]
    return "\n".join(lines) + "\n"


def client_cnf(host: str, schema: Schema) -> str:
    """An option file for the ``mysql`` client (``--defaults-extra-file``)."""
    password = schema.password.replace("\\", "\\\\").replace('"', '\\"')
    return (
        f'[client]\nhost={host}\nport={PORT}\nuser={schema.user}\npassword="{password}"\n'
        f"connect-timeout=5\n\n[mysql]\ndatabase={schema.database}\n"
    )


def service_spec(selector: dict[str, str]) -> k8s.core.v1.ServiceSpecArgs:
    """The Service that EI's datasources name."""
    return k8s.core.v1.ServiceSpecArgs(
        selector=selector, ports=[k8s.core.v1.ServicePortArgs(name="mysql", port=PORT, target_port="mysql")]
    )


def stateful_set_spec(
    *,
    selector: dict[str, str],
    service: str,
    image: str,
    secret: pulumi.Input[str],
    config_map: pulumi.Input[str],
    claim: pulumi.Input[str],
    first: k8s.core.v1.ContainerArgs,
    cpu: str,
    cpu_limit: str,
    memory: str,
    memory_limit: str,
    options: Sequence[pulumi.Input[str]],
) -> k8s.apps.v1.StatefulSetSpecArgs:
    """One mysqld on one claim, on a read-only root."""
    container = k8s.core.v1.ContainerArgs(
        name="mysql",
        image=image,
        # The server may not reach DNS, so looking up a client's name would only hold its login up.
        command=["sh", f"{common.IN_POD_MOUNT}/mysql_server.sh", "--skip-name-resolve", *options],
        ports=[k8s.core.v1.ContainerPortArgs(name="mysql", container_port=PORT)],
        security_context=common.container_security(),
        resources=common.resources(cpu, memory, cpu_limit=cpu_limit, memory_limit=memory_limit),
        # A ping is answered (exit 0) even when the user is refused, so the probe needs no password; for a user that
        # does not exist the server would pick an authentication plugin at random and log that it is deprecated.
        readiness_probe=_ping(period_seconds=3, failure_threshold=3),
        startup_probe=_ping(period_seconds=2, failure_threshold=300),
        liveness_probe=_ping(period_seconds=20, failure_threshold=6),
        volume_mounts=[
            common.mount("data", "/var/lib/mysql"),
            common.mount("init", "/run/secrets/mysql", read_only=True),
            common.mount("programs", common.IN_POD_MOUNT, read_only=True),
            common.mount("scratch", "/tmp", sub_path="tmp"),  # noqa: S108
            common.mount("scratch", "/var/run/mysqld", sub_path="run"),
            common.mount("scratch", "/var/lib/mysql-files", sub_path="files"),
        ],
        termination_message_policy="FallbackToLogsOnError",
    )
    return k8s.apps.v1.StatefulSetSpecArgs(
        replicas=1,
        service_name=service,
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector),
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=selector),
            spec=k8s.core.v1.PodSpecArgs(
                automount_service_account_token=False,
                enable_service_links=False,
                security_context=common.pod_security(UID),
                # mysqld flushes on SIGTERM; 30 s would cut a large buffer pool off.
                termination_grace_period_seconds=120,
                init_containers=[first],
                containers=[container],
                volumes=[
                    common.claim_volume("data", claim),
                    common.secret_volume("init", secret),
                    common.config_map_volume("programs", config_map),
                    common.empty_dir("scratch", "512Mi"),
                ],
            ),
        ),
    )


def _ping(*, period_seconds: int, failure_threshold: int) -> k8s.core.v1.ProbeArgs:
    return k8s.core.v1.ProbeArgs(
        exec_=k8s.core.v1.ExecActionArgs(
            command=["mysqladmin", "ping", "--host=127.0.0.1", f"--user={PING_USER}", "--connect-timeout=3", "--silent"]
        ),
        period_seconds=period_seconds,
        timeout_seconds=5,
        failure_threshold=failure_threshold,
    )


def network_policy_spec(selector: dict[str, str], clients: dict[str, str]) -> k8s.networking.v1.NetworkPolicySpecArgs:
    """Only ``clients`` reach the server; the server reaches nobody."""
    return k8s.networking.v1.NetworkPolicySpecArgs(
        pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector),
        policy_types=["Ingress", "Egress"],
        ingress=[
            k8s.networking.v1.NetworkPolicyIngressRuleArgs(
                from_=[
                    k8s.networking.v1.NetworkPolicyPeerArgs(
                        pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=clients)
                    )
                ],
                ports=[k8s.networking.v1.NetworkPolicyPortArgs(port=PORT, protocol="TCP")],
            )
        ],
        egress=[],
    )
