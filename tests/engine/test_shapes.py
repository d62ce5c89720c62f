"""Valid stack files of different shape, and a third stack made by copying a file, through the real CLI."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.engine.one_stack import OneStack, steps
from tests.unit.support.stacks import ROOT, config_of
from tests.unit.support.valid_stacks import STACKS

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

SHAPES = (
    "smallest on existing claims",
    "namespace admin with classes",
    "OpenShift as a cluster admin",
    "existing controller, labels and address",
)


@pytest.fixture(scope="module")
def stack(pulumi_home: Path, tmp_path_factory: pytest.TempPathFactory) -> OneStack:
    return OneStack(pulumi_home, tmp_path_factory.mktemp("one-stack"))


def kinds(plan: list[dict[str, Any]]) -> Counter[str]:
    """How many of each type a plan makes."""
    return Counter(step["urn"].split("::")[2].rpartition("$")[2].rpartition(":")[2] for step in plan)


def test_stack_files_of_different_shape_preview_a_whole_stack(stack: OneStack) -> None:
    answers = stack.previews([STACKS[shape] for shape in SHAPES], as_json=True)
    for shape, answer in zip(SHAPES, answers, strict=True):
        plan = steps(answer)
        assert {step["op"] for step in plan} == {"create"}, shape
        made = kinds(plan)
        assert (made["EiCluster"], made["StatefulSet"], made["Ingress"], made["Job"]) == (1, 1, 2, 3), shape
        installs = STACKS[shape].get("ingress", {}).get("controller") != "existing"
        assert made["Deployment"] == (2 if installs else 1), shape


def test_a_third_stack_is_made_by_copying_a_file(pulumi_home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "Pulumi.team.yaml"
    shutil.copy(ROOT / "Pulumi.prod.yaml", copy)
    config = {key.removeprefix("wso2ei:"): value for key, value in yaml.safe_load(copy.read_text())["config"].items()}
    assert config == config_of("prod")
    plans = []
    for name in ("prod", "team"):
        folder = tmp_path / name
        folder.mkdir()
        plans.append(steps(OneStack(pulumi_home, folder, name).preview(config, as_json=True)))
    prod, team = plans
    assert kinds(team) == kinds(prod)
    assert kinds(team)["PersistentVolume"] == 2
    # What has no namespace is told apart by the stack's name.
    for plan, own, other in ((prod, "prod", "team"), (team, "team", "prod")):
        for step in plan:
            if step["urn"].split("::")[2].endswith(":PersistentVolume"):
                name = step["newState"]["inputs"]["metadata"]["name"]
                assert own in name
                assert other not in name
