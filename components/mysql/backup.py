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
from components.shared import metadata, network_policies, pods, scheduling, volumes
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
"""Files of ``components/in_pod`` in the pods of every stack with backups."""
DRILL_PROGRAM = "mysql_backup_drill.sh"
DRILL_PROGRAMS = (DRILL_PROGRAM, "mysql_server.sh")
"""More files in the pods of a stack with drills."""
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
    drill: NotRequired[str | None]
    """Cron expression of drills; default none."""
    drill_size: NotRequired[str]
    """Kubernetes quantity: the largest database that a drill can hold; default 8Gi."""
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


def programs(args: BackupArgs) -> list[str]:
    """Return the files of ``components/in_pod`` in the pods."""
    bucket = [mysql_bucket.PROGRAM] if args.get("s3") else []
    return [*PROGRAMS, *bucket, *(DRILL_PROGRAMS if args.get("drill") else ())]


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
    own = [
        *mysql_connection.password_volumes(common.secret, [BACKUP_KEY]),
        *mysql_connection.ca_volumes(common.connection),
    ]
    return _job_spec(common, containers, own, minutes=minutes, retries=1)


def restore_job_spec(common: BackupPods) -> k8s.batch.v1.JobSpecArgs:
    """Restore each database as its own user; the volume is mounted read-only."""
    latest = {"FROM": "latest"}
    containers = [_mysql_container(common, "backup", "mysql_backup_restore.sh", latest | {"FORCE": ""})]
    if common.bucket:
        containers.insert(0, mysql_bucket.container(common.bucket, "fetch", "fetch", latest))
    own = [
        *mysql_connection.password_volumes(common.connection["secret"], PASSWORD_KEYS),
        *mysql_connection.ca_volumes(common.connection),
    ]
    return _job_spec(common, containers, own, minutes=RESTORE_MINUTES, retries=0)


def drill_job_spec(common: BackupPods, size: str, selector: dict[str, str]) -> k8s.batch.v1.JobSpecArgs:
    """Restore the latest backup into a server of the pod, with no password of the stack and no way to its server."""
    values = mysql_connection.schema_values(common.connection["user"], common.connection["registry"])
    container = k8s.core.v1.ContainerArgs(
        name="backup",
        image=common.image,
        command=["bash", f"{volumes.IN_POD_MOUNT}/{DRILL_PROGRAM}"],
        env=mysql_connection.env(values),
        security_context=pods.container_security(),
        # mysqld 9.7 with a buffer pool of 128M and without the performance schema takes 300 MiB.
        resources=pods.resources("50m", "512Mi"),
        volume_mounts=[
            volumes.mount("backups", MOUNT, read_only=True),
            volumes.mount("drill", "/drill"),
            volumes.mount("programs", volumes.IN_POD_MOUNT, read_only=True),
            volumes.mount("scratch", "/tmp"),  # noqa: S108
        ],
        termination_message_policy="FallbackToLogsOnError",
    )
    fetch = [mysql_bucket.container(common.bucket, "fetch", "fetch", {"FROM": "latest"})] if common.bucket else []
    own = [volumes.empty_dir("drill", size)]
    return _job_spec(common, [*fetch, container], own, minutes=RESTORE_MINUTES, retries=0, labels=selector)


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
            *mysql_connection.ca_mounts(common.connection),
            volumes.mount("programs", volumes.IN_POD_MOUNT, read_only=True),
            volumes.mount("scratch", "/tmp"),  # noqa: S108
        ],
        termination_message_policy="FallbackToLogsOnError",
    )


def _job_spec(
    common: BackupPods,
    containers: Sequence[k8s.core.v1.ContainerArgs],
    own: Sequence[k8s.core.v1.VolumeArgs],
    *,
    minutes: int,
    retries: int,
    labels: dict[str, str] | None = None,
) -> k8s.batch.v1.JobSpecArgs:
    """Run ``containers`` one after the other.

    :param own: volumes in addition to those of all pods.
    :param labels: those of the pod; default those of the server's clients.
    """
    first = [common.volume.first_container(common.image, "backups", "programs", UID)] if common.volume else []
    places = [volumes.claim_volume("backups", common.volume.claim_name)] if common.volume else []
    if common.bucket:
        places += mysql_bucket.pod_volumes(common.bucket)
    return k8s.batch.v1.JobSpecArgs(
        backoff_limit=retries,
        active_deadline_seconds=Deadline(common.pull_minutes + minutes).seconds,
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=labels or common.selector | CLIENT_LABEL),
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
                    *own,
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
    selector: dict[str, str], server: dict[str, str] | None, bucket: Bucket | None
) -> k8s.networking.v1.NetworkPolicySpecArgs:
    """Admit nothing to the pods of ``selector``, which read all data; let them reach DNS and what is given only."""
    spec = network_policies.ingress_spec(selector)
    to_server = k8s.networking.v1.NetworkPolicyEgressRuleArgs(
        to=[network_policies.pods_with(server)],
        ports=[k8s.networking.v1.NetworkPolicyPortArgs(port=PORT, protocol="TCP")],
    )
    dns = k8s.networking.v1.NetworkPolicyEgressRuleArgs(
        ports=[
            k8s.networking.v1.NetworkPolicyPortArgs(port=port, protocol=protocol)
            for port in _DNS_PORTS
            for protocol in ("UDP", "TCP")
        ]
    )
    spec.policy_types = ["Ingress", "Egress"]
    spec.egress = [
        *([to_server] if server else []),
        *([dns] if server or bucket else []),
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
    zone = args.get("time_zone")
    specs = {
        f"{name}-backup": cron_job_spec(dump, selector, args["schedule"], time_zone=zone),
        f"{name}-restore": cron_job_spec(restore, selector, NEVER, suspend=True),
    }
    if schedule := args.get("drill"):
        own = metadata.labels("mysql-drill", name)
        k8s.networking.v1.NetworkPolicy(
            f"{name}-clients-of-drill",
            metadata=k8s.meta.v1.ObjectMetaArgs(namespace=namespace, labels=own),
            spec=network_policy_spec(own, None, common.bucket),
            opts=opts,
        )
        drill = drill_job_spec(common, args.get("drill_size", "8Gi"), own)
        specs[f"{name}-drill"] = cron_job_spec(drill, own, schedule, time_zone=zone)
    # Pods keep a claim from being deleted until they are deleted too, those that have ended included
    # (pvc_protection_controller.go). With their CronJob, Jobs of the old place are deleted before its claim.
    moved = pulumi.ResourceOptions(
        replace_on_changes=["spec.jobTemplate.spec.template.spec.volumes[0].persistentVolumeClaim"],
        delete_before_replace=True,
    )
    for full_name, spec in specs.items():
        k8s.batch.v1.CronJob(
            full_name,
            # Explicit names: commands create Jobs from them.
            metadata=k8s.meta.v1.ObjectMetaArgs(name=full_name, namespace=namespace, labels=selector),
            spec=spec,
            opts=pulumi.ResourceOptions.merge(opts, moved),
        )
