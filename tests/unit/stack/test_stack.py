"""Promises of the whole stack, checked on every object of both committed stack files."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest

from components.shared.quantities import quantity
from tests.unit.support.recording import leaves, secret_paths
from tests.unit.support.stacks import (
    ADMIN,
    PASSWORD,
    STACKS,
    config_of,
    objects,
    pod_specs,
    recorded,
    run,
    templates,
)

both = pytest.mark.parametrize("stack", STACKS)


def containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [*spec.get("initContainers", []), *spec["containers"]]


@both
def test_secret_values_stand_in_kubernetes_secrets_and_nowhere_else(stack: str) -> None:
    values = [ADMIN, PASSWORD, *(f"pw-of-wso2ei-mysql-{key}-password" for key in ("root", "user", "registry"))]
    for item in recorded(stack).registered:
        if item.type in {"kubernetes:core/v1:Secret"} or item.type.startswith("random:"):
            continue
        for path, value in leaves(item.inputs):
            assert not any(secret in str(value) for secret in values), f"{item.type} {item.name} {path}"
        assert list(secret_paths(item.inputs)) == [], f"{item.type} {item.name} hides a field behind [secret]"


@both
def test_every_value_of_a_secret_is_marked_secret(stack: str) -> None:
    found = 0
    for item in objects(stack, "Secret"):
        marked = list(secret_paths(item.inputs))
        for key in item.body().get("stringData", {}):
            if key == "tls.crt":
                continue
            assert any(path in (f"stringData.{key}", "stringData") for path in marked), f"{item.name} {key}"
            found += 1
    assert found >= 5


@both
def test_nothing_random_is_its_own_id(stack: str) -> None:
    """An ID stands in the state and on the screen in plain text; that of RandomBytes and RandomString is the value."""
    made = [item.type for item in recorded(stack).registered if item.type.startswith("random:")]
    assert set(made) <= {"random:index/randomPassword:RandomPassword"}
    assert made


@both
def test_component_outputs_keep_secrets_secret(stack: str) -> None:
    for urn, outputs in recorded(stack).component_outputs.items():
        text = json.dumps(outputs)
        if any(secret in text for secret in (ADMIN, "pw-of-")):
            assert list(secret_paths(outputs)), urn


@both
def test_names_of_children_begin_with_their_component_and_no_name_comes_twice(stack: str) -> None:
    registered = recorded(stack).registered
    twice = [key for key, count in Counter((item.type, item.name) for item in registered).items() if count > 1]
    assert twice == []
    for item in registered:
        owner = item.parent.rpartition("::")[2]
        if "wso2ei:index:" in item.parent:
            assert item.name.startswith(owner), f"{item.name} below {owner}"


@both
def test_everything_hangs_below_a_component_of_the_program(stack: str) -> None:
    alone = {item.name for item in objects(stack) if "wso2ei:index:" not in item.parent}
    assert alone <= {"namespace"}


@both
def test_registered_outputs_are_the_documented_attributes(stack: str) -> None:
    for urn, outputs in recorded(stack).component_outputs.items():
        if urn.endswith("::wso2ei-mysql"):
            assert set(outputs) == {"host", "secret"}
        if urn.endswith("::wso2ei-nginx"):
            assert {"addresses", "spec_hash"} <= set(outputs)


@both
def test_pods_pass_pod_security_restricted_but_for_the_one_that_gives_a_folder_away(stack: str) -> None:
    for name, template in pod_specs(stack):
        spec = template["spec"]
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in containers(spec):
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False, name
            assert own["capabilities"]["drop"] == ["ALL"], name
            if own.get("runAsUser") == 0:
                assert container["name"] in {"own-folder", "own-folder-deployment"}
                assert own["capabilities"]["add"] == ["CHOWN"]
                assert config_of(stack)["storage"]["kind"] == "hostPath"
            else:
                assert set(own["capabilities"].get("add", [])) <= {"NET_BIND_SERVICE"}, name


@both
def test_only_containers_whose_image_writes_into_its_home_have_a_writable_root(stack: str) -> None:
    writable = {
        (name, container["name"])
        for name, template in pod_specs(stack)
        for container in containers(template["spec"])
        if not container["securityContext"].get("readOnlyRootFilesystem")
    }
    assert writable == {("wso2ei-nodes", "ei"), ("wso2ei-nodes", "copy-conf")}


@both
def test_no_container_gets_a_token_but_those_that_call_the_api(stack: str) -> None:
    with_token = set()
    for name, template in pod_specs(stack):
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        tokens = {
            volume["name"]
            for volume in spec.get("volumes", [])
            if any("serviceAccountToken" in source for source in volume.get("projected", {}).get("sources", []))
        }
        with_token |= {
            (name, container["name"])
            for container in containers(spec)
            if tokens & {mount["name"] for mount in container.get("volumeMounts", [])}
        }
        assert ("serviceAccountName" in spec) == bool(tokens)
    installed = {("wso2ei-nginx-controller", "nginx-ingress")} if stack == "local" else set()
    assert with_token == {("wso2ei-nodes", "ei")} | installed


@both
def test_rights_are_named_verb_by_verb(stack: str) -> None:
    for kind in ("Role", "ClusterRole"):
        for item in objects(stack, kind):
            for rule in item.body()["rules"]:
                assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]], item.name
    members = next(item for item in objects(stack, "Role") if item.name == "wso2ei-members")
    assert members.body()["rules"] == [
        {"apiGroups": [""], "resources": ["endpoints"], "resourceNames": ["wso2ei-members"], "verbs": ["get"]}
    ]


@both
def test_every_container_has_requests_a_memory_limit_and_a_pinned_image(stack: str) -> None:
    for name, template in pod_specs(stack):
        for container in containers(template["spec"]):
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert quantity(container["resources"]["limits"]["memory"]) >= quantity(
                container["resources"]["requests"]["memory"]
            )
            assert re.search(r":[\w.-]+$|@sha256:", container["image"]), container["image"]
            assert not container["image"].endswith(":latest")


MESHES = {
    "labels": {"sidecar.istio.io/inject": "false", "kuma.io/sidecar-injection": "disabled"},
    "annotations": {"linkerd.io/inject": "disabled", "consul.hashicorp.com/connect-inject": "false"},
}


@both
def test_no_pod_gets_the_sidecar_of_a_service_mesh_with_which_a_job_would_not_end(stack: str) -> None:
    for name, template in pod_specs(stack):
        for field, expected in MESHES.items():
            assert expected.items() <= template["metadata"][field].items(), name


def test_labels_and_annotations_of_all_pods_reach_every_pod_and_those_of_the_nodes_win() -> None:
    every = {"labels": {"sidecar.istio.io/inject": "true", "team": "all"}, "annotations": {"linkerd.io/inject": "x"}}
    ei = config_of("local")["ei"] | {"podLabels": {"team": "ei"}}
    found = templates(run("local", {"pods": every, "ei": ei}))
    assert len(found) >= 4
    for name, template in found:
        assert template["metadata"]["labels"]["sidecar.istio.io/inject"] == "true", name
        assert template["metadata"]["labels"]["team"] == ("ei" if name == "wso2ei-nodes" else "all"), name
        assert template["metadata"]["annotations"]["linkerd.io/inject"] == "x", name


@both
def test_a_node_that_is_never_ready_blocks_no_drain(stack: str) -> None:
    budgets = objects(stack, "PodDisruptionBudget")
    assert budgets
    for item in budgets:
        assert item.body()["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


@both
def test_a_rollout_spreads_the_new_nodes_among_themselves(stack: str) -> None:
    spec = dict(pod_specs(stack))["wso2ei-nodes"]["spec"]
    for constraint in spec["topologySpreadConstraints"]:
        assert constraint["matchLabelKeys"] == ["pod-template-hash"]


@both
def test_every_container_has_the_memory_that_its_runtime_needs_to_start_it(stack: str) -> None:
    """runc itself can exceed a limit of 16Mi: "container init was OOM-killed (memory limit too low?)"."""
    for name, template in pod_specs(stack):
        for container in containers(template["spec"]):
            assert quantity(container["resources"]["limits"]["memory"]) >= 32 * 1024**2, (name, container["name"])


@both
def test_the_database_reserves_the_disk_that_it_may_fill_outside_its_volume(stack: str) -> None:
    spec = dict(pod_specs(stack))["wso2ei-mysql-server"]["spec"]
    resources = spec["containers"][0]["resources"]
    assert resources["requests"]["ephemeral-storage"] == resources["limits"]["ephemeral-storage"] == "1Gi"
    folders = [volume["emptyDir"] for volume in spec["volumes"] if "emptyDir" in volume]
    assert all(folder.get("sizeLimit") for folder in folders)


def effective(spec: dict[str, Any], resource: str) -> float:
    """The scheduler's sum: containers together, or the largest init container."""

    def of(container: dict[str, Any]) -> float:
        return quantity(container["resources"]["requests"][resource])

    return max(sum(map(of, spec["containers"])), *map(of, spec.get("initContainers", [])), 0)


