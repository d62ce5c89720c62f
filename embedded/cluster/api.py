"""Queries of the API server, cheap enough for several a second (no client library, no kubectl)."""

from __future__ import annotations

import datetime
import http.client
import json
import socket
import ssl
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded.cluster import names as n

_SETTLED_SECONDS = 15
_ROUTED_SECONDS = 3
"""From a pod's Ready to the rules of its Service: kube-proxy writes them once a second at most."""
_QUERIES = 4
_QUERY_SECONDS = 0.5


@dataclass(frozen=True)
class Answer:
    """HTTP status (0: no connection) and body, parsed if it is JSON."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        return self.status in {http.client.OK, http.client.CREATED}


class Api:
    """The API server of the cluster, as the user of one of its certificates."""

    def __init__(self, pki: Path, user: str = "admin", timeout: float = 3.0) -> None:
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._context.load_cert_chain(str(pki / f"{user}.crt"), str(pki / f"{user}.key"))
        self._timeout = timeout

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        connection = http.client.HTTPSConnection(
            n.node_address(1), n.API_PORT, timeout=self._timeout, context=self._context
        )
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        try:
            connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": kind})
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, str(error))
        finally:
            connection.close()
        try:
            return Answer(response.status, json.loads(text))
        except ValueError:
            return Answer(response.status, text)

    def ready(self) -> bool:
        return self.get("/readyz").ok

    def node_conditions(self, since: dict[str, float] | None = None) -> dict[str, str]:
        """Return node name to '' when it is Ready, else to the reason that it reports.

        :param since: node name to the Unix time since when its kubelet runs. An older status is that of the
            kubelet before it: the API server still shows the node as Ready for most of a minute.
        """
        answer = self.get("/api/v1/nodes")
        found = {}
        for node in answer.body.get("items", []) if answer.ok else []:
            conditions = {c["type"]: c for c in node["status"].get("conditions", [])}
            ready = conditions.get("Ready", {})
            text = "" if ready.get("status") == "True" else ready.get("message") or "has not reported yet"
            started = (since or {}).get(node["metadata"]["name"], 0.0)
            if not text and not _is_of_new_kubelet(_unix_time(ready.get("lastHeartbeatTime")), started):
                text = "its new kubelet has not reported yet"
            found[node["metadata"]["name"]] = text
        return found

    def dns_problem(self, exists: Callable[[str], bool]) -> str:
        """Return '' when CoreDNS serves; else what keeps it from serving, as far as its pods report it.

        :param exists: whether the container of an ID exists. After a reboot, Deployment, pod and Service are shown as
            they were, and the new container may have the old one's address: it answers, until the kubelet's first
            report removes it from the Service, and its next one adds it again.
        """
        deployment = self.get("/apis/apps/v1/namespaces/kube-system/deployments/coredns")
        if not deployment.ok:
            return "the coredns Deployment is missing"
        status = deployment.body.get("status", {})
        current = status.get("observedGeneration", 0) >= deployment.body["metadata"]["generation"]
        ready = current and status.get("readyReplicas", 0) >= 1 and not status.get("unavailableReplicas")
        answer = self.get("/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns")
        # A failed pod stays until it is deleted, and one that is being deleted may take a while.
        pods = [pod for pod in (answer.body.get("items", []) if answer.ok else []) if not _has_ended(pod)]
        if not ready or not pods:
            return next(filter(None, map(pod_problem, pods)), "its pod is starting")
        problem = next(filter(None, (_not_serving(pod, exists) for pod in pods)), "")
        return problem or ("" if dns_answers() else "its Service does not answer")


def _is_of_new_kubelet(heartbeat: float, started: float) -> bool:
    """Return whether the report was made by the kubelet that runs since ``started``.

    Reports have whole seconds, so one of the same second may be of either; the new kubelet reports every 10 s while
    anything changes, so after a while of no other one it was its own.
    """
    same_second = heartbeat == int(started)
    return heartbeat > int(started) or (same_second and time.time() - started > _SETTLED_SECONDS)


def _unix_time(text: str | None) -> float:
    return datetime.datetime.fromisoformat(text).timestamp() if text else 0.0


def _has_ended(pod: dict[str, Any]) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp")) or pod["status"].get("phase") in {"Failed", "Succeeded"}


def _not_serving(pod: dict[str, Any], exists: Callable[[str], bool]) -> str:
    """Return '' for a pod that is ready in this life of its node, and has been since its Service was changed."""
    conditions = {condition["type"]: condition for condition in pod["status"].get("conditions", [])}
    ready = conditions.get("Ready", {})
    containers = pod["status"].get("containerStatuses", [])
    if ready.get("status") != "True":
        return pod_problem(pod) or "its pod is starting"
    identities = [container.get("containerID", "").rpartition("/")[2] for container in containers]
    if not all(identity and exists(identity) for identity in identities):
        return "its node has not reported the pod yet"
    restarted = any(container["restartCount"] for container in containers)
    if restarted and 0 <= time.time() - _unix_time(ready.get("lastTransitionTime")) < _ROUTED_SECONDS:
        return "its restarted pod became ready just now"
    return ""


def dns_answers() -> bool:
    """Return whether the cluster's name server resolves the API server, queried from here through its Service.

    The query is repeated as any resolver does: on a busy machine an answer may be late.
    """
    labels = f"kubernetes.default.svc.{n.CLUSTER_DOMAIN}".split(".")
    name = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"
    query = struct.pack(">HHHHHH", 0x4549, 0x0100, 1, 0, 0, 0) + name + struct.pack(">HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(_QUERY_SECONDS)
        for _ in range(_QUERIES):
            with suppress(OSError):
                client.sendto(query, (n.DNS_ADDRESS, 53))
                answer = client.recv(512)
                return answer[:2] == query[:2] and socket.inet_aton(n.API_SERVICE_ADDRESS) in answer
    return False


def pod_problem(pod: dict[str, Any]) -> str:
    """Return the reason in a pod's status why it does not run; '' if there is none."""
    for container in pod.get("status", {}).get("containerStatuses", []):
        waiting = container.get("state", {}).get("waiting")
        if waiting:
            return f"{waiting.get('reason', '')}: {waiting.get('message', '')}".rstrip(": ")
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            return str(condition.get("message", ""))
    return ""
