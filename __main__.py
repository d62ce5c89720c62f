"""WSO2 Enterprise Integrator on Kubernetes: load, preflight, components, outputs."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as k8s

from components.acceptance import Acceptance
from components.ei.args import NodeArgs, OperationsArgs
from components.ei.cluster import EiCluster, service_name
from components.nginx.ingress import NginxIngress, NginxIngressArgs
from components.shared import metadata
from components.shared.recommended_labels import PodMetadataArgs
from components.shared.scheduling import SchedulingArgs
from components.wso2ei.args import AdditionsArgs
from preflight import checks
from preflight.storage import confirmed
from preflight.storage_guide import kept_data
from settings import loading
from settings.secret_values import plain_registry_password
from stack import names, outputs, passwords
from stack.database import make_database
from stack.namespace import make_namespace
from stack.pull_secrets import pull_secret

settings, secrets = loading.from_pulumi()
checked = checks.run(settings, plain_registry_password())

cluster = k8s.Provider(
    "cluster",
    # Empty: the usual rules find the kubeconfig. Left out, the SDK would put this machine's path into the state.
    kubeconfig="",
    context=checked.context,
    cluster_identifier=settings.kubernetes.cluster_identifier or checked.context,
    # A changed ConfigMap or Secret gets a new name, so pods roll when, and only when, what they read changes.
    enable_config_map_mutable=False,
    enable_secret_mutable=False,
)
on_cluster = pulumi.ResourceOptions(provider=cluster)
namespace = make_namespace(settings, on_cluster)
scheduling = settings.scheduling.as_args(SchedulingArgs)
pods = settings.pods.as_args(PodMetadataArgs)
claims = checked.storage.claims
mysql, mysql_claims = make_database(settings, secrets, namespace, claims, on_cluster)

service = service_name(names.EI)
nginx = NginxIngress(
    names.NGINX,
    {
        **settings.ingress.as_args(NginxIngressArgs),
        "namespace": namespace,
        "image": settings.image(settings.images.nginx),
        "pull_secret": pull_secret(settings, settings.images.nginx),
        "routes": {
            "console": {
                "host": settings.hosts.console,
                "service": service,
                "port": 9443,
                "max_body": settings.ingress.max_body,
                "affinity_cookie": names.AFFINITY_COOKIE,
            },
            "gateway": {
                "host": settings.hosts.gateway,
                "service": service,
                "port": 8243,
                "max_body": settings.ingress.gateway_max_body,
            },
        },
        "node_ports": (settings.ingress.http_node_port, settings.ingress.https_node_port),
        "pods": pods,
        "scheduling": scheduling,
        "pull_minutes": settings.images.pull_minutes,
        # The Ingresses are made first, and EI's nodes follow the database.
        "wait_minutes": settings.images.pull_minutes + settings.ei_minutes,
    },
    on_cluster,
)
installed = settings.ingress.controller == "install"
logs = settings.ei.diagnostics
admin_password = passwords.admin_password(settings, secrets)
ei = EiCluster(
    names.EI,
    {
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
        "diagnostics": logs.volume(names.EI, namespace) if logs else None,
        "diagnostics_keep": logs.keep if logs else 0,
        "existing_controller": not installed,
        "controller_labels": metadata.labels("nginx-ingress", names.NGINX)
        if installed
        else settings.ingress.controller_labels,
        "controller_namespace": settings.ingress.controller_namespace,
        "pull_minutes": settings.ei_minutes,
        "autoscaled": settings.ei.autoscaler is not None,
        "pods": pods,
        "scheduling": scheduling,
    },
    on_cluster,
)
Acceptance(
    names.ACCEPTANCE,
    {
        "namespace": namespace,
        "image": settings.image(settings.images.python),
        "pull_secret": pull_secret(settings, settings.images.python),
        "pull_minutes": settings.images.pull_minutes,
        "address": outputs.controller_address(settings, nginx),
        "console_host": settings.hosts.console,
        "gateway_host": settings.hosts.gateway,
        "console_port": nginx.https_port,
        "affinity_cookie": names.AFFINITY_COOKIE if settings.ei.most_replicas > 1 else None,
        "pods": pods,
        "scheduling": scheduling,
        "triggers": {"ei": ei.spec_hash, "ingress": nginx.spec_hash},
    },
    pulumi.ResourceOptions(provider=cluster, depends_on=[ei, nginx]),
)
outputs.export(
    settings,
    nginx,
    namespace,
    admin_password,
    kept_data(settings, checked.storage),
    confirmed(checked.storage, [*mysql_claims, *([ei.carbonapps.claim_name] if ei.carbonapps else [])]),
)
