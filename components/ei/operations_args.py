"""The arguments of ``EiCluster`` about the running of its nodes, field by field; ``ei_operations`` checks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

from components.ei.metrics_args import MetricsArgs
from components.shared.scheduling import SchedulingArgs
from components.shared.storage import DataVolumeArgs


class HostAliasArgs(TypedDict):
    """A line of ``/etc/hosts``."""

    ip: str
    """IPv4 or IPv6 address."""
    hostnames: Sequence[str]
    """Names that resolve to it, inside the pods."""


class OperationsArgs(TypedDict):
    """Inputs of ``EiCluster`` about the running of its nodes."""

    autoscaled: NotRequired[bool]
    """An autoscaler that is not part of the component decides the number of nodes; ``replicas`` is what a new cluster
    starts with. Default no: every update sets ``replicas``."""
    scheduling: NotRequired[SchedulingArgs]
    """Nodes and priority of all pods."""
    log_levels: NotRequired[Mapping[str, str]]
    """Levels of loggers (packages, or ``root``), in log4j's words; every other one keeps the image's."""
    access_logs: NotRequired[bool]
    """Gateway and console write their access logs to standard output; default yes. No: as the image does."""
    metrics: NotRequired[MetricsArgs | None]
    """Prometheus metrics; default none, and no port for them."""
    host_aliases: NotRequired[Sequence[HostAliasArgs]]
    """More names that the nodes resolve, such as backends that DNS does not know."""
    pod_labels: NotRequired[Mapping[str, str]]
    """More labels of the nodes' pods."""
    diagnostics: NotRequired[DataVolumeArgs | None]
    """A volume for log files and heap dumps, with a folder for each pod; without one they go with the pod."""
    diagnostics_keep: NotRequired[int]
    """Folders of gone pods that stay there; default 10."""
    pod_annotations: NotRequired[Mapping[str, str]]
    """Annotations of the nodes' pods."""
