"""Checks, before an update, that the cluster objects that the settings name exist.

Without them pods would wait for minutes, and the update would time out after most objects were created. Every missing
object, key and wrong type is reported together. Checked in updates only. What the account may not read is not checked,
with one warning, and an update without an answer from the cluster goes on with a warning. Not checked: contents of
Secrets and ConfigMaps (their keys are), and whether the stack may create its own objects.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pulumi

from components.ei.metrics import MONITORING
from components.shared.certificates import CERTIFICATES
from preflight import issuers
from preflight.context import TIMEOUT, connected, query_or_warn
from settings.diagnostics import ClaimDiagnostics, ClassDiagnostics
from settings.ei_customization import EiFile, EiTrustedCertificates
from settings.errors import Mistake, commands, full, set_command
from settings.model import Settings
from settings.storage import ClaimStorage, ClassStorage

_F5 = "nginx.org/ingress-controller"
"""``spec.controller`` of F5's IngressClass (deployments/common/ingress-class.yaml of kubernetes-ingress)."""
_LISTED = 10
"""The most names in a message."""
_SERVICE_MONITOR = "ServiceMonitor"
Kind = Literal[
    "Namespace", "Secret", "ConfigMap", "PersistentVolumeClaim", "StorageClass", "IngressClass", "PriorityClass"
]
_IN_NAMESPACE = {"Secret": "secret", "ConfigMap": "config_map", "PersistentVolumeClaim": "persistent_volume_claim"}


@dataclass(frozen=True)
class Reference:
    """One object that a setting names."""

    path: str
    """The setting: ``ingress.tlsSecret``."""
    kind: Kind
    name: str
    keys: tuple[str, ...] = ()
    """Required keys of a Secret or a ConfigMap."""
    type: str = ""
    """Required type of a Secret."""


@dataclass(frozen=True)
class Found:
    """What the check needs of an existing object; no value of a Secret."""

    keys: frozenset[str] = frozenset()
    type: str = ""
    controller: str = ""
    """Of an IngressClass."""


UNREADABLE = Found()
"""An object that the account may not read; it counts as one that fits."""


def references(settings: Settings) -> Iterator[Reference]:
    """Yield every object that must exist before the stack does."""
    if not settings.namespace.create:
        yield Reference("namespace.name", "Namespace", settings.namespace.name)
    if settings.ingress.controller == "existing":
        yield Reference("ingress.className", "IngressClass", settings.ingress.class_name)
    if settings.ingress.console.class_name:
        yield Reference("ingress.console.className", "IngressClass", settings.ingress.console.class_name)
    if settings.ingress.tls_secret:
        yield Reference(
            "ingress.tlsSecret", "Secret", settings.ingress.tls_secret, ("tls.crt", "tls.key"), "kubernetes.io/tls"
        )
    if settings.mysql.tls_secret:
        yield Reference("mysql.tlsSecret", "Secret", settings.mysql.tls_secret, ("tls.crt", "tls.key", "ca.crt"))
    if settings.scheduling.priority_class:
        yield Reference("scheduling.priorityClass", "PriorityClass", settings.scheduling.priority_class)
    yield from _passwords(settings)
    yield from _volumes(settings)
    yield from _of_nodes(settings)


def _passwords(settings: Settings) -> Iterator[Reference]:
    secrets, external = settings.secrets, settings.mysql.external
    if secrets.registry:
        kind = "kubernetes.io/dockerconfigjson"
        yield Reference("secrets.registry", "Secret", secrets.registry, (".dockerconfigjson",), kind)
    if secrets.mysql:
        server = () if external else ("root-password", *(("backup-password",) if settings.mysql.backup else ()))
        yield Reference("secrets.mysql", "Secret", secrets.mysql, ("user-password", "registry-password", *server))
    if secrets.admin:
        yield Reference("secrets.admin", "Secret", secrets.admin, ("password",))
    if s3 := settings.mysql.bucket:
        if s3.secret:
            yield Reference("mysql.backup.s3.secret", "Secret", s3.secret, ("access-key-id", "secret-access-key"))
        if s3.ca_config_map:
            yield Reference("mysql.backup.s3.caConfigMap", "ConfigMap", s3.ca_config_map, ("ca.crt",))
    if external and external.ca_config_map:
        yield Reference("mysql.external.caConfigMap", "ConfigMap", external.ca_config_map, ("ca.crt",))


