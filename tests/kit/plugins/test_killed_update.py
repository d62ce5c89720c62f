"""What a killed update leaves is taken over by the next one, with the plugin that is installed."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

import pytest

from embedded import toolchain
from embedded.progress import Reporter
from embedded.pulumi_env import PulumiEnv
from embedded.recover import recover
from tests.kit.plugins.pulumi_program import Program, until
from tests.kit.plugins.test_kubernetes import deployment

pytestmark = pytest.mark.cluster


def test_an_object_that_was_being_made_keeps_its_field_manager_and_can_be_changed(
    program: Program, cluster: Any
) -> None:
    """A resource without ``__fieldManager`` gets a new one, to which every field of the object is a conflict."""
    kubectl = toolchain.built("kubernetes")
    if kubectl:
        program.environment["PATH"] = f"{kubectl}{os.pathsep}{program.environ()['PATH']}"
    api = cluster.AppsV1Api()
    process = subprocess.Popen(
        program.write(deployment()).command("up", "--yes", "--skip-preview", "--stack", "test"),
        env=program.environ(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    until(lambda: api.list_namespaced_deployment(program.namespace).items)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    assert recover(PulumiEnv(program.folder, "test", program.environ()), Reporter())
    program.up(deployment(replicas=0)).ok()
    (live,) = api.list_namespaced_deployment(program.namespace).items
    assert live.spec.replicas == 0
    managers = {one.manager for one in live.metadata.managed_fields if one.operation == "Apply"}
    assert managers == {program.resources()["d"]["outputs"]["__fieldManager"]}
