"""The Kubernetes bodies around the nodes of ``EiCluster``: Services, rights, the schema Job. Pure functions."""

from __future__ import annotations

from typing import Any

import pulumi_kubernetes as k8s

from components.ei import clients, work
from components.ei.args import ControllerPodsArgs, EiClusterArgs
from components.ei.copy_conf import needs_home
from components.ei.parts import PodParts
from components.ei.pod import (
    CONSOLE_PORT,
    GATEWAY_HTTP_PORT,
    GATEWAY_PORT,
    MEMBER_PORT,
    UID,
    secret_volumes,
)
from components.mysql import connection as mysql_connection
from components.shared import metadata, network_policies, pods, scheduling, volumes
from components.shared.deadlines import Deadline
from components.wso2ei.versions import EiVersion

_SCHEMA_RETRIES = 2


def service_spec(selector: dict[str, str], ports: dict[str, int]) -> k8s.core.v1.ServiceSpecArgs:
    """A Service with named ports."""
    return k8s.core.v1.ServiceSpecArgs(
        selector=selector,
        ports=[
            k8s.core.v1.ServicePortArgs(name=name, port=port, target_port=port, protocol="TCP")
            for name, port in ports.items()
        ],
    )


def members_service_spec(selector: dict[str, str]) -> k8s.core.v1.ServiceSpecArgs:
    """Headless: its Endpoints are the list of members that the membership scheme reads.

    The scheme reads ready and not-ready addresses, so a starting node is found without publishing it as ready.
    """
    return k8s.core.v1.ServiceSpecArgs(
        cluster_ip="None",
        selector=selector,
        publish_not_ready_addresses=True,
        ports=[k8s.core.v1.ServicePortArgs(name="members", port=MEMBER_PORT, protocol="TCP")],
    )


def membership_rules(service: str) -> list[k8s.rbac.v1.PolicyRuleArgs]:
    """All that the membership scheme needs: ``get`` on its own Endpoints."""
    return [
        k8s.rbac.v1.PolicyRuleArgs(api_groups=[""], resources=["endpoints"], resource_names=[service], verbs=["get"])
    ]


def _admin_mount() -> k8s.core.v1.VolumeMountArgs:
    return volumes.mount("admin-password", f"{mysql_connection.SECRETS_MOUNT}/admin", read_only=True)


def _server_volume(parts: PodParts) -> list[k8s.core.v1.EnvVarArgs]:
    """The claim of the server in the stack: another one means another server, which needs the schema again."""
    claim = parts.mysql.get("claim")
    return [k8s.core.v1.EnvVarArgs(name="MYSQL_VOLUME", value=claim)] if claim is not None else []


