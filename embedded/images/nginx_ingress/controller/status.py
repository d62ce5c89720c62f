"""Elect the leader, and write the address into the status of the Ingresses and events."""

from __future__ import annotations

import datetime
import os
import urllib.error
from typing import Any

from kube import Api, log

Object = dict[str, Any]
_SECONDS = 30


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Leader:
    """A Lease in the controller's own namespace, renewed while it leads."""

    def __init__(self, api: Api, namespace: str, name: str) -> None:
        self.api, self.name = api, name
        self.path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self.me = os.environ["POD_NAME"]
        self.leading = False

    def renew(self) -> None:
        """Take or keep the lease; called every few seconds."""
        try:
            self.leading = self._renew()
        except (urllib.error.URLError, OSError) as error:
            log("E", f"error retrieving resource lock {self.name}: {error}")
            self.leading = False

    def _renew(self) -> bool:
        spec = {"holderIdentity": self.me, "leaseDurationSeconds": _SECONDS, "renewTime": _now()}
        try:
            lease = self.api.call("GET", f"{self.path}/{self.name}")
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            body = {"metadata": {"name": self.name}, "spec": spec | {"acquireTime": _now()}}
            self.api.call("POST", self.path, body | {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"})
            return True
        held = lease["spec"]
        renewed = datetime.datetime.fromisoformat(
            str(held.get("renewTime", "2000-01-01T00:00:00Z")).replace("Z", "+00:00")
        )
        age = (datetime.datetime.now(datetime.UTC) - renewed).total_seconds()
        if held.get("holderIdentity") not in (self.me, "") and age < _SECONDS:
            return False
        lease["spec"] = held | spec
        self.api.call("PUT", f"{self.path}/{self.name}", lease)
        return True


def addresses(service: Object | None, config: dict[str, str]) -> list[Object]:
    """Return the status' addresses: the ConfigMap's takes precedence over the external Service's."""
    explicit = config.get("external-status-address")
    if explicit:
        return [_entry(explicit)]
    if not service:
        return []
    entries = [_entry(ip) for ip in service["spec"].get("externalIPs") or []]
    if service["spec"].get("type") == "ExternalName":
        return [{"hostname": service["spec"]["externalName"]}]
    for entry in (service.get("status", {}).get("loadBalancer") or {}).get("ingress") or []:
        entries.append(_entry(entry.get("ip") or entry["hostname"]))
    return entries


def _entry(address: str) -> Object:
    is_ip = ":" in address or address.replace(".", "").isdigit()
    return {"ip": address} if is_ip else {"hostname": address}


def publish(api: Api, ingress: Object, wanted: list[Object]) -> None:
    """Write the status of one Ingress when it differs."""
    current = (ingress.get("status", {}).get("loadBalancer") or {}).get("ingress") or []
    plain = [{key: entry[key] for key in ("ip", "hostname") if key in entry} for entry in current]
    if plain == wanted:
        return
    meta = ingress["metadata"]
    path = f"/apis/networking.k8s.io/v1/namespaces/{meta['namespace']}/ingresses/{meta['name']}/status"
    body = dict(ingress) | {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "status": {"loadBalancer": {"ingress": wanted} if wanted else {}},
    }
    try:
        api.call("PUT", path, body)
        log("I", f"status of Ingress {meta['name']}: {wanted}")
    except urllib.error.HTTPError as error:
        log("E", f"error updating the status of Ingress {meta['name']}: {error.code} {error.read()[:200]!r}")


def event(api: Api, ingress: Object, kind: str, reason: str, message: str) -> None:
    """An event of an Ingress."""
    meta = ingress["metadata"]
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{meta['name']}.", "namespace": meta["namespace"]},
        "involvedObject": {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
        },
        "type": kind,
        "reason": reason,
        "message": message[:1000],
        "source": {"component": "nginx-ingress-controller"},
        "firstTimestamp": _now()[:19] + "Z",
        "lastTimestamp": _now()[:19] + "Z",
        "count": 1,
    }
    try:
        api.call("POST", f"/api/v1/namespaces/{meta['namespace']}/events", body)
    except urllib.error.URLError as error:
        log("W", f"event {reason} of Ingress {meta['name']} could not be written: {error}")
