"""The stand-in for Docker Desktop's load balancer: who gets which port, and that bytes pass."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from embedded.cluster.api import Answer, Api
from embedded.cluster.forwarder import Forwarder
from embedded.cluster.loadbalancer import Balanced, Balancer, grant, read


def service(name: str, *ports: int, **changes: Any) -> Balanced:
    values: dict[str, Any] = {
        "namespace": "wso2", "name": name, "uid": f"uid-{name}", "created": "2026-01-01", "address": "127.0.0.1",
        "ports": ports,
    }  # fmt: skip
    return Balanced(**{**values, **changes})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_older_service_gets_the_port_and_the_other_hears_who_has_it() -> None:
    old, new = service("old", 443, created="2026-01-01"), service("new", 443, created="2026-01-02")
    granted, refused = grant([new, old], {})
    assert granted == {443: old}
    assert refused == {"uid-new": "port 443 of localhost is taken by Service wso2/old"}


def test_a_service_gets_all_of_its_ports_or_none() -> None:
    granted, refused = grant([service("a", 443), service("b", 80, 443, created="2026-01-02")], {})
    assert set(granted) == {443}
    assert set(refused) == {"uid-b"}


def test_whoever_has_the_port_keeps_it() -> None:
    old, new = service("old", 443), service("new", 443, created="2026-01-02")
    granted, _ = grant([old, new], {443: "uid-new"})
    assert granted == {443: new}


def test_a_restarted_load_balancer_gives_the_port_to_the_service_that_shows_an_address() -> None:
    old, new = service("old", 443), service("new", 443, created="2026-01-02", shown=("localhost",))
    granted, _ = grant([old, new], {})
    assert granted == {443: new}


def test_udp_is_refused_by_name_and_other_services_are_left_alone() -> None:
    granted, refused = grant([service("dns", other_protocols=("UDP",)), service("other", 1, wanted=False)], {})
    assert granted == {}
    assert refused == {"uid-dns": "protocol UDP is not imitated, only TCP is"}


def test_services_of_another_type_or_class_are_not_wanted() -> None:
    meta = {"namespace": "wso2", "name": "nginx", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
    ports = [{"port": 443, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]
    spec = {"type": "LoadBalancer", "clusterIP": "10.96.0.7", "ports": ports}
    status = {"loadBalancer": {"ingress": [{"hostname": "localhost"}]}}
    found = read({"metadata": meta, "spec": spec, "status": status})
    assert (found.ports, found.other_protocols, found.shown, found.wanted) == ((443,), ("UDP",), ("localhost",), True)
    for change in ({"type": "ClusterIP"}, {"loadBalancerClass": "other"}):
        assert not read({"metadata": meta, "spec": spec | change}).wanted
    assert not read({"metadata": meta | {"deletionTimestamp": "2026-01-02T00:00:00Z"}, "spec": spec}).wanted


class FakeApi(Api):
    """Records what the load balancer writes."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, object]] = []
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        assert body
        if method == "PATCH":
            self.shown.append((path, body["status"]["loadBalancer"]["ingress"]))
        else:
            self.events.append(body)
        return Answer(200, {})


def test_a_port_of_another_program_leaves_the_service_pending_with_an_event() -> None:
    async def scenario() -> FakeApi:
        fake = FakeApi()
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            wanted = service("nginx", other.getsockname()[1])
            balancer = Balancer(fake)
            await balancer.reconcile([wanted])
            await balancer.reconcile([wanted])
        return fake

    fake = asyncio.run(scenario())
    assert fake.shown == []
    assert [event["type"] for event in fake.events] == ["Warning"]
    assert "cannot be had on this machine" in fake.events[0]["message"]


def test_a_service_gets_localhost_and_loses_its_port_when_it_goes() -> None:
    async def scenario() -> tuple[FakeApi, list[bytes]]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"answer to " + await reader.read())
            writer.close()

        fake, port, answers = FakeApi(), free_port(), []
        server = await asyncio.start_server(answer, "127.0.0.2", port)
        balancer = Balancer(fake)
        wanted = service("nginx", port, address="127.0.0.2")
        await balancer.reconcile([wanted])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"question")
        writer.write_eof()
        answers.append(await reader.read())
        writer.close()
        await balancer.reconcile([])
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        server.close()
        return fake, answers

    fake, answers = asyncio.run(scenario())
    assert answers == [b"answer to question"]
    assert fake.shown == [("/api/v1/namespaces/wso2/services/nginx/status", [{"hostname": "localhost"}])]
    assert fake.events[0]["reason"] == "EnsuredLoadBalancer"


def test_a_service_without_endpoints_closes_the_connection_and_does_not_refuse_it() -> None:
    async def scenario() -> bytes:
        port, forwarder = free_port(), Forwarder()
        await forwarder.open(port, "127.0.0.3")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = await reader.read()
        writer.close()
        await forwarder.close(port)
        return answer

    assert asyncio.run(scenario()) == b""
