"""Arguments of the components, from the settings' sections and from what other components give."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from components.acceptance import AcceptanceArgs
from components.ei.args import ControllerPodsArgs, EiClusterArgs, NodeArgs, OperationsArgs
from components.ei.cluster import EiCluster, service_name
from components.mysql.connection import MysqlConnection
from components.nginx.args import NginxIngressArgs, Route, RouteLimits
from components.nginx.ingress import NginxIngress
from components.shared import metadata
from components.shared.recommended_labels import PodMetadataArgs
from components.shared.scheduling import SchedulingArgs
from components.wso2ei.args import AdditionsArgs
from settings.ingress import RouteSettings
from settings.model import Settings
from settings.secret_values import Secrets
from stack import names, outputs, passwords
from stack.pull_secrets import pull_secret


def ingress_args(settings: Settings, secrets: Secrets, namespace: pulumi.Input[str]) -> NginxIngressArgs:
    """Return the arguments of ``NginxIngress``: one route each for console, if it has one, and gateway."""
    service, console = service_name(names.EI), settings.ingress.console
    routes: dict[str, Route] = {
        "console": {
            "host": settings.hosts.console,
            "service": service,
            "port": 9443,
            "max_body": settings.ingress.max_body,
            "affinity_cookie": names.AFFINITY_COOKIE,
            **_limits(settings, console),
        },
        "gateway": {
            "host": settings.hosts.gateway,
            "service": service,
            "port": 8243,
            "max_body": settings.ingress.gateway_max_body,
            "affinity_cookie": None,
            **_limits(settings, settings.ingress.gateway),
        },
    }
    return {
        **settings.ingress.as_args(NginxIngressArgs),
        "namespace": namespace,
        "image": settings.image(settings.images.nginx),
        "pull_secret": pull_secret(settings, settings.images.nginx),
        "routes": {key: route for key, route in routes.items() if key == "gateway" or console.enabled},
        "tls_key": passwords.tls_key(settings, secrets),
        "node_ports": (settings.ingress.http_node_port, settings.ingress.https_node_port),
        "pods": settings.pods.as_args(PodMetadataArgs),
        "scheduling": settings.scheduling.as_args(SchedulingArgs),
        "pull_minutes": settings.images.pull_minutes,
        # A controller may write no address before there are backends, which follow the database.
        "wait_minutes": settings.images.pull_minutes + settings.ei_minutes,
    }


def _limits(settings: Settings, route: RouteSettings) -> RouteLimits:
    limits = route.as_args(RouteLimits)
    return {**limits, "annotations": {**settings.ingress.annotations, **route.annotations}}


def cluster_args(
    settings: Settings,
    secrets: Secrets,
    *,
    namespace: pulumi.Input[str],
    claims: Mapping[str, str],
    mysql: MysqlConnection,
    nginx: NginxIngress,
    admin_password: pulumi.Output[str] | None,
) -> EiClusterArgs:
    """Return the arguments of ``EiCluster``.

    :param claims: name of the claim of each volume, for those that the stack makes.
    """
    installed, console = settings.ingress.controller == "install", settings.ingress.console
    logs = settings.ei.diagnostics
    return {
        **settings.ei.as_args(NodeArgs),
        **settings.ei.as_args(AdditionsArgs),
        **settings.ei.as_args(OperationsArgs),
        "namespace": namespace,
        "image": settings.ei_image,
        "python_image": settings.image(settings.images.python),
        "mysql_image": settings.image(settings.images.mysql),
        "registry": passwords.registry_credentials(settings, secrets),
        "registry_secret": settings.secrets.registry,
        "console_host": settings.hosts.console,
        "gateway_host": settings.hosts.gateway,
        "console_port": nginx.https_port,
        "gateway_port": nginx.https_port,
        "mysql": mysql,
        "admin_password": admin_password,
        "admin_secret": settings.secrets.admin,
        "rotation": settings.secrets.rotation.text,
        "storage": settings.volume("carbonapps", claims["carbonapps"], namespace) if "carbonapps" in claims else None,
        "deployment_storage": settings.volume("deployment", claims["deployment"], namespace)
        if "deployment" in claims
        else None,
        "diagnostics": logs.volume(names.EI, namespace) if logs else None,
        "diagnostics_keep": logs.keep if logs else 0,
        "existing_controller": not installed,
        "controller_labels": metadata.labels("nginx-ingress", names.NGINX)
        if installed
        else settings.ingress.controller_labels,
        "controller_namespace": settings.ingress.controller_namespace,
        "console_route": console.enabled,
        "console_controller": console.as_args(ControllerPodsArgs) if console.class_name else None,
        "pull_minutes": settings.ei_minutes,
        "autoscaled": settings.ei.autoscaler is not None,
        "pods": settings.pods.as_args(PodMetadataArgs),
        "scheduling": settings.scheduling.as_args(SchedulingArgs),
    }


def acceptance_args(
    settings: Settings, namespace: pulumi.Input[str], nginx: NginxIngress, ei: EiCluster
) -> AcceptanceArgs:
    """Return the arguments of ``Acceptance``; it runs again when EI's or the ingress's objects change."""
    return {
        "namespace": namespace,
        "image": settings.image(settings.images.python),
        "pull_secret": pull_secret(settings, settings.images.python),
        "pull_minutes": settings.images.pull_minutes,
        "address": outputs.controller_address(settings, nginx),
        "console_host": settings.hosts.console if settings.ingress.console.enabled else None,
        "console_address": outputs.console_controller_address(settings, nginx),
        "gateway_host": settings.hosts.gateway,
        "console_port": nginx.https_port,
        "restricted_hosts": [
            host
            for host, route in (
                (settings.hosts.console, settings.ingress.console),
                (settings.hosts.gateway, settings.ingress.gateway),
            )
            if route.allowed_sources
        ],
        "affinity_cookie": names.AFFINITY_COOKIE
        if settings.ei.most_replicas > 1 and settings.ingress.console.enabled
        else None,
        "pods": settings.pods.as_args(PodMetadataArgs),
        "scheduling": settings.scheduling.as_args(SchedulingArgs),
        "triggers": {"ei": ei.spec_hash, "ingress": nginx.spec_hash},
    }
