"""The policy pack, run by the real engine: on both stacks, and on a program that breaks promises."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from embedded import toolchain
from embedded.progress import Reporter
from embedded.pulumi_env import PulumiEnv, embedded_variables, ensure_stack
from tests.engine.conftest import Preview

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
# The Python language host that is built here cannot run a folder; this file starts the same pack (see there).
PACK = ROOT / "embedded" / "toolchain" / "policy-pack"
BROKEN = """
import pulumi
import pulumi_kubernetes as k8s

cluster = k8s.Provider("cluster", kubeconfig="", context="nowhere")
opts = pulumi.ResourceOptions(provider=cluster)
metadata = {"name": "broken", "namespace": "space"}
container = {"name": "main", "image": "sample:latest", "env": [{"name": "PASSWORD", "value": "hunter2"}]}
template = {"metadata": {"labels": {"app": "broken"}}, "spec": {"hostNetwork": True, "containers": [container]}}
selector = {"match_labels": {"app": "broken"}}
k8s.apps.v1.Deployment("broken", metadata=metadata, spec={"selector": selector, "template": template}, opts=opts)
claim = {"access_modes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
k8s.core.v1.PersistentVolumeClaim("data", metadata={"name": "data"}, spec=claim, opts=opts)
outside = {"type": "LoadBalancer", "ports": [{"port": 80}]}
k8s.core.v1.Service("open", metadata={"name": "open"}, spec=outside, opts=opts)
"""


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_both_stacks_pass_the_pack(preview: Callable[..., Preview], stack: str) -> None:
    done = preview(stack, options=["--policy-pack", str(PACK)])
    assert done.code == 0, done.text
    assert "wso2ei" in done.text.partition("Policy Packs run:")[2], done.text
    assert "mandatory" not in done.text


def test_a_program_that_breaks_promises_is_stopped_with_every_reason(pulumi_home: Path, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.mkdir()
    (program / "Pulumi.yaml").write_text("name: broken\nruntime: python\n")
    (program / "__main__.py").write_text(BROKEN)
    bins = [toolchain.ensure("pulumi", Reporter())]
    variables = embedded_variables(bins, tmp_path / "no-kubeconfig", tmp_path / "base")
    variables |= {"PULUMI_HOME": str(pulumi_home), "WSO2EI_POLICY_PACK": str(ROOT / "policies")}
    env = PulumiEnv(program, "test", variables)
    ensure_stack(env)
    command = env.arguments(["preview", "--color", "never", "--policy-pack", str(PACK)])
    done = subprocess.run(
        command, env={**os.environ, **env.environment()}, check=False, capture_output=True, text=True, timeout=120
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    found = said.partition("Policies:")[2]
    print(found)
    for rule in (
        "no-plain-secrets", "pinned-images", "kept-data", "network-policies", "justified-exposure",
    ):  # fmt: skip
        assert f"[mandatory]  {rule}" in found, found
    assert "spec.template.spec.containers[0].env[0].value" in found
    assert "hunter2" not in found
