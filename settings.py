"""A stack's configuration, typed and checked. The only module that reads ``pulumi.Config``.

Every default is stated here, once. Secrets are not part of the models: they are separate top-level keys, read
as Outputs (a structured object would hand them out as plain text, pulumi#7127).
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel


class Section(BaseModel):
    """Base of every section: camelCase keys as in Kubernetes, unknown keys refused, values never changed."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, validate_default=True, strict=True)


_QUANTITY = re.compile(r"^([0-9]+(?:\.[0-9]+)?)(m|Ki|Mi|Gi|Ti|k|M|G|T)?$")
_FACTORS = {"": 1.0, "m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12} | {
    unit: 1024.0**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"), start=1)
}


def quantity(text: str) -> float:
    """A Kubernetes quantity as a number (bytes, or CPUs). Raises ``ValueError`` for anything else."""
    match = _QUANTITY.match(text)
    if not match:
        raise ValueError("expected a Kubernetes quantity such as 512Mi, 1Gi or 200m")
    return float(match[1]) * _FACTORS[match[2] or ""]


def _bytes(text: str) -> str:
    if text.endswith("m") or quantity(text) < 1024**2:
        raise ValueError("expected an amount of memory or disk of at least 1Mi, such as 512Mi or 8Gi")
    return text


def _cpu(text: str) -> str:
    if text[-1:] not in "m0123456789" or not 0.001 <= quantity(text) <= 256:
        raise ValueError('expected CPUs such as 200m or "1" (quoted: YAML would make it a number)')
    return text


def _absolute(text: str) -> str:
    if not text.startswith("/") or "/../" in f"{text}/" or text.rstrip("/") == "":
        raise ValueError("expected an absolute path below /, without '..'")
    return text.rstrip("/")


def _image(text: str) -> str:
    if not re.match(r"^[a-z0-9][a-z0-9._:/-]*[a-z0-9](:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$", text):
        raise ValueError("expected an image reference such as docker.io/wso2/wso2ei-integrator:6.5.0")
    last = text.rsplit("/", 1)[-1]
    if ":" not in last and "@" not in last:
        raise ValueError("expected an image reference with a tag or a digest; 'latest' by omission is refused")
    return text


_DNS_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
Name = Annotated[str, StringConstraints(pattern=f"^{_DNS_LABEL}$")]
Host = Annotated[str, StringConstraints(pattern=rf"^{_DNS_LABEL}(\.{_DNS_LABEL})*$", max_length=253)]
Bytes = Annotated[str, AfterValidator(_bytes)]
Cpu = Annotated[str, AfterValidator(_cpu)]
AbsolutePath = Annotated[str, AfterValidator(_absolute)]
Image = Annotated[str, AfterValidator(_image)]


class KubernetesSettings(Section):
    """Which cluster the stack may touch."""

    contexts: Annotated[list[str], Field(min_length=1)]
    """Allowed kubeconfig contexts (``*`` matches any text); with several, the current one must be among them."""
    cluster_identifier: str | None = None
    """Keeps the cluster's identity when the kubeconfig changes (pulumi-kubernetes#4019). Default: the context."""


class NamespaceSettings(Section):
    """The namespace of everything that is not cluster-scoped."""

    name: Name = "wso2"
    create: bool = True
    """False: the namespace exists and belongs to somebody else; nothing cluster-scoped is made."""


class HostsSettings(Section):
    """Host names that people use. The defaults are those of WSO2's own scalable-integrator chart."""

    console: Host = "wso2ei-scalable-integrator"
    gateway: Host = "wso2ei-scalable-integrator-gateway"

    @model_validator(mode="after")
    def _differ(self) -> HostsSettings:
        if self.console == self.gateway:
            raise ValueError("console and gateway need different host names: one NGINX server has one backend")
        return self


class _Sizes(Section):
    mysql_size: Bytes = "8Gi"
    carbonapps_size: Bytes = "1Gi"


