"""The arguments of ``NginxIngress``, field by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

import pulumi

from components.nginx.annotations import Dialect
from components.shared.certificates import CertificateArgs
from components.shared.recommended_labels import PodMetadataArgs
from components.shared.scheduling import SchedulingArgs

Expose = Literal["LoadBalancer", "NodePort", "hostPort"]
AccessLog = Literal["default", "json", "off"]


class ServiceArgs(TypedDict):
    """Fields of an installed controller's Service that configure a load balancer; those not given are left out."""

    annotations: NotRequired[Mapping[str, str]]
    """Annotations that the load balancer's implementation reads."""
    load_balancer_class: NotRequired[str | None]
    """Implementation; immutable, so another one replaces the Service."""
    load_balancer_source_ranges: NotRequired[Sequence[str]]
    """Ranges of clients that pass the load balancer."""
    external_traffic_policy: NotRequired[Literal["Cluster", "Local"] | None]
    """``Local`` keeps the client's address."""
    load_balancer_ip: NotRequired[str | None]
    """Address to assign."""


class RouteLimits(TypedDict):
    """Clients of one host name, and the controller that serves them."""

    annotations: NotRequired[Mapping[str, str]]
    """More annotations of the Ingress; those that the component sets itself are rejected."""
    allowed_sources: NotRequired[Sequence[str]]
    """Ranges of clients that are served, ``community`` only; default all."""
    requests_per_second: NotRequired[int | None]
    """Requests of one client address that are answered; default all."""
    class_name: NotRequired[str | None]
    """IngressClass of another ``existing`` controller, for this route alone. A route that has this key, with ``None``
    too, gets a new Ingress when its class changes."""
    address: NotRequired[str | None]
    """``address`` of the controller of the route's own class."""


class Route(RouteLimits):
    """One host name and its backend, an HTTPS Service."""

    host: str
    """Host name that clients use."""
    service: str
    """Name of the Service, in the component's namespace."""
    port: int
    """HTTPS port of the Service."""
    max_body: str
    """Largest request body, e.g. ``256m``."""
    affinity_cookie: NotRequired[str | None]
    """Cookie that keeps a client on one pod."""


class NginxIngressArgs(CertificateArgs):
    """Inputs of ``NginxIngress``; without a source of the certificate, a self-signed one is made."""

    namespace: pulumi.Input[str]
    """Namespace of the Ingresses and of an installed controller."""
    controller: Literal["install", "existing"]
    """``install`` a controller, or use the ``existing`` one of the cluster."""
    class_name: str
    """IngressClass: made by ``install``, named by ``existing``."""
    dialect: Dialect
    """Annotations that the controller reads; ``f5`` when it is installed."""
    routes: dict[str, Route]
    """Routes by a short key, which becomes part of the Ingress's name."""
    image: NotRequired[str]
    """Controller image; required by ``install``."""
    expose: NotRequired[Expose]
    """How clients reach an installed controller; default ``LoadBalancer``."""
    http_port: NotRequired[int]
    """Default 80."""
    https_port: NotRequired[int]
    """Default 443. With ``NodePort`` the port inside the cluster; with an existing controller the one it serves."""
    node_ports: NotRequired[tuple[int | None, int | None]]
    """``NodePort``: the ports of http and https on every node; ``None``: allocated by the cluster."""
    replicas: NotRequired[int]
    """Pods of an installed controller; default 1."""
    cpu: NotRequired[str]
    """CPU request of each; default 100m."""
    cpu_limit: NotRequired[str]
    """CPU limit, and the number of NGINX's workers; default 2."""
    memory: NotRequired[str]
    """Memory request, a quarter of the limit; default 128Mi."""
    service: NotRequired[ServiceArgs]
    """Load balancer of an installed controller."""
    address: NotRequired[str | None]
    """Address that clients use, where the cluster reports none or another one; an installed controller publishes it."""
    ipv6: NotRequired[bool]
    """Whether an installed controller listens on IPv6 too; default yes."""
    access_log: NotRequired[AccessLog]
    """Access log of an installed controller; default F5's own."""
    read_timeout: int
    """Seconds."""
    pull_secret: NotRequired[str | None]
    """Secret of type kubernetes.io/dockerconfigjson for ``image``."""
    pods: NotRequired[PodMetadataArgs]
    """Labels and annotations of all pods."""
    scheduling: NotRequired[SchedulingArgs]
    """Nodes and priority of an installed controller."""
    pull_minutes: NotRequired[int]
    """Minutes until an installed controller must be ready, image pull included; default 15."""
    wait_minutes: NotRequired[int]
    """Minutes that an Ingress may wait for the address of an existing controller; default 10."""
