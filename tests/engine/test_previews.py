"""Previews by the real engine, without a cluster, without credentials, without secrets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embedded.images.catalog import images
from settings.model import ImagesSettings, Settings
from tests.engine.conftest import Preview
from tests.unit.support.stacks import objects

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
Run = Callable[..., Preview]


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_a_preview_without_a_cluster_shows_every_object(plan: Run, stack: str) -> None:
    steps = plan(stack).steps()
    assert {step["op"] for step in steps} == {"create"}
    kinds = Counter(step["urn"].split("::")[2].rpartition("$")[2] for step in steps)
    expected = Counter(item.type for item in objects(stack))
    if stack == "prod":
        expected -= Counter({"kubernetes:core/v1:Secret": 0})
    assert {kind: count for kind, count in kinds.items() if kind.startswith("kubernetes:")} == dict(expected)


def test_a_preview_of_prod_says_which_secret_an_update_will_need(preview: Run) -> None:
    done = preview("prod")
    assert done.code == 0, done.text
    assert "an update will need one more value" in done.text
    assert "pulumi config set --secret registryPassword" in done.text


@pytest.mark.parametrize("as_json", [False, True])
def test_encrypted_credentials_are_used_and_never_shown(preview: Run, as_json: bool) -> None:
    secrets = {"registryPassword": "token-of-the-test", "adminPassword": "admin-of-the-test"}
    done = preview("prod", {"registryCheck": "never"}, as_json=as_json, secrets=secrets)
    assert done.code == 0, done.text
    assert "an update will need" not in done.text
    assert "wso2ei-pull" in done.text
    for secret in secrets.values():
        assert secret not in done.text


def test_the_checkout_holds_no_trace_of_a_preview(preview: Run) -> None:
    before = {path.name: path.read_bytes() for path in ROOT.glob("Pulumi*")}
    preview("local")
    assert {path.name: path.read_bytes() for path in ROOT.glob("Pulumi*")} == before


MISTAKES: list[tuple[dict[str, Any], list[str]]] = [
    ({"ei": {"replicas": 0}}, ["wso2ei:ei.replicas = 0", "an integer from 1 to 20"]),
    ({"ei": {"replicas": "two"}}, ['wso2ei:ei.replicas = "two"', "an integer from 1 to 20"]),
    ({"ei": {"version": "7.1.0"}}, ["wso2ei:ei.version", "6.2.0, 6.3.0, 6.4.0, 6.5.0, 6.6.0"]),
    ({"ei": {"heap": "2GB"}}, ['wso2ei:ei.heap = "2GB"', "such as 512Mi"]),
    ({"ei": {"replcas": 2}}, ["did you mean 'replicas'?"]),
    ({"storage": {"kind": "hostpath", "path": "/x"}}, ["wso2ei:storage", "hostPath"]),
    ({"storage": {"kind": "hostPath", "path": "relative"}}, ["wso2ei:storage.path", "absolute path"]),
    ({"storage": {"kind": "nfs"}}, ["wso2ei:storage.server", "wso2ei:storage.path", "is required"]),
    ({"storgae": {"kind": "nfs"}}, ["did you mean 'storage'?"]),
    ({"registryUsername": "me", "registryPassword": "hunter2"}, ["must be stored encrypted", "wso2ei:ei.image"]),
    ({"ingress": {"expose": "NodePort"}}, ["set address"]),
    ({"hosts": {"console": "same", "gateway": "same"}}, ["different host names"]),
]


@pytest.mark.parametrize(("change", "words"), MISTAKES)
def test_a_mistake_is_told_with_its_remedy_and_creates_nothing(
    preview: Run, change: dict[str, Any], words: list[str]
) -> None:
    done = preview("local", change)
    assert done.code != 0
    for word in [*words, "fix: "]:
        assert word in done.text, done.text
    assert "Traceback" not in done.text
    assert "hunter2" not in done.text
    assert "kubernetes:" not in done.text.replace("wso2ei:kubernetes", "")


def test_an_update_on_a_machine_without_the_stack_s_cluster_is_refused_before_anything_is_made(preview: Run) -> None:
    done = preview("local", command="up")
    assert done.code != 0
    assert "needs a kubeconfig, and there is none" in done.text
    assert "Traceback" not in done.text
    # The stack itself, which is nothing on any cluster, is all that the update begins with.
    update = done.text.partition("Updating (local)")[2]
    assert "+ 1 created" in update
    assert "kubernetes:" not in update.replace("wso2ei:kubernetes", "")


def test_every_default_image_of_the_program_is_one_that_a_bare_machine_can_serve() -> None:
    served = {reference for image in images() for reference in image.references}
    defaults = ImagesSettings()
    storage = {"kind": "hostPath", "path": "/x"}
    settings = Settings.model_validate({"kubernetes": {"contexts": ["x"]}, "storage": storage})
    assert {defaults.mysql, defaults.python, defaults.nginx, settings.ei_image} <= served
