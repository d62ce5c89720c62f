"""A stack's configuration as one typed model, checked as a whole. Reads nothing: ``loading`` hands the values over.

Every default is stated once, in the model of its section. Secrets are not part of the models: they are separate
top-level keys, read as Outputs (a structured object would hold them as plain text, pulumi#7127).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pulumi
from pydantic import Field, StringConstraints, model_validator

from components.shared.image_reference import from_mirror
from components.shared.storage import DataVolumeArgs
from settings import cross_checks
from settings.ei import EiSettings
from settings.mysql import MysqlSettings
from settings.pods import PodsSettings
from settings.scheduling import SchedulingSettings
from settings.secrets import SecretsSettings
from settings.storage import PURPOSES, Purpose, Storage
from settings.types import (
    Address,
    Allowed,
    Conflict,
    ConflictsError,
    HostPort,
    Image,
    IngressHost,
    LabelKey,
    LabelValue,
    Minutes,
    Name,
    ObjectName,
    Port,
    Registry,
    Seconds,
    Section,
    Text,
)

Body = Annotated[
    str,
    StringConstraints(pattern=r"^[1-9][0-9]{0,9}[kmg]$"),
    Allowed("a size as NGINX writes it, such as 512k, 256m or 1g", "256m", unit="body"),
]


class KubernetesSettings(Section):
    """Which cluster the stack may touch."""

    contexts: Annotated[list[Text], Field(min_length=1, examples=[["docker-desktop"]])]
    """Allowed kubeconfig contexts (``*`` matches any text); with several, the current one must be among them."""
    cluster_scoped: bool = True
    """Whether the stack may make cluster-scoped objects: Namespace, PersistentVolume, IngressClass, ClusterRole. False:
    it works with the rights of a namespace's admin, and settings that need more are rejected."""
    openshift: Annotated[bool | None, Field(examples=[False])] = None
    """The cluster is OpenShift: the namespace's pods get the right to use its SCC ``nonroot-v2``, see
    docs/openshift.md. Left out, contexts that look like OpenShift are rejected."""
    cluster_identifier: Annotated[Text | None, Field(examples=["production"])] = None
    """Keeps the cluster's identity when the kubeconfig changes (pulumi-kubernetes#4019). Default: the context."""


class NamespaceSettings(Section):
    """The namespace of everything that is not cluster-scoped."""

    name: Name = "wso2"
    """Name of the namespace."""
    create: bool = True
    """False: the namespace exists, and its owner sets the Pod Security level: it must admit *restricted*, with hostPath
    storage *baseline*."""


class HostsSettings(Section):
    """Host names for clients. The defaults are those of WSO2's scalable-integrator chart."""

    console: IngressHost = "wso2ei-scalable-integrator"
    """Host name of the management console."""
    gateway: IngressHost = "wso2ei-scalable-integrator-gateway"
    """Host name of services, APIs and proxies."""

    def conflicts(self) -> Iterator[Conflict]:
        """Report one host name for both."""
        if self.console == self.gateway:
            yield Conflict(
                "hosts.gateway",
                ("hosts.console",),
                "must differ from hosts.console: they need different host names (one NGINX server, one backend)",
                {"hosts.gateway": _other_host(self.console)},
            )


class ImagesSettings(Section):
    """Images of everything but EI."""

    mirror: Registry | None = None
    """Registry that replaces every registry of the stack, e.g. ``harbor.example.com`` or
    ``harbor.example.com/proxy``. With a login: ``registryUsername`` or ``secrets.registry``."""
    mysql: Image = "docker.io/library/mysql:8.4.10"
    """MySQL 8.4."""
    python: Image = "docker.io/library/python:3.13.11-slim-trixie"
    """Python 3.11 or newer: patches EI's configuration and checks the result."""
    nginx: Image = "docker.io/nginx/nginx-ingress:5.5.4"
    """F5's NGINX Ingress Controller 5.5, where it is installed."""
    pull_minutes: Annotated[Minutes, Field(ge=1, le=240)] = 15
    """Minutes until a pod with one of these images must be ready or done, pulls included."""


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
    tls_secret: Annotated[ObjectName | None, Field(examples=["ei-example-com-tls"])] = None
    """kubernetes.io/tls Secret in the namespace; without it a self-signed certificate is made and kept in the state."""
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
        if self.controller == "install" and self.dialect != "f5":
            yield Conflict(
                "ingress.dialect",
                ("ingress.controller",),
                "must be f5 with ingress.controller install: that one reads nginx.org/ annotations",
                {"ingress.dialect": "f5"},
            )


