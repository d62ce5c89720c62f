"""``MysqlDatabase``: one MySQL server with two schemas, for EI's users and EI's registry.

Owns the server, its Service, its passwords and its claim. Does not own the tables (``EiCluster`` loads WSO2's own
scripts) nor the data on the volume, which outlives it.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from components.mysql import objects as mysql_objects
from components.mysql.connection import CLIENT_LABEL, PORT, PROGRAMS, MysqlConnection
from components.shared import metadata, pods, volumes
from components.shared.recommended_labels import tag, with_labels
from components.shared.scheduling import SchedulingArgs, problems
from components.shared.storage import DataVolume, DataVolumeArgs


class MysqlDatabaseArgs(TypedDict):
    """Inputs of ``MysqlDatabase``."""

    namespace: pulumi.Input[str]
    """Namespace of everything."""
    image: str
    """Image reference of MySQL 8.4."""
    storage: DataVolumeArgs
    """Where the data lives; see ``DataVolumeArgs``."""
    cpu: str
    """CPU request, e.g. ``150m``."""
    cpu_limit: NotRequired[str]
    """Default: 2."""
    memory: str
    """Memory request, e.g. ``512Mi``."""
    memory_limit: NotRequired[str]
    """Default: the request."""
    max_connections: int
    """``max_connections`` of the server."""
    passwords_secret: NotRequired[str | None]
    """Existing Secret with ``mysql_objects.SERVER_KEYS``; without one, random passwords are made and kept."""
    rotation: NotRequired[str | None]
    """Any text; another one makes new random passwords, and has the server set what the Secret holds now."""
    scheduling: NotRequired[SchedulingArgs]
    """Nodes and priority of the server."""
    options: NotRequired[list[str]]
    """More mysqld options; a later one wins."""
    pull_minutes: NotRequired[int]
    """Minutes that the first start may take, image pull included; default 15."""


class MysqlDatabase(pulumi.ComponentResource):
    """MySQL for one EI cluster. See the module's text for what it owns."""

    connection: MysqlConnection
    """How a pod with ``CLIENT_LABEL`` reaches it."""
    volume: DataVolume
    """Where the data lies."""
    stateful_set: k8s.apps.v1.StatefulSet

    def __init__(self, name: str, args: MysqlDatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("wso2ei:index:MysqlDatabase", name, {}, with_labels(opts, name, tag(args["image"])))
        if args["max_connections"] < 1:
            raise ValueError(f"MysqlDatabase {name}: max_connections must be positive, not {args['max_connections']}")
        if wrong := [f"MysqlDatabase {name}: {field} {words}" for field, words in problems(args.get("scheduling"))]:
            raise ValueError("\n".join(wrong))
        child = pulumi.ResourceOptions(parent=self)
        selector = metadata.labels("mysql", name)
        self.volume = DataVolume(f"{name}-data", args["storage"], child)
        secret = args.get("passwords_secret") or self._made_passwords(name, args, selector, child)
        self.connection = {
            "host": name,
            "port": PORT,
            "tls": "preferred",
            "user": mysql_objects.USERS,
            "registry": mysql_objects.REGISTRY,
            "secret": secret,
            "claim": self.volume.claim_name,
        }
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
            opts=child,
        )
        self.stateful_set = k8s.apps.v1.StatefulSet(
            f"{name}-server",
            # An explicit name: an auto-named StatefulSet that is replaced would run two servers on one data folder.
            metadata=k8s.meta.v1.ObjectMetaArgs(name=name, namespace=args["namespace"], labels=selector),
            spec=mysql_objects.stateful_set_spec(
                selector=selector,
                service=name,
                image=args["image"],
                secret=secret,
                config_map=metadata.name_of(config_map),
                claim=self.volume.claim_name,
                first=self.volume.first_container(args["image"], "data", "programs", mysql_objects.UID),
                resources=pods.resources(
                    args["cpu"],
                    args["memory"],
                    cpu_limit=args.get("cpu_limit", "2"),
                    memory_limit=args.get("memory_limit", args["memory"]),
                ),
                options=[
                    f"--max-connections={args['max_connections']}",
                    # For whoever must know which volume the server that answers is on (schema.sh).
                    pulumi.Output.concat("--report-host=", self.volume.claim_name),
                    *args.get("options", []),
                ],
                rotation=args.get("rotation"),
                place=args.get("scheduling"),
            ),
            opts=pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(custom_timeouts=metadata.timeouts(args.get("pull_minutes", 15)))
            ),
        )
        self.register_outputs({"host": name, "secret": secret})

    def _made_passwords(
        self, name: str, args: MysqlDatabaseArgs, selector: dict[str, str], child: pulumi.ResourceOptions
    ) -> pulumi.Output[str]:
        """Random passwords in a Secret; its name."""
        # Without a rotation there are no keepers at all, as there were none before there were rotations.
        keepers = {"rotation": rotation} if (rotation := args.get("rotation")) else None
        passwords = {
            key: random.RandomPassword(
                f"{name}-{key}",
                length=32,
                special=False,
                keepers=keepers,
                opts=child,
            ).result
            for key in mysql_objects.SERVER_KEYS
        }
        secret = k8s.core.v1.Secret(
            f"{name}-passwords",
            metadata=k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=selector),
            string_data=passwords,
            opts=child,
        )
        return metadata.name_of(secret)
