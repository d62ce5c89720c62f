"""What happens around waiting: time limits, what did not get ready, cancelling, and a killed engine.

Nothing here needs a node: what is waited for never comes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.kit.plugins.pulumi_program import Program, until

pytestmark = pytest.mark.cluster

DEPLOYMENT = """
k8s.apps.v1.Deployment("d", metadata={{"namespace": NS, "annotations": {annotations!r}}}, spec={{
    "replicas": {replicas}, "selector": {{"match_labels": {{"a": "b"}}}}, "template": {{
        "metadata": {{"labels": {{"a": "b"}}}},
        "spec": {{"containers": [{{"name": "c", "image": "none"}}], "node_selector": {{"no-such": "node"}}}}}}}},
    opts=ResourceOptions(custom_timeouts={timeouts}))
"""
QUICK = 'pulumi.CustomTimeouts(create="4s", update="4s")'


def deployment(annotations: dict[str, str] | None = None, timeouts: str = "None", replicas: int = 1) -> str:
    """A Deployment whose pod can never be scheduled."""
    return DEPLOYMENT.format(annotations=annotations or {}, timeouts=timeouts, replicas=replicas)


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


def test_a_refresh_notes_what_is_not_ready_any_more(program: Program, cluster: Any) -> None:
    program.up(deployment(replicas=0)).ok()
    program.refresh("--expect-no-changes").ok()
    assert program.steps() == {}
    cluster.AppsV1Api().patch_namespaced_deployment(
        program.resources()["d"]["id"].split("/")[1], program.namespace, {"spec": {"replicas": 1}}
    )
    until(lambda: cluster.CoreV1Api().list_namespaced_pod(program.namespace).items)
    program.refresh()
    assert program.resources()["d"]["initErrors"]


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


def started(program: Program) -> subprocess.Popen[bytes]:
    """An update that waits for its Deployment."""
    return subprocess.Popen(
        program.command("up", "--yes", "--skip-preview", "--stack", "test"),
        env=program.environ(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def plugin_processes(program: Program) -> list[int]:
    """Ids of processes that run from this test's Pulumi home and belong to this test's stack."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                environ = (entry / "environ").read_bytes()
            except OSError:
                continue
            if b"resource-kubernetes" in command and str(program.folder).encode() in environ:
                found.append(int(entry.name))
    return found


def has_deployment(program: Program, cluster: Any) -> Callable[[], bool]:
    return lambda: bool(cluster.AppsV1Api().list_namespaced_deployment(program.namespace).items)


def test_cancelling_keeps_what_was_created(program: Program, cluster: Any) -> None:
    process = started(program.write(deployment()))
    until(has_deployment(program, cluster))
    time.sleep(1)  # the answer of the create is on its way
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) != 0
    assert program.resources()["d"]["id"].startswith(f"{program.namespace}/d-")
    assert not plugin_processes(program)


def test_no_plugin_outlives_a_killed_engine(program: Program, cluster: Any) -> None:
    process = started(program.write(deployment()))
    until(has_deployment(program, cluster))
    assert plugin_processes(program)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
    until(lambda: not plugin_processes(program))
