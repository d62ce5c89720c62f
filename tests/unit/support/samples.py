"""Objects that keep every promise, to be broken one field at a time."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

Object = dict[str, Any]
LABELS = {"app.kubernetes.io/name": "sample", "app.kubernetes.io/component": "sample"}


def deployment() -> Object:
    container = {
        "name": "main",
        "image": "docker.io/library/sample:1.2.3",
        "command": ["serve"],
        "env": [{"name": "LEVEL", "value": "info"}],
        "ports": [{"containerPort": 8080}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "resources": {
            "requests": {"cpu": "10m", "memory": "16Mi", "ephemeral-storage": "1Gi"},
            "limits": {"cpu": "1", "memory": "16Mi", "ephemeral-storage": "1Gi"},
        },
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "exec": {"command": ["ping"]}},
        "lifecycle": {"preStop": {"httpGet": {"path": "/", "port": 8080}}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "sample", "namespace": "space", "annotations": {"note": "a sample"}},
        "spec": {
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": dict(LABELS), "annotations": {"note": "a sample"}},
                "spec": {
                    "automountServiceAccountToken": False,
                    "serviceAccountName": "sample",
                    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                    "initContainers": [copy.deepcopy(container) | {"name": "prepare"}],
                    "containers": [container],
                    "volumes": [
                        {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}},
                        {"name": "api", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
                    ],
                },
            },
        },
    }


def pod() -> Object:
    template = deployment()["spec"]["template"]
    template["metadata"] |= {"name": "sample", "namespace": "space"}
    return {"apiVersion": "v1", "kind": "Pod", **template}


def cron_job() -> Object:
    job = {"spec": {"template": deployment()["spec"]["template"]}}
    metadata = {"name": "sample", "namespace": "space"}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": {"jobTemplate": job}}


def own_folder() -> Object:
    found = deployment()
    container = found["spec"]["template"]["spec"]["initContainers"][0]
    container |= {"name": "own-folder", "command": ["chown", "1:1", "/volume"]}
    container["securityContext"] |= {
        "runAsUser": 0,
        "runAsNonRoot": False,
        "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]},
    }
    return found


def service() -> Object:
    return _object("v1", "Service", {"spec": {"selector": dict(LABELS), "ports": [{"port": 80}]}})


def load_balancer() -> Object:
    selector = {"app.kubernetes.io/name": "nginx-ingress"}
    return _object("v1", "Service", {"spec": {"type": "LoadBalancer", "selector": selector, "ports": [{"port": 80}]}})


def ingress() -> Object:
    spec = {"ingressClassName": "nginx", "tls": [{"hosts": ["a.example.com"]}], "rules": [{"host": "a.example.com"}]}
    return _object("networking.k8s.io/v1", "Ingress", {"spec": spec})


def ingress_class() -> Object:
    return _object("networking.k8s.io/v1", "IngressClass", {"spec": {"controller": "nginx.org/ingress-controller"}})


def role(kind: str = "Role") -> Object:
    rules = [{"apiGroups": [""], "resources": ["endpoints"], "verbs": ["get"]}]
    return _object("rbac.authorization.k8s.io/v1", kind, {"rules": rules})


def binding() -> Object:
    subjects = [{"kind": "ServiceAccount", "name": "sample", "namespace": "space"}]
    role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "sample"}
    return _object("rbac.authorization.k8s.io/v1", "RoleBinding", {"subjects": subjects, "roleRef": role_ref})


def constraint() -> list[Object]:
    rule = {"apiGroups": ["security.openshift.io"], "resources": ["securitycontextconstraints"], "verbs": ["use"]}
    made = role()
    made["rules"] = [rule | {"resourceNames": ["nonroot-v2"]}]
    bound = binding()
    bound["subjects"] = [{"kind": "Group", "name": "system:serviceaccounts:space"}]
    return [made, bound]


def account() -> Object:
    return _object("v1", "ServiceAccount", {"automountServiceAccountToken": False})


def namespace() -> Object:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "space", "labels": labels}}


def volume() -> Object:
    spec = {
        "storageClassName": "",
        "persistentVolumeReclaimPolicy": "Retain",
        "hostPath": {"path": "/var/lib/sample/data"},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "sample"}, "spec": spec}


def claim() -> Object:
    return _object("v1", "PersistentVolumeClaim", {"spec": {"storageClassName": "", "volumeName": "sample"}})


def config_map(data: dict[str, str] | None = None) -> Object:
    return _object("v1", "ConfigMap", {"data": data or {"level": "info"}})


def secret() -> Object:
    data = {"password": "hunter2", "tls.key": "-----BEGIN PRIVATE KEY-----", "config.json": '{"auths": {}}'}
    return _object("v1", "Secret", {"stringData": data})


def pull_secret(registry: str) -> Object:
    data = {".dockerconfigjson": json.dumps({"auths": {registry: {"auth": "bWU6aHVudGVyMg=="}}})}
    return _object("v1", "Secret", {"type": "kubernetes.io/dockerconfigjson", "stringData": data}, "pull")


def network_policy() -> Object:
    spec = {"podSelector": {"matchLabels": dict(LABELS)}, "policyTypes": ["Ingress"], "ingress": []}
    return _object("networking.k8s.io/v1", "NetworkPolicy", {"spec": spec})


def broken(make: Callable[[], Object], path: str | tuple[str | int, ...], value: Any) -> Object:
    """The object with one field set, or removed where ``value`` is ``...``; ``a/0/b`` is the path."""
    found = copy.deepcopy(make())
    place: Any = found
    split = [int(part) if part.isdigit() else part for part in path.split("/")] if isinstance(path, str) else path
    *way, last = split
    for part in way:
        place = place.setdefault(part, {}) if isinstance(place, dict) else place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return found


def field_paths(item: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every key below ``item``, without those in lists."""
    if isinstance(item, dict):
        for key, value in item.items():
            yield (*path, key)
            yield from field_paths(value, (*path, key))


def _object(version: str, kind: str, rest: Object, name: str = "sample") -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "space"}, **rest}


ALL: tuple[Callable[[], Object], ...] = (
    deployment, pod, cron_job, service, ingress, role, binding, account, namespace, claim, config_map, secret,
    network_policy,
)  # fmt: skip
"""One sample of each kind; together they keep the promises of a stack too."""
