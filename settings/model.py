"""A stack's configuration as one typed model, checked as a whole. Reads nothing: ``loading`` hands the values over.

Every default is stated once, in the model of its section. Secrets are not part of the models: they are separate
top-level keys, read as Outputs (a structured object would hold them as plain text, pulumi#7127).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pulumi
from pydantic import Field, model_validator

from components.shared.image_reference import from_mirror
from components.shared.storage import DataVolumeArgs
from settings import cross_checks
from settings.ei import EiSettings
from settings.ingress import IngressSettings
from settings.mysql import MysqlSettings
from settings.pods import PodsSettings
from settings.scheduling import SchedulingSettings
from settings.secrets import SecretsSettings
from settings.storage import PURPOSES, SHARED, Purpose, Storage
from settings.types import (
    Conflict,
    ConflictsError,
    Image,
    IngressHost,
    Minutes,
    Name,
    Registry,
    Section,
    Text,
)


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
    rclone: Image = "docker.io/rclone/rclone:1.75.2"
    """rclone, for ``mysql.backup.s3``: copies backups to the bucket and from it."""
    nginx: Image = "docker.io/nginx/nginx-ingress:5.5.4"
    """F5's NGINX Ingress Controller 5.5, where it is installed."""
    pull_minutes: Annotated[Minutes, Field(ge=1, le=240)] = 15
    """Minutes until a pod with one of these images must be ready or done, pulls included."""


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
        """The volumes of the stack: none of MySQL's with an external server, none of folders that are not used."""
        unused = {
            "mysql": self.mysql.external,
            "carbonapps": self.ei.carbon_apps_folder == "unused",
            "deployment": self.ei.deployment == "image",
            "backup": self.mysql.external or self.mysql.backup is None or self.mysql.bucket,
        }
        return tuple(purpose for purpose in PURPOSES if not unused[purpose])

    @property
    def for_one_node(self) -> tuple[Purpose, ...]:
        """EI's volumes that only one node can mount."""
        return tuple(p for p in self.purposes if p in SHARED and self.storage.access_mode(p) == "ReadWriteOnce")

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
