"""Build the Kubernetes bodies of F5's NGINX Ingress Controller 5.5.x. Pure functions.

Read from nginx/kubernetes-ingress v5.5.4 (deployments/, internal/k8s, cmd/nginx-ingress): custom resources off, so
no CRD is needed; telemetry off, which is on by default; RBAC for what remains, by verb.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s

from components.nginx.args import AccessLog, Expose, ServiceArgs
from components.shared import network_policies, pods, scheduling, volumes
from components.shared.deadlines import Deadline
from components.shared.quantities import quantity

UID = 101
CONTROLLER = "nginx.org/ingress-controller"
"""``spec.controller`` of the IngressClass; the controller exits when its class names another one."""
_CONNECTIONS = 4096
KEEPALIVE_MIN_SECONDS = 5
"""Seconds that an idle HTTP/1.1 connection stays open after a reload."""
_DRAIN_SECONDS = 15
"""Time in which a terminating controller goes on accepting connections: it leaves the endpoints at once, but nodes and
load balancers need seconds to notice, and NGINX closes its ports as soon as the controller gets SIGTERM."""
_JSON_LOG = {
    "time": "$time_iso8601",
    "request_id": "$request_id",
    "client": "$remote_addr",
    "forwarded_for": "$http_x_forwarded_for",
    "host": "$host",
    "protocol": "$server_protocol",
    "method": "$request_method",
    # Without the query, in which clients send tokens.
    "path": "$uri",
    "status": "$status",
    "bytes": "$body_bytes_sent",
    "seconds": "$request_time",
    "upstream": "$upstream_addr",
    "upstream_status": "$upstream_status",
    "upstream_seconds": "$upstream_response_time",
    "agent": "$http_user_agent",
}
"""All values are texts: after a retry, those of the upstream are lists."""
_FOLDERS = {
    "nginx-etc": ("/etc/nginx", "16Mi"),
    "nginx-cache": ("/var/cache/nginx", "2Gi"),
    "nginx-lib": ("/var/lib/nginx", "2Gi"),
    "nginx-state": ("/var/lib/nginx/state", "16Mi"),
    "nginx-log": ("/var/log/nginx", "64Mi"),
}
"""Path and size limit of each writable folder. Bodies of requests and responses that exceed NGINX's buffers are in
``/var/cache/nginx`` or ``/var/lib/nginx``, depending on the build of NGINX. The kubelet evicts the pod above a limit,
so the limits protect the node; the largest body of each host limits what one request takes of them."""
NOT_WATCHED = "no-namespace-watched-for-secrets"
"""Name of a namespace that the controller does not watch; whether it exists has no effect but a warning."""


def namespace_rules(certificate: pulumi.Input[str] | None = None) -> list[k8s.rbac.v1.PolicyRuleArgs]:
    """Return the controller's rights in the stack's namespace, the only one that it watches.

    Without ``update`` of pods the controller cannot write its version into the labels of its pod: ten lines in its log,
    and no other effect (cmd/nginx-ingress, updateSelfWithVersionInfo).

    :param certificate: the one Secret that it may read. ``None``: it watches all Secrets, see ``arguments``.
    """

    def rule(group: str, resources: list[str], *verbs: str) -> k8s.rbac.v1.PolicyRuleArgs:
        return k8s.rbac.v1.PolicyRuleArgs(api_groups=[group], resources=resources, verbs=list(verbs))

    return [
        rule("", ["services", "configmaps", "pods"], "get", "list", "watch"),
        rule("", ["secrets"], "get", "list", "watch") if certificate is None else _one_secret(certificate),
        rule("", ["events"], "create", "patch"),
        rule("discovery.k8s.io", ["endpointslices"], "get", "list", "watch"),
        rule("networking.k8s.io", ["ingresses"], "get", "list", "watch"),
        rule("networking.k8s.io", ["ingresses/status"], "update"),
        rule("coordination.k8s.io", ["leases"], "get", "create", "update"),
    ]


def _one_secret(name: pulumi.Input[str]) -> k8s.rbac.v1.PolicyRuleArgs:
    return k8s.rbac.v1.PolicyRuleArgs(api_groups=[""], resources=["secrets"], resource_names=[name], verbs=["get"])


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


def config_data(external_address: str | None, cpu_limit: str, access_log: AccessLog = "default") -> dict[str, str]:
    """Return the data of the controller's ConfigMap; its defaults are HTTP/2 off and ``server_tokens`` on."""
    data = {
        "http2": "True",
        "server-tokens": "False",
        "ssl-protocols": "TLSv1.2 TLSv1.3",
        # "auto" counts the CPUs of the node, not those of the limit, and each worker needs memory.
        "worker-processes": str(math.ceil(quantity(cpu_limit))),
        # Two for each request in progress; with 1024, slow answers of EI exhaust them.
        "worker-connections": str(_CONNECTIONS),
        "worker-rlimit-nofile": str(2 * _CONNECTIONS),
        # NGINX reloads whenever a pod starts or stops, and would close every idle HTTP/1.1 connection at once, even
        # one on which a request is just arriving. Shorter than the time for which a terminating node still serves.
        "http-snippets": f"keepalive_min_timeout {KEEPALIVE_MIN_SECONDS}s;",
    }
    if external_address:
        data["external-status-address"] = external_address
    if access_log == "off":
        data["access-log-off"] = "True"
    if access_log == "json":
        data |= {"log-format": json.dumps(_JSON_LOG), "log-format-escaping": "json"}
    return data


