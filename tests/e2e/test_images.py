"""``make up`` on a machine with a network: real images, their registry switched off, and one that rejects the login."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded import images
from embedded.paths import cache_dir
from embedded.progress import Reporter
from tests.e2e.hub import PASSWORD, PRIVATE, REGISTRY, TOKENS, USER, Hub, hub
from tests.e2e.machine import CONSOLE, Machine
from tests.e2e.way_out import at_addresses, way_out

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]
ADDRESSES = {REGISTRY: "198.51.100.7", TOKENS: "198.51.100.8"}
"""On the loopback interface (RFC 5737: no host has them)."""


@pytest.fixture(scope="module", autouse=True)
def _clean(machine: Machine) -> Iterator[None]:
    """A machine without cluster before and after; nothing decides where images come from."""
    before = os.environ.pop("WSO2EI_IMAGES", None)
    machine.used = True
    machine.make("clean").ok()
    yield
    machine.make("clean").ok()
    if before:
        os.environ["WSO2EI_IMAGES"] = before


@pytest.fixture(scope="module")
def docker_hub() -> Iterator[Hub]:
    images.ensure(Reporter())
    layers = cache_dir() / "images" / "layers"
    with tempfile.TemporaryDirectory(dir=layers.parent) as folder, hub(Path(folder), layers) as result:
        yield result


def running_digests(machine: Machine) -> set[str]:
    """Of the images of all of the stack's pods."""
    statuses = [
        status
        for pod in machine.objects("pods")
        for kind in ("initContainerStatuses", "containerStatuses")
        for status in pod["status"].get(kind) or []
    ]
    assert statuses
    return {status["imageID"].rpartition("@")[2] for status in statuses}


def rows(text: str) -> dict[str, str]:
    """Image to what it is in the table at the end."""
    return {image: kind for kind, image in re.findall(r"(real|STAND-IN) +(docker\.io/\S+)", text)}


def test_images_come_from_their_registry_through_a_proxy_on_loopback(
    machine: Machine, docker_hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with way_out(tmp_path, docker_hub.routes, "localhost") as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        said = machine.make("up").ok()
        assert "images of docker.io: real ones, the registry answers" in said
        assert set(rows(said).values()) == {"real"}
        assert len(rows(said)) == 4
        assert running_digests(machine) <= docker_hub.digests
        assert "library/mysql" in docker_hub.granted
        assert machine.curl("/carbon", CONSOLE).ok().startswith("HTTP/2 302")

        # A tag that the registry does not have is reported before the update.
        machine.configure("set", "ei.image", "docker.io/wso2/wso2ei-integrator:6.5.0-none")
        refused = machine.make("up")
        assert refused.code != 0
        assert "docker.io has no docker.io/wso2/wso2ei-integrator:6.5.0-none" in refused.text
        assert "ei.image of the stack file names it" in refused.text
        machine.configure("rm", "ei.image")

    # The registry is gone, and the cluster goes on with what it has pulled.
    monkeypatch.undo()
    said = machine.make("up").ok()
    assert "real ones, as before; it cannot be reached now" in said
    assert set(rows(said).values()) == {"real"}


def test_switched_off_the_registry_is_replaced_by_stand_ins_that_say_so(machine: Machine, docker_hub: Hub) -> None:
    machine.make("clean").ok()
    said = machine.make("up").ok()
    assert "images of docker.io: STAND-INS, since it cannot be reached from this machine" in said
    assert set(rows(said).values()) == {"STAND-IN"}
    assert "announce themselves in their logs" in said
    assert not running_digests(machine) & docker_hub.digests


def test_without_a_proxy_a_wrong_password_is_an_error_and_the_right_one_pulls(
    machine: Machine, docker_hub: Hub, elsewhere: list[str]
) -> None:
    machine.make("clean").ok()
    up = [*elsewhere, "make", "-s", "up"]
    said = machine.run(up).ok()
    assert set(rows(said).values()) == {"real"}
    assert running_digests(machine) <= docker_hub.digests

    # The program's own check is switched off: the question is what `make up` does.
    for key, value in (("ei.image", PRIVATE), ("registryUsername", USER), ("registryCheck", "never")):
        machine.configure("set", key, value)
    secret(machine, "expired-token")
    refused = machine.run(up)
    assert refused.code != 0
    assert f"{PRIVATE}: docker.io rejects {USER}: unauthorized" in refused.text
    assert "make credentials STACK=local" in refused.text
    assert "expired-token" not in refused.text
    assert "Updating" not in refused.text

    secret(machine, PASSWORD)
    said = machine.run(up).ok()
    assert rows(said)[PRIVATE] == "real"
    assert "team/ei" in docker_hub.granted


def secret(machine: Machine, password: str) -> None:
    file = ["--config-file", machine.environment["PULUMI_OPTION_CONFIG_FILE"], "-s", "local"]
    command = ["pulumi", "config", "set", "--secret", "registryPassword", *file]
    machine.run(command, env=machine.environment, stdin=password).ok()


@pytest.fixture
def elsewhere(docker_hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The start of a command for which Docker Hub's names are on addresses of the loopback interface.

    Nodes that it starts reach them by the machine's routes.
    """
    lines = [f"{address} {name}\n" for name, address in ADDRESSES.items()]
    (tmp_path / "hosts").write_text(Path("/etc/hosts").read_text() + "".join(lines))
    for address in ADDRESSES.values():
        subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True)
    try:
        with at_addresses(tmp_path, docker_hub.routes, ADDRESSES) as variables:
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            yield ["unshare", "--mount", "sh", "-c", f'mount --bind {tmp_path}/hosts /etc/hosts && exec "$0" "$@"']
    finally:
        for address in ADDRESSES.values():
            subprocess.run(["ip", "address", "delete", f"{address}/32", "dev", "lo"], check=False)
