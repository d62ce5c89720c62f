"""The promises hold on stack files of every shape, and every object fits Kubernetes."""

from __future__ import annotations

import functools
import json
import runpy

import pytest

from policies.rules import check
from tests import certificates, monitors
from tests.unit.support.builder_rules import check_builders
from tests.unit.support.recording import Recorder, record
from tests.unit.support.stacks import ROOT, manifests_of
from tests.unit.support.valid_stacks import STACKS
from tools import schemas
from tools.kubernetes_versions import NEWEST, OLDEST


def recorded_shape(shape: str) -> Recorder:
    return record(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
        config=STACKS[shape],
        stack="shape",
        preview=True,
    )


@pytest.mark.parametrize("shape", STACKS)
def test_every_shape_is_a_whole_stack_keeps_every_promise_and_fits_kubernetes(shape: str) -> None:
    recorder = recorded_shape(shape)
    made = {item.type.rpartition(":")[2] for item in recorder.registered}
    assert {"MysqlDatabase", "EiCluster", "NginxIngress", "Acceptance", "StatefulSet", "Deployment", "Ingress"} <= made
    objects = manifests_of(recorder)
    assert len(objects) > 15
    assert [f"{violation.rule}: {violation}" for violation in [*check(objects), *check_builders(objects)]] == []
    for item in objects:
        assert misfits(json.dumps(item)) == []


@functools.cache
def misfits(item: str) -> list[str]:
    """What does not fit Kubernetes; most objects are the same in every shape."""
    body = json.loads(item)
    if body["apiVersion"] == monitors.GROUP_VERSION:
        return monitors.misfits(body)
    if body["apiVersion"] == certificates.GROUP_VERSION:
        return certificates.misfits(body)
    return [str(error) for version in (OLDEST, NEWEST) for error in schemas.errors(body, version)]
