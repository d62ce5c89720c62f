"""The S3-compatible bucket of backups: the containers that copy to it and from it, and what they need.

The dump itself is made, checked and restored in MySQL's image; rclone's only copies finished files. Pure functions but
for ``make_bucket``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s

from components.mysql.connection import RENDERED_MOUNT, SECRETS_MOUNT, env
from components.shared import metadata, pods, volumes

PROGRAM = "mysql_backup_s3.sh"
"""File of ``components/in_pod`` that the containers run."""
KEYS = ("access-key-id", "secret-access-key")
"""Keys of the Secret with the access key."""
ACCESS_KEY = r"[A-Za-z0-9_=./+-]+"
"""What both parts are made of: Amazon's are (IAM API reference, AccessKey), and rclone's config file has no quoting."""
_CA_MOUNT, _CA_KEY = "/run/bucket-ca", "ca.crt"


class BucketArgs(TypedDict):
    """Where backups are, and how requests are signed."""

    endpoint: str
    """URL of the server: scheme, host and, unless it is the scheme's, port."""
    bucket: str
    """An existing bucket."""
    prefix: str
    """What the names of all objects begin with, without ``/`` at its ends; nothing else has it."""
    region: str
    """Region for which requests are signed."""
    access_key_id: NotRequired[str | None]
    """Identifier of the access key; required without ``secret``."""
    secret: NotRequired[str | None]
    """Existing Secret with ``KEYS``."""
    ca_config_map: NotRequired[str | None]
    """ConfigMap whose key ``ca.crt`` has the only authorities to trust; default those of the image."""
    size: str
    """Kubernetes quantity: the largest dump that a pod can hold."""


@dataclass(frozen=True)
class Bucket:
    """The bucket of one server."""

    args: BucketArgs
    secret: pulumi.Input[str]
    """Name of the Secret with ``KEYS``."""
    image: str
    """Image reference of rclone."""


def make_bucket(
    name: str,
    args: BucketArgs,
    image: str,
    secret_access_key: pulumi.Input[str] | None,
    namespace: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> Bucket:
    """Make the Secret ``name`` with the access key, unless ``args`` names one.

    :raises ValueError: without an image, and without an access key.
    """
    if not image:
        raise ValueError(f"{name}: a bucket requires rclone_image")
    if existing := args.get("secret"):
        return Bucket(args, existing, image)
    identifier = args.get("access_key_id")
    if identifier is None or secret_access_key is None:
        raise ValueError(f"{name}: a bucket requires secret, or access_key_id and s3_secret_access_key")
    made = k8s.core.v1.Secret(
        name,
        metadata=k8s.meta.v1.ObjectMetaArgs(namespace=namespace, labels=metadata.labels("mysql-backup", name)),
        string_data=dict(zip(KEYS, (identifier, secret_access_key), strict=True)),
        opts=opts,
    )
    return Bucket(args, metadata.name_of(made), image)


def container(
    bucket: Bucket, name: str, verb: Literal["upload", "fetch"], values: Mapping[str, str]
) -> k8s.core.v1.ContainerArgs:
    """Copy the pod's only backup to the bucket and remove those that are not kept; or fetch one.

    :param values: variables of the program.
    """
    args, trusted = bucket.args, bool(bucket.args.get("ca_config_map"))
    variables = {
        "S3_ENDPOINT": args["endpoint"],
        "S3_REGION": args["region"],
        "S3_FOLDER": f"{args['bucket']}/{args['prefix']}",
    }
    authorities = {"S3_CA": f"{_CA_MOUNT}/{_CA_KEY}"} if trusted else {}
    return k8s.core.v1.ContainerArgs(
        name=name,
        image=bucket.image,
        command=["sh", f"{volumes.IN_POD_MOUNT}/{PROGRAM}", verb],
        env=env(variables | authorities | dict(values)),
        security_context=pods.container_security(),
        # An upload holds four parts of 5Mi in memory (rclone, "S3: multipart uploads"), more where a dump is over 48Gi.
        resources=pods.resources("50m", "128Mi", memory_limit="512Mi"),
        volume_mounts=[
            volumes.mount("backups", "/backups", read_only=verb == "upload" or None),
            volumes.mount("bucket-keys", f"{SECRETS_MOUNT}/bucket", read_only=True),
            # Separate from that of the other container, which has the password of MySQL.
            volumes.mount("bucket-rendered", RENDERED_MOUNT),
            volumes.mount("programs", volumes.IN_POD_MOUNT, read_only=True),
            *([volumes.mount("bucket-ca", _CA_MOUNT, read_only=True)] if trusted else []),
        ],
        termination_message_policy="FallbackToLogsOnError",
    )


def pod_volumes(bucket: Bucket) -> list[k8s.core.v1.VolumeArgs]:
    """Volumes of a pod with one of the containers, among them ``backups`` with room for one backup."""
    authorities = bucket.args.get("ca_config_map")
    return [
        volumes.empty_dir("backups", bucket.args["size"]),
        volumes.secret_volume("bucket-keys", bucket.secret, KEYS),
        volumes.empty_dir("bucket-rendered", "4Mi", memory=True),
        *([volumes.config_map_volume("bucket-ca", authorities)] if authorities else []),
    ]


def egress_rule(bucket: Bucket) -> k8s.networking.v1.NetworkPolicyEgressRuleArgs:
    """Let pods reach the port of the endpoint, on any host: a NetworkPolicy knows no host names."""
    url = urlsplit(bucket.args["endpoint"])
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    return k8s.networking.v1.NetworkPolicyEgressRuleArgs(
        ports=[k8s.networking.v1.NetworkPolicyPortArgs(port=port, protocol="TCP")]
    )
