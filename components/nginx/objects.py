"""Build the Kubernetes bodies of F5's NGINX Ingress Controller 5.5.x. Pure functions.

Read from nginx/kubernetes-ingress v5.5.4 (deployments/, internal/k8s, cmd/nginx-ingress): custom resources off, so
no CRD is needed; telemetry off, which is on by default; RBAC for what remains, by verb.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pulumi
import pulumi_kubernetes as k8s

from components.shared import pods, scheduling, volumes

UID = 101
CONTROLLER = "nginx.org/ingress-controller"
"""``spec.controller`` of the IngressClass; the controller exits when its class names another one."""
KEEPALIVE_MIN_SECONDS = 5
"""Seconds that an idle HTTP/1.1 connection stays open after a reload."""
Expose = Literal["LoadBalancer", "NodePort", "hostPort"]


def namespace_rules() -> list[k8s.rbac.v1.PolicyRuleArgs]:
    """Return the controller's rights in the stack's namespace, the only one that it watches."""

    def rule(group: str, resources: list[str], *verbs: str) -> k8s.rbac.v1.PolicyRuleArgs:
        return k8s.rbac.v1.PolicyRuleArgs(api_groups=[group], resources=resources, verbs=list(verbs))

    return [
        rule("", ["services", "configmaps", "secrets", "pods"], "get", "list", "watch"),
        # It labels its own pod with the versions that it found.
        rule("", ["pods"], "update"),
        rule("", ["events"], "create", "patch"),
        rule("discovery.k8s.io", ["endpointslices"], "get", "list", "watch"),
        rule("networking.k8s.io", ["ingresses"], "get", "list", "watch"),
        rule("networking.k8s.io", ["ingresses/status"], "update"),
        rule("coordination.k8s.io", ["leases"], "get", "create", "update"),
    ]


def cluster_rules(ingress_class: str, namespace: pulumi.Input[str]) -> list[k8s.rbac.v1.PolicyRuleArgs]:
    """Return the cluster-scoped rights: its own IngressClass and its own namespace, by name."""
    return [
        k8s.rbac.v1.PolicyRuleArgs(
            api_groups=["networking.k8s.io"],
            resources=["ingressclasses"],
            resource_names=[ingress_class],
            verbs=["get"],
        ),
        k8s.rbac.v1.PolicyRuleArgs(
            api_groups=[""], resources=["namespaces"], resource_names=[namespace], verbs=["get"]
        ),
    ]


def config_data(external_address: str | None) -> dict[str, str]:
    """Return the data of the controller's ConfigMap; its defaults are HTTP/2 off and ``server_tokens`` on."""
    data = {
        "http2": "True",
        "server-tokens": "False",
        "ssl-protocols": "TLSv1.2 TLSv1.3",
        # NGINX reloads whenever a pod starts or stops, and would close every idle HTTP/1.1 connection at once, even
        # one on which a request is just arriving. Shorter than the time for which a terminating node still serves.
        "http-snippets": f"keepalive_min_timeout {KEEPALIVE_MIN_SECONDS}s;",
    }
    if external_address:
        data["external-status-address"] = external_address
    return data


def arguments(
    *, config_map: str, ingress_class: str, service: str, lease: str, tls_secret: str, ipv6: bool = True
) -> list[str]:
    """Return the controller's arguments; all names are in its own namespace.

    The default server gets a certificate because a client that connects to ``localhost`` sends that name, for
    which a handshake is refused otherwise.
    """
    own = "$(POD_NAMESPACE)"
    return [
        f"-nginx-configmaps={own}/{config_map}",
        f"-ingress-class={ingress_class}",
        f"-watch-namespace={own}",
        f"-default-server-tls-secret={own}/{tls_secret}",
        f"-wildcard-tls-secret={own}/{tls_secret}",
        "-enable-custom-resources=false",
        "-enable-snippets=false",
        "-enable-telemetry-reporting=false",
        "-enable-prometheus-metrics=false",
        "-report-ingress-status",
        f"-external-service={service}",
        "-enable-leader-election=true",
        f"-leader-election-lock-name={lease}",
        "-ready-status=true",
        *([] if ipv6 else ["-disable-ipv6=true"]),
    ]


