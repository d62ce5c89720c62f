"""Rows of what is not a pod: workloads without pods, claims, and the way from outside to console and gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embedded.status import events as ev
from embedded.status.events import Object
from embedded.status.rows import Level, Problem, View


@dataclass(frozen=True)
class Row:
    """One claim, Service or Ingress."""

    kind: str
    name: str
    text: str
    level: Level
    problem: Problem | None = None


def claim_row(claim: Object, view: View) -> Row:
    """Return the row of a claim, with the reason if it is not bound."""
    name, status, spec = claim["metadata"]["name"], claim.get("status") or {}, claim["spec"]
    phase = status.get("phase", "Pending")
    if phase == "Bound":
        size = (status.get("capacity") or {}).get("storage", "")
        return Row("claim", name, f"bound, {size}".rstrip(", "), "good")
    event = ev.newest(ev.of(view.events, claim), "FailedBinding", "ProvisioningFailed", "WaitForFirstConsumer")
    text = ev.one_line(event.get("message")) if event else f"{phase}, no reason reported yet"
    if event is None or event["reason"] == "WaitForFirstConsumer":
        return Row("claim", name, f"not bound: {text}", "busy")
    return Row("claim", name, f"not bound: {text}", "bad", Problem(f"claim {name}", text, _way_to_bind(text, spec)))


def workload_problems(workloads: list[Object], owned: list[Object], view: View) -> list[Problem]:
    """Report why pods do not exist: a quota, Pod Security, a missing account. ``owned`` are ReplicaSets."""
    found = []
    for item in [*workloads, *owned]:
        wanted, existing = _counts(item)
        event = ev.newest(ev.of(view.events, item), "FailedCreate", "SuccessfulCreate")
        if existing < wanted and event and event["reason"] == "FailedCreate":
            text = ev.one_line(event.get("message"))
            name = f"{item['kind']} {item['metadata']['name']}"
            found.append(Problem(name, f"its pods are rejected: {text}", _way_to_exist(text)))
    return found


def unready(workloads: list[Object]) -> list[tuple[str, str]]:
    """List name and state of the stack's workloads without all of their pods; others may share the namespace."""
    found = []
    for item in workloads:
        meta, ready = item["metadata"], (item.get("status") or {}).get("readyReplicas", 0)
        wanted = item["spec"].get("replicas", 1)
        if (meta.get("labels") or {}).get("app.kubernetes.io/part-of") == "wso2ei" and ready < wanted:
            found.append((meta["name"], f"{item['kind']} {meta['name']}: {ready} of {wanted} pods are ready"))
    return found


def service_row(service: Object, view: View) -> Row | None:
    """Return the row of a LoadBalancer or NodePort; ``None`` for what is only inside the cluster."""
    spec, name = service["spec"], service["metadata"]["name"]
    if spec.get("type") == "NodePort":
        ports = ", ".join(f"{port.get('name', port['port'])} {port.get('nodePort')}" for port in spec["ports"])
        return Row("service", name, f"NodePort: {ports}", "good")
    if spec.get("type") != "LoadBalancer":
        return None
    found = addresses(service)
    ports = ", ".join(str(port["port"]) for port in spec["ports"])
    if found:
        return Row("service", name, f"LoadBalancer: {', '.join(found)}, ports {ports}", "good")
    event = ev.newest_warning(ev.of(view.events, service))
    text = ev.one_line(event.get("message")) if event else "the cluster has given it no address yet"
    waited = ev.seconds_since(service["metadata"].get("creationTimestamp"), view.now)
    if event is None and waited < _PATIENCE_SECONDS:
        return Row("service", name, f"LoadBalancer: {text}", "busy")
    way = (
        "this cluster may have no load balancer, or another Service holds the port (`kubectl get services -A`): set "
        "ingress.expose to hostPort or NodePort and ingress.address, or other ports, in the stack file"
    )
    return Row("service", name, f"LoadBalancer: {text}", "bad", Problem(f"service {name}", text, way))


