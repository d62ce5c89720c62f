"""Prometheus metrics of EI's nodes: the port, its discovery by Prometheus, and the NetworkPolicy of its clients.

Owns the NetworkPolicy of the port and, for the Prometheus Operator, a ServiceMonitor with the Service that it selects.
Does not own Prometheus, the operator, the definition of ServiceMonitors, or an agent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import pulumi
import pulumi_kubernetes as k8s

from components.ei.args import Discovery, MetricsArgs, OperationsArgs
from components.shared import metadata, network_policies
from components.shared.problems import Problem
from components.wso2ei import metrics as own_api
from components.wso2ei.files import Patch
from components.wso2ei.versions import VERSIONS, EiVersion

PORT_NAME = "metrics"
"""Of the container's port and of the Service's."""
ANNOTATIONS = "prometheus.io/"
"""What the annotations begin with that Prometheus' usual job for pods reads."""
INTERVAL = r"[1-9][0-9]{0,4}(ms|s|m|h)"
URL_PATH = r"/[A-Za-z0-9._~/-]{0,252}"
MONITORING = "monitoring.coreos.com/v1"
"""Group and version of the ServiceMonitors of the Prometheus Operator."""


def uses_own_api(metrics: MetricsArgs | None) -> bool:
    """EI's own API serves them, and no agent."""
    return metrics is not None and not metrics.get("agent")


def place(metrics: MetricsArgs) -> tuple[int, str]:
    """Port and path of a node's metrics."""
    agent = metrics.get("agent")
    return (agent["port"], agent.get("path") or "/metrics") if agent else (own_api.PORT, own_api.PATH)


def discovery(metrics: MetricsArgs | None) -> Discovery:
    """How the nodes are found."""
    return (metrics.get("discovery") or "annotations") if metrics else "none"


def java_options(metrics: MetricsArgs | None) -> list[str]:
    """What turns on EI's own API."""
    return [f"{own_api.OPTION}=true"] if uses_own_api(metrics) else []


def patches(metrics: MetricsArgs | None) -> list[Patch]:
    """What EI's own API needs in its files."""
    return own_api.metrics_patches() if uses_own_api(metrics) else []


def container_ports(metrics: MetricsArgs | None) -> list[k8s.core.v1.ContainerPortArgs]:
    """The port, by its name."""
    return [k8s.core.v1.ContainerPortArgs(name=PORT_NAME, container_port=place(metrics)[0])] if metrics else []


def pod_annotations(metrics: MetricsArgs | None) -> dict[str, str]:
    """Of the pods, where Prometheus finds them by those."""
    if metrics is None or discovery(metrics) != "annotations":
        return {}
    port, path = place(metrics)
    return {f"{ANNOTATIONS}scrape": "true", f"{ANNOTATIONS}port": str(port), f"{ANNOTATIONS}path": path}


def network_policy_spec(selector: dict[str, str], metrics: MetricsArgs) -> k8s.networking.v1.NetworkPolicySpecArgs:
    """The pods of Prometheus reach the port, and nothing else of a node."""
    prometheus = metrics["prometheus"]
    # The API server sets this label on every namespace, and no user can.
    namespace = {"kubernetes.io/metadata.name": prometheus["namespace"]}
    peer = network_policies.pods_with(prometheus.get("pod_labels"), namespace)
    return network_policies.ingress_spec(selector, network_policies.allow([peer], place(metrics)[0]))


def service_labels(name: str) -> dict[str, str]:
    """Of the Service of the metrics alone: a ServiceMonitor that selected the others would read each node twice."""
    return metadata.labels("wso2ei-metrics", name)


def service_spec(selector: dict[str, str], metrics: MetricsArgs) -> k8s.core.v1.ServiceSpecArgs:
    """Headless: its endpoints are the list of nodes."""
    return k8s.core.v1.ServiceSpecArgs(
        cluster_ip="None",
        selector=selector,
        ports=[k8s.core.v1.ServicePortArgs(name=PORT_NAME, port=place(metrics)[0], protocol="TCP")],
    )