class HostPathStorage(_Sizes):
    """Folders on a node's own disk: for one-node clusters, or with ``node`` named."""

    kind: Literal["hostPath"]
    path: AbsolutePath
    """Folder on the node; ``mysql`` and ``carbonapps`` below it stay after ``pulumi destroy``."""
    node: Name | None = None
    """Name of the node that holds the folder; needed where the cluster has more than one."""


class NfsStorage(_Sizes):
    """Folders of an NFS export. They must exist and belong to uid 999 (mysql) and uid 802 (carbonapps)."""

    kind: Literal["nfs"]
    server: Host
    path: AbsolutePath
    version: Literal["3", "4", "4.0", "4.1", "4.2"] = "4.1"
    mount_options: list[str] = ["hard", "noatime"]


class ClaimStorage(Section):
    """PersistentVolumeClaims that exist already in the namespace."""

    kind: Literal["claim"]
    mysql_claim: Name
    carbonapps_claim: Name


class ClassStorage(_Sizes):
    """Volumes made by StorageClasses; all EI nodes share ``carbonapps``, so its class must offer ReadWriteMany."""

    kind: Literal["class"]
    mysql_class: Name
    carbonapps_class: Name


Storage = Annotated[HostPathStorage | NfsStorage | ClaimStorage | ClassStorage, Field(discriminator="kind")]


class ImagesSettings(Section):
    """Images of everything but EI."""

    mirror: Host | None = None
    """Registry that stands in for every registry of the stack, e.g. ``harbor.example.com``."""
    mysql: Image = "docker.io/library/mysql:8.4.10"
    python: Image = "docker.io/library/python:3.13.11-slim-trixie"
    nginx: Image = "docker.io/nginx/nginx-ingress:5.5.4"


class MysqlSettings(Section):
    """The MySQL server that holds users and registry."""

    cpu: Cpu = "150m"
    cpu_limit: Cpu = "2"
    memory: Bytes = "512Mi"
    """Request. The limit is half as much again: the server alone fills 512Mi, and clients run beside it."""
    max_connections: Annotated[int, Field(ge=50, le=10000)] = 400
    """At least EI nodes x 130: each node may open 80 + 50 (WSO2's own pool sizes)."""
    options: list[Annotated[str, StringConstraints(pattern=r"^--[a-z][a-z0-9_-]*(=.*)?$")]] = []
    """More mysqld options, e.g. ``--innodb-buffer-pool-size=2G``."""

    @model_validator(mode="after")
    def _fits(self) -> MysqlSettings:
        if quantity(self.cpu_limit) < quantity(self.cpu):
            raise ValueError(f"cpuLimit {self.cpu_limit} must not be below cpu {self.cpu}")
        return self

    @property
    def memory_limit(self) -> str:
        """The limit, in Mi."""
        return f"{int(quantity(self.memory) * 1.5 / 1024**2)}Mi"


class IngressSettings(Section):
    """NGINX in front of EI."""

    controller: Literal["install", "existing"] = "install"
    class_name: Name = "wso2ei"
    dialect: Literal["f5", "community"] = "f5"
    """Annotations that the controller reads: nginx.org/ (f5) or nginx.ingress.kubernetes.io/ (community)."""
    expose: Literal["LoadBalancer", "NodePort", "hostPort"] = "LoadBalancer"
    """How an installed controller is reached from outside. kind and minikube give a LoadBalancer no address."""
    http_port: Annotated[int, Field(ge=1, le=65535)] = 80
    https_port: Annotated[int, Field(ge=1, le=65535)] = 443
    address: Host | None = None
    """Address to publish where the cluster gives none (NodePort, hostPort)."""
    controller_address: str | None = None
    """host:port of an existing controller inside the cluster, for the acceptance check; default: its address."""
    controller_labels: dict[str, str] = {}
    """Labels of an existing controller's pods, which alone may then reach EI; without them every pod may."""
    tls_secret: Name | None = None
    """kubernetes.io/tls Secret in the namespace; without it a self-signed certificate is made and kept in the state."""
    read_timeout: Annotated[int, Field(ge=1, le=3600)] = 180
    """Seconds; above EI's own 120 s endpoint timeout, else NGINX answers 504 before EI's fault sequence runs."""
    max_body: Annotated[str, StringConstraints(pattern=r"^[0-9]+[kmg]$")] = "256m"

    @model_validator(mode="after")
    def _reachable(self) -> IngressSettings:
        if self.controller == "install" and self.expose != "LoadBalancer" and self.address is None:
            raise ValueError(f"expose: {self.expose} gives the Ingress no address; set address to a node's name or IP")
        if self.controller == "install" and self.dialect != "f5":
            raise ValueError("the controller that is installed reads nginx.org/ annotations; set dialect to f5")
        return self