def arguments(
    *,
    config_map: str,
    ingress_class: str,
    service: str,
    lease: str,
    tls_secret: str,
    watches_secrets: bool = True,
    ipv6: bool = True,
) -> list[str]:
    """Return the controller's arguments; all names are in its own namespace.

    The default server gets a certificate because a client that connects to ``localhost`` sends that name, for
    which a handshake is rejected otherwise.

    :param watches_secrets: a certificate that is renewed under the same name is loaded again only by a controller that
        watches the Secrets of the namespace, all of them: its informer has no selector by name (internal/k8s,
        newNamespacedInformer). One that watches those of another namespace reads the two Secrets named here at start.
    """
    own = "$(POD_NAMESPACE)"
    return [
        f"-nginx-configmaps={own}/{config_map}",
        f"-ingress-class={ingress_class}",
        f"-watch-namespace={own}",
        *([] if watches_secrets else [f"-watch-secret-namespace={NOT_WATCHED}"]),
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
    host_ports: tuple[int, int] | None,
    deadline: Deadline,
    replicas: int,
    read_timeout: int,
    resources: k8s.core.v1.ResourceRequirementsArgs,
    pull_secret: str | None = None,
    place: scheduling.SchedulingArgs | None = None,
) -> k8s.apps.v1.DeploymentSpecArgs:
    """Return the Deployment: controllers with a read-only root file system.

    A terminating one accepts connections for a while, then completes its requests (on SIGTERM the controller quits
    NGINX gracefully and waits for it: cmd/nginx-ingress, handleTermination). With hostPort no other one could accept
    connections meanwhile, and its successor waits for the port.

    NET_BIND_SERVICE stays: the binaries carry it as a file capability, and without it exec fails even on high
    ports ("Operation not permitted").

    :param host_ports: http and https on the node; ``None``: none.
    """
    folders = [volumes.mount(name, path) for name, (path, _) in _FOLDERS.items()]
    security = pods.container_security(add=("NET_BIND_SERVICE",))
    http_port, https_port = host_ports or (None, None)
    controller = k8s.core.v1.ContainerArgs(
        name="nginx-ingress",
        image=image,
        args=args,
        env=[pods.from_pod("POD_NAMESPACE", "metadata.namespace"), pods.from_pod("POD_NAME", "metadata.name")],
        ports=[
            k8s.core.v1.ContainerPortArgs(name="http", container_port=80, host_port=http_port),
            k8s.core.v1.ContainerPortArgs(name="https", container_port=443, host_port=https_port),
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
        # Not Kubernetes' own `sleep`, which 1.29 does not have.
        lifecycle=None
        if host_ports
        else k8s.core.v1.LifecycleArgs(
            pre_stop=k8s.core.v1.LifecycleHandlerArgs(
                exec_=k8s.core.v1.ExecActionArgs(command=["sleep", str(_DRAIN_SECONDS)])
            )
        ),
        security_context=security,
        resources=resources,
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
        replicas=replicas,
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector),
        progress_deadline_seconds=deadline.seconds,
        # Two pods cannot use the same host port, so with hostPort the old one stops first.
        strategy=k8s.apps.v1.DeploymentStrategyArgs(
            type="RollingUpdate",
            rolling_update=k8s.apps.v1.RollingUpdateDeploymentArgs(
                max_surge=0 if host_ports else 1, max_unavailable=1 if host_ports else 0
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
                termination_grace_period_seconds=60 if host_ports else _DRAIN_SECONDS + read_timeout,
                topology_spread_constraints=scheduling.spread(selector) if replicas > 1 else None,
                init_containers=[copy],
                containers=[controller],
                volumes=[
                    *(volumes.empty_dir(name, size) for name, (_, size) in _FOLDERS.items()),
                    volumes.api_access_volume("api-access"),
                ],
                **scheduling.pod_fields(place),
            ),
        ),
    )


def resources(cpu: str, cpu_limit: str, memory: str) -> k8s.core.v1.ResourceRequirementsArgs:
    """Return requests and limits of one controller. Old workers finish their requests after a reload, so the limit of
    memory is four times the request."""
    most = f"{int(quantity(memory) * 4 / 1024**2)}Mi"
    return pods.resources(cpu, memory, cpu_limit=cpu_limit, memory_limit=most, disk="256Mi", disk_limit="3Gi")


def service_spec(
    selector: dict[str, str],
    expose: Expose,
    http_port: int,
    https_port: int,
    node_ports: tuple[int | None, int | None] = (None, None),
    load_balancer: ServiceArgs | None = None,
) -> k8s.core.v1.ServiceSpecArgs:
    """Return the Service for clients or the load balancer; ``node_ports`` are those of http and https."""
    fields = load_balancer or {}
    return k8s.core.v1.ServiceSpecArgs(
        type="ClusterIP" if expose == "hostPort" else expose,
        selector=selector,
        load_balancer_class=fields.get("load_balancer_class"),
        load_balancer_source_ranges=list(fields.get("load_balancer_source_ranges") or ()) or None,
        external_traffic_policy=fields.get("external_traffic_policy"),
        load_balancer_ip=fields.get("load_balancer_ip"),
        ports=[
            k8s.core.v1.ServicePortArgs(name=name, port=port, target_port=name, protocol="TCP", node_port=node_port)
            for name, port, node_port in (("http", http_port, node_ports[0]), ("https", https_port, node_ports[1]))
        ],
    )


def ingress_spec(
    *, ingress_class: str, host: str, service: str, port: int, tls_secret: pulumi.Input[str] | None
) -> k8s.networking.v1.IngressSpecArgs:
    """Return an Ingress of one host and one Service, with TLS termination.

    :param tls_secret: ``None``: the controller's wildcard certificate.
    """
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
    return network_policies.ingress_spec(selector, network_policies.allow(None, "http", "https"))
