"""The section ``ingress``: NGINX in front of EI, installed or existing."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from components.nginx import additions
from components.shared.plain_secrets import sets_secret
from components.shared.recommended_labels import is_managed
from settings.tls import Certificates, TlsIssuerSettings, source_conflicts
from settings.types import (
    Address,
    Allowed,
    AnyText,
    Bytes,
    Conflict,
    Cpu,
    HostPort,
    LabelKey,
    LabelValue,
    Name,
    ObjectName,
    Port,
    Seconds,
    Section,
    cpu_limit_conflicts,
)


def _range(text: str) -> str:
    # ipaddress reads netmasks too, such as 10.0.0.0/255.0.0.0, which Kubernetes rejects.
    if not re.fullmatch(r"[^/]+/[0-9]+", text):
        raise ValueError("an address without the length of its prefix")
    ipaddress.ip_network(text)
    return text


Body = Annotated[
    str,
    StringConstraints(pattern=r"^[1-9][0-9]{0,9}[kmg]$"),
    Allowed("a size as NGINX writes it, such as 512k, 256m or 1g", "256m", unit="body"),
]


AddressRange = Annotated[
    str,
    AfterValidator(_range),
    Allowed("a range of IP addresses such as 10.0.0.0/8, without bits after the prefix", "10.0.0.0/8"),
]


class RouteSettings(Section):
    """What limits the clients of one host name."""

    annotations: Annotated[dict[LabelKey, AnyText], Field(examples=[{"example.com/owner": "integration"}])] = {}
    """Additional annotations of the Ingress of this host name."""
    allowed_sources: Annotated[list[AddressRange], Field(examples=[["10.0.0.0/8"]])] = []
    """Only clients in these ranges are served, others get 403; ``dialect`` community only. NGINX must see the clients'
    addresses (``externalTrafficPolicy`` Local of its Service)."""
    requests_per_second: Annotated[int | None, Field(ge=10, le=100000, examples=[50])] = None
    """Requests of one client address that are answered, and five times as many at once; others get 429, or 503 in the
    community's dialect. Traefik 3.6 ignores it. NGINX must see the clients' addresses."""


class ConsoleSettings(RouteSettings):
    """The console's clients, and the controller that serves it."""

    enabled: bool = True
    """Whether NGINX serves the console. False: it has no Ingress, and only ``kubectl port-forward`` reaches it."""
    class_name: Annotated[ObjectName | None, Field(examples=["nginx-internal"])] = None
    """IngressClass of another existing controller for the console alone, such as an internal one; it reads
    ``ingress.dialect`` and serves ``ingress.httpsPort``. Default: ``ingress.className``."""
    address: Annotated[Address | None, Field(examples=["10.0.0.8"])] = None
    """As ``ingress.address``, of the controller of ``className``."""
    controller_address: HostPort | None = None
    """As ``ingress.controllerAddress``, of the controller of ``className``."""
    controller_labels: Annotated[
        dict[LabelKey, LabelValue], Field(examples=[{"app.kubernetes.io/instance": "nginx-internal"}])
    ] = {}
    """As ``ingress.controllerLabels``, of the controller of ``className``: only its pods reach the console."""
    controller_namespace: Annotated[Name | None, Field(examples=["nginx-internal"])] = None
    """As ``ingress.controllerNamespace``, of the controller of ``className``."""

    def given(self) -> Iterator[tuple[str, str]]:
        """Yield name and path of each setting that has another value than its default, ``enabled`` excluded."""
        for name, field in type(self).model_fields.items():
            if name != "enabled" and getattr(self, name):
                yield name, f"ingress.console.{field.alias}"