class EiSettings(Section):
    """The EI nodes."""

    version: str = "6.5.0"
    image: Image | None = None
    """Any reference. Default: the public ``docker.io/wso2/wso2ei-integrator:<version>``, without WSO2's updates."""
    replicas: Annotated[int, Field(ge=1, le=20)] = 2
    heap: Bytes = "512Mi"
    """Java heap; at most 70 % of memory, the rest is metaspace and up to 500 threads' stacks."""
    cpu: Cpu = "200m"
    cpu_limit: Cpu = "2"
    memory: Bytes = "1Gi"
    """Request and limit of one node."""
    admin_username: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._@-]{3,30}$")] = "admin"
    pull_minutes: Annotated[int, Field(ge=1, le=240)] = 30
    """Minutes that anything may take that pulls the EI image (1.5 GB)."""

    @model_validator(mode="after")
    def _fits(self) -> EiSettings:
        if quantity(self.cpu_limit) < quantity(self.cpu):
            raise ValueError(f"cpuLimit {self.cpu_limit} must not be below cpu {self.cpu}")
        if quantity(self.heap) > 0.7 * quantity(self.memory):
            raise ValueError(f"heap {self.heap} leaves too little of memory {self.memory}; at most 70 %")
        return self


class Settings(Section):
    """One stack."""

    kubernetes: KubernetesSettings
    storage: Storage
    namespace: NamespaceSettings = NamespaceSettings()
    hosts: HostsSettings = HostsSettings()
    images: ImagesSettings = ImagesSettings()
    mysql: MysqlSettings = MysqlSettings()
    ingress: IngressSettings = IngressSettings()
    ei: EiSettings = EiSettings()
    protect: bool = False
    registry_username: str | None = None

    @model_validator(mode="after")
    def _hang_together(self) -> Settings:
        if not self.namespace.create and self.storage.kind in {"hostPath", "nfs"}:
            raise ValueError(
                f"storage.kind {self.storage.kind} makes a PersistentVolume, which needs cluster rights that "
                "namespace.create: false says the stack has not; use kind claim or class"
            )
        if not self.namespace.create and self.ingress.controller == "install":
            raise ValueError(
                "ingress.controller: install makes an IngressClass, which needs cluster rights that "
                "namespace.create: false says the stack has not; use controller: existing"
            )
        needed = self.ei.replicas * 130
        if self.mysql.max_connections < needed:
            raise ValueError(f"mysql.maxConnections must be at least {needed}: {self.ei.replicas} EI nodes x 130")
        return self

    def image(self, reference: str) -> str:
        """``reference``, taken from the mirror if the stack names one."""
        if self.images.mirror is None:
            return reference
        registry, _, rest = reference.partition("/")
        has_registry = bool(rest) and ("." in registry or ":" in registry or registry == "localhost")
        return f"{self.images.mirror}/{rest if has_registry else reference}"

    @property
    def ei_image(self) -> str:
        """The EI image that the nodes run."""
        return self.image(self.ei.image or f"docker.io/wso2/wso2ei-integrator:{self.ei.version}")
