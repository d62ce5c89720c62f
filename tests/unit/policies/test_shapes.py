"""The promises hold on stack files of every shape, and every object fits Kubernetes."""

from __future__ import annotations

import copy
import functools
import json
import runpy

import pytest

from policies.rules import check
from tests import monitors
from tests.unit.policies.samples import Object
from tests.unit.support.recording import record
from tests.unit.support.stacks import ROOT
from tests.unit.support.valid_stacks import STACKS
from tools import schemas
from tools.kubernetes_versions import NEWEST, OLDEST


def manifests(shape: str) -> list[Object]:
    recorder = record(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
        config=STACKS[shape],
        stack="shape",
        preview=True,
    )
    found = []
    for item in recorder.registered:
        if item.type.startswith("kubernetes:"):
            body = copy.deepcopy(item.body())
            body.setdefault("metadata", {}).setdefault("name", f"{item.name}-0a1b2c3d")
            found.append(body)
    return found


@pytest.mark.parametrize("shape", STACKS)
def test_every_shape_keeps_every_promise_and_fits_kubernetes(shape: str) -> None:
    objects = manifests(shape)
    assert len(objects) > 15
    assert [f"{violation.rule}: {violation}" for violation in check(objects)] == []
    for item in objects:
        assert misfits(json.dumps(item)) == []


@functools.cache
def misfits(item: str) -> list[str]:
    """What does not fit Kubernetes; most objects are the same in every shape."""
    body = json.loads(item)
    if body["apiVersion"] == monitors.GROUP_VERSION:
        return monitors.misfits(body)
    return [str(error) for version in (OLDEST, NEWEST) for error in schemas.errors(body, version)]
