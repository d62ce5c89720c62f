"""Pods of other teams around EI, as plain objects: callers of its ports, an HTTP proxy, a volume of both sides."""

from __future__ import annotations

from typing import Any

from tests.e2e.machine import NAMESPACE, Machine

SHOP = "shop"
"""Namespace of another team: every pod of it is a caller."""
FILES, SHARED = "partner-files", "/var/lib/wso2ei/partner-files"
"""Claim and folder of the volume, which the shop's pod has too."""
CALLERS = {
    "caller": (NAMESPACE, {"app": "orders"}),
    "stranger": (NAMESPACE, {"app": "other"}),
    "shop": (SHOP, {"app": "shop"}),
}
"""Pods by name: where they run, and their labels."""
PROXY, PROXY_PORT = f"proxy.{SHOP}", 3128
_PYTHON = "docker.io/library/python:3.13.11-slim-trixie"
# Prints the first line of each request and serves none.
_PROXY = f"""
import socket
server = socket.create_server(("", {PROXY_PORT}))
while True:
    client, _ = server.accept()
    print(client.makefile().readline().strip(), flush=True)
    client.close()
"""
# One after another, an unreachable port takes its time: so all at once.
_OPEN = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor
def opens(place):
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 3).close()
        print(place)
    except OSError:
        pass
list(ThreadPoolExecutor(9).map(opens, sys.argv[1:]))
"""
Obj = dict[str, Any]


def _object(api: str, kind: str, name: str, namespace: str | None = None, **body: Any) -> Obj:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **body}


def _pod(name: str) -> Obj:
    namespace, labels = CALLERS[name]
    container: Obj = {
        "name": "main", "image": _PYTHON, "command": ["python", "-c", _PROXY],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }  # fmt: skip
    spec: Obj = {
        "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False, "containers": [container],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65534},
    }  # fmt: skip
    if name == "shop":
        container["volumeMounts"] = [{"name": "files", "mountPath": "/files", "readOnly": True}]
        spec["securityContext"]["supplementalGroups"] = [802]
        spec["volumes"] = [{"name": "files", "hostPath": {"path": SHARED, "type": "DirectoryOrCreate"}}]
    pod = _object("v1", "Pod", name, namespace, spec=spec)
    pod["metadata"]["labels"] = labels
    return pod


def _volume() -> list[Obj]:
    """The shop's folder as a claim: a volume of the kind ``local``, on which the kubelet sets the pod's group."""
    size: Obj = {"storage": "1Gi"}
    modes = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    linux = {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}
    place = {
        "local": {"path": SHARED},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [linux]}]}},
    }
    claim = {"volumeName": FILES, "resources": {"requests": size}}
    return [
        _object("v1", "PersistentVolume", FILES, spec={"capacity": size} | modes | place),
        _object("v1", "PersistentVolumeClaim", FILES, NAMESPACE, spec=modes | claim),
    ]


def move_in(machine: Machine, *more: Obj) -> None:
    """Create everything, with objects of the test's own, and wait until the pods run."""
    service = {"selector": CALLERS["shop"][1], "ports": [{"port": PROXY_PORT}]}
    name, _, namespace = PROXY.partition(".")
    items = [
        _object("v1", "Namespace", SHOP), _object("v1", "Service", name, namespace, spec=service),
        *map(_pod, CALLERS), *_volume(), *more,
    ]  # fmt: skip
    machine.apply(items)
    for name, (namespace, _) in CALLERS.items():
        kubectl(machine, "-n", namespace, "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=120s")


def move_out(machine: Machine) -> None:
    """Delete it; the claim goes when no node mounts it any more."""
    kubectl(machine, "delete", "namespace", SHOP, "--ignore-not-found", "--wait=false")
    own = [name for name, (namespace, _) in CALLERS.items() if namespace == NAMESPACE]
    names = [*(f"pod/{name}" for name in own), f"pvc/{FILES}"]
    kubectl(machine, "-n", NAMESPACE, "delete", *names, "--ignore-not-found", "--wait=false")
    kubectl(machine, "delete", "pv", FILES, "--ignore-not-found", "--wait=false")


def inside(machine: Machine, name: str, *command: str) -> str:
    """What a command prints in the pod ``name``."""
    return kubectl(machine, "-n", CALLERS[name][0], "exec", name, "--", *command)


def reached(machine: Machine, name: str, places: list[str]) -> set[str]:
    """Those of the places, ``HOST:PORT``, to which the pod ``name`` can connect."""
    return set(inside(machine, name, "python", "-c", _OPEN, *places).split())


def proxied(machine: Machine) -> list[str]:
    """First lines of the requests that the proxy has got."""
    return kubectl(machine, "-n", SHOP, "logs", "shop").split("\n")


def kubectl(machine: Machine, *words: str, stdin: str = "") -> str:
    """kubectl in any namespace; the test fails when it does."""
    return machine.run(["kubectl", *words], env=machine.environment, stdin=stdin).ok()
