"""WSO2 Enterprise Integrator on Kubernetes: load, preflight, components, outputs."""

from __future__ import annotations

import gc

# Before the imports: what they make stays, and searching it for garbage again and again takes a twentieth of a preview.
gc.set_threshold(100_000)

import pulumi
import pulumi_kubernetes as k8s

from components.acceptance import Acceptance
from components.ei.cluster import EiCluster
from components.nginx.ingress import NginxIngress
from preflight import checks
from preflight.storage import confirmed
from preflight.storage_guide import kept_data
from settings import loading
from settings.secret_values import plain_registry_password
from stack import arguments, names, outputs, passwords
from stack.database import make_database
from stack.namespace import make_namespace

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
claims = checked.storage.claims

mysql, mysql_claims = make_database(settings, secrets, namespace, claims, on_cluster)
nginx = NginxIngress(names.NGINX, arguments.ingress_args(settings, secrets, namespace), on_cluster)
admin_password = passwords.admin_password(settings, secrets)
ei = EiCluster(
    names.EI,
    arguments.cluster_args(
        settings, secrets, namespace=namespace, claims=claims, mysql=mysql, nginx=nginx, admin_password=admin_password
    ),
    on_cluster,
)
Acceptance(
    names.ACCEPTANCE,
    arguments.acceptance_args(settings, namespace, nginx, ei),
    pulumi.ResourceOptions(provider=cluster, depends_on=[ei, nginx]),
)

outputs.export(
    settings,
    nginx,
    namespace,
    admin_password,
    kept_data(settings, checked.storage),
    confirmed(
        checked.storage,
        [*mysql_claims, *(volume.claim_name for volume in (ei.carbonapps, ei.deployment_volume) if volume)],
    ),
)