class Settings(Section):
    """One stack."""

    kubernetes: KubernetesSettings
    """Which cluster the stack may touch, and how far."""
    storage: Storage
    """Where data lives; what else is needed depends on ``kind``."""
    namespace: NamespaceSettings = NamespaceSettings()
    """Namespace of everything that is not cluster-scoped."""
    hosts: HostsSettings = HostsSettings()
    """Host names that people use."""
    images: ImagesSettings = ImagesSettings()
    """Images of everything but EI."""
    mysql: MysqlSettings = MysqlSettings()
    """The MySQL server."""
    ingress: IngressSettings = IngressSettings()
    """NGINX in front of EI."""
    ei: EiSettings = EiSettings()
    """The EI nodes."""
    pods: PodsSettings = PodsSettings()
    """Labels and annotations of every pod of the stack."""
    scheduling: SchedulingSettings = SchedulingSettings()
    """Nodes and priority of every pod of the stack."""
    secrets: SecretsSettings = SecretsSettings()
    """Existing Kubernetes Secrets, in place of those that are made."""
    protect: bool = False
    """Protect the namespace and the data claims from deletion."""
    registry_username: Annotated[Text | None, Field(examples=["subscriber@example.com"])] = None
    """User (e-mail or token user) of the registry of the EI image; needs ``registryPassword``, and ``ei.image`` or
    ``images.mirror``. Every pod with an image of that registry uses the credentials."""
    registry_check: Literal["required", "whenReachable", "never"] = "whenReachable"
    """Check of the credentials against the image's registry before anything is made. When the registry cannot be
    reached, ``required`` stops the update and ``whenReachable`` warns; ``never`` skips the check."""

    def conflicts(self) -> Iterator[Conflict]:
        """Report conflicts across sections."""
        yield from cross_checks.across_sections(self)

    @model_validator(mode="before")
    @classmethod
    def _no_name_for_a_volume_that_is_not_made(cls, raw: Any) -> Any:
        """Without a volume for MySQL or for artifacts, its claim or class need not be set."""
        match raw:
            case {"storage": {"kind": "claim" | "class" as kind} as storage}:
                mysql, ei = raw.get("mysql"), raw.get("ei")
                unused = {
                    "mysql": isinstance(mysql, dict) and isinstance(mysql.get("external"), dict),
                    "carbonapps": isinstance(ei, dict) and ei.get("carbonAppsFolder") == "unused",
                }
                names = {f"{purpose}{kind.capitalize()}": None for purpose in unused if unused[purpose]}
                return raw | {"storage": names | storage}
        return raw

    @model_validator(mode="after")
    def _validate_cross_checks(self) -> Settings:
        conflicts = list(self.all_conflicts())
        if conflicts:
            raise ConflictsError(conflicts, self)
        return self

    def image(self, reference: str) -> str:
        """``reference``, taken from the mirror if the stack names one."""
        return from_mirror(reference, self.images.mirror) if self.images.mirror else reference

    @property
    def ei_minutes(self) -> int:
        """Minutes for EI's pods: they pull images of both sections, and the schema Job waits for MySQL's pod."""
        return self.ei.pull_minutes or max(30, self.images.pull_minutes)

    @property
    def purposes(self) -> tuple[Purpose, ...]:
        """The volumes of the stack: none of MySQL's with an external server, none of artifacts in an unused folder."""
        unused = {"mysql": self.mysql.external, "carbonapps": self.ei.carbon_apps_folder == "unused"}
        return tuple(purpose for purpose in PURPOSES if not unused[purpose])

    @property
    def for_one_node(self) -> bool:
        """Whether EI's nodes would share a volume of artifacts that only one node can mount."""
        return "carbonapps" in self.purposes and self.storage.access_mode("carbonapps") == "ReadWriteOnce"

    def volume(self, purpose: Purpose, claim: str, namespace: pulumi.Input[str]) -> DataVolumeArgs:
        """Return the arguments of one volume, whose claim is called ``claim`` where the stack makes it."""
        created, protect = self.namespace.create, self.protect
        return self.storage.volume(purpose, claim, namespace, protect=protect, created=created)

    @property
    def has_host_folders(self) -> bool:
        """Whether a folder of a node needs a container that runs as root and changes its owner."""
        volumes = {self.storage.kind} if self.purposes else set()
        return "hostPath" in volumes | ({self.ei.diagnostics.kind} if self.ei.diagnostics else set())

    @property
    def ei_image(self) -> str:
        """The EI image that the nodes run."""
        return self.image(self.ei.public_or_named)


def _other_host(host: str) -> str:
    first, dot, rest = host.partition(".")
    return f"{first[:55]}-gateway{dot}{rest}"
