"""What a change does to an object: in place, by replacement, in which order (pulumi-kubernetes 4.x, Diff)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from embedded.plugins.kubernetes.diff import Difference, DiffSettings, difference, parse_path, path_text
from embedded.plugins.kubernetes.values import UNKNOWN, Secret

Obj = dict[str, Any]


def made(kind: str, api_version: str = "v1", name: str = "one", **parts: Any) -> Obj:
    """An object as the program gives it, after Check."""
    obj: Obj = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "ns"}}
    obj.update(parts)
    return obj


def autonamed(obj: Obj) -> Obj:
    obj["metadata"]["annotations"] = {"pulumi.com/autonamed": "true"}
    return obj


def state_of(inputs: Obj, **live: Any) -> Obj:
    """The state after a create: the inputs, what the server added, and the inputs once more."""
    state = copy.deepcopy(inputs)
    state["metadata"].update(uid="u", resourceVersion="7", generation=1, creationTimestamp="2026-01-01T00:00:00Z")
    for path, value in live.items():
        target = state
        *parents, last = path.split("__")
        for step in parents:
            target = target[step]
        target[last] = value
    return {**state, "__inputs": copy.deepcopy(inputs), "__fieldManager": "pulumi-kubernetes-1"}


def diff(old: Obj, new: Obj, *ignore: str, **settings: bool) -> Difference:
    return difference(state_of(old), new, list(ignore), DiffSettings(**settings))


def changed(obj: Obj, path: str, value: Any) -> Obj:
    """A copy with one path set; a value of ``...`` removes it."""
    result = copy.deepcopy(obj)
    *parents, last = parse_path(path)
    target: Any = result
    for step in parents:
        target = target[step]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return result


def workload(kind: str) -> Obj:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
    spec: Obj = {"selector": {"matchLabels": {"a": "b"}}, "template": template, "replicas": 1}
    if kind == "StatefulSet":
        spec |= {
            "serviceName": "s",
            "podManagementPolicy": "OrderedReady",
            "revisionHistoryLimit": 3,
            "volumeClaimTemplates": [{"metadata": {"name": "v"}}],
        }
    return made(kind, "apps/v1", spec=spec)


def test_nothing_changed_is_no_diff() -> None:
    result = diff(workload("Deployment"), workload("Deployment"))
    assert result == Difference()


def test_what_the_server_added_is_no_diff() -> None:
    inputs = workload("Deployment")
    state = state_of(inputs, spec__progressDeadlineSeconds=600, status={"replicas": 1})
    assert difference(state, inputs, [], DiffSettings()) == Difference()


def test_drift_of_a_given_field_is_a_diff() -> None:
    inputs = workload("Deployment")
    result = difference(state_of(inputs, spec__replicas=5), inputs, [], DiffSettings())
    assert result.kinds == {"spec.replicas": "UPDATE"}


def test_an_added_a_changed_and_a_removed_field_are_told_apart() -> None:
    old = made("ConfigMap", data={"a": "1", "b": "2"})
    new = made("ConfigMap", data={"a": "9", "c": "3"})
    result = diff(old, new, config_map_mutable=True)
    assert result.kinds == {"data.a": "UPDATE", "data.b": "DELETE", "data.c": "ADD"}
    assert not result.replaces


def test_lists_are_compared_by_position() -> None:
    old = workload("Deployment")
    new = changed(old, "spec.template.spec.containers[0].image", "i:2")
    new["spec"]["template"]["spec"]["containers"].append({"name": "d", "image": "j"})
    assert diff(old, new).kinds == {
        "spec.template.spec.containers[0].image": "UPDATE",
        "spec.template.spec.containers[1]": "ADD",
    }
    assert diff(new, old).kinds["spec.template.spec.containers[1]"] == "DELETE"


def test_keys_with_dots_are_quoted_in_paths() -> None:
    old = made("ConfigMap", data={"a.b/c": "1"})
    assert diff(old, changed(old, 'data["a.b/c"]', "2")).replaces == ['data["a.b/c"]']
    assert parse_path(path_text(("data", "a.b/c", 0))) == ("data", "a.b/c", 0)


@pytest.mark.parametrize("field", ["name", "namespace"])
@pytest.mark.parametrize("kind", ["ConfigMap", "Service", "ServiceAccount"])
def test_another_name_or_namespace_replaces(kind: str, field: str) -> None:
    old = made(kind)
    result = diff(old, changed(old, f"metadata.{field}", "other"))
    assert result.kinds == {f"metadata.{field}": "UPDATE_REPLACE"}
    assert result.replaces == [f"metadata.{field}"]
    assert not result.delete_before_replace


PV = made("PersistentVolume", spec={"hostPath": {"path": "/a"}, "capacity": {"storage": "1Gi"}, "nodeAffinity": {}})
PVC = made(
    "PersistentVolumeClaim",
    spec={"accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeName": "v", "selector": {"matchLabels": {}}},
)
JOB = changed(
    changed(changed(workload("Deployment"), "kind", "Job"), "apiVersion", "batch/v1"),
    "spec",
    {**workload("Deployment")["spec"], "completions": 1, "parallelism": 1, "backoffLimit": 1},
)
SERVICE = made("Service", spec={"clusterIP": "10.0.0.1", "ports": [{"port": 80}]})
BINDING = made("RoleBinding", "rbac.authorization.k8s.io/v1", roleRef={"name": "r"}, subjects=[{"name": "s"}])
POD = made("Pod", spec={"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Always"})


@pytest.mark.parametrize(
    ("obj", "path", "value"),
    [
        (workload("Deployment"), "spec.selector.matchLabels.a", "c"),
        (workload("StatefulSet"), "spec.selector.matchLabels.a", "c"),
        (workload("StatefulSet"), "spec.serviceName", "t"),
        (workload("StatefulSet"), "spec.podManagementPolicy", "Parallel"),
        (workload("StatefulSet"), "spec.revisionHistoryLimit", 4),
        (workload("StatefulSet"), "spec.volumeClaimTemplates[0].metadata.name", "w"),
        (JOB, "spec.template.spec.containers[0].image", "i:2"),
        (JOB, "spec.template", ...),
        (JOB, "spec.completions", 2),
        (JOB, "spec.parallelism", 2),
        (PV, "spec.hostPath.path", "/b"),
        (PV, "spec.nfs", {"server": "s"}),
        (PVC, "spec.accessModes[0]", "ReadWriteMany"),
        (PVC, "spec.storageClassName", "fast"),
        (PVC, "spec.volumeName", "w"),
        (PVC, "spec.selector.matchLabels", {"a": "b"}),
        (SERVICE, "spec.clusterIP", "10.0.0.2"),
        (BINDING, "roleRef.name", "q"),
        (changed(BINDING, "kind", "ClusterRoleBinding"), "roleRef.name", "q"),
        (POD, "spec.containers[0].image", "i:2"),
        (POD, "spec.restartPolicy", "Never"),
    ],
)
def test_immutable_fields_replace(obj: Obj, path: str, value: Any) -> None:
    assert diff(obj, changed(obj, path, value)).replaces, path


@pytest.mark.parametrize(
    ("obj", "path", "value"),
    [
        (workload("Deployment"), "spec.template.spec.containers[0].image", "i:2"),
        (workload("Deployment"), "spec.replicas", 2),
        (workload("StatefulSet"), "spec.template.spec.containers[0].image", "i:2"),
        (JOB, "spec.backoffLimit", 5),
        (PV, "spec.capacity.storage", "2Gi"),
        (SERVICE, "spec.ports[0].port", 81),
        (BINDING, "subjects[0].name", "t"),
        (made("Namespace"), "metadata.labels", {"a": "b"}),
        (made("ConfigMap"), "metadata.annotations", {"a": "b"}),
    ],
)
def test_other_fields_are_updated_in_place(obj: Obj, path: str, value: Any) -> None:
    result = diff(obj, changed(obj, path, value))
    assert result.kinds
    assert not result.replaces


@pytest.mark.parametrize(("kind", "option"), [("ConfigMap", "config_map_mutable"), ("Secret", "secret_mutable")])
def test_data_replaces_unless_the_provider_says_mutable_and_the_object_does_not_say_immutable(
    kind: str, option: str
) -> None:
    old = made(kind, data={"a": "MQ=="})
    new = changed(old, "data.a", "Mg==")
    assert diff(old, new).replaces == ["data.a"]
    assert not diff(old, new, **{option: True}).replaces
    assert diff({**old, "immutable": True}, {**new, "immutable": True}, **{option: True}).replaces == ["data.a"]


def test_the_type_of_a_secret_replaces_even_when_mutable() -> None:
    old = made("Secret", type="Opaque", data={"a": "MQ=="})
    assert diff(old, changed(old, "type", "kubernetes.io/tls"), secret_mutable=True).replaces == ["type"]


def test_an_explicit_name_that_stays_is_deleted_before_it_is_replaced() -> None:
    old = made("ConfigMap", data={"a": "1"})
    assert diff(old, changed(old, "data.a", "2")).delete_before_replace


def test_an_auto_name_is_created_before_the_old_one_is_deleted() -> None:
    old = autonamed(made("ConfigMap", data={"a": "1"}))
    result = diff(old, changed(old, "data.a", "2"))
    assert result.replaces
    assert not result.delete_before_replace


def test_ignored_changes_are_no_diff_and_no_replacement() -> None:
    old = made("ConfigMap", data={"a": "1", "b": "1"})
    new = made("ConfigMap", data={"a": "2", "b": "1"})
    assert diff(old, new, "data.a") == Difference()
    assert diff(old, new, "data") == Difference()
    assert diff(old, new, "data.b").replaces == ["data.a"]


def test_an_unknown_input_is_a_change_and_replaces_where_a_known_one_would() -> None:
    old = workload("Deployment")
    assert diff(old, changed(old, "spec.template.spec.containers[0].image", UNKNOWN)).kinds == {
        "spec.template.spec.containers[0].image": "UPDATE"
    }
    assert diff(old, changed(old, "spec.selector", UNKNOWN)).replaces == ["spec.selector"]
    assert diff(old, changed(old, "spec.paused", UNKNOWN)).kinds == {"spec.paused": "ADD"}
    assert diff(old, changed(old, "spec.template.spec.containers[0]", UNKNOWN)).kinds
    assert diff(old, changed(old, "metadata.name", UNKNOWN)).replaces == ["metadata.name"]
    assert diff(old, changed(old, "metadata", UNKNOWN)).kinds


def test_secretness_alone_is_no_diff_and_secret_values_are_compared() -> None:
    old = made("ConfigMap", data={"a": "1"})
    assert diff(old, changed(old, "data.a", Secret("1"))) == Difference()
    assert diff(old, changed(old, "data", Secret({"a": "2"}))).replaces == ["data.a"]


def test_string_data_is_compared_with_the_encoded_data_of_the_server() -> None:
    old = made("Secret", data={"a": "MQ=="})
    assert diff(old, made("Secret", stringData={"a": "1"})) == Difference()
    assert diff(old, made("Secret", stringData={"a": "2"})).replaces == ["data.a"]


@pytest.mark.parametrize(("one", "other"), [("0.5", "500m"), ("1000m", "1"), ("1024Mi", "1Gi"), (2, "2")])
def test_equal_quantities_are_no_diff(one: Any, other: Any) -> None:
    path = "spec.template.spec.containers[0].resources"
    old = changed(workload("Deployment"), path, {"requests": {"x": one}})
    new = changed(workload("Deployment"), path, {"requests": {"x": other}})
    state = state_of(old)
    state["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["x"] = str(other)
    assert difference(state, new, [], DiffSettings()) == Difference()
    assert difference(state, old, [], DiffSettings()) == Difference()


def test_empty_values_that_the_server_dropped_are_no_diff() -> None:
    inputs = changed(workload("Deployment"), "spec.template.spec.hostNetwork", False)
    inputs["metadata"]["labels"] = {}
    state = state_of(inputs)
    del state["spec"]["template"]["spec"]["hostNetwork"]
    del state["metadata"]["labels"]
    assert difference(state, inputs, [], DiffSettings()) == Difference()


def test_a_new_false_is_a_diff_where_the_server_had_a_value() -> None:
    old = changed(workload("Deployment"), "spec.paused", True)
    assert diff(old, changed(old, "spec.paused", False)).kinds == {"spec.paused": "UPDATE"}


def test_nulls_are_as_if_they_were_not_given() -> None:
    old = workload("Deployment")
    assert diff(old, changed(old, "spec.minReadySeconds", None)) == Difference()


def test_a_namespace_left_out_is_default() -> None:
    old = changed(made("ConfigMap"), "metadata.namespace", "default")
    assert diff(old, changed(old, "metadata.namespace", ...)) == Difference()


def test_the_namespace_of_a_cluster_scoped_object_does_not_count() -> None:
    old = made("Namespace")
    assert diff(old, changed(old, "metadata.namespace", "other")) == Difference()


def test_removing_metadata_annotations_is_an_update() -> None:
    old = changed(made("ConfigMap"), "metadata.annotations", {"a": "b"})
    assert diff(old, made("ConfigMap")).kinds == {"metadata.annotations": "DELETE"}


def test_a_pulumi_annotation_alone_is_an_update() -> None:
    old = made("ConfigMap")
    new = changed(old, "metadata.annotations", {"pulumi.com/skipAwait": "true"})
    result = diff(old, new)
    assert result.kinds == {"metadata.annotations": "ADD"}
    assert not result.replaces