def _volumes(settings: Settings) -> Iterator[Reference]:
    storage, logs = settings.storage, settings.ei.diagnostics
    for purpose in settings.purposes:
        if isinstance(storage, ClaimStorage):
            yield Reference(f"storage.{purpose}Claim", "PersistentVolumeClaim", storage.existing_claim(purpose))
        if isinstance(storage, ClassStorage):
            yield Reference(f"storage.{purpose}Class", "StorageClass", storage.storage_class(purpose))
    if isinstance(logs, ClaimDiagnostics):
        yield Reference("ei.diagnostics.claim", "PersistentVolumeClaim", logs.claim)
    if isinstance(logs, ClassDiagnostics):
        yield Reference("ei.diagnostics.storageClass", "StorageClass", logs.storage_class)


def _of_nodes(settings: Settings) -> Iterator[Reference]:
    ei = settings.ei
    if ei.keystores:
        passwords = ("keystore-password", "key-password", "truststore-password")
        keys = (ei.keystores.keystore, ei.keystores.truststore, *passwords)
        yield Reference("ei.keystores.secret", "Secret", ei.keystores.secret, keys)
    if ei.secure_vault:
        yield Reference("ei.secureVault.secret", "Secret", ei.secure_vault.secret, (ei.secure_vault.key,))
    for name, value in ei.secret_environment.items():
        yield Reference(f"ei.secretEnvironment.{name}", "Secret", value.name, (value.key,))
    for index, patch in enumerate(ei.patches):
        if key := patch.set_from_secret:
            yield Reference(f"ei.patches[{index}].setFromSecret", "Secret", key.name, (key.key,))
    for index, file in enumerate(ei.files):
        yield from _sources(f"ei.files[{index}]", file)
    for index, certificates in enumerate(ei.trusted_certificates):
        yield from _sources(f"ei.trustedCertificates[{index}]", certificates)
    for index, jar in enumerate(ei.jars):
        if jar.claim:
            yield Reference(f"ei.jars[{index}].claim", "PersistentVolumeClaim", jar.claim)
    for index, volume in enumerate(ei.volumes):
        yield Reference(f"ei.volumes[{index}].claim", "PersistentVolumeClaim", volume.claim)


def _sources(path: str, item: EiFile | EiTrustedCertificates) -> Iterator[Reference]:
    if key := item.secret:
        yield Reference(f"{path}.secret", "Secret", key.name, (key.key,))
    if key := item.config_map:
        yield Reference(f"{path}.configMap", "ConfigMap", key.name, (key.key,))


def mistakes(settings: Settings, context: str) -> list[Mistake]:
    """Return what the settings name and the cluster of ``context`` lacks; empty in a preview."""
    if pulumi.runtime.is_dry_run():
        return []
    otherwise = f"Objects that the stack file names are not checked, the cluster of '{context}' gave no answer"
    return query_or_warn(lambda: _check(settings, context), otherwise) or []


def _check(settings: Settings, context: str) -> list[Mistake]:
    with connected(context) as api:
        cluster = _Cluster(api, settings.namespace.name)
        found = [
            *_missing(settings, context, cluster),
            *_other_class(settings, cluster),
            *_other_console_class(settings, cluster),
        ]
        metrics = settings.ei.metrics
        if metrics and metrics.discovery == "serviceMonitor" and not cluster.has_kind(MONITORING, _SERVICE_MONITOR):
            found.append(service_monitor_mistake(context, both=metrics.service_monitor is not None))
        found += issuers.mistakes(settings, context, cluster)
    if cluster.forbidden:
        kinds = ", ".join(sorted(cluster.forbidden))
        pulumi.log.warn(f"Some objects that the stack file names are not checked: '{context}' may not read {kinds}")
    return found