def test_all_requests_of_the_local_stack_fit_one_cpu_and_four_gib_with_a_surging_node_and_a_job() -> None:
    specs = dict(pod_specs("local"))
    nodes = config_of("local")["ei"]["replicas"] + 1
    for resource, most in (("cpu", 1.0), ("memory", 4 * 1024**3)):
        total = nodes * effective(specs["wso2ei-nodes"]["spec"], resource)
        total += effective(specs["wso2ei-mysql-server"]["spec"], resource)
        total += effective(specs["wso2ei-nginx-controller"]["spec"], resource)
        total += max(effective(specs[job]["spec"], resource) for job in ("wso2ei-schema", "wso2ei-acceptance-job"))
        assert total <= most, resource


@both
def test_selectors_choose_their_own_pods_and_no_others(stack: str) -> None:
    pods = {name: template["metadata"]["labels"] for name, template in pod_specs(stack)}
    for kind in ("Deployment", "StatefulSet"):
        for item in objects(stack, kind):
            selector = item.body()["spec"]["selector"]["matchLabels"]
            chosen = {name for name, labels in pods.items() if selector.items() <= labels.items()}
            assert chosen == {item.name}
    for item in objects(stack, "Service"):
        selector = item.body()["spec"]["selector"]
        assert len([name for name, labels in pods.items() if selector.items() <= labels.items()]) == 1, item.name


