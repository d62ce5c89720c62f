"""STAND-IN for Docker Desktop's load balancer: ``python -m embedded.cluster.loadbalancer PKI``.

Gives each Service of type LoadBalancer the host name ``localhost`` in its status, and forwards that Service's ports of
this machine to its cluster address. A Service that wants a port which another Service or program has stays pending
(no address), with an Event that has the reason; it gets the port when it is free. TCP only.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded.cluster.api import Api
from embedded.cluster.forwarder import Forwarder

log = logging.getLogger("load-balancer")
HOST_NAME = "localhost"
COMPONENT = "embedded-load-balancer"
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Balanced:
    """What matters of a Service. ``ports`` are its TCP ports; ``address`` is its cluster IP."""

    namespace: str
    name: str
    uid: str
    created: str
    address: str
    ports: tuple[int, ...]
    other_protocols: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    wanted: bool = True

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"


def read(service: dict[str, Any]) -> Balanced:
    """Convert the API's object."""
    spec, meta = service["spec"], service["metadata"]
    balancer = (service.get("status") or {}).get("loadBalancer") or {}
    ports = [(port["port"], port.get("protocol", "TCP")) for port in spec.get("ports") or []]
    return Balanced(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        created=meta.get("creationTimestamp") or "",
        address=spec.get("clusterIP") or "",
        ports=tuple(port for port, protocol in ports if protocol == "TCP"),
        other_protocols=tuple(protocol for _, protocol in ports if protocol != "TCP"),
        shown=tuple(entry.get("hostname") or entry.get("ip") or "" for entry in balancer.get("ingress") or []),
        # Another class means another load balancer.
        wanted=spec.get("type") == "LoadBalancer"
        and not spec.get("loadBalancerClass")
        and not meta.get("deletionTimestamp")
        and bool(spec.get("clusterIP")),
    )


def grant(services: Iterable[Balanced], owners: dict[int, str]) -> tuple[dict[int, Balanced], dict[str, str]]:
    """Assign ports to Services: all ports of a Service or none.

    A Service that has a port keeps it; then Services that already show an address (this process was started again),
    then the older one. Returns port -> Service, and uid -> reason for those that get nothing.
    """

    def rank(service: Balanced) -> tuple[bool, bool, str, str]:
        has = any(owners.get(port) == service.uid for port in service.ports)
        return (not has, HOST_NAME not in service.shown, service.created, service.key)

    granted: dict[int, Balanced] = {}
    refused: dict[str, str] = {}
    for service in sorted((s for s in services if s.wanted), key=rank):
        taken = next((port for port in service.ports if port in granted), None)
        if service.other_protocols:
            refused[service.uid] = f"protocol {service.other_protocols[0]} is not imitated, only TCP is"
        elif taken is not None:
            refused[service.uid] = f"port {taken} of {HOST_NAME} is taken by Service {granted[taken].key}"
        else:
            granted.update(dict.fromkeys(service.ports, service))
    return granted, refused


class Balancer:
    """Keeps listeners, addresses and Events in line with the Services last seen."""

    def __init__(self, connection: Api) -> None:
        self._api = connection
        self._forwarder = Forwarder()
        self._owners: dict[int, str] = {}
        self._reported: dict[str, str] = {}

    async def reconcile(self, services: list[Balanced]) -> None:
        """Run one pass; it can be repeated. API failures are logged, and the next pass tries again."""
        granted, refused = grant(services, self._owners)
        for port, target in self._forwarder.ports.items():
            service = granted.get(port)
            if service is None or service.address != target or service.uid != self._owners[port]:
                await self._close(port)
        for service in {service.uid: service for service in granted.values()}.values():
            reason = await self._open(service)
            if reason:
                refused[service.uid] = reason
        for service in services:
            reason = refused.get(service.uid, "")
            shows = (HOST_NAME,) if service.wanted and not reason else ()
            if service.shown != shows and (service.wanted or service.shown == (HOST_NAME,)):
                ingress = [{"hostname": name} for name in shows] or None
                path = f"/api/v1/namespaces/{service.namespace}/services/{service.name}/status"
                await self._write("PATCH", path, {"status": {"loadBalancer": {"ingress": ingress}}})
            if service.wanted and self._reported.get(service.uid) != reason:
                await self._report(service, reason)
        self._reported = {uid: text for uid, text in self._reported.items() if uid in {s.uid for s in services}}

    async def _open(self, service: Balanced) -> str:
        """Open the Service's ports that are not open yet; '' or why none of them is open."""
        for port in service.ports:
            if port in self._owners:
                continue
            try:
                await self._forwarder.open(port, service.address)
            except OSError as error:
                for other in service.ports:
                    await self._close(other)
                return f"port {port} of {HOST_NAME} cannot be had on this machine: {error.strerror or error}"
            self._owners[port] = service.uid
            log.info("port %s now leads to %s (%s)", port, service.key, service.address)
        return ""

    async def _close(self, port: int) -> None:
        if self._owners.pop(port, None):
            await self._forwarder.close(port)
            log.info("port %s closed", port)

    async def _report(self, service: Balanced, reason: str) -> None:
        now = datetime.datetime.now(datetime.UTC).isoformat()
        text = f"Stays pending: {reason}" if reason else f"{HOST_NAME} leads to this Service"
        body = {
            "metadata": {"name": f"{service.name}.{time.time_ns():x}", "namespace": service.namespace},
            "involvedObject": {
                "apiVersion": "v1", "kind": "Service", "name": service.name,
                "namespace": service.namespace, "uid": service.uid,
            },
            "type": "Warning" if reason else "Normal",
            "reason": "SyncLoadBalancerFailed" if reason else "EnsuredLoadBalancer",
            "message": f"{text} (STAND-IN load balancer)",
            "source": {"component": COMPONENT},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }  # fmt: skip
        if await self._write("POST", f"/api/v1/namespaces/{service.namespace}/events", body):
            self._reported[service.uid] = reason
        log.info("%s: %s", service.key, reason or f"has the address {HOST_NAME}")

    async def _write(self, method: str, path: str, body: dict[str, Any]) -> bool:
        answer = await asyncio.to_thread(self._api.call, method, path, body)
        if answer.ok or answer.status == 404:  # deleted meanwhile: nothing to report
            return True
        log.warning("%s %s: %s %s", method, path, answer.status, answer.body)
        return False


async def serve(connection: Api) -> None:
    """Serve without end. Ports are granted only by a complete list."""
    balancer = Balancer(connection)
    while True:
        answer = await asyncio.to_thread(connection.get, "/api/v1/services")
        if answer.ok:
            await balancer.reconcile([read(item) for item in answer.body["items"]])
        else:
            log.warning("list of Services: %s %s", answer.status, answer.body)
        await asyncio.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    log.info("STAND-IN for Docker Desktop's load balancer: Services get the address %s", HOST_NAME)
    asyncio.run(serve(Api(Path(sys.argv[1]), "load-balancer")))