def given_addresses(ingress: Mapping[str, Any]) -> dict[str, str]:
    """Return the addresses of console and gateway that a stack file gives: as in the outputs, they precede the status.

    :param ingress: the setting ``ingress``. An installed controller publishes the address that it gives.
    """
    if ingress.get("controller") != "existing":
        return {}
    console, both = ingress.get("console") or {}, ingress.get("address")
    own = console.get("address") if console.get("className") else both
    return {key: str(address) for key, address in (("console", own), ("gateway", both)) if address}


def key_of(ingress: Object) -> str:
    """Return ``console`` or ``gateway``."""
    return str(ingress["metadata"]["name"]).rpartition("-")[2]


def ingress_row(ingress: Object, view: View, given: str = "") -> Row:
    """Return the row of a host, with its addresses or the reason why it has none.

    :param given: its address in the stack file (`given_addresses`); an existing controller may publish none, or
        another one.
    """
    name, spec = ingress["metadata"]["name"], ingress["spec"]
    host = host_of(ingress)
    rejected = ev.newest_warning(ev.of(view.events, ingress))
    if rejected:
        text = f"{rejected.get('reason')}: {ev.one_line(rejected.get('message'))}"
        way = "the controller takes no Ingress with a mistake: ingress.dialect must be the one that it reads"
        return Row("ingress", name, f"{host}: {text}", "bad", Problem(f"ingress {name}", text, way))
    found = [given] if given else addresses(ingress)
    if found:
        return Row("ingress", name, f"{host} at {', '.join(found)}", "good")
    waited = ev.seconds_since(ingress["metadata"].get("creationTimestamp"), view.now)
    text = f"{host}: no address yet"
    if waited < _PATIENCE_SECONDS:
        return Row("ingress", name, text, "busy")
    way = (
        f"no controller serves the class {spec.get('ingressClassName')}, or it reports no address: "
        "`kubectl get ingressclass` lists the classes, ingress.className of the stack file names one"
    )
    return Row("ingress", name, text, "bad", Problem(f"ingress {name}", "no controller gives it an address", way))


def host_of(ingress: Object) -> str:
    """Return the host of the first rule."""
    return str((ingress["spec"].get("rules") or [{}])[0].get("host", ""))


def addresses(item: Object) -> list[str]:
    """Return the IP addresses or names in a status."""
    entries: list[dict[str, Any]] = ((item.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return [str(entry.get("ip") or entry.get("hostname")) for entry in entries]


_PATIENCE_SECONDS = 60
"""A controller and a cloud's load balancer take about so long."""


def _counts(item: Object) -> tuple[int, int]:
    spec, status = item["spec"], item.get("status") or {}
    if item["kind"] == "Job":
        ended = status.get("succeeded", 0) + status.get("failed", 0)
        return 1, status.get("active", 0) + ended
    return spec.get("replicas", 1), status.get("replicas", 0)


def _way_to_exist(text: str) -> str:
    if "exceeded quota" in text:
        return "the namespace's quota is too small for the stack: raise it, or lower ei.replicas, ei.memory, ei.cpu"
    if "PodSecurity" in text:
        return (
            "the namespace enforces a stricter Pod Security level than this storage or exposure needs: hostPath needs "
            "baseline, hostPort privileged; everything else passes restricted"
        )
    if "serviceaccount" in text:
        return "the service account is missing: `pulumi up --refresh` makes it again"
    return "an admission policy of the cluster rejects them; the message above names it"


def _way_to_bind(text: str, spec: Object) -> str:
    if "storageclass" in text.lower() and "not found" in text:
        return "`kubectl get storageclass` lists the classes; storage.mysqlClass and storage.carbonappsClass name them"
    if "already bound to a different claim" in text:
        return f"the volume {spec.get('volumeName')} belongs to another claim: is the same stack deployed twice?"
    if "ReadWriteMany" in text or "access mode" in text.lower():
        return "the class cannot share a volume among nodes: carbonappsClass and deploymentClass need ReadWriteMany"
    return "`kubectl describe pvc` shows all events"