class IngressServiceSettings(Section):
    """Service of an installed controller: what a cloud's load balancer is configured by."""

    annotations: Annotated[
        dict[LabelKey, AnyText], Field(examples=[{"service.beta.kubernetes.io/azure-load-balancer-internal": "true"}])
    ] = {}
    """Annotations that the cluster's load balancer reads, such as the one for an internal address."""
    load_balancer_class: Annotated[LabelKey | None, Field(examples=["service.k8s.aws/nlb"])] = None
    """Implementation of the load balancer; default the cluster's own. It cannot change in place: another class replaces
    the Service, and its address with it."""
    load_balancer_source_ranges: Annotated[list[AddressRange], Field(examples=[["10.0.0.0/8"]])] = []
    """Only clients in these ranges pass the load balancer, if the cluster's implementation supports it; default all."""
    external_traffic_policy: Literal["Cluster", "Local"] | None = None
    """``Local`` keeps the client's address, which NGINX otherwise sees as that of a node. Default: Kubernetes' own,
    Cluster."""
    load_balancer_ip: Annotated[Address | None, Field(alias="loadBalancerIP", examples=["10.0.0.7"])] = None
    """Address of the load balancer, where the cluster's implementation reads ``loadBalancerIP``."""

    def conflicts(self) -> Iterator[Conflict]:
        """Report annotations that are managed, and passwords in them."""
        for key, value in self.annotations.items():
            path = f'ingress.service.annotations["{key}"]'
            if is_managed(key):
                yield Conflict(path, (), "must not be set: it is managed", {path: None})
            elif sets_secret(key, value):
                yield Conflict(path, (), "holds a password in plain text", {path: None})


