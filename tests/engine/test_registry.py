"""Credentials of the subscription registry, checked by the real program before anything is made."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import Preview
from tests.registries import PASSWORD, REPOSITORY, USER, Registry, password_registry, token_registry

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
Run = Callable[..., Preview]


@pytest.fixture(scope="module", params=["docker-registry", "harbor"])
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    if request.param == "harbor":
        with token_registry("harbor") as found:
            yield found
        return
    if shutil.which("docker-registry") is None:
        pytest.skip("needs the program docker-registry (Debian: apt-get install docker-registry)")
    with password_registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


def change(image: str, **more: Any) -> dict[str, Any]:
    return {"ei": {"version": "6.6.0", "image": image}, "registryUsername": USER} | more


@pytest.mark.parametrize("command", ["preview", "up"])
def test_wrong_credentials_are_refused_and_nothing_is_made(preview: Run, registry: Registry, command: str) -> None:
    named = {"kubernetes": {"contexts": ["only-one"]}}
    done = preview(
        "local", change(registry.image) | named, command=command, secrets={"registryPassword": "expired-token"}
    )
    assert done.code != 0
    assert f"registry {registry.host}, user '{USER}', image {registry.image}" in done.text
    assert "401 to the login" in done.text
    assert "make credentials STACK=local" in done.text
    for absent in ("Traceback", "expired-token", "kubernetes:core", "pulumi:providers:kubernetes"):
        assert absent not in done.text


def test_right_credentials_are_let_through_in_silence(preview: Run, registry: Registry) -> None:
    done = preview("local", change(registry.image), secrets={"registryPassword": PASSWORD})
    assert done.code == 0, done.text
    assert "wso2ei-pull" in done.text
    assert "registry gave no answer" not in done.text
    assert PASSWORD not in done.text


def test_an_image_that_is_not_there_is_refused(preview: Run, registry: Registry) -> None:
    done = preview("local", change(f"{registry.host}/{REPOSITORY}:9"), secrets={"registryPassword": PASSWORD})
    assert done.code != 0
    assert f"has no {REPOSITORY} 9" in done.text


def test_a_registry_out_of_reach_is_a_warning_and_a_refusal_only_when_asked(preview: Run, tmp_path: Path) -> None:
    # Port 9 (discard) of loopback: nobody answers.
    lost, secrets = "127.0.0.1:9/p/ei:1", {"registryPassword": PASSWORD}
    done = preview("local", change(lost), secrets=secrets)
    assert done.code == 0, done.text
    assert "The credentials were not checked" in done.text
    assert preview("local", change(lost, registryCheck="required"), secrets=secrets).code != 0
    silent = preview("local", change(lost, registryCheck="never"), secrets=secrets)
    assert silent.code == 0, silent.text
    assert "not checked" not in silent.text