def monitor_spec(name: str, metrics: MetricsArgs) -> dict[str, Any]:
    """Return the ServiceMonitor's spec; it selects Services of its namespace, which is the default."""
    endpoint = {"port": PORT_NAME, "path": place(metrics)[1]}
    interval = (metrics.get("service_monitor") or {}).get("interval")
    return {
        "selector": {"matchLabels": service_labels(name)},
        "endpoints": [endpoint | ({"interval": interval} if interval else {})],
    }


def make_metrics(
    name: str,
    metrics: MetricsArgs | None,
    namespace: pulumi.Input[str],
    selector: dict[str, str],
    child: pulumi.ResourceOptions,
) -> None:
    """The objects around the nodes ``selector`` of the cluster ``name``; none without ``metrics``."""
    if metrics is None:
        return
    k8s.networking.v1.NetworkPolicy(
        f"{name}-clients-of-metrics",
        metadata=k8s.meta.v1.ObjectMetaArgs(namespace=namespace, labels=selector),
        spec=network_policy_spec(selector, metrics),
        opts=child,
    )
    if discovery(metrics) != "serviceMonitor":
        return
    labels = service_labels(name)
    k8s.core.v1.Service(
        f"{name}-metrics-service",
        metadata=k8s.meta.v1.ObjectMetaArgs(name=f"{name}-metrics", namespace=namespace, labels=labels),
        spec=service_spec(selector, metrics),
        opts=child,
    )
    chosen_by = (metrics.get("service_monitor") or {}).get("labels") or {}
    k8s.apiextensions.CustomResource(
        f"{name}-metrics-monitor",
        api_version=MONITORING,
        kind="ServiceMonitor",
        metadata=k8s.meta.v1.ObjectMetaArgs(
            name=f"{name}-metrics", namespace=namespace, labels={**labels, **chosen_by}
        ),
        spec=monitor_spec(name, metrics),
        opts=child,
    )


def metrics_problems(version: EiVersion, args: OperationsArgs, options: Sequence[str]) -> Iterator[Problem]:
    """Whatever is wrong with ``metrics``, or conflicts with it; ``options`` are the user's of the JVM."""
    metrics = args.get("metrics")
    if metrics is None:
        return
    if discovery(metrics) not in get_args(Discovery):
        yield Problem(("metrics", "discovery"), f"must be one of {', '.join(get_args(Discovery))}")
    if not uses_own_api(metrics):
        yield from _of_agent(*place(metrics))
    elif not version.prometheus_api:
        able = " and ".join(row.version for row in VERSIONS.values() if row.prometheus_api)
        yield Problem(
            ("metrics", "agent"),
            f"is needed with version {version.version}: only {able} have a Prometheus API. Start the JMX "
            "exporter by jars and java_options, and name its port here",
        )
    if metrics.get("service_monitor") and discovery(metrics) != "serviceMonitor":
        yield Problem(("metrics", "service_monitor"), "is for discovery serviceMonitor only")
    if discovery(metrics) == "annotations":
        for name in args.get("pod_annotations") or {}:
            if name.startswith(ANNOTATIONS):
                words = "must not be set with metrics: discovery annotations makes it"
                yield Problem(("pod_annotations", name), words)
    if uses_own_api(metrics):
        for index, option in enumerate(options):
            if option.partition("=")[0] == own_api.OPTION:
                yield Problem(("java_options", index), "must not be given with metrics, which makes it")


def _of_agent(port: int, path: str) -> Iterator[Problem]:
    if not 1024 <= port <= 65535:
        yield Problem(("metrics", "agent", "port"), "must be from 1024 to 65535: nodes do not run as root")
    elif port in own_api.TAKEN_PORTS:
        yield Problem(("metrics", "agent", "port"), f"must not be {port}, which is for {own_api.TAKEN_PORTS[port]}")
    if not re.fullmatch(URL_PATH, path):
        yield Problem(("metrics", "agent", "path"), "must be the path of a URL, such as /metrics")