class IngressSettings(Section):
    """NGINX in front of EI."""

    controller: Literal["install", "existing"] = "install"
    """``install`` makes F5's NGINX Ingress Controller; ``existing`` uses one that the cluster has."""
    class_name: ObjectName = "wso2ei"
    """IngressClass: made with an installed controller; with an existing one, the class that it watches."""
    dialect: Literal["f5", "community"] = "f5"
    """Annotations that the controller reads: nginx.org/ (f5) or nginx.ingress.kubernetes.io/ (community)."""
    expose: Literal["LoadBalancer", "NodePort", "hostPort"] = "LoadBalancer"
    """How an installed controller is reached from outside. kind and minikube give a LoadBalancer no address."""
    http_port: Port = 80
    """Port of an installed controller for HTTP. For NodePort the port inside the cluster only."""
    https_port: Port = 443
    """Port at which clients reach console and gateway, an existing controller's too; where it is not 443 it is part of
    the URLs, of EI's own too. For NodePort the port inside the cluster only."""
    http_node_port: Annotated[Port | None, Field(examples=[30080])] = None
    """NodePort: the port for HTTP on every node. Default: the cluster allots one."""
    https_node_port: Annotated[Port | None, Field(examples=[30443])] = None
    """NodePort: the port on every node at which clients reach console and gateway. Default: the cluster allots one."""
    replicas: Annotated[int, Field(ge=1, le=20)] = 1
    """Pods of an installed controller. Several are spread over nodes and zones, and of them a drain evicts one at a
    time."""
    cpu: Cpu = "100m"
    """CPU request of each pod of an installed controller."""
    cpu_limit: Cpu = "2"
    """CPU limit; NGINX has one worker process for each CPU of it."""
    memory: Bytes = "128Mi"
    """Memory request; the limit is four times as much, because old workers finish their requests after a reload."""
    service: IngressServiceSettings = IngressServiceSettings()
    """Service of an installed controller."""
    address: Annotated[Address | None, Field(examples=["localhost"])] = None
    """Address that clients use where the cluster assigns none (NodePort, hostPort), or in place of the assigned one: IP
    address or name of a node. An installed controller publishes it."""
    controller_address: HostPort | None = None
    """host:port of an existing controller inside the cluster, for the acceptance check; default: its address."""
    controller_labels: Annotated[
        dict[LabelKey, LabelValue], Field(examples=[{"app.kubernetes.io/name": "nginx-ingress"}])
    ] = {}
    """Labels of an existing controller's pods: only pods with these labels reach EI. Without labels and
    ``controllerNamespace`` every pod does."""
    controller_namespace: Annotated[Name | None, Field(examples=["nginx-ingress"])] = None
    """Namespace of an existing controller: only its pods reach EI. Default: pods with ``controllerLabels`` in any
    namespace."""
    annotations: Annotated[dict[LabelKey, AnyText], Field(examples=[{"nginx.org/hsts": "true"}])] = {}
    """Additional annotations of both Ingresses. Managed ones, snippets and those of the other dialect are rejected."""
    console: ConsoleSettings = ConsoleSettings()
    """The console's clients, and the controller that serves it."""
    gateway: RouteSettings = RouteSettings()
    """The gateway's clients."""
    tls_secret: Annotated[ObjectName | None, Field(examples=["ei-example-com-tls"])] = None
    """kubernetes.io/tls Secret in the namespace; without it a self-signed certificate is made and kept in the state."""
    access_log: Literal["default", "json", "off"] = "default"
    """Access log of an installed controller on standard output: F5's ``default`` line with the client's address;
    ``json``, one object for each request with client, host, path without query, status, address and time of the node
    and an id; or ``off``. NGINX sees the client's address with ``service.externalTrafficPolicy`` Local only."""
    tls_issuer: TlsIssuerSettings | None = None
    """Issuer of cert-manager, which then makes the certificate of both hosts and renews it. An update waits until it is
    issued."""
    tls_certificate: Certificates | None = None
    """Certificate of both hosts in PEM format, followed by those of its issuers, in place of ``tlsSecret``; its key is
    the secret ``tlsPrivateKey``."""
    read_timeout: Annotated[Seconds, Field(ge=1, le=3600)] = 180
    """Seconds that NGINX waits for an answer; above EI's own 120 s endpoint timeout, else NGINX answers 504 before
    EI's fault sequence runs."""
    max_body: Body = "256m"
    """Largest request body of the console; a CAR that is deployed there must fit."""
    gateway_max_body: Body = "32m"
    """Largest request body of the gateway. NGINX stores a body on its node before EI gets it, so the limit is what one
    caller can take of the node's disk with one request."""

    ipv6: bool = True
    """An installed controller also listens on IPv6. False: for nodes without IPv6 (``ipv6.disable=1``), where
    NGINX cannot start otherwise."""

    @property
    def uses_host_ports(self) -> bool:
        """An installed controller uses ports of its node."""
        return self.controller == "install" and self.expose == "hostPort"

    def conflicts(self) -> Iterator[Conflict]:
        """Report what an installed controller does not support."""
        if self.controller == "install" and self.expose != "LoadBalancer" and self.address is None:
            yield Conflict(
                "ingress.address",
                ("ingress.expose",),
                f"must be the name or IP of a node: ingress.expose {self.expose} gives the Ingress no address; "
                "set address",
                {"ingress.address": "localhost"},
            )
        for key, port in (("httpNodePort", self.http_node_port), ("httpsNodePort", self.https_node_port)):
            if port is not None and (self.expose != "NodePort" or self.controller != "install"):
                yield Conflict(
                    f"ingress.{key}",
                    ("ingress.expose", "ingress.controller"),
                    "is for ingress.controller install with ingress.expose NodePort only",
                    {f"ingress.{key}": None},
                )
        for keys, ports in (
            (("httpPort", "httpsPort"), (self.http_port, self.https_port)),
            (("httpNodePort", "httpsNodePort"), (self.http_node_port, self.https_node_port)),
        ):
            if self.controller == "install" and ports[0] is not None and ports[0] == ports[1]:
                other, key = (f"ingress.{key}" for key in keys)
                both_removed: dict[str, str | int | bool | None] = {other: None, key: None}
                yield Conflict(key, (other,), f"must differ from {other}: a Service has each port once", both_removed)
        yield from self._service_conflicts()
        yield from source_conflicts("ingress", self, "both hosts have one certificate")
        if self.controller == "existing" and self.access_log != "default":
            yield Conflict(
                "ingress.accessLog",
                ("ingress.controller",),
                "configures an installed controller, and ingress.controller is existing",
                {"ingress.accessLog": None},
            )
        yield from self._route_conflicts()
        yield from self._console_conflicts()
        yield from cpu_limit_conflicts("ingress", self.cpu, self.cpu_limit)
        if self.uses_host_ports and self.replicas > 1:
            yield Conflict(
                "ingress.replicas",
                ("ingress.expose",),
                "must be 1 with ingress.expose hostPort: clients use the address of one node",
                {"ingress.replicas": 1},
            )
        if self.controller == "install" and self.dialect != "f5":
            yield Conflict(
                "ingress.dialect",
                ("ingress.controller",),
                "must be f5 with ingress.controller install: that one reads nginx.org/ annotations",
                {"ingress.dialect": "f5"},
            )

    def _route_conflicts(self) -> Iterator[Conflict]:
        places = {
            "ingress.annotations": self.annotations,
            "ingress.console.annotations": self.console.annotations,
            "ingress.gateway.annotations": self.gateway.annotations,
        }
        for place, values in places.items():
            for key, value in values.items():
                found = additions.problem(key, value, self.dialect, installed=self.controller == "install")
                if found:
                    path = f'{place}["{key}"]'
                    words = found.replace("dialect", "ingress.dialect")
                    others = ("ingress.dialect",) if words != found else ()
                    yield Conflict(path, others, words, {path: None})
        for route in ("console", "gateway") if self.dialect == "f5" else ():
            if getattr(self, route).allowed_sources:
                yield Conflict(
                    f"ingress.{route}.allowedSources",
                    ("ingress.dialect",),
                    f"{additions.NO_ALLOWED_SOURCES.replace('dialect', 'ingress.dialect')}. An installed controller's "
                    "load balancer has ingress.service.loadBalancerSourceRanges",
                    {f"ingress.{route}.allowedSources": None},
                )

    def _console_conflicts(self) -> Iterator[Conflict]:
        """Report a class of the console's own that no controller would serve, and settings without effect."""
        console, separate = self.console, self.console.class_name and self.controller == "existing"
        if console.class_name and self.controller == "install":
            yield Conflict(
                "ingress.console.className",
                ("ingress.controller",),
                "must not be set with ingress.controller install: the installed controller serves both hosts, with the "
                "only certificate that it reads. Use two existing controllers, or leave the console out "
                "(ingress.console.enabled false)",
                {"ingress.console.className": None},
            )
        elif console.class_name == self.class_name:
            yield Conflict(
                "ingress.console.className",
                ("ingress.className",),
                f"must differ from ingress.className {self.class_name}, which is the default",
                {"ingress.console.className": None},
            )
        for name, path in console.given():
            if not console.enabled:
                words = "has no effect with ingress.console.enabled false"
                yield Conflict(path, ("ingress.console.enabled",), words, {path: None})
            elif (name == "address" or name.startswith("controller_")) and not separate:
                words = "needs ingress.console.className, the class of another existing controller"
                yield Conflict(path, ("ingress.console.className",), words, {path: None})

    def _service_conflicts(self) -> Iterator[Conflict]:
        """Report values that the API server rejects or that have no effect, which would leave open what they limit."""
        balanced = {"load_balancer_class", "load_balancer_source_ranges", "load_balancer_ip"}
        for name, field in sorted(type(self.service).model_fields.items()):
            path = f"ingress.service.{field.alias}"
            if not getattr(self.service, name):
                continue
            if self.controller == "existing":
                words = "configures the Service of an installed controller, and ingress.controller is existing"
                yield Conflict(path, ("ingress.controller",), words, {path: None})
            elif self.expose == "hostPort" or (self.expose == "NodePort" and name in balanced):
                words = f"has no effect with ingress.expose {self.expose}"
                yield Conflict(path, ("ingress.expose",), words, {path: None})