def schema_job_spec(
    parts: PodParts, version: EiVersion, admin_username: str, job_labels: dict[str, str], deadline: Deadline
) -> k8s.batch.v1.JobSpecArgs:
    """Loads the EI image's own SQL script; safe to kill and to run again. Fails on tables of another EI version."""
    script = version.db_script
    copy = k8s.core.v1.ContainerArgs(
        name="copy-dbscripts",
        image=parts.images.ei,
        command=["sh", "-c", f"{needs_home(parts)}\ncp {parts.home}/dbscripts/{script} {work.FOLDER}/"],
        security_context=pods.container_security(),
        resources=pods.resources("20m", "32Mi"),
        volume_mounts=[volumes.mount(work.VOLUME, work.FOLDER)],
        termination_message_policy="FallbackToLogsOnError",
    )
    load = k8s.core.v1.ContainerArgs(
        name="schema",
        image=parts.images.mysql,
        command=["bash", f"{volumes.IN_POD_MOUNT}/schema.sh", f"{work.FOLDER}/{script}"],
        env=[
            *mysql_connection.client_env(parts.mysql),
            k8s.core.v1.EnvVarArgs(name="ADMIN_USERNAME", value=admin_username),
            k8s.core.v1.EnvVarArgs(name="EI_VERSION", value=version.version),
            # Each try gives up, with its reason, before the deadline deletes the pod and its log. The other half of the
            # time is for pulls and the pauses between tries.
            k8s.core.v1.EnvVarArgs(name="LONGEST_SECONDS", value=str(deadline.seconds // 2 // (_SCHEMA_RETRIES + 1))),
            *_server_volume(parts),
        ],
        security_context=pods.container_security(),
        resources=pods.resources("20m", "64Mi"),
        volume_mounts=[
            volumes.mount(work.VOLUME, work.FOLDER, read_only=True),
            volumes.mount("scratch", "/tmp"),  # noqa: S108
            volumes.mount("programs", volumes.IN_POD_MOUNT, read_only=True),
            mysql_connection.passwords_mount(),
            mysql_connection.rendered_mount(),
            *mysql_connection.ca_mounts(parts.mysql),
            _admin_mount(),
        ],
        termination_message_policy="FallbackToLogsOnError",
    )
    return k8s.batch.v1.JobSpecArgs(
        backoff_limit=_SCHEMA_RETRIES,
        active_deadline_seconds=deadline.seconds,
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(
                labels=job_labels | mysql_connection.CLIENT_LABEL, annotations=metadata.rotated(parts.rotation)
            ),
            spec=_job_pod(
                parts,
                load,
                init_containers=[copy],
                volumes=[
                    volumes.empty_dir(work.VOLUME, "16Mi"),
                    volumes.empty_dir("scratch", "16Mi"),
                    volumes.config_map_volume("programs", parts.config_maps.programs),
                    *secret_volumes(parts),
                ],
            ),
        ),
    )


def image_job_spec(parts: PodParts, job_labels: dict[str, str], deadline: Deadline) -> k8s.batch.v1.JobSpecArgs:
    """Pull EI's image while MySQL starts, and check its version; what uses the image starts after MySQL."""
    container = k8s.core.v1.ContainerArgs(
        name="ei-image",
        image=parts.images.ei,
        command=["sh", "-c", needs_home(parts)],
        security_context=pods.container_security(),
        resources=pods.resources("10m", pods.SMALLEST_MEMORY),
        termination_message_policy="FallbackToLogsOnError",
    )
    return k8s.batch.v1.JobSpecArgs(
        backoff_limit=0,
        active_deadline_seconds=deadline.seconds,
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=job_labels),
            spec=_job_pod(parts, container),
        ),
    )


def _job_pod(parts: PodParts, container: k8s.core.v1.ContainerArgs, **more: Any) -> k8s.core.v1.PodSpecArgs:
    """A pod that runs once as EI's user, without a token."""
    return k8s.core.v1.PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        restart_policy="Never",
        image_pull_secrets=pods.pull_secrets(parts.images.pull_secret),
        security_context=pods.pod_security(UID),
        containers=[container],
        **more,
        **scheduling.pod_fields(parts.operations.get("scheduling")),
    )


def network_policy_spec(selector: dict[str, str], args: EiClusterArgs) -> k8s.networking.v1.NetworkPolicySpecArgs:
    """Members reach members on 4100; NGINX reaches console and gateway; clients reach the gateway and users' ports.

    Where the controller's pods are not known (an existing controller without labels given, or one on the hosts'
    network, which no pod selector matches), console and gateway are open to every client that reaches the pod.
    """
    own = args.get("console_controller")
    shared = [CONSOLE_PORT] if args.get("console_route", True) and own is None else []
    controller: ControllerPodsArgs = {
        "controller_labels": args["controller_labels"],
        "controller_namespace": args.get("controller_namespace"),
    }
    peers = _controller_peers(controller, elsewhere=args.get("existing_controller", False))
    rules = [
        network_policies.allow([network_policies.pods_with(selector)], MEMBER_PORT),
        network_policies.allow(peers, *shared, GATEWAY_PORT, GATEWAY_HTTP_PORT),
    ]
    if own is not None:
        rules.append(network_policies.allow(_controller_peers(own, elsewhere=True), CONSOLE_PORT))
    if callers := clients.peers(args):
        rules.append(
            network_policies.allow(callers, GATEWAY_PORT, GATEWAY_HTTP_PORT, *clients.named_ports(args).values())
        )
    return network_policies.ingress_spec(selector, *rules)


def _controller_peers(
    controller: ControllerPodsArgs, *, elsewhere: bool
) -> list[k8s.networking.v1.NetworkPolicyPeerArgs] | None:
    """Return the controller's pods, ``elsewhere`` those of other namespaces; ``None``: they are not known."""
    labels, namespace = controller["controller_labels"], controller.get("controller_namespace")
    if not labels and not namespace:
        return None
    # Kubernetes itself sets this label of a namespace, so no other namespace can have it.
    name = {"kubernetes.io/metadata.name": namespace} if namespace else None
    return [
        k8s.networking.v1.NetworkPolicyPeerArgs(
            namespace_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=name) if elsewhere else None,
            pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=dict(labels) or None),
        )
    ]
