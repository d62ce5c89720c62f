"""Ports that users add to the nodes, and pods that call the nodes without NGINX."""

from __future__ import annotations

from typing import Any

import pytest

from components.ei.clients import client_problems
from components.wso2ei.metrics import TAKEN_PORTS
from tests.unit.support.clusters import container, made, named, pod

CLIENTS: list[Any] = [
    {"pod_labels": {"app": "orders"}},
    {"namespace_labels": {"team": "shop"}, "pod_labels": {"app": "web"}},
    {"namespace_labels": {"team": "integration"}},
]
ORDERS: Any = {"name": "orders", "port": 8085}


def rules(**changes: Any) -> list[dict[str, Any]]:
    return list(named(made(("ei", changes)), "NetworkPolicy", "ei-clients")["spec"]["ingress"])


def test_clients_reach_the_gateway_and_the_users_ports_but_not_the_console() -> None:
    known = {"controller_labels": {"app": "nginx"}, "controller_namespace": "nginx"}
    without, found = rules(**known), rules(**known, clients=CLIENTS, ports=[ORDERS])
    assert found[:-1] == without
    assert found[-1]["ports"] == [{"port": port, "protocol": "TCP"} for port in (8243, 8280, 8085)]
    assert found[-1]["from"] == [
        {"podSelector": {"matchLabels": {"app": "orders"}}},
        {"namespaceSelector": {"matchLabels": {"team": "shop"}}, "podSelector": {"matchLabels": {"app": "web"}}},
        {"namespaceSelector": {"matchLabels": {"team": "integration"}}},
    ]


def test_a_port_is_in_the_service_and_in_the_server() -> None:
    recorder = made(("ei", {"clients": CLIENTS, "ports": [ORDERS]}))
    ports = named(recorder, "Service", "ei-gateway-service")["spec"]["ports"]
    assert ports[-1] == {"name": "orders", "port": 8085, "targetPort": 8085, "protocol": "TCP"}
    assert [port["name"] for port in ports] == ["gateway", "gateway-http", "console", "orders"]
    assert {"name": "orders", "containerPort": 8085} in container(pod(recorder), "ei")["ports"]


@pytest.mark.parametrize("port", [80, 65536, 9404, *TAKEN_PORTS])
def test_a_port_of_the_server_or_of_root_is_rejected(port: int) -> None:
    metrics: Any = {"prometheus": {"namespace": "p"}, "agent": {"port": 9404}}
    found = list(client_problems({"clients": CLIENTS, "metrics": metrics, "ports": [ORDERS | {"port": port}]}))
    assert [problem.field for problem in found] == ["ports[0].port"]


@pytest.mark.parametrize("name", ["console", "gateway", "gateway-http", "members", "metrics", "8085", "a--b", "-a",
                                  "sixteen-letters-", "sixteen-lettersx", "A", ""])  # fmt: skip
def test_a_name_that_the_api_server_or_the_service_rejects_is_rejected(name: str) -> None:
    found = list(client_problems({"clients": CLIENTS, "ports": [ORDERS | {"name": name}]}))
    assert [problem.field for problem in found] == ["ports[0].name"]


def test_names_and_ports_are_given_once() -> None:
    twice: list[Any] = [ORDERS, ORDERS | {"port": 8086}, ORDERS | {"name": "again"}]
    found = list(client_problems({"clients": CLIENTS, "ports": twice}))
    assert [problem.field for problem in found] == ["ports[1].name", "ports[2].port"]


def test_a_client_has_labels_and_a_port_has_clients() -> None:
    assert [problem.field for problem in client_problems({"clients": [{}]})] == ["clients[0]"]
    assert [problem.field for problem in client_problems({"ports": [ORDERS]})] == ["clients"]
    assert list(client_problems({"clients": CLIENTS, "ports": [ORDERS]})) == []
