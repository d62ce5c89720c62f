"""The rules of the kubernetes plugin, seen through the real CLI on a real cluster.

Nothing is imported from the plugin: the same tests hold for the official one (see ``pulumi_program``).
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import monitors
from tests.kit.plugins.pulumi_program import Program, until

pytestmark = pytest.mark.cluster


def config_map(data: dict[str, str], name: str = "", opts: str = "", annotations: dict[str, str] | None = None) -> str:
    """A program with one ConfigMap ``cm``; ``opts`` are arguments of its ``ResourceOptions``."""
    meta = {"name": name, "annotations": annotations}
    given = {key: value for key, value in meta.items() if value}
    return (
        f'k8s.core.v1.ConfigMap("cm", metadata={{"namespace": NS, **{given!r}}}, data={data!r}, '
        f"opts=ResourceOptions({opts}))"
    )


def is_stand_in(program: Program) -> bool:
    return any(program.home.glob("plugins/resource-kubernetes-*/STAND-IN.json"))


ALL_KINDS = """
m = {"namespace": NS}
r = "rbac.authorization.k8s.io"
labels = {"app": "x"}
pod = {"containers": [{"name": "c", "image": "registry.k8s.io/pause:3.10",
    "resources": {"requests": {"cpu": "0.001", "memory": "1024Ki"}, "limits": {"cpu": 1, "memory": "0.5Gi"}},
    "env": [{"name": "A", "value": ""}], "security_context": {"allow_privilege_escalation": False},
    "volume_mounts": [{"name": "e", "mount_path": "/e"}, {"name": "s", "mount_path": "/s", "read_only": True}]}],
    "volumes": [{"name": "e", "empty_dir": {}}, {"name": "s", "secret": {"secret_name": "s", "default_mode": 0o440}}],
    "host_network": False, "termination_grace_period_seconds": 0, "node_selector": {"no-such": "node"}}
template = {"metadata": {"labels": labels}, "spec": pod}
calm = {"annotations": {"pulumi.com/skipAwait": "true"}, **m}
k8s.core.v1.Namespace("ns", metadata={"name": NS + "-2", "labels": {}})
sa = k8s.core.v1.ServiceAccount("sa", metadata=m, automount_service_account_token=False)
k8s.core.v1.Secret("s", metadata={"name": "s", **m}, string_data={"a": "1"})
k8s.core.v1.ConfigMap("cm", metadata=m, data={"limits": "0.5"})
k8s.core.v1.Service("svc", metadata=m, spec={"selector": labels, "ports": [{"port": 80, "target_port": "http"}]})
k8s.core.v1.Service("headless", metadata=m, spec={"cluster_ip": "None", "selector": labels, "ports": [{"port": 1}]})
k8s.apps.v1.Deployment("d", metadata=calm, spec={"replicas": 0, "selector": {"match_labels": labels},
    "strategy": {"type": "Recreate"}, "template": template})
k8s.apps.v1.StatefulSet("ss", metadata=calm, spec={"selector": {"match_labels": labels}, "service_name": "x",
    "template": template})
k8s.batch.v1.Job("j", metadata=calm, spec={"backoff_limit": 0, "template": {
    "spec": {**pod, "restart_policy": "Never"}}})
k8s.core.v1.PersistentVolume("pv", metadata={"name": NS}, spec={"access_modes": ["ReadWriteOnce"],
    "capacity": {"storage": "1024Mi"}, "storage_class_name": "", "host_path": {"path": "/x"},
    "persistent_volume_reclaim_policy": "Retain", "claim_ref": {"name": "pvc", "namespace": NS}})
k8s.core.v1.PersistentVolumeClaim("pvc", metadata={"name": "pvc", **calm}, spec={"access_modes": ["ReadWriteOnce"],
    "storage_class_name": "", "volume_name": NS, "resources": {"requests": {"storage": "1.0Gi"}}})