@both
def test_every_object_and_pod_bears_the_recommended_labels_and_no_selector_the_ones_that_change(stack: str) -> None:
    ei = config_of(stack)["ei"].get("version", "6.5.0")
    versions = {"wso2ei": ei, "wso2ei-mysql": "8.4.10", "wso2ei-nginx": "5.5.4", "wso2ei-acceptance": None}
    for item in objects(stack):
        if item.name == "namespace":
            continue
        body = item.body()
        owner = item.parent.rpartition("::")[2]
        instance = next(name for name in sorted(versions, key=len, reverse=True) if owner.startswith(name))
        pods = [template["metadata"] for name, template in pod_specs(stack) if name == item.name]
        for metadata in (body["metadata"], *pods):
            found = {key: value for key, value in metadata["labels"].items() if key.startswith("app.kubernetes.io/")}
            assert {"app.kubernetes.io/name", "app.kubernetes.io/component"} < set(found), item.name
            assert found["app.kubernetes.io/part-of"] == "wso2ei"
            assert found["app.kubernetes.io/instance"] == instance, item.name
            assert found["app.kubernetes.io/managed-by"] == "pulumi"
            assert found.get("app.kubernetes.io/version") == versions[instance], item.name
        for path, _ in leaves(body.get("spec", {})):
            if "elector" in path:
                assert not re.search(r"kubernetes\.io/(instance|version|managed-by)", path), f"{item.name} {path}"


@both
def test_ports_of_services_and_probes_exist_in_their_pods(stack: str) -> None:
    pods = [template for _, template in pod_specs(stack)]
    for item in objects(stack, "Service"):
        spec = item.body()["spec"]
        pod = next(t for t in pods if spec["selector"].items() <= t["metadata"]["labels"].items())
        ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", [])]
        known = {port["containerPort"] for port in ports} | {port["name"] for port in ports}
        for port in spec["ports"]:
            assert port.get("targetPort", port["port"]) in known, item.name


@both
def test_every_mounted_volume_exists_and_every_program_that_is_run_is_delivered(stack: str) -> None:
    delivered = {item.name: set(item.body()["data"]) for item in objects(stack, "ConfigMap")}
    programs = set().union(*delivered.values())
    for name, template in pod_specs(stack):
        volumes = {volume["name"] for volume in template["spec"].get("volumes", [])}
        for container in containers(template["spec"]):
            for mount in container.get("volumeMounts", []):
                assert mount["name"] in volumes, f"{name} {mount['name']}"
            for word in container.get("command", []):
                if word.startswith("/in_pod/"):
                    assert word.removeprefix("/in_pod/") in programs


