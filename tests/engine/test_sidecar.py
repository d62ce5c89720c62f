"""The log shipper of the page for operators: the very lines of the page, in the real program, on the real engine."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from embedded.pulumi_env import PulumiEnv, copy_stack_file
from tests.engine.conftest import ROOT, Preview
from tests.engine.test_policies import PACK
from tests.unit.test_docs import blocks

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
PACKAGES = ("components", "policies", "preflight", "settings", "stack")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The program, as a user changes it after the page."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in PACKAGES:
        (folder / name).symlink_to(ROOT / name)
    for name in ("Pulumi.yaml", "Pulumi.README.md"):
        shutil.copy(ROOT / name, folder)
    page = (ROOT / "docs/operations.md").read_text()
    (folder / "log_shipper.py").write_text(blocks(page, "python")[0])
    added, before = "import log_shipper  # noqa: F401", "settings, secrets = "
    assert f"`{added}`" in page
    program = (ROOT / "__main__.py").read_text()
    assert program.count(before) == 1
    (folder / "__main__.py").write_text(program.replace(before, f"{added}\n{before}"))
    return folder


def test_the_transform_of_the_page_adds_a_sidecar_that_passes_the_policies(
    checkout: Path, new_stack: Callable[[str, Path], dict[str, str]], tmp_path: Path
) -> None:
    variables = new_stack("prod", tmp_path / "prod")
    source = tmp_path / "Pulumi.prod.yaml"
    source.write_text(yaml.safe_dump(yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())))
    env = PulumiEnv(checkout, "prod", variables, copy_stack_file(source, tmp_path / "prod" / "copy"))
    words = env.arguments(["preview", "--json", "--policy-pack", str(PACK)])
    answer = subprocess.run(words, env=env.environment(), check=False, capture_output=True, text=True, timeout=240)
    assert answer.returncode == 0, json.loads(answer.stdout)["diagnostics"]
    deployments = {
        step["urn"].rpartition("::")[2]: step["newState"]["inputs"]["spec"]["template"]["spec"]
        for step in Preview(0, answer.stdout).steps()
        if "kubernetes:apps/v1:Deployment::" in step["urn"]
    }
    pod = deployments["wso2ei-nodes"]
    sidecar = pod["initContainers"][-1]
    assert (sidecar["name"], sidecar["restartPolicy"]) == ("log-shipper", "Always")
    (server,) = (container for container in pod["containers"] if container["name"] == "ei")
    (mounted,) = sidecar["volumeMounts"]
    assert mounted["name"] in {mount["name"] for mount in server["volumeMounts"]}
    assert mounted["name"] in {volume["name"] for volume in pod["volumes"]}
    assert all("log-shipper" not in str(spec) for name, spec in deployments.items() if name != "wso2ei-nodes")
