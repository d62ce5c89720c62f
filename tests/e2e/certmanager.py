"""cert-manager's controller in a pod, and issuers for its certificates: plain objects, applied by kubectl.

Without its webhook, which rejects wrong objects, and cainjector, which serves the webhook. The binary is in a folder of
the node, so no image is needed.
"""

from __future__ import annotations

from typing import Any

from tests.e2e.machine import NAMESPACE

NAME = "cert-manager"
FOLDER = "/var/lib/cert-manager"
KINDS = ("certificates", "certificaterequests", "issuers", "clusterissuers")
_PYTHON = "docker.io/library/python:3.13.11-slim-trixie"
_API = "cert-manager.io/v1"
Obj = dict[str, Any]


def _object(api: str, kind: str, name: str = NAME, namespace: str | None = None, **body: Any) -> Obj:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **body}


def controller() -> list[Obj]:
    """Everything but the definitions of the kinds, in the order in which it can be applied."""
    container = {
        "name": NAME, "image": _PYTHON, "command": [f"{FOLDER}/controller"],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "volumeMounts": [{"name": "binary", "mountPath": FOLDER, "readOnly": True}],
    }  # fmt: skip
    pod = {
        "serviceAccountName": NAME, "securityContext": {"runAsNonRoot": True, "runAsUser": 65532},
        "containers": [container], "volumes": [{"name": "binary", "hostPath": {"path": FOLDER}}],
    }  # fmt: skip
    rules = [
        {"apiGroups": ["cert-manager.io"], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["secrets", "events"], "verbs": ["*"]},
    ]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME}
    account = {"kind": "ServiceAccount", "name": NAME, "namespace": NAME}
    template = {"metadata": {"labels": {"app": NAME}}, "spec": pod}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": NAME}}, "template": template}
    return [
        _object("v1", "Namespace"),
        _object("v1", "ServiceAccount", namespace=NAME),
        _object("rbac.authorization.k8s.io/v1", "ClusterRole", rules=rules),
        _object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", roleRef=role, subjects=[account]),
        _object("apps/v1", "Deployment", namespace=NAME, spec=spec),
    ]


def issuer(name: str, **spec: Any) -> Obj:
    """An Issuer of the stack's namespace."""
    return _object(_API, "Issuer", name, NAMESPACE, spec=spec)


def authority(name: str, signer: str) -> Obj:
    """A CA's certificate, in a Secret of the same name."""
    spec = {"secretName": name, "isCA": True, "commonName": "A company's CA", "issuerRef": {"name": signer}}
    return _object(_API, "Certificate", name, NAMESPACE, spec=spec)
