"""The arguments of ``EiCluster`` about Prometheus metrics, field by field; ``ei_metrics`` checks them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NotRequired, TypedDict

Discovery = Literal["annotations", "serviceMonitor", "none"]


class PrometheusArgs(TypedDict):
    """The pods that read the metrics; nobody else reaches the port."""

    namespace: str
    """Theirs."""
    pod_labels: NotRequired[Mapping[str, str]]
    """Default: every pod of the namespace."""


class ServiceMonitorArgs(TypedDict):
    """What a ServiceMonitor of the Prometheus Operator says beside what it selects."""

    labels: NotRequired[Mapping[str, str]]
    """By which a Prometheus chooses it."""
    interval: NotRequired[str | None]
    """Time between two readings, such as ``30s``; default: Prometheus' own."""


class MetricsAgentArgs(TypedDict):
    """What serves metrics inside the nodes in place of EI's own API, such as the JMX exporter; over HTTP."""

    port: int
    """1024 or above, and none of EI's own."""
    path: NotRequired[str]
    """Default ``/metrics``."""


class MetricsArgs(TypedDict):
    """Prometheus metrics of the nodes: who reads them, and how the nodes are found."""

    prometheus: PrometheusArgs
    """Who reads them."""
    discovery: NotRequired[Discovery]
    """By ``annotations`` of the pods (default), by a ``serviceMonitor``, or by a configuration of Prometheus that is
    not part of the component (``none``)."""
    service_monitor: NotRequired[ServiceMonitorArgs | None]
    """For ``serviceMonitor`` only."""
    agent: NotRequired[MetricsAgentArgs | None]
    """Default: EI's own API, which 6.5.0 and 6.6.0 have."""
