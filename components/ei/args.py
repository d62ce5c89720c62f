"""The arguments of ``EiCluster``, field by field; ``checks`` checks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

import pulumi

from components.mysql.connection import MysqlConnection
from components.shared.recommended_labels import PodMetadataArgs
from components.shared.scheduling import SchedulingArgs
from components.shared.storage import DataVolumeArgs
from components.wso2ei.args import AdditionsArgs

Discovery = Literal["annotations", "serviceMonitor", "none"]


class ControllerPodsArgs(TypedDict):
    """Where the pods of an existing NGINX controller are."""

    controller_labels: Mapping[str, str]
    """Their labels; with no labels and no namespace every pod counts as one."""
    controller_namespace: NotRequired[str | None]
    """Their namespace; default: any."""


class PrometheusArgs(TypedDict):
    """The pods that read the metrics; no other pod reaches the port."""

    namespace: str
    """Their namespace."""
    pod_labels: NotRequired[Mapping[str, str]]
    """Default: every pod of the namespace."""


class ServiceMonitorArgs(TypedDict):
    """Labels and interval of a ServiceMonitor of the Prometheus Operator."""

    labels: NotRequired[Mapping[str, str]]
    """By which a Prometheus chooses it."""
    interval: NotRequired[str | None]
    """Time between two readings, such as ``30s``; default: Prometheus' own."""


class MetricsAgentArgs(TypedDict):
    """What serves metrics inside the nodes in place of EI's own API, such as the JMX exporter; over HTTP."""

    port: int
    """1024 or above, and not one of EI's ports."""
    path: NotRequired[str]
    """Default ``/metrics``."""


class MetricsArgs(TypedDict):
    """Prometheus metrics of the nodes: who reads them, and how the nodes are found."""

    prometheus: PrometheusArgs
    """The pods that read them."""
    discovery: NotRequired[Discovery]
    """By ``annotations`` of the pods (default), by a ``serviceMonitor``, or by a configuration of Prometheus that is
    not part of the component (``none``)."""
    service_monitor: NotRequired[ServiceMonitorArgs | None]
    """For ``serviceMonitor`` only."""
    agent: NotRequired[MetricsAgentArgs | None]
    """Default: EI's own API, which 6.5.0 and 6.6.0 have."""


class PortArgs(TypedDict):
    """A TCP port on which the nodes listen, such as that of an inbound endpoint."""

    name: str
    """Its name in the Service: at most 15 characters."""
    port: int
    """1024 or above, and not one of EI's ports."""


class ClientArgs(TypedDict):
    """Pods of the cluster that reach the nodes without NGINX; at least one of both."""

    namespace_labels: NotRequired[Mapping[str, str]]
    """Labels of their namespaces; default: the nodes' own namespace."""
    pod_labels: NotRequired[Mapping[str, str]]
    """Default: every pod of the namespaces."""


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
    pods: NotRequired[PodMetadataArgs]
    """Labels and annotations of all pods."""
    scheduling: NotRequired[SchedulingArgs]
    """Nodes and priority of all pods."""
    log_levels: NotRequired[Mapping[str, str]]
    """Levels of loggers (packages, or ``root``), in log4j's words; every other one keeps the image's."""
    access_logs: NotRequired[bool]
    """Gateway and console write their access logs to standard output; default yes. No: as the image does."""
    metrics: NotRequired[MetricsArgs | None]
    """Prometheus metrics; default none, and no port for them."""
    ports: NotRequired[Sequence[PortArgs]]
    """More ports of the nodes and of their Service, open to ``clients``."""
    clients: NotRequired[Sequence[ClientArgs]]
    """Pods that reach the gateway (8243 and 8280) and ``ports`` through the Service."""
    host_aliases: NotRequired[Sequence[HostAliasArgs]]
    """More names that the nodes resolve, such as backends that DNS does not know."""
    pod_labels: NotRequired[Mapping[str, str]]
    """More labels of the nodes' pods."""
    pod_annotations: NotRequired[Mapping[str, str]]
    """Annotations of the nodes' pods."""