def _missing(settings: Settings, context: str, cluster: _Cluster) -> Iterator[Mistake]:
    """Yield a mistake for each reference to an object that does not exist or does not fit."""
    wanted, namespace = list(references(settings)), settings.namespace.name
    inside = [one.path for one in wanted if one.kind in _IN_NAMESPACE]
    if inside and cluster.find("Namespace", namespace) is None:
        if settings.namespace.create:
            pulumi.log.warn(
                f"{', '.join(inside)}: not checked, namespace {namespace} does not exist yet. Pods wait for what they "
                "name; to create it first, make the namespace yourself and set namespace.create to false"
            )
        wanted = [one for one in wanted if one.kind not in _IN_NAMESPACE]
    for one in wanted:
        found, names = cluster.find(one.kind, one.name), cluster.names(one.kind)
        where = f"namespace {namespace}" if one.kind in _IN_NAMESPACE else f"the cluster of '{context}'"
        expected = "" if found is UNREADABLE else _expected(one, found, where, names)
        if not expected:
            continue
        kubectl = f"kubectl --context {shlex.quote(context)}"
        kubectl += f" -n {namespace}" if one.kind in _IN_NAMESPACE else ""
        close = difflib.get_close_matches(one.name, names, 1, cutoff=0) or names
        fix = set_command(one.path, close[0]) if close else _fix(one, kubectl)
        yield Mistake(full(one.path), f'"{one.name}"', expected, fix)


def _expected(one: Reference, found: Found | None, where: str, names: list[str]) -> str:
    """Return what is allowed; empty where the object fits."""
    if found is None:
        has = f"has {', '.join(names[:_LISTED])}" if names else "has none of this name"
        return f"must be an existing {one.kind}; {where} {has}"
    lacking = [key for key in one.keys if key not in found.keys]
    if one.type and found.type != one.type:
        return f"must be a {one.kind} of type {one.type}; in {where} it is of type {found.type}"
    if lacking:
        has = ", ".join(sorted(found.keys)) or "no keys"
        return f"must be a {one.kind} with {', '.join(lacking)}; in {where} it has {has}"
    return ""


def _fix(one: Reference, kubectl: str) -> str:
    """Return a command that creates the object."""
    files = " ".join(f"--from-file={key}=FILE" for key in one.keys)
    login = "--docker-server=HOST --docker-username=USER --docker-password=TOKEN"
    words = {
        "kubernetes.io/tls": f"secret tls {one.name} --cert=FILE --key=FILE",
        "kubernetes.io/dockerconfigjson": f"secret docker-registry {one.name} {login}",
        "Secret": f"secret generic {one.name} {files}",
        "ConfigMap": f"configmap {one.name} {files}",
        "Namespace": f"namespace {one.name}",
    }
    return f"{kubectl} create {words.get(one.type or one.kind, f'-f FILE, with a {one.kind} of this name')}"


def _other_class(settings: Settings, cluster: _Cluster) -> Iterator[Mistake]:
    """An IngressClass of a controller that is not the one of the settings."""
    ingress = settings.ingress
    found = cluster.find("IngressClass", ingress.class_name)
    if found is None or not found.controller:
        return
    is_f5 = found.controller == _F5
    if ingress.controller == "install" and not is_f5:
        names = cluster.names("IngressClass")
        free = next(name for name in ("wso2ei", "wso2ei-nginx", "wso2ei-nginx-2") if name not in names)
        yield Mistake(
            full("ingress.className"),
            f'"{ingress.class_name}"',
            f"must be a name that no other controller uses; this IngressClass belongs to {found.controller}. Use that "
            "controller (ingress.controller existing), or another name",
            set_command("ingress.className", free),
        )
    elif ingress.controller == "existing" and is_f5 != (ingress.dialect == "f5"):
        right = "f5" if is_f5 else "community"
        yield Mistake(
            full("ingress.dialect"),
            f'"{ingress.dialect}"',
            f"must be {right}: ingress.className {ingress.class_name} belongs to {found.controller}, which does not "
            f"read annotations of {ingress.dialect}",
            set_command("ingress.dialect", right),
        )


def _other_console_class(settings: Settings, cluster: _Cluster) -> Iterator[Mistake]:
    """A class of the console's own whose controller does not read the annotations of the settings' dialect."""
    ingress = settings.ingress
    name = ingress.console.class_name
    found = cluster.find("IngressClass", name) if name else None
    if found and found.controller and (found.controller == _F5) != (ingress.dialect == "f5"):
        yield Mistake(
            full("ingress.console.className"),
            f'"{name}"',
            f"must be a class whose controller reads annotations of ingress.dialect {ingress.dialect}; this one "
            f"belongs to {found.controller}. Both controllers must read the same dialect",
            commands({"ingress.console.className": None}),
        )


