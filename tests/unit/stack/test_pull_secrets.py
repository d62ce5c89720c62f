"""Pods pull their images with the stack's credentials; tests/unit/policies/test_shapes.py holds it over all shapes."""

from __future__ import annotations

import json
import runpy
from typing import Any

import pytest

from tests.unit.support.recording import Recorder, record
from tests.unit.support.stacks import PASSWORD, ROOT, objects, run, templates
from tests.unit.support.stacks import recorded as committed
from tests.unit.support.valid_stacks import STACKS, with_

PODS = {
    "wso2ei-nodes", "wso2ei-image", "wso2ei-schema", "wso2ei-mysql-server", "wso2ei-nginx-controller",
    "wso2ei-acceptance-job",
}  # fmt: skip


def recorded(config: dict[str, Any]) -> Recorder:
    return record(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
        config=config, stack="shape", preview=True,
    )  # fmt: skip


def registry(image: str) -> str:
    first = image.partition("/")[0]
    return first if "." in first or ":" in first else "docker.io"


def pull_secrets(recorder: Recorder) -> dict[str, list[str]]:
    return {
        name: [entry["name"] for entry in template["spec"].get("imagePullSecrets", [])]
        for name, template in templates(recorder)
    }


def credentials(recorder: Recorder) -> dict[str, str]:
    """Registry to the Secret that has its credentials."""
    made = [item.body() for item in recorder.registered if item.body().get("type") == "kubernetes.io/dockerconfigjson"]
    return {
        host: secret["metadata"]["name"]
        for secret in made
        for host in json.loads(secret["stringData"][".dockerconfigjson"])["auths"]
    }


WITH_CREDENTIALS = [
    name for name, shape in STACKS.items() if shape.get("registryUsername") or shape.get("secrets", {}).get("registry")
]


@pytest.mark.parametrize("shape", WITH_CREDENTIALS)
def test_every_pod_names_the_secret_of_its_images_registry_and_no_other(shape: str) -> None:
    recorder = recorded(STACKS[shape])
    existing = STACKS[shape].get("secrets", {}).get("registry")
    known = credentials(recorder)
    for name, template in templates(recorder):
        spec = template["spec"]
        images = [container["image"] for container in (*spec.get("initContainers", []), *spec["containers"])]
        needed = {known[registry(image)] for image in images if registry(image) in known}
        assert pull_secrets(recorder)[name] == ([existing] if existing else sorted(needed)), name


def test_behind_a_mirror_with_a_login_every_pod_has_the_mirrors_credentials() -> None:
    recorder = recorded(STACKS["mirror with a login"])
    assert credentials(recorder) == {"harbor.example.com": "wso2ei-pull"}
    assert pull_secrets(recorder) == {key: ["wso2ei-pull"] for key in PODS}
    for name, template in templates(recorder):
        spec = template["spec"]
        for container in (*spec.get("initContainers", []), *spec["containers"]):
            assert container["image"].count("harbor.example.com/proxy/") == 1, f"{name} {container['image']}"


def test_an_existing_secret_pulls_the_images_of_every_pod() -> None:
    assert pull_secrets(recorded(STACKS["existing pull secret"])) == {key: ["team-pull"] for key in PODS}


def test_credentials_of_one_registry_change_no_pod_of_another() -> None:
    """So a running stack whose images are public but EI's keeps MySQL and the controller as they are."""
    before, after = run("prod", {"registryUsername": None, "registryCheck": "never"}), run("prod")
    needed = {"wso2ei-nodes": ["wso2ei-pull"], "wso2ei-schema": ["wso2ei-pull"], "wso2ei-image": ["wso2ei-pull"]}
    assert pull_secrets(after) == pull_secrets(before) | needed


def test_a_mirror_with_a_login_needs_no_other_image_of_ei() -> None:
    config = with_(images={"mirror": "harbor.example.com"}, registryUsername="robot")
    assert credentials(recorded(config)) == {"harbor.example.com": "wso2ei-pull"}


def test_the_pull_secret_names_the_registry_of_the_image() -> None:
    secret = next(item for item in objects("prod", "Secret") if item.name == "wso2ei-pull")
    config = json.loads(secret.body()["stringData"][".dockerconfigjson"])
    assert list(config["auths"]) == ["registry.wso2.com"]
    assert config["auths"]["registry.wso2.com"]["password"] == PASSWORD
    assert [item.name for item in objects("local", "Secret") if "pull" in item.name] == []


def test_new_registry_credentials_change_the_pull_secret_and_no_pod() -> None:
    """The name stays, and no pod template depends on the object, so that its replacement reaches no pod."""
    before, after = committed("prod"), run("prod", {"registryPassword": "another-password"})
    assert templates(before) == templates(after)
    assert [item.body() for item in before.registered] != [item.body() for item in after.registered]
    for recorder in (before, after):
        secret = next(item for item in recorder.registered if item.name == "wso2ei-pull")
        assert secret.body()["metadata"]["name"] == "wso2ei-pull"
        for item in recorder.registered:
            for name, dependencies in item.request.propertyDependencies.items():
                assert not any(urn.endswith("::wso2ei-pull") for urn in dependencies.urns), f"{item.name} {name}"


def test_nothing_is_pulled_before_the_pull_secret_exists() -> None:
    schema = next(item for item in objects("prod", "Job") if item.name == "wso2ei-schema")
    nodes = next(item for item in objects("prod", "Deployment") if item.name == "wso2ei-nodes")
    assert any(urn.endswith("::wso2ei-pull") for urn in schema.request.dependencies)
    assert any(urn.endswith("::wso2ei-schema") for urn in nodes.request.dependencies)
