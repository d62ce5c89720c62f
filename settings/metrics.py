"""The section ``ei.metrics``: Prometheus metrics of the nodes, who reads them, and how the nodes are found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, cast

from pydantic import Field, StringConstraints

from components.ei.metrics import INTERVAL, URL_PATH, metrics_problems
from components.ei.metrics_args import Discovery, MetricsArgs
from components.ei.operations_args import OperationsArgs
from components.wso2ei.versions import EiVersion
from settings.types import Allowed, Contradiction, LabelKey, LabelValue, Name, Section, as_settings_say

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
    """The pods that read the metrics. They alone reach the port, which asks for no password."""

    namespace: Annotated[Name, Field(examples=["monitoring"])]
    """Their namespace."""
    pod_labels: Annotated[dict[LabelKey, LabelValue], Field(examples=[{"app.kubernetes.io/name": "prometheus"}])] = {}
    """Their labels; without them every pod of the namespace may read."""


class ServiceMonitor(Section):
    """What the ServiceMonitor says beside what it selects."""

    labels: Annotated[dict[LabelKey, LabelValue], Field(examples=[{"release": "kube-prometheus-stack"}])] = {}
    """By which a Prometheus chooses it: kube-prometheus-stack wants ``release`` with the name of its Helm release."""
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
    ``serviceMonitor``: a ServiceMonitor, which needs the Prometheus Operator in the cluster. ``none``: by a
    configuration of yours."""
    service_monitor: ServiceMonitor | None = None
    """The ServiceMonitor's labels and interval."""
    agent: MetricsAgent | None = None
    """What serves the metrics. Default: EI's own API, which 6.5.0 and 6.6.0 have."""

    def as_args(self) -> MetricsArgs:
        """As ``EiCluster`` takes it."""
        return cast(MetricsArgs, self.model_dump())


def metrics_contradictions(version: EiVersion, args: OperationsArgs, options: Sequence[str]) -> Iterator[Contradiction]:
    """What the component would refuse, by the names that users write."""
    # From the last item of a list to the first: removing one moves those behind it.
    for problem in reversed(list(metrics_problems(version, args, options))):
        path, others, mend = _mended(problem.place)
        yield Contradiction(path, others, as_settings_say(problem.expected), mend)


def _mended(place: Place) -> tuple[str, tuple[str, ...], dict[str, str | int | bool | None]]:
    """The setting that is to be changed, those that it contradicts, and the change."""
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
