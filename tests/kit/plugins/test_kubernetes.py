"""What this program relies on of the kubernetes plugin, seen through the real CLI on a real cluster.

The same tests hold for every plugin that can be installed (see ``pulumi_program``).
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests import monitors
from tests.kit.plugins.pulumi_program import Program, until

pytestmark = pytest.mark.cluster
MUTABLE = 'provider=k8s.Provider("p", enable_config_map_mutable=True)'
DEPLOYMENT = """
k8s.apps.v1.Deployment("d", metadata={{"namespace": NS, "annotations": {annotations!r}}}, spec={{
    "replicas": {replicas}, "selector": {{"match_labels": {{"a": "b"}}}}, "template": {{
        "metadata": {{"labels": {{"a": "b"}}}},
        "spec": {{"containers": [{{"name": "c", "image": "none"}}], "node_selector": {{"no-such": "node"}}}}}}}},
    opts=ResourceOptions(custom_timeouts={timeouts}))
"""
QUICK = 'pulumi.CustomTimeouts(create="4s", update="4s")'


def config_map(data: dict[str, str], name: str = "", opts: str = "", annotations: dict[str, str] | None = None) -> str:
    """A program with one ConfigMap ``cm``; ``opts`` are arguments of its ``ResourceOptions``."""
    meta = {"name": name, "annotations": annotations}
    given = {key: value for key, value in meta.items() if value}
    return (
        f'k8s.core.v1.ConfigMap("cm", metadata={{"namespace": NS, **{given!r}}}, data={data!r}, '
        f"opts=ResourceOptions({opts}))"
    )


def deployment(annotations: dict[str, str] | None = None, timeouts: str = "None", replicas: int = 1) -> str:
    """A Deployment whose pod can never be scheduled."""
    return DEPLOYMENT.format(annotations=annotations or {}, timeouts=timeouts, replicas=replicas)


def plugin_version(program: Program) -> tuple[int, ...]:
    """Of the plugin that runs: what it was made here from, else the release that its folder names."""
    folder = next(program.home.glob("plugins/resource-kubernetes-v*[0-9]"))
    made = folder / "MADE-HERE.json"
    text = json.loads(made.read_text())["version"] if made.exists() else folder.name.rpartition("-v")[2]
    return tuple(int(part) for part in text.split(".")[:3])


def test_an_auto_name_stays_across_updates_and_changes_with_a_replacement(program: Program) -> None:
    program.up(config_map({"a": "1"}, opts=MUTABLE)).ok()
    first = program.resources()["cm"]["id"]
    assert re.fullmatch(rf"{program.namespace}/cm-[0-9a-f]{{8}}", first)
    program.up(config_map({"a": "2"}, opts=MUTABLE)).ok()
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


def test_an_existing_object_is_refused_or_before_4_29_adopted(program: Program, cluster: Any) -> None:
    cluster.CoreV1Api().create_namespaced_config_map(
        program.namespace, {"metadata": {"name": "taken"}, "data": {"whose": "theirs"}}, field_manager="others"
    )
    result = program.up(config_map({"ours": "1"}, name="taken"))
    data = cluster.CoreV1Api().read_namespaced_config_map("taken", program.namespace).data
    if plugin_version(program) >= (4, 29):
        assert 'configmaps "taken" already exists' in result.failed().output
        assert "The resource already exists in the cluster. This can happen when:" in result.output
        assert data == {"whose": "theirs"}
    else:
        # github.com/pulumi/pulumi-kubernetes/issues/4278
        result.ok()
        assert data == {"whose": "theirs", "ours": "1"}


def test_an_update_removes_what_the_program_dropped_and_leaves_what_others_added(
    program: Program, cluster: Any
) -> None:
    program.up(config_map({"a": "1", "b": "1"}, name="x", opts=MUTABLE)).ok()
    cluster.CoreV1Api().patch_namespaced_config_map("x", program.namespace, {"data": {"theirs": "1"}})
    program.up(config_map({"a": "2"}, name="x", opts=MUTABLE)).ok()
    live = cluster.CoreV1Api().read_namespaced_config_map("x", program.namespace)
    assert live.data == {"a": "2", "theirs": "1"}


def test_a_field_of_another_manager_is_a_conflict_unless_forced(program: Program, cluster: Any) -> None:
    program.up(config_map({"a": "1", "b": "1"}, name="x", opts=MUTABLE)).ok()
    program.up(config_map({"a": "1", "b": "2"}, name="x", opts=MUTABLE)).ok()
    cluster.CoreV1Api().patch_namespaced_config_map(
        "x", program.namespace, {"data": {"a": "theirs"}}, field_manager="another"
    )
    result = program.up(config_map({"a": "2", "b": "2"}, name="x", opts=MUTABLE)).failed()
    assert "server-side apply field conflict detected" in result.output.lower()
    assert 'conflict with "another"' in result.output
    note = {"pulumi.com/patchForce": "true"}
    program.up(config_map({"a": "2", "b": "2"}, name="x", opts=MUTABLE, annotations=note)).ok()
    assert cluster.CoreV1Api().read_namespaced_config_map("x", program.namespace).data["a"] == "2"


def test_data_of_a_secret_is_encrypted_in_the_state(program: Program) -> None:
    program.up("""
        s = k8s.core.v1.Secret("s", metadata={"namespace": NS}, string_data={"a": "open-sesame"})
        pulumi.export("data", s.data)
    """).ok()
    exported = program.run("stack", "export", "--stack", "test").ok().output
    assert "open-sesame" not in exported
    assert "b3Blbi1zZXNhbWU=" not in exported
    assert "[secret]" in program.run("stack", "output", "--stack", "test").output


def test_what_did_not_get_ready_is_kept_with_the_reasons_and_tried_again(program: Program) -> None:
    result = program.up(deployment(timeouts=QUICK)).failed()
    assert "was successfully created, but the Kubernetes API server reported that it failed to fully" in result.output
    assert "timed out waiting to be Ready" in result.output
    entry = program.resources()["d"]
    assert entry["id"].startswith(f"{program.namespace}/d-")
    assert entry["outputs"]["spec"]["replicas"] == 1
    assert any("timed out waiting to be Ready" in reason for reason in entry["initErrors"])

    result = program.up().failed()
    assert "the Kubernetes API server reported that" in result.output
    assert program.resources()["d"]["id"] == entry["id"]

    program.up(deployment({"pulumi.com/skipAwait": "true"})).ok()
    assert program.resources()["d"]["id"] == entry["id"]
    assert not program.resources()["d"].get("initErrors")


def test_the_timeout_annotation_limits_waiting(program: Program) -> None:
    result = program.up(deployment({"pulumi.com/timeoutSeconds": "4"})).failed()
    assert "timed out waiting to be Ready" in result.output


def test_skip_await_does_not_wait(program: Program) -> None:
    program.up(deployment({"pulumi.com/skipAwait": "true"})).ok()


def test_an_unready_job_is_replaced_where_the_annotation_asks_for_it(program: Program) -> None:
    body = """
        note = {"pulumi.com/skipAwait": "true", "pulumi.com/replaceUnready": %r}
        k8s.batch.v1.Job("j", metadata={"namespace": NS, "annotations": note}, spec={"template": {"spec": {
            "containers": [{"name": "c", "image": "none"}], "restart_policy": "Never",
            "node_selector": {"no-such": "node"}}}})
    """
    program.up(body % "false").ok()
    assert program.steps() == {}
    assert program.steps(body % "true") == {"j": "replace"}
    before = program.resources()["j"]["id"]
    program.up().ok()
    assert program.resources()["j"]["id"] != before


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
