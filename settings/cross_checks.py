"""Finds conflicts between settings of different sections; each section checks its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic.alias_generators import to_camel

from components.shared.image_reference import parse_image
from components.wso2ei.versions import SUBSCRIPTION_REGISTRIES
from settings.types import Conflict

if TYPE_CHECKING:
    from settings.model import Settings

_CLAIMS: dict[str, str | bool | None] = {
    "storage": None,
    "storage.kind": "claim",
    "storage.mysqlClaim": "wso2ei-mysql",
    "storage.carbonappsClaim": "wso2ei-carbonapps",
    "namespace.create": False,
}
_NO_DIAGNOSTICS: dict[str, str | bool | None] = {"ei.diagnostics": None}


def across_sections(settings: Settings) -> Iterator[Conflict]:
    """Yield all of them."""
    yield from _without_cluster_rights(settings)
    yield from _on_openshift(settings)
    yield from _claims_in_a_namespace(settings)
    yield from _unnamed_volumes(settings)
    yield from _one_volume_for_several_nodes(settings)
    yield from _too_few_connections(settings)
    yield from _registry_credentials(settings)
    yield from _own_server_and_external_one(settings)


def _without_cluster_rights(settings: Settings) -> Iterator[Conflict]:
    if settings.kubernetes.cluster_scoped:
        return
    without = "which needs cluster rights that the stack does not have with kubernetes.clusterScoped false"
    if settings.namespace.create:
        yield Conflict(
            "namespace.create",
            ("kubernetes.clusterScoped",),
            f"makes a Namespace, {without}; name one that exists",
            {"namespace.create": False},
        )
    if settings.purposes and settings.storage.kind in {"hostPath", "nfs"}:
        yield Conflict(
            "storage.kind",
            ("kubernetes.clusterScoped",),
            f"makes a PersistentVolume, {without}; let an admin make the claims and name them, or use kind class",
            _CLAIMS,
        )
    if settings.ei.diagnostics and settings.ei.diagnostics.kind in {"hostPath", "nfs"}:
        expected = f"makes a PersistentVolume, {without}"
        yield Conflict("ei.diagnostics.kind", ("kubernetes.clusterScoped",), expected, _NO_DIAGNOSTICS)
    if settings.ingress.controller == "install":
        yield Conflict(
            "ingress.controller",
            ("kubernetes.clusterScoped",),
            f"makes an IngressClass and a ClusterRole, {without}; use the cluster's own controller",
            {"ingress.controller": "existing"},
        )


def _on_openshift(settings: Settings) -> Iterator[Conflict]:
    if not settings.kubernetes.openshift:
        return
    openshift = "kubernetes.openshift"
    root = f"needs a container that runs as root, which {openshift} forbids"
    if settings.purposes and settings.storage.kind == "hostPath":
        yield Conflict("storage.kind", (openshift,), f"{root}; use kind nfs, claim or class", _CLAIMS)
    if settings.ei.diagnostics and settings.ei.diagnostics.kind == "hostPath":
        yield Conflict("ei.diagnostics.kind", (openshift,), root, _NO_DIAGNOSTICS)
    if settings.ingress.uses_host_ports:
        yield Conflict(
            "ingress.expose",
            (openshift,),
            f"takes a port of a node, which {openshift} forbids; use LoadBalancer or NodePort",
            {"ingress.expose": "LoadBalancer"},
        )
    if settings.ingress.console.class_name == "openshift-default":
        expected = f"is the router of {openshift}, which does not read the annotations; use an NGINX"
        fix = {"ingress.console.className": None}
        yield Conflict("ingress.console.className", (openshift,), expected, fix)
    if settings.ingress.class_name == "openshift-default":
        yield Conflict(
            "ingress.className",
            (openshift,),
            f"is the router of {openshift}, which reads neither dialect of annotations and would not speak HTTPS to "
            "EI; use an NGINX",
            {"ingress.controller": "install", "ingress.className": "wso2ei", "ingress.dialect": "f5"},
        )


def _claims_in_a_namespace(settings: Settings) -> Iterator[Conflict]:
    if not settings.namespace.create:
        return
    if settings.purposes and settings.storage.kind == "claim":
        yield Conflict(
            "namespace.create",
            ("storage.kind",),
            "must be false with storage.kind claim: a namespace that the stack makes has no claims yet, and its "
            "claims are deleted with it",
            {"namespace.create": False},
        )
    if settings.ei.diagnostics and settings.ei.diagnostics.kind == "claim":
        expected = "must not be claim with namespace.create true: a namespace that the stack makes holds no claim yet"
        yield Conflict("ei.diagnostics.kind", ("namespace.create",), expected, _NO_DIAGNOSTICS)
    if settings.storage.kind == "class" and settings.storage.retain:
        yield Conflict(
            "storage.retain",
            ("namespace.create",),
            "must be false with namespace.create true: the claims are deleted with their namespace. Use an existing "
            "namespace, or a class whose reclaimPolicy is Retain",
            {"storage.retain": False},
        )


def _unnamed_volumes(settings: Settings) -> Iterator[Conflict]:
    """A claim or a class is required for the volumes that the stack has, and for no other."""
    kind = settings.storage.kind
    samples = {
        "claim": {str(purpose): f"wso2ei-{purpose}" for purpose in settings.purposes},
        "class": {"mysql": "standard", "carbonapps": "nfs-client", "deployment": "nfs-client", "backup": "standard"},
    }
    for purpose in settings.purposes if kind in samples else ():
        if getattr(settings.storage, f"{purpose}_{kind}") is None:
            key, also = f"storage.{purpose}{kind.capitalize()}", ("ei.deployment",) if purpose == "deployment" else ()
            expected = f"is required with storage.kind {kind}" + (" and ei.deployment shared" if also else "")
            yield Conflict(key, ("storage.kind", *also), expected, {key: samples[kind][purpose]})


def _one_volume_for_several_nodes(settings: Settings) -> Iterator[Conflict]:
    key, number, logs = settings.ei.most_replicas_key, settings.ei.most_replicas, settings.ei.diagnostics
    # Such a claim is reported already; a new access mode would bring the removed section back, without its kind.
    removed = logs is not None and logs.kind == "claim" and settings.namespace.create
    modes = [f"storage.{purpose}AccessMode" for purpose in settings.for_one_node]
    if getattr(logs, "access_mode", "") == "ReadWriteOnce" and not removed:
        modes.append("ei.diagnostics.accessMode")
    for mode in modes if number > 1 else ():
        expected = f"must not be ReadWriteOnce with {key} {number}: the nodes share the volume"
        yield Conflict(mode, (key,), expected, {mode: "ReadWriteMany"})


def _too_few_connections(settings: Settings) -> Iterator[Conflict]:
    key, number = settings.ei.most_replicas_key, settings.ei.most_replicas
    # An update starts a node before it stops one, except on a volume for one node.
    surge = 0 if settings.for_one_node else 1
    needed = (number + surge) * 130
    if settings.mysql.external is None and settings.mysql.max_connections < needed:
        yield Conflict(
            "mysql.maxConnections",
            (key,),
            f"must be at least {needed}: {key} {number}{' and one more during an update,' if surge else ''} x 130",
            {"mysql.maxConnections": needed},
        )


def _registry_credentials(settings: Settings) -> Iterator[Conflict]:
    if settings.secrets.registry and settings.registry_username:
        yield Conflict(
            "registryUsername",
            ("secrets.registry",),
            "must not be set together with secrets.registry, which has user and password already",
            {"registryUsername": None},
        )
    registry = parse_image(settings.ei_image).registry
    named = settings.registry_username or settings.secrets.registry
    if registry in SUBSCRIPTION_REGISTRIES and not named and settings.registry_check != "never":
        yield Conflict(
            "registryUsername",
            ("ei.image", "registryCheck", "secrets.registry"),
            f"is required with this ei.image: {registry} needs a login (make credentials prompts for user and token). "
            "Or name an existing Secret in secrets.registry; or, where the nodes have their own login, set "
            "registryCheck to never",
            {"registryUsername": "subscriber@example.com"},
        )


def _own_server_and_external_one(settings: Settings) -> Iterator[Conflict]:
    if settings.mysql.external is None:
        return
    for name in sorted(settings.mysql.model_fields_set - {"external"}):
        yield Conflict(
            f"mysql.{to_camel(name)}",
            ("mysql.external",),
            "configures the MySQL server that the stack makes, and with mysql.external it makes none",
            {f"mysql.{to_camel(name)}": None},
        )
