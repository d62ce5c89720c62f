"""How EI's nodes are operated: autoscaler, host aliases, and Prometheus metrics."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic.alias_generators import to_camel

from components.ei.args import Discovery, OperationsArgs
from components.ei.clients import client_problems
from components.ei.metrics import INTERVAL, URL_PATH, metrics_problems
from components.ei.operations import operation_problems
from components.wso2ei.versions import EiVersion
from settings.types import Allowed, Conflict, Host, LabelKey, LabelValue, Name, Section, camel_case_arguments


def _ip(text: str) -> str:
    if getattr(ipaddress.ip_address(text), "scope_id", None):
        raise ValueError("an address of one link only")
    return text


IpAddress = Annotated[str, AfterValidator(_ip), Allowed("an IPv4 or IPv6 address", "10.0.0.12")]


class Autoscaler(Section):
    """Limits of an autoscaler that you make, such as a HorizontalPodAutoscaler."""

    max_replicas: Annotated[int, Field(ge=1, le=20, examples=[3])]
    """The largest number of nodes that it makes: MySQL must have connections for all of them."""


class HostAlias(Section):
    """An address with its names."""

    ip: IpAddress
    """The address."""
    hostnames: Annotated[list[Host], Field(min_length=1, examples=[["backend.internal"]])]
    """Names that resolve to it, inside the pods."""


class EiPort(Section):
    """A TCP port on which every node listens because of an artifact, such as that of an inbound endpoint."""

    name: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z0-9-]{1,15}$"),
        Allowed("at most 15 lower-case letters, digits and '-', with a letter", "orders"),
    ]
    """Its name in the Service."""
    port: Annotated[int, Field(ge=1024, le=65535, examples=[8085])]
    """None of EI's own ports."""


class EiClient(Section):
    """Pods of the cluster that call the nodes without NGINX, by their labels, their namespaces', or both."""

    namespace_labels: Annotated[
        dict[LabelKey, LabelValue], Field(examples=[{"kubernetes.io/metadata.name": "orders"}])
    ] = {}
    """Labels of their namespaces. Default: the stack's namespace."""
    pod_labels: Annotated[dict[LabelKey, LabelValue], Field(examples=[{"app": "orders"}])] = {}
    """Labels of the pods. Default: every pod of these namespaces."""


def client_conflicts(args: OperationsArgs) -> Iterator[Conflict]:
    """Report what the component would reject, by the names of the settings."""
    # From the last item of a list to the first: removing one moves those after it.
    for problem in reversed(list(client_problems(args))):
        field, *item = problem.place
        words = camel_case_arguments(problem.expected)
        if item:
            path = f"ei.{field}[{item[0]}]"
            yield Conflict(".".join([path, *map(str, item[1:])]), (path,), words, {path: None})
        else:
            words = words.replace("with ports", "with ei.ports")
            yield Conflict("ei.clients", ("ei.ports",), words, {"ei.clients[0].podLabels.app": "orders"})


def node_conflicts(args: OperationsArgs) -> Iterator[Conflict]:
    """Report what the component would reject, by the names of the settings."""
    for problem in operation_problems(args):
        field, name = problem.place[0], problem.place[1]
        path = f'ei.{to_camel(str(field))}["{name}"]'
        yield Conflict(path, (), problem.expected, {path: None})


Place = tuple[str | int, ...]
_JMX_EXPORTER = 9404
"""The port that the JMX exporter has registered with Prometheus."""
Interval = Annotated[
    str, StringConstraints(pattern=f"^{INTERVAL}$"), Allowed("a time as Prometheus writes it, such as 30s or 1m", "30s")
]
UrlPath = Annotated[
    str,
    StringConstraints(pattern=f"^{URL_PATH}$"),
    Allowed("the path of a URL, of letters, digits, '/', '.', '_', '~' and '-'", "/metrics"),
]


class Prometheus(Section):
    """The pods that read the metrics. Only they reach the port, which needs no password."""

    namespace: Annotated[Name, Field(examples=["monitoring"])]
    """Their namespace."""
    pod_labels: Annotated[dict[LabelKey, LabelValue], Field(examples=[{"app.kubernetes.io/name": "prometheus"}])] = {}
    """Their labels; without them every pod of the namespace may read."""


class ServiceMonitor(Section):
    """Labels and interval of the ServiceMonitor."""

    labels: Annotated[dict[LabelKey, LabelValue], Field(examples=[{"release": "kube-prometheus-stack"}])] = {}
    """By which a Prometheus selects it: kube-prometheus-stack expects ``release`` with the name of its Helm release."""
    interval: Interval | None = None
    """Time between two readings. Default: Prometheus' own."""


class MetricsAgent(Section):
    """What serves metrics inside the nodes in place of EI's own API, such as the JMX exporter: it is yours, started by
    ``ei.jars`` and ``ei.javaOptions`` or part of the image, and speaks HTTP."""

    port: Annotated[int, Field(ge=1024, le=65535, examples=[_JMX_EXPORTER])]
    """Where it listens; none of EI's own ports."""
    path: UrlPath = "/metrics"
    """Path of the metrics."""


class Metrics(Section):
    """Prometheus metrics of the nodes."""

    prometheus: Prometheus
    """Who reads them."""
    discovery: Discovery = "annotations"
    """How Prometheus finds the nodes. ``annotations``: ``prometheus.io/scrape``, ``port`` and ``path`` on the pods.
    ``serviceMonitor``: a ServiceMonitor, which needs the Prometheus Operator in the cluster. ``none``: by another
    scrape configuration."""
    service_monitor: ServiceMonitor | None = None
    """The ServiceMonitor's labels and interval."""
    agent: MetricsAgent | None = None
    """What serves the metrics. Default: EI's own API, which 6.5.0 and 6.6.0 have."""


def metrics_conflicts(version: EiVersion, args: OperationsArgs, options: Sequence[str]) -> Iterator[Conflict]:
    """Report what the component would reject, by the names of the settings."""
    # From the last item of a list to the first: removing one moves those after it.
    for problem in reversed(list(metrics_problems(version, args, options))):
        path, others, fix = _fix_for(problem.place)
        yield Conflict(path, others, camel_case_arguments(problem.expected), fix)


def _fix_for(place: Place) -> tuple[str, tuple[str, ...], dict[str, str | int | bool | None]]:
    """The setting that is to be changed, those that it conflicts with, and the change."""
    match place:
        case "pod_annotations", name:
            path = f'ei.podAnnotations["{name}"]'
            return path, ("ei.metrics.discovery",), {path: None}
        case "java_options", index:
            path = f"ei.javaOptions[{index}]"
            return path, ("ei.metrics",), {path: None}
        case "metrics", "service_monitor":
            return "ei.metrics.serviceMonitor", ("ei.metrics.discovery",), {"ei.metrics.discovery": "serviceMonitor"}
        case _:
            port: dict[str, str | int | bool | None] = {"ei.metrics.agent.port": _JMX_EXPORTER}
            return ".".join(["ei", *map(str, place)]), ("ei.version",), port