class NodeArgs(TypedDict):
    """Inputs of ``EiCluster`` about its nodes: version, number, size, administrator, place of the registry."""

    version: str
    """EI version, 6.2.0 to 6.6.0; decides paths and formats, not the image."""
    replicas: int
    """Number of nodes."""
    heap: str
    """Java heap as a Kubernetes quantity, e.g. ``512Mi``."""
    cpu: str
    """CPU request of one node."""
    cpu_limit: NotRequired[str | None]
    """CPU limit of one node; default one CPU."""
    memory: str
    """Memory request and limit of one node."""
    admin_username: str
    """EI's administrator."""
    configuration_path: NotRequired[str]
    """Path of this cluster's configuration registry in the database; default ``/_system/config``. Keep what an
    existing database uses: WSO2's 6.6 chart used ``/_system/config/integrator``."""
    governance_path: NotRequired[str]
    """The same of the governance registry; default ``/_system/governance``."""
    pull_minutes: NotRequired[int]
    """Minutes that anything may take that pulls the EI image; default 30."""


class EiClusterArgs(NodeArgs, AdditionsArgs, OperationsArgs):
    """Inputs of ``EiCluster``; what users add to a node is in ``AdditionsArgs``, its running in ``OperationsArgs``."""

    namespace: pulumi.Input[str]
    """Namespace of everything."""
    image: str
    """Image reference of the integrator profile, tag or digest."""
    python_image: str
    """Image that runs the programs of ``components/in_pod``."""
    mysql_image: str
    """Image with a ``mysql`` client."""
    registry: NotRequired[dict[str, pulumi.Input[str]] | None]
    """Credentials of the image's registry, ``username`` and ``password``; without them no pull secret is made."""
    registry_secret: NotRequired[str | None]
    """Existing kubernetes.io/dockerconfigjson Secret, instead of ``registry``."""
    console_host: str
    """Host name of the console, as clients know it."""
    gateway_host: str
    """Host name of the gateway, as clients know it."""
    console_port: NotRequired[pulumi.Input[int]]
    """HTTPS port of the console, as clients know it: EI builds its redirects with it. Default 443."""
    gateway_port: NotRequired[pulumi.Input[int]]
    """HTTPS port of the gateway, as clients know it: it stands in WSDLs. Default 443."""
    mysql: MysqlConnection
    """The server, with EI's two databases."""
    admin_password: NotRequired[pulumi.Input[str] | None]
    """Kept secret; set in the database when it changes, since EI itself sets it only once."""
    admin_secret: NotRequired[str | None]
    """Existing Secret with the key ``pod.ADMIN_KEY``, instead of ``admin_password``."""
    rotation: NotRequired[str | None]
    """Any text. A change restarts the pods, which then read the existing Secrets again; the program does not see their
    content."""
    storage: NotRequired[DataVolumeArgs | None]
    """Volume of integration artifacts (``carbonapps``), shared by all nodes; required unless ``carbon_apps_folder`` is
    ``unused``."""
    deployment_storage: NotRequired[DataVolumeArgs | None]
    """Volume of EI's deployment folder and tenants, which all nodes write; without one they are the image's, and what
    the console makes in them goes with the container."""
    diagnostics: NotRequired[DataVolumeArgs | None]
    """A volume for log files and heap dumps, with a folder for each pod; without one they go with the pod."""
    diagnostics_keep: NotRequired[int]
    """Folders of gone pods that stay there; default 10."""
    existing_controller: NotRequired[bool]
    """The NGINX controller runs in another namespace."""
    controller_namespace: NotRequired[str | None]
    """Namespace of an existing controller; default: any."""
    controller_labels: dict[str, str]
    """Labels of the NGINX pods, which alone may reach console and gateway; empty: not known, so every client may."""
    console_route: NotRequired[bool]
    """Whether a controller serves the console; default yes. Otherwise only ``kubectl port-forward`` reaches it."""
    console_controller: NotRequired[ControllerPodsArgs | None]
    """Pods of another controller, which alone may reach the console."""
