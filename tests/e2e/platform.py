"""What a shared cluster has before a production stack comes: a namespace, a controller, a certificate, two claims.

The administrators of a real one make these by their own means; here they are plain objects, applied by kubectl.
"""

from __future__ import annotations

from typing import Any

NAMESPACE = "wso2-production"
CONTROLLER = "nginx-ingress"
CLASS = "nginx"
NGINX = "docker.io/nginx/nginx-ingress:5.5.4"
PRIORITY = "business-critical"
Obj = dict[str, Any]


def _object(api: str, kind: str, name: str, namespace: str | None = None, **body: Any) -> Obj:
    metadata = {"name": name, "labels": {"app": CONTROLLER}} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api, "kind": kind, "metadata": metadata | body.pop("metadata", {}), **body}


def _namespace(name: str) -> Obj:
    labels = {"pod-security.kubernetes.io/enforce": "restricted", "kubernetes.io/metadata.name": name}
    return _object("v1", "Namespace", name, metadata={"labels": labels})


def controller() -> list[Obj]:
    """An ingress controller for every namespace, as a platform team installs one."""
    own, tls = "$(POD_NAMESPACE)", f"$(POD_NAMESPACE)/{CONTROLLER}"
    args = [
        f"-nginx-configmaps={own}/{CONTROLLER}", f"-ingress-class={CLASS}", f"-default-server-tls-secret={tls}",
        "-enable-custom-resources=false", "-enable-telemetry-reporting=false", "-report-ingress-status",
        f"-external-service={CONTROLLER}",
    ]  # fmt: skip
    folders = {"etc": "/etc/nginx", "cache": "/var/cache/nginx", "lib": "/var/lib/nginx", "log": "/var/log/nginx"}
    security = {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
    }  # fmt: skip
    resources = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}
    fields = {"POD_NAMESPACE": "metadata.namespace", "POD_NAME": "metadata.name"}
    main = {
        "name": "nginx-ingress", "image": NGINX, "args": args, "securityContext": security, "resources": resources,
        "env": [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()],
        "ports": [{"name": "http", "containerPort": 80}, {"name": "https", "containerPort": 443}],
        "readinessProbe": {"httpGet": {"path": "/nginx-ready", "port": 8081}, "periodSeconds": 1},
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in folders.items()],
    }  # fmt: skip
    copy = {
        "name": "copy-defaults", "image": NGINX, "command": ["cp", "-R", "/etc/nginx/.", "/mnt/etc"],
        "securityContext": security, "resources": resources, "volumeMounts": [{"name": "etc", "mountPath": "/mnt/etc"}],
    }  # fmt: skip
    pod = {
        "serviceAccountName": CONTROLLER,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": 101, "fsGroup": 101, "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [copy],
        "containers": [main],
        "volumes": [{"name": name, "emptyDir": {}} for name in folders],
    }  # fmt: skip
    labels = {"app": CONTROLLER}
    rules = [
        {"apiGroups": [""], "resources": ["services", "secrets", "pods", "configmaps", "namespaces"],
         "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["update"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses", "ingressclasses"],
         "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses/status"], "verbs": ["update"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]},
    ]  # fmt: skip
    ports = [{"name": "http", "port": 80, "targetPort": "http"}, {"name": "https", "port": 443, "targetPort": "https"}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": CONTROLLER}
    account = {"kind": "ServiceAccount", "name": CONTROLLER, "namespace": CONTROLLER}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return [
        _namespace(CONTROLLER),
        _object("networking.k8s.io/v1", "IngressClass", CLASS, spec={"controller": "nginx.org/ingress-controller"}),
        _object("v1", "ServiceAccount", CONTROLLER, CONTROLLER),
        _object("rbac.authorization.k8s.io/v1", "ClusterRole", CONTROLLER, rules=rules),
        _object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", CONTROLLER, roleRef=role, subjects=[account]),
        _object("v1", "ConfigMap", CONTROLLER, CONTROLLER, data={"http2": "True"}),
        _object("v1", "Service", CONTROLLER, CONTROLLER,
                spec={"type": "LoadBalancer", "selector": labels, "ports": ports}),
        _object("apps/v1", "Deployment", CONTROLLER, CONTROLLER,
                spec={"replicas": 1, "selector": {"matchLabels": labels}, "template": template}),
    ]  # fmt: skip


def priority_class() -> Obj:
    """What integration is worth here."""
    return _object("scheduling.k8s.io/v1", "PriorityClass", PRIORITY, value=1000)


def certificate(name: str, namespace: str, key: str, crt: str) -> Obj:
    """A kubernetes.io/tls Secret."""
    data = {"tls.key": key, "tls.crt": crt}
    return _object("v1", "Secret", name, namespace, type="kubernetes.io/tls", stringData=data)


def claims(folder: str) -> list[Obj]:
    """The stack's namespace with one claim for MySQL and one for CAR files, on folders that are there on every node."""
    found = [_namespace(NAMESPACE)]
    for name, mode in (("mysql-data", "ReadWriteOnce"), ("carbonapps", "ReadWriteMany")):
        size = {"storage": "1Gi"}
        volume = {
            "capacity": size, "accessModes": [mode], "storageClassName": "",
            "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": f"{folder}/{name}"},
        }  # fmt: skip
        if name == "mysql-data":
            term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-2"]}]}
            volume["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
        claim = {
            "accessModes": [mode], "storageClassName": "", "resources": {"requests": size},
            "volumeName": f"platform-{name}",
        }  # fmt: skip
        found.append(_object("v1", "PersistentVolume", f"platform-{name}", spec=volume))
        found.append(_object("v1", "PersistentVolumeClaim", name, NAMESPACE, spec=claim))
    return found
