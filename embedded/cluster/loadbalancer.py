"""STAND-IN for Docker Desktop's load balancer: ``python -m embedded.cluster.loadbalancer KUBECONFIG``.

Gives each Service of type LoadBalancer the host name ``localhost`` in its status, and forwards that Service's ports of
this machine to its cluster address. A Service that wants a port which another Service or program has stays pending
(no address), with an Event that has the reason; it gets the port when it is free. TCP only.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import signal
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import urllib3
from kubernetes import client, config, watch

from embedded.cluster.forwarder import Forwarder

log = logging.getLogger("load-balancer")
HOST_NAME = "localhost"
COMPONENT = "embedded-load-balancer"
_RETRY_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = 10.0
_WATCH_SECONDS = 300


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


def read(service: Any) -> Balanced:
    """Convert the client's object."""
    spec, meta = service.spec, service.metadata
    balancer = service.status.load_balancer if service.status else None
    shown = tuple(entry.hostname or entry.ip or "" for entry in (balancer.ingress if balancer else None) or [])
    ports = spec.ports or []
    return Balanced(
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        created=meta.creation_timestamp.isoformat() if meta.creation_timestamp else "",
        address=spec.cluster_ip or "",
        ports=tuple(port.port for port in ports if (port.protocol or "TCP") == "TCP"),
        other_protocols=tuple(port.protocol for port in ports if (port.protocol or "TCP") != "TCP"),
        shown=shown,
        # Another class means another load balancer.
        wanted=spec.type == "LoadBalancer"
        and not spec.load_balancer_class
        and not meta.deletion_timestamp
        and bool(spec.cluster_ip),
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

    def __init__(self, core: Any) -> None:
        self._core = core
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
                await self._call(self._show, service, bool(shows))
            if service.wanted:
                await self._tell(service, reason)
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

    async def _tell(self, service: Balanced, reason: str) -> None:
        if self._reported.get(service.uid) != reason:
            if await self._call(self._event, service, reason):
                self._reported[service.uid] = reason
            log.info("%s: %s", service.key, reason or f"has the address {HOST_NAME}")

    async def _call(self, action: Any, *arguments: Any) -> bool:
        try:
            await asyncio.to_thread(action, *arguments)
        except client.ApiException as error:
            log.warning("API: %s %s", error.status, error.reason)
            return bool(error.status == 404)  # deleted meanwhile: nothing to report
        except (urllib3.exceptions.HTTPError, OSError) as error:
            log.warning("API: %s", error)
            return False
        return True

    def _show(self, service: Balanced, has_address: bool) -> None:
        ingress = [{"hostname": HOST_NAME}] if has_address else None
        self._core.patch_namespaced_service_status(
            service.name, service.namespace, {"status": {"loadBalancer": {"ingress": ingress}}}
        )

    def _event(self, service: Balanced, reason: str) -> None:
        now = datetime.datetime.now(datetime.UTC)
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
            "firstTimestamp": now.isoformat(),
            "lastTimestamp": now.isoformat(),
            "count": 1,
        }  # fmt: skip
        self._core.create_namespaced_event(service.namespace, body)


class Watcher(threading.Thread):
    """Watches the Services in another thread and wakes the loop; outlives restarts of the API server."""

    def __init__(self, core: Any, loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
        super().__init__(daemon=True)
        self._core, self._loop, self._changed = core, loop, changed
        self._lock = threading.Lock()
        self._services: dict[str, Balanced] = {}

    def services(self) -> list[Balanced]:
        with self._lock:
            return list(self._services.values())

    def run(self) -> None:
        while True:
            try:
                self._follow()
            except client.ApiException as error:
                if error.status != 410:  # too old a version: list again at once
                    self._pause(f"{error.status} {error.reason}")
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                self._pause(str(error))

    def _pause(self, text: str) -> None:
        log.warning("watch: %s", text[:200])
        time.sleep(_RETRY_SECONDS)

    def _follow(self) -> None:
        timeouts = {"_request_timeout": (3, _WATCH_SECONDS + 30)}
        listed = self._core.list_service_for_all_namespaces(**timeouts)
        with self._lock:
            self._services = {item.metadata.uid: read(item) for item in listed.items}
        self._wake()
        follow: Any = watch.Watch
        stream = follow().stream(
            self._core.list_service_for_all_namespaces,
            resource_version=listed.metadata.resource_version, timeout_seconds=_WATCH_SECONDS, **timeouts,
        )  # fmt: skip
        for event in stream:
            service = read(event["object"])
            with self._lock:
                if event["type"] == "DELETED":
                    self._services.pop(service.uid, None)
                else:
                    self._services[service.uid] = service
            self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop ends before this thread does
            self._loop.call_soon_threadsafe(self._changed.set)


async def serve(core: Any) -> None:
    """Serve until TERM."""
    loop = asyncio.get_running_loop()
    changed, ended = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    watcher = Watcher(core, loop, changed)
    balancer = Balancer(core)
    watcher.start()
    await changed.wait()  # ports are granted only by a complete list
    while not ended.is_set():
        changed.clear()
        await balancer.reconcile(watcher.services())
        waits = [asyncio.ensure_future(event.wait()) for event in (changed, ended)]
        await asyncio.wait(waits, timeout=_LOOK_AGAIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


def main(kubeconfig: str) -> None:
    """Serve with the rights of ``kubeconfig``."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    log.info("STAND-IN for Docker Desktop's load balancer: Services get the address %s", HOST_NAME)
    config.load_kube_config(kubeconfig)  # type: ignore[no-untyped-call]
    configuration = client.Configuration.get_default_copy()
    configuration.retries = False  # the loops here try again by themselves
    asyncio.run(serve(client.CoreV1Api(client.ApiClient(configuration))))


if __name__ == "__main__":
    main(sys.argv[1])
