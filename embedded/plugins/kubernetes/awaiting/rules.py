"""Readiness, kind by kind. Each rule takes the live object, what belongs to it, and what was seen before.

Sources: pulumi-kubernetes ``provider/pkg/await``: deployment.go, statefulset.go, service.go, ingress.go, job and pod
checkers, persistentvolumeclaim.go.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from embedded.plugins.kubernetes.awaiting import pods

Obj = dict[str, Any]
_SETTLE_SECONDS = 10.0


@dataclass
class Related:
    """Objects that belong to the one that is waited for."""

    pods: list[Obj] = field(default_factory=list)
    replica_sets: list[Obj] = field(default_factory=list)
    endpoints: dict[str, Obj] = field(default_factory=dict)
    services: dict[str, Obj] = field(default_factory=dict)
    claims: dict[str, Obj] = field(default_factory=dict)
    storage_class: Obj | None = None


@dataclass
class Memory:
    """What a rule must remember between two looks."""

    started: float
    first_seen: Obj
    action: str
    now: float = 0.0
    pods: list[Obj] = field(default_factory=list)
    settled_as: str = ""
    settled_since: float = 0.0


@dataclass
class State:
    """Ready, failed, or waiting for something."""

    ready: bool = False
    message: str = ""
    warnings: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unready: list[str] = field(default_factory=list)
    """What a timeout would say."""

    def shown(self) -> str:
        """The status line: what it waits for, and the first warning at once."""
        return f"{self.message}  {self.warnings[0]}" if self.warnings else self.message


Rule = Callable[[Obj, Related, Memory], State]


def deployment(live: Obj, related: Related, memory: Memory) -> State:
    """The controller has seen this generation, the new ReplicaSet is available, and old pods are not needed."""
    spec, status = live["spec"], live.get("status") or {}
    wanted = spec.get("replicas", 1)
    memory.pods = related.pods
    warnings = [text for pod in related.pods for text in pods.troubles(pod)]
    conditions = {condition["type"]: condition for condition in status.get("conditions") or []}
    progressing, available = conditions.get("Progressing", {}), conditions.get("Available", {})
    unbound = sorted(
        name for name, claim in related.claims.items() if (claim.get("status") or {}).get("phase") != "Bound"
    )
    seen = status.get("observedGeneration", 0) >= live["metadata"].get("generation", 1)
    rolled_out = (
        seen
        and progressing.get("reason") == "NewReplicaSetAvailable"
        and available.get("status") == "True"
        and status.get("updatedReplicas", 0) >= wanted
    )
    if seen and (rolled_out or wanted == 0) and not unbound:
        return State(ready=True)
    unready = [f"Minimum number of live Pods was not attained: {available.get('message', '')}".rstrip(": ")]
    if unbound:
        unready.append(f"Failed to bind PersistentVolumeClaim(s): {json.dumps(','.join(unbound))}")
    if seen and progressing.get("reason") == "ProgressDeadlineExceeded":
        warnings.insert(0, f"[ProgressDeadlineExceeded] {progressing.get('message', '')}")
    message = (
        f"Waiting for app ReplicaSet to be available ({status.get('availableReplicas', 0)}/{wanted} Pods available)"
    )
    return State(message=message, warnings=warnings, unready=[*unready, *warnings])


def stateful_set(live: Obj, related: Related, memory: Memory) -> State:
    """All replicas are ready, and (but for the first generation) of the update revision."""
    spec, status = live["spec"], live.get("status") or {}
    wanted = spec.get("replicas", 1)
    memory.pods = related.pods
    warnings = [text for pod in related.pods for text in pods.troubles(pod)]
    seen = status.get("observedGeneration", 0) >= live["metadata"].get("generation", 1)
    replicas = seen and status.get("readyReplicas", 0) == wanted and status.get("replicas", 0) == wanted
    on_delete = (spec.get("updateStrategy") or {}).get("type") == "OnDelete"
    revision = on_delete or (
        status.get("currentRevision") == status.get("updateRevision")
        and status.get("updatedReplicas", wanted) == wanted
    )
    if replicas and revision:
        return State(ready=True)
    count = f"({status.get('readyReplicas', 0)}/{wanted} Pods ready)"
    if live["metadata"].get("generation", 1) <= 1:
        message = f"[1/2] Waiting for StatefulSet to create Pods {count}"
    elif not replicas:
        message = f"[1/3] Waiting for StatefulSet update to roll out {count}"
    else:
        message = "[2/3] Waiting for StatefulSet to update .status.currentRevision"
    unready = [f"{status.get('readyReplicas', 0)} out of {wanted} replicas succeeded readiness checks"]
    return State(message=message, warnings=warnings, unready=[*unready, *warnings])


def service(live: Obj, related: Related, memory: Memory) -> State:
    """An address for a LoadBalancer; and, where pods are selected, no endpoint that is not ready, for ten seconds.

    A Service that selects no pod yet counts as ready: it is often made before them.
    """
    spec = live["spec"]
    kind = spec.get("type", "ClusterIP")
    addressed = kind != "LoadBalancer" or bool(((live.get("status") or {}).get("loadBalancer") or {}).get("ingress"))
    if kind == "ExternalName" or spec.get("clusterIP") == "None" or not spec.get("selector"):
        return State(ready=addressed)
    endpoints = related.endpoints.get(live["metadata"]["name"])
    subsets = (endpoints or {}).get("subsets") or []
    pending = any(subset.get("notReadyAddresses") for subset in subsets)
    some = any(subset.get("addresses") for subset in subsets)
    fingerprint = json.dumps([endpoints is not None, subsets], sort_keys=True)
    if fingerprint != memory.settled_as:
        memory.settled_as, memory.settled_since = fingerprint, memory.now
    settled = endpoints is not None and memory.now - memory.settled_since >= _SETTLE_SECONDS
    if addressed and settled and not pending:
        return State(ready=True)
    unready = []
    if not some:
        unready.append(
            "Service does not target any Pods. Selected Pods may not be ready, or field '.spec.selector' may not match "
            "labels on any Pods"
        )
    if not addressed:
        unready.append("Service was not allocated an IP address; does your cloud provider support this?")
    message = "[1/3] Finding Pods to direct traffic to"
    if settled and some and not addressed:
        message = "[2/3] Attempting to allocate IP address to Service"
    return State(message=message, unready=unready)


def ingress(live: Obj, related: Related, memory: Memory) -> State:
    """Every backend Service is known, and the controller has written an address into the status."""
    backends = [
        path["backend"]["service"]["name"]
        for rule in live["spec"].get("rules") or []
        for path in (rule.get("http") or {}).get("paths") or []
        if path["backend"].get("service")
    ]
    external = {name for name, item in related.services.items() if item["spec"].get("type") == "ExternalName"}
    missing = sorted({name for name in backends if name not in related.endpoints and name not in external})
    settled = memory.now - memory.started >= _SETTLE_SECONDS
    addressed = bool(((live.get("status") or {}).get("loadBalancer") or {}).get("ingress"))
    warnings = [f"No matching service found for ingress rule: {name}" for name in missing]
    if addressed and (not missing or settled):
        return State(ready=True)
    unready = list(warnings)
    if not addressed:
        unready.append(
            "Ingress .status.loadBalancer field was not updated with a hostname/IP address. \n"
            "    for more information about this error, see https://pulumi.io/xdv72s"
        )
    message = "[1/3] Finding a matching service for each Ingress path"
    if not missing:
        message = "[2/3] Waiting for update of .status.loadBalancer with hostname/IP"
    return State(message=message, warnings=warnings if settled else [], unready=unready)


def job(live: Obj, related: Related, memory: Memory) -> State:
    """Complete. A failure is told with the last words of its pods."""
    status = live.get("status") or {}
    memory.pods = related.pods
    conditions = {item["type"]: item for item in status.get("conditions") or [] if item["status"] == "True"}
    if "Complete" in conditions:
        return State(ready=True)
    words = [text for pod in related.pods for text in pods.last_words(pod)]
    if "Failed" in conditions:
        failed = conditions["Failed"]
        return State(failed=[f"[{failed.get('reason')}] {failed.get('message')}", *words])
    name = f"{live['metadata'].get('namespace')}/{live['metadata']['name']}"
    warnings = [text for pod in related.pods for text in pods.troubles(pod)]
    if not status.get("startTime"):
        return State(message=f'[1/2] Waiting for Job "{name}" to start', unready=["Job has not started"])
    counts = " | ".join(f"{key.capitalize()}: {status.get(key, 0)}" for key in ("active", "succeeded", "failed"))
    message = f'[2/2] Waiting for Job "{name}" to succeed ({counts})'
    return State(message=message, warnings=warnings, unready=[f"Job is not complete ({counts})", *warnings, *words])


def claim(live: Obj, related: Related, memory: Memory) -> State:
    """Bound; or pending, where its class binds only for a first consumer."""
    phase = (live.get("status") or {}).get("phase")
    if phase == "Bound":
        return State(ready=True)
    late = (related.storage_class or {}).get("volumeBindingMode") == "WaitForFirstConsumer"
    if phase == "Pending" and late:
        return State(ready=True)
    message = f"Waiting for PersistentVolumeClaim to be bound (it is {phase or 'new'})"
    return State(message=message, unready=["Unable to schedule PersistentVolumeClaim: no volume was bound to it"])


def volume(live: Obj, related: Related, memory: Memory) -> State:
    """Available or bound."""
    phase = (live.get("status") or {}).get("phase")
    ready = phase in {"Available", "Bound"}
    return State(ready=ready, message="Waiting for PersistentVolume to be available", unready=[f"Phase is {phase}"])


def pod(live: Obj, related: Related, memory: Memory) -> State:
    """Ready, or ended well."""
    phase = (live.get("status") or {}).get("phase")
    if phase == "Succeeded" or pods.ready(live):
        return State(ready=True)
    troubles = pods.troubles(live)
    return State(message="Waiting for Pod to be ready", warnings=troubles, unready=troubles or ["Pod is not ready"])


def namespace(live: Obj, related: Related, memory: Memory) -> State:
    """Active."""
    phase = (live.get("status") or {}).get("phase")
    return State(ready=phase == "Active", message="Waiting for Namespace", unready=[f"Phase is {phase}"])


RULES: dict[str, Rule] = {
    "Deployment": deployment,
    "StatefulSet": stateful_set,
    "Service": service,
    "Ingress": ingress,
    "Job": job,
    "PersistentVolumeClaim": claim,
    "PersistentVolume": volume,
    "Pod": pod,
    "Namespace": namespace,
}
