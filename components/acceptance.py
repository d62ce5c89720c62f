"""``Acceptance``: a Job at the end of an update that sends requests to console and gateway, as a user would.

The update fails with the Job's report when an answer is wrong. Owns the Job, its program and its NetworkPolicy;
changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from components.shared import metadata, network_policies, pods, scheduling, volumes
from components.shared.deadlines import Deadline
from components.shared.recommended_labels import PodMetadataArgs, with_labels
from components.shared.scheduling import SchedulingArgs

_UID = 65534


class AcceptanceArgs(TypedDict):
    """Inputs of ``Acceptance``."""

    namespace: pulumi.Input[str]
    """Namespace of the Job."""
    image: str
    """Python image."""
    address: pulumi.Input[str]
    """``host:port`` of the controller, as seen from a pod."""
    console_host: str | None
    """Host name of the console: ``/carbon`` must answer 302; ``None``: not checked, it has no route."""
    console_address: NotRequired[pulumi.Input[str] | None]
    """``host:port`` of the console's own controller; default ``address``."""
    gateway_host: str
    """Host name of the gateway: ``/services`` must answer 200, or EI's 403 with ``http.block_service_list``."""
    affinity_cookie: NotRequired[str | None]
    """Cookie that must keep a browser on one node of the console; ``None``: not checked, for a single node."""
    restricted_hosts: NotRequired[Sequence[str]]
    """Hosts that serve allowed sources only: the Job's pod may be none of them, and get NGINX's 403."""
    console_port: NotRequired[pulumi.Input[int]]
    """Port that the console's redirect must name; default 443, which it leaves out."""
    triggers: dict[str, pulumi.Input[str]]
    """The Job runs again when one of these changes. Not secret: their hash is an annotation."""
    pull_secret: NotRequired[str | None]
    """Secret of type kubernetes.io/dockerconfigjson for ``image``."""
    pods: NotRequired[PodMetadataArgs]
    """Labels and annotations of all pods."""
    scheduling: NotRequired[SchedulingArgs]
    """Nodes and priority of the Job's pod."""
    seconds: NotRequired[int]
    """Seconds until it stops trying; default 180."""
    pull_minutes: NotRequired[int]
    """Minutes for the pull of ``image``; default 15."""


def job_spec(
    args: AcceptanceArgs, config_map: pulumi.Input[str], triggers: pulumi.Input[str], selector: dict[str, str]
) -> k8s.batch.v1.JobSpecArgs:
    """Return the Job. One pod, never restarted: the program itself retries until it times out."""
    seconds = args.get("seconds", 180)
    container = k8s.core.v1.ContainerArgs(
        name="acceptance",
        image=args["image"],
        command=["python", f"{volumes.IN_POD_MOUNT}/acceptance.py"],
        args=[
            "--address",
            args["address"],
            *(["--console-host", host] if (host := args["console_host"]) else []),
            *(["--console-address", address] if (address := args.get("console_address")) is not None else []),
            "--gateway-host",
            args["gateway_host"],
            "--console-port",
            pulumi.Output.from_input(args.get("console_port", 443)).apply(lambda port: str(int(port))),
            *(["--affinity-cookie", cookie] if (cookie := args.get("affinity_cookie")) else []),
            *(part for host in args.get("restricted_hosts", ()) for part in ("--restricted", host)),
            "--timeout",
            str(seconds),
        ],
        security_context=pods.container_security(),
        resources=pods.resources("20m", "48Mi"),
        volume_mounts=[volumes.mount("programs", volumes.IN_POD_MOUNT, read_only=True)],
        termination_message_policy="FallbackToLogsOnError",
    )
    return k8s.batch.v1.JobSpecArgs(
        backoff_limit=0,
        active_deadline_seconds=_deadline(args).seconds,
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=selector, annotations={"wso2ei/runs-again-with": triggers}),
            spec=k8s.core.v1.PodSpecArgs(
                automount_service_account_token=False,
                enable_service_links=False,
                restart_policy="Never",
                image_pull_secrets=pods.pull_secrets(args.get("pull_secret")),
                security_context=pods.pod_security(_UID),
                containers=[container],
                volumes=[volumes.config_map_volume("programs", config_map)],
                **scheduling.pod_fields(args.get("scheduling")),
            ),
        ),
    )


class Acceptance(pulumi.ComponentResource):
    """The acceptance Job; the module docstring lists what it owns."""

    job: k8s.batch.v1.Job

    def __init__(self, name: str, args: AcceptanceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("wso2ei:index:Acceptance", name, {}, with_labels(opts, name, pods=args.get("pods")))
        if not args["triggers"]:
            raise ValueError(f"Acceptance {name}: triggers must not be empty: the Job would never run again")
        child = pulumi.ResourceOptions(parent=self)
        selector = metadata.labels("acceptance", name)
        config_map = k8s.core.v1.ConfigMap(
            f"{name}-programs",
            metadata=k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=selector),
            data=volumes.programs("acceptance.py"),
            opts=child,
        )
        k8s.networking.v1.NetworkPolicy(
            f"{name}-clients",
            metadata=k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=selector),
            spec=network_policies.ingress_spec(selector),
            opts=child,
        )
        self.job = k8s.batch.v1.Job(
            f"{name}-job",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                namespace=args["namespace"],
                labels=selector,
                annotations={"pulumi.com/replaceUnready": "true"},
            ),
            spec=job_spec(
                args,
                metadata.name_of(config_map),
                metadata.spec_hash(args["triggers"]),
                selector,
            ),
            # A component's dependsOn is not inherited by its children.
            opts=pulumi.ResourceOptions.merge(
                child,
                pulumi.ResourceOptions(
                    depends_on=opts.depends_on if opts else None, custom_timeouts=_deadline(args).timeouts
                ),
            ),
        )
        self.register_outputs({"job": metadata.name_of(self.job)})


def _deadline(args: AcceptanceArgs) -> Deadline:
    return Deadline(args.get("pull_minutes", 15) + math.ceil(args.get("seconds", 180) / 60))