@both
def test_static_volumes_are_out_of_reach_of_a_default_storage_class(stack: str) -> None:
    volumes = {item.body()["metadata"]["name"]: item.body() for item in objects(stack, "PersistentVolume")}
    claims = objects(stack, "PersistentVolumeClaim")
    assert len(volumes) == len(claims) == (3 if stack == "local" else 2)
    for item in claims:
        spec = item.body()["spec"]
        volume = volumes[spec["volumeName"]]
        assert spec["storageClassName"] == "" == volume["spec"]["storageClassName"]
        assert spec["accessModes"] == volume["spec"]["accessModes"]
        assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
        assert stack in volume["metadata"]["name"]


def test_prod_protects_the_data_and_local_nothing() -> None:
    protected = {item.name for item in recorded("prod").registered if item.request.protect}
    # The namespace is given there; that one of the stack's own is protected too is shown in test_cluster_scope.
    assert protected == {
        "wso2ei-mysql-data-volume",
        "wso2ei-mysql-data-claim",
        "wso2ei-carbonapps-volume",
        "wso2ei-carbonapps-claim",
    }
    assert [item.name for item in recorded("local").registered if item.request.protect] == []


@both
def test_whatever_pulls_the_ei_image_may_take_half_an_hour(stack: str) -> None:
    for item in objects(stack):
        if item.name in {"wso2ei-nodes", "wso2ei-schema"}:
            spec = item.body()["spec"]
            assert (spec.get("progressDeadlineSeconds") or spec["activeDeadlineSeconds"]) == 1800
            assert item.request.customTimeouts.create == item.request.customTimeouts.update == "31m"


@both
def test_jobs_are_made_again_when_they_failed_and_do_not_vanish_by_themselves(stack: str) -> None:
    for item in objects(stack, "Job"):
        body = item.body()
        assert body["metadata"]["annotations"]["pulumi.com/replaceUnready"] == "true"
        assert "ttlSecondsAfterFinished" not in body["spec"]
        assert body["spec"]["activeDeadlineSeconds"] > 0


@both
def test_ingresses_speak_one_dialect_and_the_console_keeps_a_browser_on_one_node(stack: str) -> None:
    ingresses = {item.name: item.body() for item in objects(stack, "Ingress")}
    assert set(ingresses) == {"wso2ei-nginx-console", "wso2ei-nginx-gateway"}
    for body in ingresses.values():
        dialect = set(body["metadata"]["annotations"]) - {"pulumi.com/skipAwait"}
        assert all(key.startswith("nginx.org/") for key in dialect)
        backend = body["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"]
        assert body["metadata"]["annotations"]["nginx.org/ssl-services"] == backend
        assert body["spec"]["tls"][0]["hosts"] == [body["spec"]["rules"][0]["host"]]
    sticky = "nginx.org/sticky-cookie-services"
    assert "httponly secure" in ingresses["wso2ei-nginx-console"]["metadata"]["annotations"][sticky]
    assert sticky not in ingresses["wso2ei-nginx-gateway"]["metadata"]["annotations"]


def test_only_the_controller_reaches_a_node_and_an_unknown_existing_one_is_not_locked_out() -> None:
    rules = {}
    for stack in STACKS:
        policy = next(item for item in objects(stack, "NetworkPolicy") if item.name == "wso2ei-clients")
        rules[stack] = policy.body()["spec"]["ingress"]
        assert rules[stack][0]["ports"] == [{"port": 4100, "protocol": "TCP"}]
    controller = next(template for name, template in pod_specs("local") if name == "wso2ei-nginx-controller")
    chosen = rules["local"][1]["from"][0]["podSelector"]["matchLabels"]
    assert chosen.items() <= controller["metadata"]["labels"].items()
    assert "from" not in rules["prod"][1]


def test_clients_with_new_passwords_are_updated_after_the_server_that_sets_them() -> None:
    """An update of the StatefulSet that fails is the error, not a schema Job that MySQL rejects."""
    schema = next(item for item in objects("local", "Job") if item.name == "wso2ei-schema")
    nodes = next(item for item in objects("local", "Deployment") if item.name == "wso2ei-nodes")
    assert any(urn.endswith("::wso2ei-mysql-server") for urn in schema.request.dependencies)
    assert any(urn.endswith("::wso2ei-schema") for urn in nodes.request.dependencies)
