"""The installed controller: its rights, its limits, and how it treats a slow or a vanished node."""

from __future__ import annotations

from typing import Any

import pytest

from components.nginx import objects
from components.shared.quantities import quantity
from tests.unit.support.recording import Recorder
from tests.unit.support.stacks import run, templates


def body(recorder: Recorder, name: str) -> Any:
    return next(item.body() for item in recorder.registered if item.name == name and "kubernetes:" in item.type)


def secret_rules(recorder: Recorder) -> list[dict[str, Any]]:
    return [rule for rule in body(recorder, "wso2ei-nginx-role")["rules"] if "secrets" in rule["resources"]]


def arguments(recorder: Recorder) -> list[str]:
    pod = dict(templates(recorder))["wso2ei-nginx-controller"]
    return list(pod["spec"]["containers"][0]["args"])


def test_the_controller_may_change_no_pod() -> None:
    for rule in body(run("local"), "wso2ei-nginx-role")["rules"]:
        assert "pods" not in rule["resources"] or set(rule["verbs"]) == {"get", "list", "watch"}


def test_with_a_made_certificate_the_controller_reads_this_one_secret_and_watches_none() -> None:
    recorder = run("local")
    made = "wso2ei-nginx-tls-0a1b2c3d"
    rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [made], "verbs": ["get"]}
    assert secret_rules(recorder) == [rule]
    watched = [item for item in arguments(recorder) if item.startswith("-watch-secret-namespace=")]
    assert watched == [f"-watch-secret-namespace={objects.NOT_WATCHED}"]
    assert f"-wildcard-tls-secret=$(POD_NAMESPACE)/{made}" in arguments(recorder)
    # The real controller rejects the handshakes of an Ingress whose Secret it does not watch.
    for route in ("console", "gateway"):
        assert "secretName" not in body(recorder, f"wso2ei-nginx-{route}")["spec"]["tls"][0]


def test_a_certificate_that_is_renewed_is_watched_and_named() -> None:
    recorder = run("local", {"ingress": {"tlsSecret": "renewed"}})
    assert [(rule.get("resourceNames"), rule["verbs"]) for rule in secret_rules(recorder)] == [
        (None, ["get", "list", "watch"])
    ]
    assert not any("watch-secret" in item for item in arguments(recorder))
    assert body(recorder, "wso2ei-nginx-console")["spec"]["tls"][0]["secretName"] == "renewed"


def test_an_existing_controller_gets_the_name_of_the_made_certificate() -> None:
    recorder = run("prod", {"ingress": {"controller": "existing", "className": "nginx"}})
    assert body(recorder, "wso2ei-nginx-console")["spec"]["tls"][0]["secretName"] == "wso2ei-nginx-tls-0a1b2c3d"


def dependencies(recorder: Recorder, name: str) -> set[str]:
    item = next(item for item in recorder.registered if item.name == name and item.type.endswith(":Ingress"))
    return {urn.rpartition("::")[2] for urn in item.request.dependencies}


def test_a_running_stack_changes_its_certificate_without_a_rejected_handshake() -> None:
    """An Ingress with a Secret follows the controller that watches Secrets, one without precedes the other."""
    assert "wso2ei-nginx-controller" not in dependencies(run("local"), "wso2ei-nginx-console")
    named = run("local", {"ingress": {"tlsSecret": "renewed"}})
    assert "wso2ei-nginx-controller" in dependencies(named, "wso2ei-nginx-console")


def test_nginx_has_as_many_workers_as_its_limits_are_for() -> None:
    data = objects.config_data(None)
    assert data["worker-processes"] == "2"
    assert int(data["worker-rlimit-nofile"]) >= 2 * int(data["worker-connections"])


def test_bodies_of_requests_cannot_fill_the_disk_of_the_node() -> None:
    spec = dict(templates(run("local")))["wso2ei-nginx-controller"]["spec"]
    sizes = {volume["name"]: volume["emptyDir"]["sizeLimit"] for volume in spec["volumes"] if "emptyDir" in volume}
    assert set(sizes) == {"nginx-etc", "nginx-cache", "nginx-lib", "nginx-state", "nginx-log"}
    resources = spec["containers"][0]["resources"]
    assert "ephemeral-storage" in resources["requests"]
    assert quantity(resources["limits"]["ephemeral-storage"]) >= max(map(quantity, sizes.values()))


@pytest.mark.parametrize("dialect", ["f5", "community"])
def test_the_gateway_accepts_smaller_bodies_than_the_console(dialect: Any) -> None:
    change = {"ingress": {"controller": "existing", "className": "nginx", "dialect": dialect}}
    key = "nginx.org/client-max-body-size" if dialect == "f5" else "nginx.ingress.kubernetes.io/proxy-body-size"
    recorder = run("prod", change)
    sizes = [
        body(recorder, f"wso2ei-nginx-{route}")["metadata"]["annotations"][key] for route in ("console", "gateway")
    ]
    assert sizes == ["256m", "32m"]


def test_console_and_gateway_have_one_service_so_that_a_changed_pod_is_one_reload() -> None:
    recorder = run("local")
    backends = [
        body(recorder, f"wso2ei-nginx-{route}")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
        for route in ("console", "gateway")
    ]
    assert {backend["name"] for backend in backends} == {"wso2ei-gateway"}
    ports = {port["port"] for port in body(recorder, "wso2ei-gateway-service")["spec"]["ports"]}
    assert {backend["port"]["number"] for backend in backends} <= ports
