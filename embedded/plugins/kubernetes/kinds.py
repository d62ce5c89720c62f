"""The object kinds known here: where the API server serves them, and which type tokens may be registered.

A fixed table instead of discovery: one request less in every process, and a kind that is not listed is
refused by name. Auxiliary kinds (pods, events) are read while waiting, but no program may register them.
"""

from __future__ import annotations

from typing import NamedTuple


class Gvk(NamedTuple):
    """What ``apiVersion`` and ``kind`` of an object say."""

    api_version: str
    kind: str

    @classmethod
    def of(cls, obj: dict[str, object]) -> Gvk:
        """Of an object's own fields. KeyError if one is missing."""
        return cls(str(obj["apiVersion"]), str(obj["kind"]))

    @property
    def token(self) -> str:
        """The Pulumi type token, e.g. ``kubernetes:apps/v1:Deployment``."""
        group = self.api_version if "/" in self.api_version else f"core/{self.api_version}"
        return f"kubernetes:{group}:{self.kind}"


class Served(NamedTuple):
    """How the API server serves a kind."""

    plural: str
    namespaced: bool
    imitated: bool


def _rows(api_version: str, *rows: tuple[str, str, bool, bool]) -> dict[Gvk, Served]:
    return {Gvk(api_version, kind): Served(plural, ns, imitated) for kind, plural, ns, imitated in rows}


# kind, plural, namespaced, may be registered by a program
KINDS: dict[Gvk, Served] = {
    **_rows(
        "v1",
        ("Namespace", "namespaces", False, True),
        ("ConfigMap", "configmaps", True, True),
        ("Secret", "secrets", True, True),
        ("Service", "services", True, True),
        ("ServiceAccount", "serviceaccounts", True, True),
        ("PersistentVolume", "persistentvolumes", False, True),
        ("PersistentVolumeClaim", "persistentvolumeclaims", True, True),
        ("Pod", "pods", True, True),
        ("Event", "events", True, False),
        ("Endpoints", "endpoints", True, False),
        ("Node", "nodes", False, False),
    ),
    **_rows(
        "apps/v1",
        ("Deployment", "deployments", True, True),
        ("StatefulSet", "statefulsets", True, True),
        ("ReplicaSet", "replicasets", True, False),
        ("ControllerRevision", "controllerrevisions", True, False),
    ),
    **_rows("batch/v1", ("Job", "jobs", True, True)),
    **_rows(
        "networking.k8s.io/v1",
        ("Ingress", "ingresses", True, True),
        ("IngressClass", "ingressclasses", False, True),
        ("NetworkPolicy", "networkpolicies", True, True),
    ),
    **_rows(
        "rbac.authorization.k8s.io/v1",
        ("Role", "roles", True, True),
        ("RoleBinding", "rolebindings", True, True),
        ("ClusterRole", "clusterroles", False, True),
        ("ClusterRoleBinding", "clusterrolebindings", False, True),
    ),
    **_rows("policy/v1", ("PodDisruptionBudget", "poddisruptionbudgets", True, True)),
    # A custom resource: most clusters do not know it, and `no_match` tells.
    **_rows("monitoring.coreos.com/v1", ("ServiceMonitor", "servicemonitors", True, True)),
    **_rows("storage.k8s.io/v1", ("StorageClass", "storageclasses", False, False)),
    **_rows("discovery.k8s.io/v1", ("EndpointSlice", "endpointslices", True, False)),
}

TOKENS: dict[str, Gvk] = {gvk.token: gvk for gvk, served in KINDS.items() if served.imitated}


def path_of(gvk: Gvk, namespace: str | None = None, name: str | None = None) -> str:
    """The REST path of a collection, or of one object. KeyError for a kind that is not in the table.

    ``namespace=None`` gives the collection over all namespaces.
    """
    served = KINDS[gvk]
    prefix = f"/apis/{gvk.api_version}" if "/" in gvk.api_version else f"/api/{gvk.api_version}"
    place = f"/namespaces/{namespace}" if served.namespaced and namespace else ""
    return f"{prefix}{place}/{served.plural}" + (f"/{name}" if name else "")