def service_monitor_mistake(context: str, *, both: bool) -> Mistake:
    """Return the mistake of a cluster without ServiceMonitors; ``both``: their section has to be removed, too."""
    expected = (
        f"needs the definition of {_SERVICE_MONITOR}s ({MONITORING}), which the cluster of '{context}' lacks; install "
        "the Prometheus Operator (kube-prometheus-stack) first, or use annotations"
    )
    changes = {"ei.metrics.discovery": "annotations"} | ({"ei.metrics.serviceMonitor": None} if both else {})
    return Mistake(full("ei.metrics.discovery"), '"serviceMonitor"', expected, commands(changes))


class _Cluster:
    """Reads objects, each once. Kinds that the account may not read count as existing and fitting."""

    def __init__(self, api: Any, namespace: str) -> None:
        from kubernetes import client  # noqa: PLC0415 - see preflight.context

        self.forbidden: set[str] = set()
        self._namespace = namespace
        self._error = client.ApiException
        self._core = client.CoreV1Api(api)
        self._custom = client.CustomObjectsApi(api)
        self._lists: dict[str, Callable[..., Any]] = {
            "StorageClass": client.StorageV1Api(api).list_storage_class,
            "IngressClass": client.NetworkingV1Api(api).list_ingress_class,
            "PriorityClass": client.SchedulingV1Api(api).list_priority_class,
        }
        self._found: dict[tuple[str, str], Found | None] = {}
        self._all: dict[str, dict[str, Any]] = {}

    def find(self, kind: Kind, name: str) -> Found | None:
        """Return the object; ``UNREADABLE`` where it may not be read."""
        if (kind, name) not in self._found:
            self._found[kind, name] = self._read(kind, name)
        return self._found[kind, name]

    def names(self, kind: str) -> list[str]:
        """Return the names of all objects of a kind of classes; of other kinds none, which need not be listed."""
        if kind not in self._lists or kind in self.forbidden:
            return []
        if kind not in self._all:
            items = self._lists[kind](_request_timeout=TIMEOUT).items
            self._all[kind] = {item.metadata.name: item for item in items}
        return list(self._all[kind])

    def of_cert_manager(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return an object of cert-manager; an empty one where it may not be read."""
        place = (*CERTIFICATES.split("/"), *(() if kind == "ClusterIssuer" else (self._namespace,)))
        custom = self._custom
        read: Any = custom.get_namespaced_custom_object if place[2:] else custom.get_cluster_custom_object
        try:
            found: dict[str, Any] | None = read(*place, f"{kind.lower()}s", name, _request_timeout=TIMEOUT)
        except self._error as error:
            if error.status not in {403, 404}:
                raise
            if error.status == 403:
                self.forbidden.add(kind)
            found = {} if error.status == 403 else None
        return found

    def has_kind(self, group_version: str, kind: str) -> bool:
        """Return whether the cluster has the definition of a custom resource."""
        group, version = group_version.split("/")
        try:
            found = self._custom.get_api_resources(group, version, _request_timeout=TIMEOUT)
        except self._error as error:
            if error.status == 403:
                self.forbidden.add("API groups")
                return True
            if error.status == 404:
                return False
            raise
        return any(item.kind == kind for item in found.resources)

    def _read(self, kind: Kind, name: str) -> Found | None:
        try:
            if kind in self._lists:
                item = self._all[kind].get(name) if name in self.names(kind) else None
                return Found(controller=_controller(item)) if item else None
            if kind == "Namespace":
                self._core.read_namespace(name, _request_timeout=TIMEOUT)
                return Found()
            read = getattr(self._core, f"read_namespaced_{_IN_NAMESPACE[kind]}")
            item = read(name, self._namespace, _request_timeout=TIMEOUT)
        except self._error as error:
            if error.status == 404:
                return None
            if error.status != 403:
                raise
            self.forbidden.add(kind)
            return UNREADABLE
        keys = [*(getattr(item, "data", None) or {}), *(getattr(item, "binary_data", None) or {})]
        return Found(frozenset(keys), getattr(item, "type", "") or "")


def _controller(item: Any) -> str:
    """Return the controller of an IngressClass; empty for other classes."""
    return str(getattr(getattr(item, "spec", None), "controller", None) or "")
