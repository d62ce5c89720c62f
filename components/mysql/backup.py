"""Backups of ``MysqlDatabase``: a CronJob that dumps, and a suspended one from which Jobs that restore are created.

Such a Job has the variables FROM and FORCE (``tools/restore.py``). Dump and restore work on a volume; with a bucket it
is an empty one, and a second container copies the dump to the bucket, or fetches it before. Pure functions but for
``make_backups``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from components.mysql import bucket as mysql_bucket
from components.mysql import connection as mysql_connection
from components.mysql.bucket import Bucket, BucketArgs
from components.mysql.connection import BACKUP_KEY, BACKUP_USER, CLIENT_LABEL, PASSWORD_KEYS, PORT, MysqlConnection
from components.mysql.objects import UID
from components.shared import network_policies, pods, scheduling, volumes
from components.shared.deadlines import Deadline
from components.shared.storage import DataVolume

MOUNT = "/backups"
PROGRAMS = (
    "mysql_backup.sh",
    "mysql_backup_restore.sh",
    "mysql_backups.sh",
    "mysql_dump.sh",
    "mysql_wait.sh",
    "check_volume.sh",
    *mysql_connection.PROGRAMS,
)
"""Files of ``components/in_pod`` in the pods."""
DUMP_MINUTES, RESTORE_MINUTES = 60, 240
"""Minutes after which a Job is stopped, image pull not included; a restore that is stopped leaves MySQL incomplete."""
UPLOAD_MINUTES = 120
"""Minutes of a dump for its copy to the bucket."""
NEVER = "0 0 31 2 *"
"""Schedule of the suspended CronJob: February 31, should someone resume it."""
_DNS_PORTS = (53, 5353)
"""Of the cluster's DNS: OpenShift's pods listen on 5353, and a NetworkPolicy is about the ports of pods."""


class BackupArgs(TypedDict):
    """When backups are made, and which are kept."""

    schedule: str
    """Cron expression of five fields."""
    time_zone: NotRequired[str | None]
    """Name of the schedule's time zone; default that of the cluster's controller manager."""
    keep: int
    """The most intact backups that are kept."""
    keep_days: NotRequired[int | None]
    """Days after which a backup is removed, except the newest intact one; default never."""
    s3: NotRequired[BucketArgs | None]
    """Bucket for the backups; default a volume."""


@dataclass(frozen=True)
class BackupPods:
    """What the pods of dumps and restores have in common."""

    volume: DataVolume | None
    """Volume of the backups; ``None`` with a bucket."""
    bucket: Bucket | None
    secret: pulumi.Input[str]
    """Secret with ``BACKUP_KEY``."""
    connection: MysqlConnection
    image: str
    config_map: pulumi.Input[str]
    """ConfigMap with ``PROGRAMS``."""
    selector: dict[str, str]
    """Labels of the pods."""
    pull_minutes: int
    pull_secret: str | None
    scheduling: scheduling.SchedulingArgs | None


def dump_job_spec(common: BackupPods, args: BackupArgs) -> k8s.batch.v1.JobSpecArgs:
    """Dump both databases as a user that can only read them; a second try, on another node if the first is gone."""
    values = {
        "BACKUP_DATABASE": common.connection["user"].database,
        "BACKUP_DATABASE_USER": BACKUP_USER,
        "KEEP": str(args["keep"]),
    }
    if days := args.get("keep_days"):
        values["KEEP_DAYS"] = str(days)
    mysql = _mysql_container(common, "dump" if common.bucket else "backup", "mysql_backup.sh", values)
    minutes, containers = DUMP_MINUTES, [mysql]
    if common.bucket:
        kept = {name: value for name, value in values.items() if name.startswith("KEEP")}
        containers.append(mysql_bucket.container(common.bucket, "backup", "upload", kept))
        minutes += UPLOAD_MINUTES
    password = mysql_connection.password_volumes(common.secret, [BACKUP_KEY])
    return _job_spec(common, containers, password, minutes=minutes, retries=1)


def restore_job_spec(common: BackupPods) -> k8s.batch.v1.JobSpecArgs:
    """Restore each database as its own user; the volume is mounted read-only."""
    latest = {"FROM": "latest"}
    containers = [_mysql_container(common, "backup", "mysql_backup_restore.sh", latest | {"FORCE": ""})]
    if common.bucket:
        containers.insert(0, mysql_bucket.container(common.bucket, "fetch", "fetch", latest))
    password = mysql_connection.password_volumes(common.connection["secret"], PASSWORD_KEYS)
    return _job_spec(common, containers, password, minutes=RESTORE_MINUTES, retries=0)


def _mysql_container(
    common: BackupPods, name: str, program: str, values: Mapping[str, str]
) -> k8s.core.v1.ContainerArgs:
    return k8s.core.v1.ContainerArgs(
        name=name,
        image=common.image,
        command=["bash", f"{volumes.IN_POD_MOUNT}/{program}"],
        env=[
            *mysql_connection.client_env(common.connection),
            *mysql_connection.env(dict(values)),
            pods.from_pod("NAMESPACE", "metadata.namespace"),
        ],
        security_context=pods.container_security(),
        resources=pods.resources("50m", "128Mi"),
        volume_mounts=[
            volumes.mount("backups", MOUNT, read_only=program != "mysql_backup.sh" or None),
            mysql_connection.passwords_mount(),
            mysql_connection.rendered_mount(),
            volumes.mount("programs", volumes.IN_POD_MOUNT, read_only=True),
            volumes.mount("scratch", "/tmp"),  # noqa: S108
        ],
        termination_message_policy="FallbackToLogsOnError",
    )


def _job_spec(
    common: BackupPods,
    containers: Sequence[k8s.core.v1.ContainerArgs],
    passwords: Sequence[k8s.core.v1.VolumeArgs],
    *,
    minutes: int,
    retries: int,
) -> k8s.batch.v1.JobSpecArgs:
    """Run ``containers`` one after the other."""
    first = [common.volume.first_container(common.image, "backups", "programs", UID)] if common.volume else []
    places = [volumes.claim_volume("backups", common.volume.claim_name)] if common.volume else []
    if common.bucket:
        places += mysql_bucket.pod_volumes(common.bucket)
    return k8s.batch.v1.JobSpecArgs(
        backoff_limit=retries,
        active_deadline_seconds=Deadline(common.pull_minutes + minutes).seconds,
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=common.selector | CLIENT_LABEL),
            spec=k8s.core.v1.PodSpecArgs(
                automount_service_account_token=False,
                enable_service_links=False,
                restart_policy="Never",
                image_pull_secrets=pods.pull_secrets(common.pull_secret),
                security_context=pods.pod_security(UID),
                init_containers=[*first, *containers[:-1]],
                containers=[*containers[-1:]],
                volumes=[
                    *places,
                    *passwords,
                    volumes.config_map_volume("programs", common.config_map),
                    volumes.empty_dir("scratch", "16Mi"),
                ],
                **scheduling.pod_fields(common.scheduling),
            ),
        ),
    )


def cron_job_spec(
    job: k8s.batch.v1.JobSpecArgs,
    selector: dict[str, str],
    schedule: str,
    *,
    time_zone: str | None = None,
    suspend: bool | None = None,
) -> k8s.batch.v1.CronJobSpecArgs:
    """Make ``job`` by ``schedule``, one at a time; the last three that failed stay, with their reason."""
    return k8s.batch.v1.CronJobSpecArgs(
        schedule=schedule,
        time_zone=time_zone,
        suspend=suspend,
        concurrency_policy="Forbid",
        successful_jobs_history_limit=3,
        failed_jobs_history_limit=3,
        job_template=k8s.batch.v1.JobTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=selector),
            spec=job,
        ),
    )


def network_policy_spec(
    selector: dict[str, str], server: dict[str, str], bucket: Bucket | None = None
) -> k8s.networking.v1.NetworkPolicySpecArgs:
    """Admit nothing to the pods of ``selector``; let them reach ``server``, DNS and ``bucket`` only: they read all data."""
    spec = network_policies.ingress_spec(selector)
    spec.policy_types = ["Ingress", "Egress"]
    spec.egress = [
        k8s.networking.v1.NetworkPolicyEgressRuleArgs(
            to=[network_policies.pods_with(server)],
            ports=[k8s.networking.v1.NetworkPolicyPortArgs(port=PORT, protocol="TCP")],
        ),
        k8s.networking.v1.NetworkPolicyEgressRuleArgs(
            ports=[
                k8s.networking.v1.NetworkPolicyPortArgs(port=port, protocol=protocol)
                for port in _DNS_PORTS
                for protocol in ("UDP", "TCP")
            ]
        ),
        *([mysql_bucket.egress_rule(bucket)] if bucket else []),
    ]
    return spec


def make_backups(
    name: str,
    args: BackupArgs,
    common: BackupPods,
    namespace: pulumi.Input[str],
    server: dict[str, str],
    opts: pulumi.ResourceOptions,
) -> None:
    """Make the CronJobs and the NetworkPolicy of the server ``name``, whose pods have the labels ``server``."""
    selector = common.selector
    k8s.networking.v1.NetworkPolicy(
        f"{name}-clients-of-backup",
        metadata=k8s.meta.v1.ObjectMetaArgs(namespace=namespace, labels=selector),
        spec=network_policy_spec(selector, server, common.bucket),
        opts=opts,
    )
    dump, restore = dump_job_spec(common, args), restore_job_spec(common)
    specs = {
        f"{name}-backup": cron_job_spec(dump, selector, args["schedule"], time_zone=args.get("time_zone")),
        f"{name}-restore": cron_job_spec(restore, selector, NEVER, suspend=True),
    }
    for full_name, spec in specs.items():
        k8s.batch.v1.CronJob(
            full_name,
            # Explicit names: commands create Jobs from them.
            metadata=k8s.meta.v1.ObjectMetaArgs(name=full_name, namespace=namespace, labels=selector),
            spec=spec,
            opts=opts,
        )
