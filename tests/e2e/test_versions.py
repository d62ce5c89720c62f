"""The oldest and the newest EI version, each on a database of its own; 6.5.0 is what every other test here runs."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from functools import partial

import pytest

from components.wso2ei.versions import DRIVER, VERSIONS
from tests.e2e.machine import CONSOLE, GATEWAY, Machine, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400), pytest.mark.usefixtures("first_up")]
PYTHON = "docker.io/library/python:3.13.11-slim-trixie"
REPOSITORY = "artifacts"
JAR = "mysql-connector-java-5.1.49.jar"


def kubectl(machine: Machine, *words: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["kubectl", *words], env=machine.environment, input=stdin, check=True, capture_output=True, timeout=120
    ).stdout


@pytest.fixture(scope="module")
def driver(machine: Machine) -> Iterator[bytes]:
    """Connector/J, which the 6.5.0 image still has; and the 6.5.0 stack is gone, and comes back."""
    machine.make("up").ok()
    pod = machine.nodes()[0]["metadata"]
    path = f"{VERSIONS['6.5.0'].home}/dropins/{JAR}"
    jar = kubectl(machine, "-n", pod["namespace"], "exec", pod["name"], "-c", "ei", "--", "cat", path)
    kept = machine.pulumi("config", "get", "-s", "local", "--path", "wso2ei:storage.path").ok().strip()
    machine.destroy().ok()
    yield jar
    machine.destroy().ok()
    machine.configure("set", "wso2ei:ei.version", "6.5.0")
    machine.configure("set", "wso2ei:storage.path", kept)
    machine.configure("rm", "wso2ei:ei.jars")


@pytest.fixture
def repository(machine: Machine, driver: bytes) -> Iterator[str]:
    """A team's own artifact repository: the URL of the jar."""
    meta = {"name": "repository", "namespace": REPOSITORY, "labels": {"app": "repository"}}
    server = {
        "name": "server", "image": PYTHON, "command": ["python", "-m", "http.server", "8000", "--directory", "/srv"],
        "volumeMounts": [{"name": "files", "mountPath": "/srv"}],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }  # fmt: skip
    spec = {"containers": [server], "volumes": [{"name": "files", "emptyDir": {}}], "terminationGracePeriodSeconds": 0}
    service = {"selector": {"app": "repository"}, "ports": [{"port": 80, "targetPort": 8000}]}
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": REPOSITORY}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": service},
    ]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}).encode()
    kubectl(machine, "apply", "-f", "-", stdin=listed)
    kubectl(machine, "-n", REPOSITORY, "wait", "--for=condition=Ready", "pod/repository", "--timeout=100s")
    store = ["exec", "-i", "repository", "--", "sh", "-c", f"cat >/srv/{JAR}"]
    kubectl(machine, "-n", REPOSITORY, *store, stdin=driver)
    yield f"http://repository.{REPOSITORY}/{JAR}"
    kubectl(machine, "delete", "namespace", REPOSITORY)


def lists(machine: Machine, node: str, addresses: set[str]) -> bool:
    return machine.members(node) == addresses


def works(machine: Machine, version: str) -> None:
    """What the first test of the stack asks of 6.5.0."""
    machine.update().ok()
    console = machine.curl("/carbon", CONSOLE).text
    assert console.startswith("HTTP/2 302")
    assert f"\nlocation: https://{CONSOLE}/carbon/admin/index.jsp\n" in console
    assert machine.curl("/services", GATEWAY).text.startswith("HTTP/2 200")
    addresses = {pod["status"]["podIP"] for pod in machine.nodes()}
    assert len(addresses) == 2
    for pod in machine.nodes():
        name = pod["metadata"]["name"]
        home = machine.kubectl("exec", name, "-c", "ei", "--", "sh", "-c", "echo $WSO2_SERVER_HOME").ok().strip()
        assert home.endswith(f"wso2ei-{version}")
        eventually("the node lists two members", partial(lists, machine, name, addresses))
    assert "loginStatus=true" in machine.login(machine.password())


@pytest.mark.usefixtures("driver")
def test_6_2_0_runs_as_it_comes(machine: Machine) -> None:
    machine.configure("set", "wso2ei:ei.version", "6.2.0")
    machine.configure("set", "wso2ei:storage.path", "/var/lib/wso2ei/of-6.2.0")
    works(machine, "6.2.0")


def test_6_6_0_lacks_a_driver_which_is_said_before_anything_is_made_and_runs_with_a_delivered_one(
    machine: Machine, driver: bytes, repository: str
) -> None:
    machine.destroy().ok()
    machine.configure("set", "wso2ei:ei.version", "6.6.0")
    machine.configure("set", "wso2ei:storage.path", "/var/lib/wso2ei/of-6.6.0")
    refused = machine.update()
    assert refused.code != 0
    assert "holds no MySQL driver" in refused.text
    assert "ei.jars" in refused.text
    assert not re.search(r"kubernetes:\S+ .*created", refused.text)

    assert hashlib.sha256(driver).hexdigest() == DRIVER.example["sha256"]
    machine.configure("set", "wso2ei:ei.jars[0].url", repository)
    machine.configure("set", "wso2ei:ei.jars[0].sha256", DRIVER.example["sha256"])
    works(machine, "6.6.0")
