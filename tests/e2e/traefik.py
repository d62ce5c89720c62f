"""Traefik as a platform team installs it for Ingresses with ingress-nginx' annotations: its own binary in a pod.

Plain objects, applied by kubectl. The binary is in a folder of the node, so no image is needed.
"""

from __future__ import annotations

from typing import Any

NAME = "traefik"
LABELS = {"app": NAME}
FOLDER = "/var/lib/traefik"
_PYTHON = "docker.io/library/python:3.13.11-slim-trixie"
Obj = dict[str, Any]


def _object(api: str, kind: str, namespace: str | None = None, **body: Any) -> Obj:
    metadata = {"name": NAME, "labels": LABELS} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **body}


def objects() -> list[Obj]:
    """Everything, in the order in which it can be applied."""
    args = [
        f"{FOLDER}/traefik",
        "--entrypoints.web.address=:8000",
        "--entrypoints.websecure.address=:8443",
        "--entrypoints.websecure.http.tls=true",
        "--ping=true",
        "--ping.entrypoint=web",
        "--providers.kubernetesIngressNGINX=true",
        f"--providers.kubernetesIngressNGINX.ingressClass={NAME}",
        # Its Service gets the machine's ports when the stack's own controller is gone, which is after the update.
        "--providers.kubernetesIngressNGINX.publishStatusAddress=localhost",
        "--global.checkNewVersion=false",
    ]
    main = {
        "name": NAME, "image": _PYTHON, "command": args,
        "ports": [{"name": "web", "containerPort": 8000}, {"name": "websecure", "containerPort": 8443}],
        "readinessProbe": {"httpGet": {"path": "/ping", "port": "web"}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "volumeMounts": [{"name": "binary", "mountPath": FOLDER, "readOnly": True}],
    }  # fmt: skip
    pod = {
        "serviceAccountName": NAME, "securityContext": {"runAsNonRoot": True, "runAsUser": 65532},
        "containers": [main], "volumes": [{"name": "binary", "hostPath": {"path": FOLDER}}],
    }  # fmt: skip
    read = ["get", "list", "watch"]
    rules = [
        {"apiGroups": [""], "resources": ["services", "endpoints", "secrets", "namespaces", "nodes"], "verbs": read},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses", "ingressclasses"], "verbs": read},
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses/status"], "verbs": ["update"]},
    ]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME}
    account = {"kind": "ServiceAccount", "name": NAME, "namespace": NAME}
    ports = [
        {"name": "web", "port": 80, "targetPort": "web"},
        {"name": "websecure", "port": 443, "targetPort": "websecure"},
    ]
    spec = {
        "replicas": 1, "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": pod},
    }  # fmt: skip
    return [
        _object("v1", "Namespace"),
        _object("networking.k8s.io/v1", "IngressClass", spec={"controller": "k8s.io/ingress-nginx"}),
        _object("v1", "ServiceAccount", NAME),
        _object("rbac.authorization.k8s.io/v1", "ClusterRole", rules=rules),
        _object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", roleRef=role, subjects=[account]),
        _object("v1", "Service", NAME, spec={"type": "LoadBalancer", "selector": LABELS, "ports": ports}),
        _object("apps/v1", "Deployment", NAME, spec=spec),
    ]
