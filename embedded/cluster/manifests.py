"""Objects that the cluster brings along: CoreDNS, a default StorageClass that does nothing, and rights of its parts."""

from __future__ import annotations

import hashlib
from typing import Any

import yaml

from embedded.cluster import names as n

Manifest = dict[str, Any]
DECOY_CLASS = "decoy"
_DNS = {"k8s-app": "kube-dns"}

_COREFILE = f"""
{n.CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {{
    errors
    health
    ready
    kubernetes {n.CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {{
        pods insecure
        ttl 5
    }}
    cache 5
}}
. {{
    errors
    OUTSIDE
}}
""".lstrip()
_ASK_THE_MACHINE = f"""forward . {n.HOST_ADDRESS}
    cache 30"""
_NOTHING = """template ANY ANY {
        rcode NXDOMAIN
    }"""


def everything(*, outside: bool) -> list[Manifest]:
    """Return all objects, in an order in which they can be applied.

    :param outside: names outside the cluster are looked up where this machine looks them up. Otherwise they do not
        exist, and that is the answer at once.
    """
    return [*_rights(), *_coredns(corefile(outside=outside)), _decoy()]


def as_yaml(*, outside: bool) -> str:
    """Return all objects as one YAML stream."""
    return yaml.safe_dump_all(everything(outside=outside), sort_keys=False)


def corefile(*, outside: bool) -> str:
    """Return CoreDNS's configuration.

    Outside names have a separate server because `template` comes before `kubernetes` in CoreDNS's fixed order of
    plugins.
    """
    return _COREFILE.replace("OUTSIDE", _ASK_THE_MACHINE if outside else _NOTHING)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _object(api: str, kind: str, name: str, namespace: str = "", **fields: Any) -> Manifest:
    metadata: Manifest = {"name": name, **fields.pop("metadata", {})}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


def _role(name: str, rules: list[Manifest], subject: Manifest) -> list[Manifest]:
    rbac = "rbac.authorization.k8s.io/v1"
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    return [
        _object(rbac, "ClusterRole", name, rules=rules),
        _object(rbac, "ClusterRoleBinding", name, roleRef=reference, subjects=[subject]),
    ]


def _rule(groups: list[str], resources: list[str], verbs: list[str]) -> Manifest:
    return {"apiGroups": groups, "resources": resources, "verbs": verbs}


def _user(name: str) -> Manifest:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}


def _rights() -> list[Manifest]:
    look = ["get", "list", "watch"]
    router = [
        _rule([""], ["namespaces", "pods", "services", "nodes", "endpoints"], look),
        _rule(["networking.k8s.io"], ["networkpolicies"], look),
        _rule(["discovery.k8s.io"], ["endpointslices"], look),
    ]
    balancer = [
        _rule([""], ["services"], look),
        _rule([""], ["services/status"], ["patch", "update"]),
        _rule([""], ["events"], ["create", "patch"]),
    ]
    return [
        *_role("embedded:kube-router", router, _user("embedded:kube-router")),
        *_role("embedded:load-balancer", balancer, _user("embedded:load-balancer")),
    ]


def _coredns(corefile: str) -> list[Manifest]:
    look = ["list", "watch"]
    rules = [
        _rule([""], ["endpoints", "services", "pods", "namespaces"], look),
        _rule(["discovery.k8s.io"], ["endpointslices"], look),
    ]
    account = {"kind": "ServiceAccount", "name": "coredns", "namespace": "kube-system"}
    return [
        _object("v1", "ServiceAccount", "coredns", "kube-system"),
        *_role("system:coredns", rules, account),
        _object("v1", "ConfigMap", "coredns", "kube-system", data={"Corefile": corefile}),
        _object(
            "apps/v1",
            "Deployment",
            "coredns",
            "kube-system",
            metadata={"labels": _DNS},
            spec={
                "replicas": 1,
                "selector": {"matchLabels": _DNS},
                "template": {
                    # CoreDNS reads its file once; a new file has to bring a new pod.
                    "metadata": {"labels": _DNS, "annotations": {"embedded/corefile": _digest(corefile)}},
                    "spec": _coredns_pod(),
                },
            },
        ),
        _object(
            "v1",
            "Service",
            "kube-dns",
            "kube-system",
            metadata={"labels": {**_DNS, "kubernetes.io/name": "CoreDNS"}},
            spec={
                "clusterIP": n.DNS_ADDRESS,
                "selector": _DNS,
                "ports": [
                    {"name": "dns", "port": 53, "protocol": "UDP"},
                    {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
                ],
            },
        ),
    ]


def _coredns_pod() -> Manifest:
    request = {"cpu": f"{n.COREDNS_CPU_MILLIS}m", "memory": f"{n.COREDNS_MEMORY_BYTES // 1024**2}Mi"}
    container = {
        "name": "coredns",
        "image": n.COREDNS_IMAGE,
        "args": ["-conf", "/etc/coredns/Corefile"],
        "resources": {"requests": request, "limits": {"memory": "170Mi"}},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
        "ports": [
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
        ],
        "securityContext": {
            # Root without any other right: not every build of CoreDNS carries the file capability for port 53.
            "runAsUser": 0,
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "livenessProbe": {"httpGet": {"path": "/health", "port": 8080}, "failureThreshold": 5},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 2},
        "startupProbe": {
            "httpGet": {"path": "/ready", "port": 8181},
            "periodSeconds": 1,
            "failureThreshold": 60,
        },
    }
    return {
        "serviceAccountName": "coredns",
        "priorityClassName": "system-cluster-critical",
        "dnsPolicy": "Default",
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }


def _decoy() -> Manifest:
    """Return a default class, as many clusters have, without a provisioner: a claim without a class stays Pending."""
    return _object(
        "storage.k8s.io/v1",
        "StorageClass",
        DECOY_CLASS,
        metadata={"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        provisioner="embedded.invalid/decoy",
        volumeBindingMode="Immediate",
    )