k8s.networking.v1.Ingress("i", metadata=calm, spec={"ingress_class_name": "none", "rules": [{"host": "a.b", "http": {
    "paths": [{"path": "/", "path_type": "Prefix", "backend": {"service": {"name": "x", "port": {"number": 1}}}}]}}]})
k8s.networking.v1.IngressClass("ic", spec={"controller": "example.com/none"})
k8s.networking.v1.NetworkPolicy("np", metadata=m, spec={"pod_selector": {}, "policy_types": ["Ingress"], "ingress": []})
role = k8s.rbac.v1.Role("r", metadata=m, rules=[{"api_groups": [""], "resources": ["pods"], "verbs": ["get"]}])
k8s.rbac.v1.RoleBinding("rb", metadata=m, role_ref={"api_group": r, "kind": "Role", "name": role.metadata["name"]},
    subjects=[{"kind": "ServiceAccount", "name": sa.metadata["name"], "namespace": NS}])
crole = k8s.rbac.v1.ClusterRole("cr", rules=[{"api_groups": [""], "resources": ["nodes"], "verbs": ["get"]}])
k8s.rbac.v1.ClusterRoleBinding("crb", role_ref={"api_group": r, "kind": "ClusterRole",
    "name": crole.metadata["name"]}, subjects=[])
k8s.policy.v1.PodDisruptionBudget("pdb", metadata=m, spec={"min_available": "50%", "selector": {
    "match_labels": labels}})
