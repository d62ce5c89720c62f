"""The checks of a preview, the real checkov among them, on what the real engine says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.engine.conftest import Preview
from tests.unit.support import samples
from tests.unit.support.samples import Object, broken
from tests.unit.tools.test_check_preview import preview as plan_of
from tools.scan import skips

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


@pytest.fixture
def check(tmp_path: Path) -> Callable[[str], tuple[int, str]]:
    """``python -m tools.check_preview`` in the virtual environment that has checkov; exit code and text."""
    python = os.environ.get("SCAN_PYTHON")
    if not python:
        pytest.skip("SCAN_PYTHON names no Python with requirements-scan.txt; `make test` does")

    def run(plan: str) -> tuple[int, str]:
        file = tmp_path / "plan.json"
        file.write_text(plan)
        command = [str(python), "-m", "tools.check_preview", str(file)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)
        return done.returncode, done.stdout + done.stderr

    return run


def test_both_stacks_pass_every_check_and_need_every_skip(
    plan: Callable[[str], Preview], check: Callable[[str], tuple[int, str]]
) -> None:
    said = {stack: check(plan(stack).text) for stack in ("local", "prod")}
    for code, text in said.values():
        assert code == 0, text
        assert "schemas: Kubernetes 1." in text
        assert "scan: checkov" in text
    assert "pulumi config set --secret registryPassword" in said["prod"][1]
    expected = [text.partition("scan_skips.yaml: ")[2].splitlines()[0].split(", ") for _, text in said.values()]
    assert {skip.check for skip in skips()} == set().union(*expected), "a skip that nothing needs goes"


def test_a_stack_with_a_service_monitor_passes_every_check_that_there_is_for_it(
    preview: Callable[..., Preview], check: Callable[[str], tuple[int, str]]
) -> None:
    """A preview needs no cluster that knows ServiceMonitors, and there is no schema of Kubernetes' for them."""
    metrics = {"prometheus": {"namespace": "monitoring"}, "discovery": "serviceMonitor"}
    code, text = check(preview("local", {"ei": {"metrics": metrics}}, as_json=True).text)
    assert code == 0, text
    assert "schemas: none for custom resources: ServiceMonitor wso2ei-metrics" in text
    assert text.rstrip().endswith("result: no findings")


def test_what_only_checkov_knows_is_found(check: Callable[[str], tuple[int, str]]) -> None:
    item: Object = broken(samples.deployment, "spec/template/spec/containers/0/readinessProbe", ...)
    item["spec"]["template"]["spec"]["containers"][0].pop("lifecycle")
    code, text = check(json.dumps(plan_of([item, samples.network_policy()])))
    assert code == 1
    assert "Deployment sample\n    checkov CKV_K8S_9: Readiness Probe Should be Configured" in text


def test_make_preview_of_a_team_s_own_stack_file_needs_none_of_its_secrets(tmp_path: Path) -> None:
    """A third stack, with values that were encrypted with a passphrase that nobody here has."""
    if not os.environ.get("SCAN_PYTHON"):
        pytest.skip("the Makefile's virtual environments are there when `make test` runs")
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(".git", "*_cache", "venv", "__pycache__"))
    content = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())
    content["encryptionsalt"] = "v1:c29tZXRoaW5n:v1:bm90aGluZw==:bm9ib2R5IGhlcmUgaGFzIHRoZSBrZXk="
    content["config"]["wso2ei:registryPassword"] = {"secure": "v1:bm90aGluZw==:bm9ib2R5IGhlcmUgaGFzIHRoZSBrZXk="}
    stack_file = checkout / "Pulumi.acme.yaml"
    stack_file.write_text(yaml.safe_dump(content))
    before = stack_file.read_bytes()
    done = subprocess.run(
        ["make", "-s", "preview", "STACK=acme"], cwd=checkout, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "left out, because it is encrypted: wso2ei:registryPassword" in done.stderr
    assert "kubernetes:apps/v1:Deployment: (create)" in done.stdout
    assert "scan: checkov" in done.stdout
    assert done.stdout.rstrip().endswith("result: no findings")
    assert stack_file.read_bytes() == before
