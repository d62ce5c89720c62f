"""The installed controller: its rights, its limits, and how it treats a slow or a vanished node."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.nginx import objects
from components.nginx.annotations import Backend, ingress_annotations
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


@pytest.mark.parametrize(("limit", "workers"), [("2", "2"), ("500m", "1"), ("2500m", "3"), ("1.0", "1")])
def test_nginx_has_a_worker_for_each_cpu_of_its_limit(limit: str, workers: str) -> None:
    data = objects.config_data(None, limit)
    assert data["worker-processes"] == workers
    assert int(data["worker-rlimit-nofile"]) >= 2 * int(data["worker-connections"])


def test_resources_and_workers_of_the_controller_are_settings() -> None:
    recorder = run("local", {"ingress": {"cpu": 1, "cpuLimit": 4, "memory": "256Mi"}})
    container = dict(templates(recorder))["wso2ei-nginx-controller"]["spec"]["containers"][0]
    assert container["resources"]["requests"] | {"ephemeral-storage": ""} == {
        "cpu": "1", "memory": "256Mi", "ephemeral-storage": ""
    }  # fmt: skip
    assert (container["resources"]["limits"]["cpu"], container["resources"]["limits"]["memory"]) == ("4", "1024Mi")
    assert body(recorder, "wso2ei-nginx-config")["data"]["worker-processes"] == "4"


def test_several_controllers_are_spread_and_a_drain_evicts_one_at_a_time() -> None:
    def kinds(recorder: Recorder) -> set[str]:
        return {item.name for item in recorder.registered if item.type.endswith(":PodDisruptionBudget")}

    assert "wso2ei-nginx-budget" not in kinds(run("local"))
    recorder = run("local", {"ingress": {"replicas": 3}})
    deployment = body(recorder, "wso2ei-nginx-controller")["spec"]
    labels = deployment["selector"]["matchLabels"]
    assert deployment["replicas"] == 3
    constraints = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert {item["topologyKey"] for item in constraints} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    budget = body(recorder, "wso2ei-nginx-budget")["spec"]
    assert (budget["maxUnavailable"], budget["selector"]["matchLabels"]) == (1, labels)
    assert all(item["labelSelector"]["matchLabels"] == labels for item in constraints)


def test_the_load_balancer_of_the_controller_is_configured_by_its_service() -> None:
    internal = {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"}
    service = {
        "annotations": internal, "loadBalancerClass": "example.com/internal", "externalTrafficPolicy": "Local",
        "loadBalancerSourceRanges": ["10.0.0.0/8", "fd00::/8"], "loadBalancerIP": "10.0.0.7",
    }  # fmt: skip
    made = body(run("local", {"ingress": {"service": service}}), "wso2ei-nginx-service")
    fields = {"loadBalancerClass", "externalTrafficPolicy", "loadBalancerSourceRanges", "loadBalancerIP"}
    assert {key: made["spec"][key] for key in fields} == {key: service[key] for key in fields}
    assert made["metadata"]["annotations"] == internal
    assert not fields & set(body(run("local"), "wso2ei-nginx-service")["spec"])


def test_another_class_of_load_balancer_replaces_the_service_since_kubernetes_does_not_change_it() -> None:
    item = next(item for item in run("local").registered if item.name == "wso2ei-nginx-service")
    assert list(item.request.replaceOnChanges) == ["spec.loadBalancerClass"]
    # The name is fixed, and the API server rejects a second Service of that name.
    assert item.request.deleteBeforeReplace


def test_a_terminating_controller_serves_until_no_node_sends_requests_and_completes_those_in_progress() -> None:
    recorder = run("local", {"ingress": {"readTimeout": 600}})
    deployment = body(recorder, "wso2ei-nginx-controller")["spec"]
    pod = deployment["template"]["spec"]
    # Kubernetes 1.29 has no handler of its own for it, so it is a program of the image.
    command, seconds = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    assert int(seconds) > objects.KEEPALIVE_MIN_SECONDS
    assert pod["terminationGracePeriodSeconds"] == int(seconds) + 600
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_a_controller_with_a_port_of_its_node_makes_way_at_once() -> None:
    recorder = run("local", {"ingress": {"expose": "hostPort", "address": "localhost"}})
    deployment = body(recorder, "wso2ei-nginx-controller")["spec"]
    assert "lifecycle" not in deployment["template"]["spec"]["containers"][0]
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_the_access_log_has_client_node_and_id_and_no_query() -> None:
    data = objects.config_data(None, "1", "json")
    assert data["log-format-escaping"] == "json"
    logged = set(json.loads(data["log-format"]).values())
    assert {"$remote_addr", "$upstream_addr", "$upstream_response_time", "$request_id"} <= logged
    assert not {"$request", "$request_uri", "$args", "$query_string"} & logged
    # F5's template puts each line between single quotes.
    assert "'" not in data["log-format"]
    assert "\n" not in data["log-format"]
    assert objects.config_data(None, "1", "off")["access-log-off"] == "True"
    assert not {"log-format", "access-log-off"} & set(objects.config_data(None, "1"))


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


def test_nginx_leaves_it_to_kubernetes_to_exclude_a_node_and_keeps_connections() -> None:
    """NGINX's defaults exclude a node for ten seconds after one failure, which under load is an outage of all nodes."""
    found = ingress_annotations("f5", Backend("wso2ei-gateway", 180, "32m"))
    assert found["nginx.org/max-fails"] == "0"
    assert int(found["nginx.org/keepalive"]) >= 32
    # A client that waits half a minute gets its answer from another node.
    assert int(found["nginx.org/proxy-connect-timeout"].removesuffix("s")) <= 10


def test_console_and_gateway_have_one_service_so_that_a_changed_pod_is_one_reload() -> None:
    recorder = run("local")
    backends = [
        body(recorder, f"wso2ei-nginx-{route}")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
        for route in ("console", "gateway")
    ]
    assert {backend["name"] for backend in backends} == {"wso2ei-gateway"}
    ports = {port["port"] for port in body(recorder, "wso2ei-gateway-service")["spec"]["ports"]}
    assert {backend["port"]["number"] for backend in backends} <= ports