"""


def test_every_kind_settles_after_one_update_and_goes_without_a_rest(program: Program, cluster: Any) -> None:
    program.up(ALL_KINDS).ok()
    program.run("preview", "--diff", "--expect-no-changes", "--stack", "test").ok()
    program.refresh("--expect-no-changes").ok()
    program.run("preview", "--diff", "--expect-no-changes", "--stack", "test").ok()
    program.run("destroy", "--yes", "--skip-preview", "--stack", "test").ok()
    assert [one for one in program.resources() if not one.startswith("plugin-test")] == []
    assert [
        one for one in cluster.CoreV1Api().list_persistent_volume().items if one.metadata.name == program.namespace
    ] == []
    assert cluster.BatchV1Api().list_namespaced_job(program.namespace).items == []


def test_a_preview_sees_mistakes_that_only_the_server_knows(program: Program) -> None:
    program.write("""
        k8s.core.v1.Service("s", metadata={"namespace": NS}, spec={"ports": [{"port": 70000}]})
    """)
    result = program.run("preview", "--stack", "test").failed()
    assert "was not successfully created by the Kubernetes API server" in result.output
    assert "70000: must be between 1 and 65535" in result.output


def test_a_preview_in_a_namespace_that_is_still_to_come_uses_the_inputs(program: Program) -> None:
    assert (
        program.steps("""
        ns = k8s.core.v1.Namespace("ns")
        k8s.core.v1.ConfigMap("cm", metadata={"namespace": ns.metadata["name"]}, data={"a": "1"})
    """)["cm"]
        == "create"
    )


def test_a_preview_creates_nothing(program: Program, cluster: Any) -> None:
    program.steps(config_map({"a": "1"}, name="only-previewed"))
    names = [one.metadata.name for one in cluster.CoreV1Api().list_namespaced_config_map(program.namespace).items]
    assert "only-previewed" not in names


def test_unknown_inputs_are_previewed_as_a_change(program: Program) -> None:
    body = """
        import uuid
        first = k8s.core.v1.ConfigMap("first", metadata={"namespace": NS}, data={"a": "%s"})
        k8s.core.v1.ConfigMap("second", metadata={"namespace": NS, "name": "second",
            "annotations": {"first": first.metadata["uid"]}}, data={"a": "1"})
    """
    program.up(body % "1").ok()
    steps = program.steps(body % "2")
    assert "replace" in steps["first"]
    assert steps["second"] == "update"
    program.up(body % "2").ok()


def test_an_existing_object_is_refused_not_adopted(program: Program, cluster: Any) -> None:
    cluster.CoreV1Api().create_namespaced_config_map(
        program.namespace, {"metadata": {"name": "taken"}, "data": {"whose": "theirs"}}
    )
    program.steps(config_map({"whose": "ours"}, name="taken"))
    result = program.up(config_map({"whose": "ours"}, name="taken")).failed()
    assert 'configmaps "taken" already exists' in result.output
    assert "The resource already exists in the cluster. This can happen when:" in result.output
    assert cluster.CoreV1Api().read_namespaced_config_map("taken", program.namespace).data == {"whose": "theirs"}


def test_an_auto_name_stays_across_updates_and_changes_with_a_replacement(program: Program) -> None:
    opts = 'provider=k8s.Provider("p", enable_config_map_mutable=True)'
    program.up(config_map({"a": "1"}, opts=opts)).ok()
    first = program.resources()["cm"]["id"]
    assert re.fullmatch(rf"{program.namespace}/cm-[0-9a-f]{{8}}", first)
    program.up(config_map({"a": "2"}, opts=opts)).ok()
    assert program.resources()["cm"]["id"] == first
    output = program.up(config_map({"a": "3"})).ok().output
    assert output.index("created replacement") < output.index("deleting original")
    assert program.resources()["cm"]["id"] != first


def test_an_explicit_name_is_deleted_before_it_is_made_again(program: Program, cluster: Any) -> None:
    program.up(config_map({"a": "1"}, name="fixed")).ok()
    before = cluster.CoreV1Api().read_namespaced_config_map("fixed", program.namespace).metadata.uid
    assert program.steps(config_map({"a": "2"}, name="fixed")) == {"cm": "replace"}
    output = program.up().ok().output
    assert output.index("deleted original") < output.index("creating replacement")
    after = cluster.CoreV1Api().read_namespaced_config_map("fixed", program.namespace)
    assert after.metadata.uid != before
    assert after.data == {"a": "2"}


MUTABLE = 'provider=k8s.Provider("p", enable_config_map_mutable=True)'


def test_an_update_removes_what_the_program_dropped_and_leaves_what_others_added(
    program: Program, cluster: Any
) -> None:
    program.up(config_map({"a": "1", "b": "1"}, name="x", opts=MUTABLE)).ok()
    cluster.CoreV1Api().patch_namespaced_config_map("x", program.namespace, {"data": {"theirs": "1"}})
    program.up(config_map({"a": "2"}, name="x", opts=MUTABLE)).ok()
    live = cluster.CoreV1Api().read_namespaced_config_map("x", program.namespace)
    assert live.data == {"a": "2", "theirs": "1"}


def test_the_field_manager_is_the_same_at_every_update(program: Program, cluster: Any) -> None:
    program.up(config_map({"a": "1"}, name="x", opts=MUTABLE)).ok()
    manager = program.resources()["cm"]["outputs"]["__fieldManager"]
    assert re.fullmatch(r"pulumi-kubernetes-[0-9a-f]{8}", manager)
    for value in "23":
        program.up(config_map({"a": value}, name="x", opts=MUTABLE)).ok()
        live = cluster.CoreV1Api().read_namespaced_config_map("x", program.namespace)
        assert [one.manager for one in live.metadata.managed_fields] == [manager]
        assert program.resources()["cm"]["outputs"]["__fieldManager"] == manager


def test_another_field_manager_takes_over_and_the_old_one_lets_go(program: Program, cluster: Any) -> None:
    program.up(config_map({"a": "1"}, name="x", opts=MUTABLE)).ok()
    note = {"pulumi.com/patchFieldManager": "first"}
    program.up(config_map({"a": "1"}, name="x", opts=MUTABLE, annotations=note)).ok()
    live = cluster.CoreV1Api().read_namespaced_config_map("x", program.namespace)
    assert [one.manager for one in live.metadata.managed_fields] == ["first"]


def test_a_namespace_made_outside_is_waited_for_and_its_absence_reported(program: Program) -> None:
    process = subprocess.Popen(
        program.write('k8s.core.v1.ConfigMap("cm", metadata={"namespace": NS + "-x"})').command(
            "up", "--yes", "--skip-preview", "--stack", "test"
        ),
        env=program.environ(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Retry #" in line:
            process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) != 0
    assert f'namespaces "{program.namespace}-x" not found' in "".join(lines)


def test_somebody_elses_field_is_a_conflict_unless_forced(program: Program, cluster: Any) -> None:
    program.up(config_map({"a": "1", "b": "1"}, name="x", opts=MUTABLE)).ok()
    program.up(config_map({"a": "1", "b": "2"}, name="x", opts=MUTABLE)).ok()
    cluster.CoreV1Api().patch_namespaced_config_map(
        "x", program.namespace, {"data": {"a": "theirs"}}, field_manager="somebody"
    )
    result = program.up(config_map({"a": "2", "b": "2"}, name="x", opts=MUTABLE)).failed()
    assert "server-side apply field conflict detected" in result.output
    assert 'conflict with "somebody"' in result.output
    note = {"pulumi.com/patchForce": "true"}
    program.up(config_map({"a": "2", "b": "2"}, name="x", opts=MUTABLE, annotations=note)).ok()
    assert cluster.CoreV1Api().read_namespaced_config_map("x", program.namespace).data["a"] == "2"


def test_drift_is_shown_by_refresh_and_mended_by_the_next_update(program: Program, cluster: Any) -> None:
    program.up(config_map({"a": "1"}, name="x", opts=MUTABLE)).ok()
    cluster.CoreV1Api().patch_namespaced_config_map("x", program.namespace, {"data": {"a": "drifted"}})
    program.refresh("--expect-no-changes").failed()
    program.refresh().ok()
    assert program.steps()["cm"] == "update"
    forced = program.up()
    assert forced.code == 0 or "conflict" in forced.output


def test_an_object_that_is_gone_is_dropped_by_refresh_and_made_again(program: Program, cluster: Any) -> None:
    program.up(config_map({"a": "1"}, name="x")).ok()
    cluster.CoreV1Api().delete_namespaced_config_map("x", program.namespace)
    program.refresh().ok()
    assert "cm" not in program.resources()
    assert program.steps()["cm"] == "create"


def test_deleting_what_is_gone_already_is_success(program: Program, cluster: Any) -> None:
    program.up(config_map({"a": "1"}, name="x")).ok()
    cluster.CoreV1Api().delete_namespaced_config_map("x", program.namespace)
    program.run("destroy", "--yes", "--skip-preview", "--stack", "test").ok()


def test_an_object_is_imported_by_namespace_and_name(program: Program, cluster: Any) -> None:
    cluster.CoreV1Api().create_namespaced_config_map(program.namespace, {"metadata": {"name": "x"}, "data": {"a": "1"}})
    body = config_map({"a": "1"}, name="x", opts=f'import_="{program.namespace}/x"')
    assert program.steps(body)["cm"] == "import"
    program.up().ok()
    assert program.resources()["cm"]["outputs"]["data"] == {"a": "1"}
    program.run("preview", "--expect-no-changes", "--stack", "test").ok()


def test_data_of_a_secret_is_encrypted_in_the_state(program: Program) -> None:
    program.up("""
        s = k8s.core.v1.Secret("s", metadata={"namespace": NS}, string_data={"a": "open-sesame"})
        pulumi.export("data", s.data)
    """).ok()
    exported = program.run("stack", "export", "--stack", "test").ok().output
    assert "open-sesame" not in exported
    assert "b3Blbi1zZXNhbWU=" not in exported
    assert "[secret]" in program.run("stack", "output", "--stack", "test").output


def test_a_secret_value_in_a_config_map_is_encrypted_alone(program: Program) -> None:
    program.up("""
        hush = pulumi.Output.secret("hush-hush")
        k8s.core.v1.ConfigMap("cm", metadata={"namespace": NS}, data={"a": hush, "b": "open"})
    """).ok()
    exported = program.run("stack", "export", "--stack", "test").ok().output
    assert "hush-hush" not in exported
    assert '"b": "open"' in exported


def test_ignored_changes_keep_the_clusters_value(program: Program, cluster: Any) -> None:
    opts = MUTABLE + ', ignore_changes=["data.a"]'
    program.up(config_map({"a": "1", "b": "1"}, name="x", opts=opts)).ok()
    assert program.steps(config_map({"a": "2", "b": "1"}, name="x", opts=opts)) == {}
    cluster.CoreV1Api().patch_namespaced_config_map("x", program.namespace, {"data": {"a": "theirs"}})
    program.up(config_map({"a": "3", "b": "3"}, name="x", opts=opts)).ok()
    assert cluster.CoreV1Api().read_namespaced_config_map("x", program.namespace).data == {"a": "theirs", "b": "3"}


def test_the_orphan_policy_leaves_dependents_alone(program: Program, cluster: Any) -> None:
    program.up("""
        k8s.apps.v1.Deployment("d", metadata={"namespace": NS, "name": "d", "annotations": {
            "pulumi.com/deletionPropagationPolicy": "orphan", "pulumi.com/skipAwait": "true"}},
            spec={"replicas": 0, "selector": {"match_labels": {"a": "b"}}, "template": {
                "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "none"}]}}})
        k8s.core.v1.ConfigMap("cm", metadata={"namespace": NS})
    """).ok()
    sets = cluster.AppsV1Api()
    until(lambda: sets.list_namespaced_replica_set(program.namespace).items)
    program.run("destroy", "--yes", "--skip-preview", "--stack", "test").ok()
    assert sets.list_namespaced_deployment(program.namespace).items == []
    assert len(sets.list_namespaced_replica_set(program.namespace).items) == 1


def test_a_provider_namespace_is_used_where_none_is_given(program: Program) -> None:
    program.up("""
        provider = k8s.Provider("p", namespace=NS)
        k8s.core.v1.ConfigMap("cm", opts=ResourceOptions(provider=provider))
    """).ok()
    assert program.resources()["cm"]["id"].startswith(program.namespace + "/cm-")


def test_a_context_that_does_not_exist_previews_from_inputs_and_fails_the_update(program: Program) -> None:
    body = config_map({"a": "1"}, opts='provider=k8s.Provider("p", context="nobody-has-this")')
    assert program.steps(body)["cm"] == "create"
    result = program.up().failed()
    assert "configured Kubernetes cluster is unreachable:" in result.output
    assert 'context "nobody-has-this" does not exist' in result.output


def broken(program: Program) -> str:
    """A kubeconfig with the right names and an address where nothing listens."""
    config = yaml.safe_load(Path(os.environ["KUBECONFIG"].split(os.pathsep)[0]).read_text())
    for entry in config["clusters"]:
        entry["cluster"]["server"] = "https://127.0.0.1:9"
    path = program.folder / "broken-kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return str(path)


def test_an_unreachable_cluster_fails_refresh_and_destroy_unless_told_to_forget(program: Program) -> None:
    body = """
        p = k8s.Provider("p", cluster_identifier="one", kubeconfig={path!r}, delete_unreachable={forget})
        k8s.core.v1.ConfigMap("cm", metadata={{"namespace": NS}}, opts=ResourceOptions(provider=p))
    """
    program.up(body.format(path=os.environ["KUBECONFIG"], forget=False)).ok()
    path = broken(program)
    assert program.steps(body.format(path=path, forget=False)) == {"p": "update"}
    program.up().ok()
    result = program.refresh().failed()
    assert "failed to read resource state due to unreachable cluster" in result.output
    result = program.run("destroy", "--yes", "--skip-preview", "--stack", "test").failed()
    assert "configured Kubernetes cluster is unreachable. If the cluster was deleted" in result.output
    program.up(body.format(path=path, forget=True)).ok()
    program.run("destroy", "--yes", "--skip-preview", "--stack", "test").ok()
    assert "cm" not in program.resources()


def test_many_objects_at_once(program: Program, cluster: Any) -> None:
    program.up("""
        for number in range(40):
            meta = {"namespace": NS, "name": f"n{number}"}
            k8s.core.v1.ConfigMap(f"cm-{number}", metadata=meta, data={"a": "x" * 10000})
    """).ok()
    names = [one.metadata.name for one in cluster.CoreV1Api().list_namespaced_config_map(program.namespace).items]
    assert len([one for one in names if one.startswith("n")]) == 40


def test_a_custom_resource_waits_for_its_definition_and_goes_with_it(program: Program, cluster: Any) -> None:
    definitions = cluster.ApiextensionsV1Api()
    if monitors.NAME in [one.metadata.name for one in definitions.list_custom_resource_definition().items]:
        pytest.skip("the cluster has ServiceMonitors of its own")

    def monitor(path: str) -> str:
        spec = {"selector": {"matchLabels": {"app": "x"}}, "endpoints": [{"port": "web", "path": path}]}
        meta = '{"name": "m", "namespace": NS}'
        kind = 'api_version="monitoring.coreos.com/v1", kind="ServiceMonitor"'
        return f'k8s.apiextensions.CustomResource("m", {kind}, metadata={meta}, spec={spec!r})'

    assert program.steps(monitor("/a"))["m"] == "create"
    said = program.up(monitor("/a")).failed().output
    assert "Verify that any required CRDs have been created" in said
    assert 'no matches for kind "ServiceMonitor" in version "monitoring.coreos.com/v1"' in said
    definitions.create_custom_resource_definition(monitors.DEFINITION)
    try:
        program.up(monitor("/a")).ok()
        program.run("preview", "--diff", "--expect-no-changes", "--stack", "test").ok()
        program.up(monitor("/b")).ok()
        program.refresh("--expect-no-changes").ok()
        live = cluster.CustomObjectsApi().get_namespaced_custom_object(
            "monitoring.coreos.com", "v1", program.namespace, "servicemonitors", "m"
        )
        assert live["spec"]["endpoints"] == [{"port": "web", "path": "/b"}]
    finally:
        definitions.delete_custom_resource_definition(monitors.NAME)
    until(
        lambda: not definitions.list_custom_resource_definition(field_selector=f"metadata.name={monitors.NAME}").items
    )
    program.refresh().ok()
    assert "m" not in program.resources()


def test_what_is_not_imitated_is_refused_by_name(program: Program) -> None:
    if not is_stand_in(program):
        pytest.skip("the official plugin has everything")
    body = 'k8s.core.v1.LimitRange("x", metadata={"namespace": NS}, spec={"limits": []})'
    assert "not imitated: kubernetes:core/v1:LimitRange" in program.up(body).failed().output
    body = config_map({}, opts='provider=k8s.Provider("p", render_yaml_to_directory="x")')
    assert "not imitated: provider option renderYamlToDirectory" in program.up(body).failed().output


def test_a_stand_in_says_so(program: Program) -> None:
    if not is_stand_in(program):
        pytest.skip("the official plugin is installed")
    assert "STAND-IN" in program.up(config_map({})).ok().output


def test_a_field_that_the_server_does_not_know_is_refused(program: Program) -> None:
    """Stricter than the official plugin, whose create lets the server drop the field; its first update then fails."""
    if not is_stand_in(program):
        pytest.skip("the official plugin creates the object without the field")
    body = """
        k8s.core.v1.Service("s", metadata={"namespace": NS}, spec={"ports": [{"port": 1}], "noSuchField": 1})
    """
    program.write(body)
    assert 'unknown field "spec.noSuchField"' in program.run("preview", "--stack", "test").failed().output
    assert json.dumps(program.resources()).count("noSuchField") == 0