def deployment_spec(
    *,
    selector: dict[str, str],
    image: str,
    service_account: pulumi.Input[str],
    args: pulumi.Input[Sequence[pulumi.Input[str]]],
    expose: Expose,
    http_port: int,
    https_port: int,
    pull_secret: str | None = None,
    place: scheduling.SchedulingArgs | None = None,
) -> k8s.apps.v1.DeploymentSpecArgs:
    """Return the Deployment: one controller with a read-only root file system.

    NET_BIND_SERVICE stays: the binaries carry it as a file capability, and without it exec fails even on high
    ports ("Operation not permitted").
    """
    folders = [
        volumes.mount("nginx-etc", "/etc/nginx"),
        volumes.mount("nginx-cache", "/var/cache/nginx"),
        volumes.mount("nginx-lib", "/var/lib/nginx"),
        volumes.mount("nginx-state", "/var/lib/nginx/state"),
        volumes.mount("nginx-log", "/var/log/nginx"),
    ]
    security = pods.container_security(add=("NET_BIND_SERVICE",))
    host = expose == "hostPort"
    controller = k8s.core.v1.ContainerArgs(
        name="nginx-ingress",
        image=image,
        args=args,
        env=[pods.from_pod("POD_NAMESPACE", "metadata.namespace"), pods.from_pod("POD_NAME", "metadata.name")],
        ports=[
            k8s.core.v1.ContainerPortArgs(name="http", container_port=80, host_port=http_port if host else None),
            k8s.core.v1.ContainerPortArgs(name="https", container_port=443, host_port=https_port if host else None),
            k8s.core.v1.ContainerPortArgs(name="readiness", container_port=8081),
        ],
        readiness_probe=k8s.core.v1.ProbeArgs(
            http_get=k8s.core.v1.HTTPGetActionArgs(path="/nginx-ready", port="readiness"), period_seconds=1
        ),
        # NGINX listens once it has its first configuration; a master process that died or hangs no longer accepts.
        liveness_probe=k8s.core.v1.ProbeArgs(
            tcp_socket=k8s.core.v1.TCPSocketActionArgs(port="https"),
            period_seconds=15,
            timeout_seconds=5,
            failure_threshold=6,
        ),
        security_context=security,
        resources=pods.resources("100m", "128Mi", cpu_limit="2", memory_limit="256Mi"),
        volume_mounts=[*folders, volumes.mount("api-access", volumes.API_ACCESS_MOUNT, read_only=True)],
        termination_message_policy="FallbackToLogsOnError",
    )
    copy = k8s.core.v1.ContainerArgs(
        name="copy-defaults",
        image=image,
        command=["cp", "-vdR", "/etc/nginx/.", "/mnt/etc"],
        security_context=security,
        resources=pods.resources("10m", "32Mi"),
        volume_mounts=[volumes.mount("nginx-etc", "/mnt/etc")],
        termination_message_policy="FallbackToLogsOnError",
    )
    return k8s.apps.v1.DeploymentSpecArgs(
        replicas=1,
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector),
        # Two pods cannot use the same host port, so with hostPort the old one stops first.
        strategy=k8s.apps.v1.DeploymentStrategyArgs(
            type="RollingUpdate",
            rolling_update=k8s.apps.v1.RollingUpdateDeploymentArgs(
                max_surge=0 if host else 1, max_unavailable=1 if host else 0
            ),
        ),
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=selector),
            spec=k8s.core.v1.PodSpecArgs(
                service_account_name=service_account,
                automount_service_account_token=False,
                enable_service_links=False,
                image_pull_secrets=pods.pull_secrets(pull_secret),
                security_context=pods.pod_security(UID),
                termination_grace_period_seconds=60,
                init_containers=[copy],
                containers=[controller],
                volumes=[
                    *(volumes.empty_dir(folder.name) for folder in folders if isinstance(folder.name, str)),
                    volumes.api_access_volume("api-access"),
                ],
                **scheduling.pod_fields(place),
            ),
        ),
    )


def service_spec(
    selector: dict[str, str],
    expose: Expose,
    http_port: int,
    https_port: int,
    node_ports: tuple[int | None, int | None] = (None, None),
) -> k8s.core.v1.ServiceSpecArgs:
    """Return the Service for clients or the load balancer; ``node_ports`` are those of http and https."""
    return k8s.core.v1.ServiceSpecArgs(
        type="ClusterIP" if expose == "hostPort" else expose,
        selector=selector,
        ports=[
            k8s.core.v1.ServicePortArgs(name=name, port=port, target_port=name, protocol="TCP", node_port=node_port)
            for name, port, node_port in (("http", http_port, node_ports[0]), ("https", https_port, node_ports[1]))
        ],
    )


def ingress_spec(
    *, ingress_class: str, host: str, service: str, port: int, tls_secret: pulumi.Input[str]
) -> k8s.networking.v1.IngressSpecArgs:
    """Return an Ingress of one host and one Service, with TLS termination."""
    backend = k8s.networking.v1.IngressBackendArgs(
        service=k8s.networking.v1.IngressServiceBackendArgs(
            name=service, port=k8s.networking.v1.ServiceBackendPortArgs(number=port)
        )
    )
    return k8s.networking.v1.IngressSpecArgs(
        ingress_class_name=ingress_class,
        tls=[k8s.networking.v1.IngressTLSArgs(hosts=[host], secret_name=tls_secret)],
        rules=[
            k8s.networking.v1.IngressRuleArgs(
                host=host,
                http=k8s.networking.v1.HTTPIngressRuleValueArgs(
                    paths=[k8s.networking.v1.HTTPIngressPathArgs(path="/", path_type="Prefix", backend=backend)]
                ),
            )
        ],
    )


def network_policy_spec(selector: dict[str, str]) -> k8s.networking.v1.NetworkPolicySpecArgs:
    """Open ports 80 and 443 of the controller to every client, and no other port (kubelet probes are exempt)."""
    return k8s.networking.v1.NetworkPolicySpecArgs(
        pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector),
        policy_types=["Ingress"],
        ingress=[
            k8s.networking.v1.NetworkPolicyIngressRuleArgs(
                ports=[k8s.networking.v1.NetworkPolicyPortArgs(port=port, protocol="TCP") for port in ("http", "https")]
            )
        ],
    )
