"""Questions to the API server, cheap enough to ask every fraction of a second (no client library, no kubectl)."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded.cluster import names as n


@dataclass(frozen=True)
class Answer:
    """HTTP status (0: no connection) and body, parsed if it is JSON."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        return self.status == http.client.OK


class Api:
    """The API server of the cluster, as its administrator."""

    def __init__(self, pki: Path, timeout: float = 3.0) -> None:
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._context.load_cert_chain(str(pki / "admin.crt"), str(pki / "admin.key"))
        self._timeout = timeout

    def get(self, path: str) -> Answer:
        connection = http.client.HTTPSConnection(
            n.node_address(1), n.API_PORT, timeout=self._timeout, context=self._context
        )
        try:
            connection.request("GET", path)
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

    def node_conditions(self) -> dict[str, str]:
        """Node name to '' when it is Ready, else to the reason that it gives."""
        answer = self.get("/api/v1/nodes")
        found = {}
        for node in answer.body.get("items", []) if answer.ok else []:
            conditions = {c["type"]: c for c in node["status"].get("conditions", [])}
            ready = conditions.get("Ready", {})
            text = "" if ready.get("status") == "True" else ready.get("message") or "has not reported yet"
            found[node["metadata"]["name"]] = text
        return found

    def dns_problem(self) -> str:
        """'' when CoreDNS serves; else what keeps it from serving, as far as its pods say."""
        deployment = self.get("/apis/apps/v1/namespaces/kube-system/deployments/coredns")
        if not deployment.ok:
            return "the coredns Deployment is missing"
        status = deployment.body.get("status", {})
        current = status.get("observedGeneration", 0) >= deployment.body["metadata"]["generation"]
        if current and status.get("readyReplicas", 0) >= 1 and not status.get("unavailableReplicas"):
            return ""
        pods = self.get("/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns")
        reasons = [pod_problem(pod) for pod in (pods.body.get("items", []) if pods.ok else [])]
        return next((reason for reason in reasons if reason), "its pod is starting")


def pod_problem(pod: dict[str, Any]) -> str:
    """Why a pod does not run, in its own words; '' if it says nothing."""
    for container in pod.get("status", {}).get("containerStatuses", []):
        waiting = container.get("state", {}).get("waiting")
        if waiting:
            return f"{waiting.get('reason', '')}: {waiting.get('message', '')}".rstrip(": ")
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            return str(condition.get("message", ""))
    return ""
