"""One look at the cluster: the API's objects, the last log line of what is starting, and the two answers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from embedded.errors import KitError
from embedded.process import capture
from embedded.status import checks, objects, rows
from embedded.status import events as ev
from embedded.status.events import Object

_KINDS = (
    "pods,events,persistentvolumeclaims,services,ingresses.networking.k8s.io,"
    "deployments.apps,statefulsets.apps,replicasets.apps,jobs.batch"
)
_MOST_LOGS = 6


@dataclass(frozen=True)
class Cluster:
    """How to query: ``kubectl`` with these variables, in one context and namespace."""

    context: str
    namespace: str
    environment: Mapping[str, str]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["kubectl", "--context", self.context, "-n", self.namespace, "--request-timeout=10s", *words]
        return capture(command, env=dict(self.environment))


@dataclass(frozen=True)
class Snapshot:
    """What was seen."""

    now: datetime
    by_kind: dict[str, list[Object]]
    logs: dict[tuple[str, str], str] = field(default_factory=dict)
    answers: list[checks.Answer] = field(default_factory=list)

    def kind(self, *names: str) -> list[Object]:
        return [item for name in names for item in self.by_kind.get(name, [])]


def take(cluster: Cluster, hosts: Mapping[str, str], outputs: Mapping[str, Any], given: Mapping[str, str]) -> Snapshot:
    """Look once. Raises ``KitError`` when the cluster does not answer.

    :param hosts: ``console`` and ``gateway``, as far as there are any.
    :param given: as `objects.given_addresses` returns them.
    """
    by_kind = _objects(cluster)
    seen = Snapshot(datetime.now(UTC), by_kind)
    port = port_of(seen, outputs)
    targets = [
        target
        for key, host in (hosts or hosts_of(seen)).items()
        for target in checks.targets({key: host}, addresses_of(seen, host, given.get(key, "")), port)
    ]
    with ThreadPoolExecutor(max_workers=8) as side_by_side:
        answers = side_by_side.map(checks.ask, targets)
        logs = side_by_side.map(lambda key: (key, _last_line(cluster, *key)), _starting(seen))
        return Snapshot(seen.now, by_kind, dict(logs), list(answers))


def hosts_of(seen: Snapshot) -> dict[str, str]:
    """Return console and gateway by the Ingresses' names: an unfinished first update has no outputs yet."""
    found = {objects.key_of(item): objects.host_of(item) for item in seen.kind("Ingress")}
    return {key: host for key, host in found.items() if key in {"console", "gateway"}}


def addresses_of(seen: Snapshot, host: str, given: str = "") -> list[str]:
    """Return the given address, or those of the host's Ingresses, each once."""
    if given:
        return [given]
    items = [item for item in seen.kind("Ingress") if objects.host_of(item) == host]
    found = dict.fromkeys(address for item in items for address in objects.addresses(item))
    return list(found)


def port_of(seen: Snapshot, outputs: Mapping[str, Any]) -> int:
    """Return the port that clients use: that of the outputs, else that of the controller's Service, else 443."""
    if url := outputs.get("console_url") or outputs.get("gateway_url"):
        return urlsplit(url).port or 443
    for item in seen.kind("Service"):
        kind = item["spec"].get("type")
        for port in item["spec"].get("ports") or []:
            if port.get("name") == "https" and kind in {"LoadBalancer", "NodePort"}:
                return int(port["nodePort"] if kind == "NodePort" else port["port"])
    return 443


def _objects(cluster: Cluster) -> dict[str, list[Object]]:
    answer = cluster.run("get", _KINDS, "-o", "json")
    try:
        items = json.loads(answer.stdout)["items"]
    except (json.JSONDecodeError, KeyError):
        reason = ev.one_line(answer.stderr) or "no answer"
        raise KitError(f"the cluster of context {cluster.context} does not answer: {reason}") from None
    found: dict[str, list[Object]] = {}
    for item in items:
        found.setdefault(item["kind"], []).append(item)
    return found


def _starting(seen: Snapshot) -> list[tuple[str, str]]:
    """Return (pod, container) of what runs and is not ready: its last log line is shown."""
    found = []
    for pod in seen.kind("Pod"):
        container = rows.current(pod)[0]
        if container and "running" in (container.get("state") or {}):
            found.append((pod["metadata"]["name"], container["name"]))
    return found[:_MOST_LOGS]


def _last_line(cluster: Cluster, pod: str, container: str) -> str:
    answer = cluster.run("logs", pod, "-c", container, "--tail=1")
    return ev.one_line(ev.last_lines(answer.stdout), 120) if answer.returncode == 0 else ""
