"""The checks of a preview, the real checkov among them, on what the real engine says."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.conftest import Preview
from tests.unit.policies import samples
from tests.unit.policies.samples import Object, broken
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
    preview: Callable[..., Preview], check: Callable[[str], tuple[int, str]]
) -> None:
    said = {stack: check(preview(stack, as_json=True).text) for stack in ("local", "prod")}
    for code, text in said.values():
        assert code == 0, text
        assert "schemas: Kubernetes 1." in text
        assert "scan: checkov" in text
    assert "pulumi config set --secret registryPassword" in said["prod"][1]
    expected = [text.partition("scan_skips.yaml: ")[2].splitlines()[0].split(", ") for _, text in said.values()]
    assert {skip.check for skip in skips()} == set().union(*expected), "a skip that nothing needs goes"


def test_what_only_checkov_knows_is_found(check: Callable[[str], tuple[int, str]]) -> None:
    item: Object = broken(samples.deployment, "spec/template/spec/containers/0/readinessProbe", ...)
    item["spec"]["template"]["spec"]["containers"][0].pop("lifecycle")
    code, text = check(json.dumps(plan_of([item, samples.network_policy()])))
    assert code == 1
    assert "Deployment sample\n    checkov CKV_K8S_9: Readiness Probe Should be Configured" in text
