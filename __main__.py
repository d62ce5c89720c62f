"""WSO2 Enterprise Integrator on Kubernetes: settings -> components -> outputs."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as k8s

from components.acceptance import Acceptance
from components.ei.cluster import EiCluster, service_names
from components.nginx.ingress import NginxIngress
from components.scc_binding import SccBinding
from components.shared import metadata
from preflight import checks
from settings import loading
from settings.secret_values import plain_registry_password
from settings.volumes import diagnostics, volume
from stack import outputs, passwords
from stack.database import make_database
from stack.pull_secrets import pull_secret

settings, secrets = loading.from_pulumi()
checked = checks.run(settings, plain_registry_password())
context, storage = checked.context, checked.storage
cluster = k8s.Provider(
    "cluster",
    # Empty: the usual rules find the kubeconfig. Left out, the SDK would put this machine's path into the state.
    kubeconfig="",
    context=context,
    cluster_identifier=settings.kubernetes.cluster_identifier or context,
    # A changed ConfigMap or Secret gets a new name, so pods roll when, and only when, what they read changes.
    enable_config_map_mutable=False,
    enable_secret_mutable=False,
)
on_cluster = pulumi.ResourceOptions(provider=cluster)

namespace: pulumi.Input[str] = settings.namespace.name
if settings.namespace.create:
    # A folder on a node belongs to root until a container with CHOWN gives it away, which "restricted" forbids.
    level = "baseline" if settings.has_host_folders else "restricted"
    level = "privileged" if settings.ingress.expose == "hostPort" else level
    namespace = k8s.core.v1.Namespace(
        "namespace",
        metadata=k8s.meta.v1.ObjectMetaArgs(
            name=settings.namespace.name,
            labels={
                "pod-security.kubernetes.io/enforce": level,
                "pod-security.kubernetes.io/warn": level,
            },
        ),
        opts=pulumi.ResourceOptions(provider=cluster, protect=settings.protect or None),
    ).metadata["name"]
if settings.kubernetes.openshift and settings.kubernetes.cluster_scoped:
    namespace = SccBinding("wso2ei-scc", {"namespace": namespace, "constraint": "nonroot-v2"}, on_cluster).namespace

mysql, mysql_claims = make_database("wso2ei-mysql", settings, secrets, namespace, storage, on_cluster)
console_service, gateway_service = service_names("wso2ei")
nginx = NginxIngress(
    "wso2ei-nginx",
    {
        "namespace": namespace,
        "controller": settings.ingress.controller,
        "class_name": settings.ingress.class_name,
        "dialect": settings.ingress.dialect,
        "routes": {
            "console": {"host": settings.hosts.console, "service": console_service, "port": 9443,
                        "affinity_cookie": "route"},
            "gateway": {"host": settings.hosts.gateway, "service": gateway_service, "port": 8243},
        },
        "image": settings.image(settings.images.nginx),
        "pull_secret": pull_secret(settings, settings.images.nginx),
        "expose": settings.ingress.expose,
        "http_port": settings.ingress.http_port,
        "https_port": settings.ingress.https_port,
        "node_ports": (settings.ingress.http_node_port, settings.ingress.https_node_port),
        "address": settings.ingress.address,
        "tls_secret": settings.ingress.tls_secret,
        "read_timeout": settings.ingress.read_timeout,
        "max_body": settings.ingress.max_body,
        "scheduling": settings.scheduling.as_args(),
        "wait_minutes": settings.ei.pull_minutes,
    },
    on_cluster,
)  # fmt: skip
admin_password = passwords.admin_password(settings, secrets)
ei = EiCluster(
    "wso2ei",
    {
        "namespace": namespace,
        "version": settings.ei.version,
        "image": settings.ei_image,
        "python_image": settings.image(settings.images.python),
        "mysql_image": settings.image(settings.images.mysql),
        "registry": passwords.registry_credentials(settings, secrets),
        "registry_secret": settings.secrets.registry,
        "replicas": settings.ei.replicas,
        "console_host": settings.hosts.console,
        "gateway_host": settings.hosts.gateway,
        "console_port": nginx.https_port,
        "gateway_port": nginx.https_port,
        "mysql": mysql,
        "admin_username": settings.ei.admin_username,
        "admin_password": admin_password,
        "admin_secret": settings.secrets.admin,
        "rotation": settings.secrets.rotation.text,
        "storage": volume(settings, "carbonapps", namespace, storage.volumes["carbonapps"].claim),
        "heap": settings.ei.heap,
        "cpu": settings.ei.cpu,
        "cpu_limit": settings.ei.cpu_limit,
        "memory": settings.ei.memory,
        "existing_controller": settings.ingress.controller == "existing",
        "controller_labels": metadata.labels("nginx-ingress", "wso2ei-nginx")
        if settings.ingress.controller == "install"
        else settings.ingress.controller_labels,
        "pull_minutes": settings.ei.pull_minutes,
        "configuration_path": settings.ei.configuration_path,
        "governance_path": settings.ei.governance_path,
        "scheduling": settings.scheduling.as_args(),
        **settings.ei.additions(),
        **settings.ei.operations(),
        **diagnostics(settings, namespace),
    },
    on_cluster,
)
Acceptance(
    "wso2ei-acceptance",
    {
        "namespace": namespace,
        "image": settings.image(settings.images.python),
        "pull_secret": pull_secret(settings, settings.images.python),
        "address": outputs.controller_address(settings, nginx),
        "console_host": settings.hosts.console,
        "gateway_host": settings.hosts.gateway,
        "console_port": nginx.https_port,
        "scheduling": settings.scheduling.as_args(),
        "triggers": {"ei": ei.spec_hash, "ingress": nginx.spec_hash},
    },
    pulumi.ResourceOptions(provider=cluster, depends_on=[ei, nginx]),
)
claims = [*mysql_claims, ei.carbonapps.claim_name]
outputs.export(settings, nginx, namespace, admin_password, storage, claims)
