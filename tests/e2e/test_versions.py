"""The oldest and the newest EI version, each on a database of its own; 6.5.0 is what every other test here runs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import partial

import pytest

from components.wso2ei.versions import DRIVER, VERSIONS
from tests.e2e.machine import CONSOLE, GATEWAY, NAMESPACE, Machine, eventually
from tests.e2e.repository import kubectl, repository

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400), pytest.mark.usefixtures("first_up")]
JAR = "mysql-connector-java-5.1.49.jar"


@pytest.fixture(scope="module")
def driver(machine: Machine) -> Iterator[bytes]:
    """Connector/J, which the 6.5.0 image still has; and the 6.5.0 stack is gone, and comes back."""
    machine.bring_up(changes_may_wait=True)
    pod = machine.nodes()[0]["metadata"]
    path = f"{VERSIONS['6.5.0'].home}/dropins/{JAR}"
    jar = kubectl(machine, "-n", pod["namespace"], "exec", pod["name"], "-c", "ei", "--", "cat", path)
    kept = machine.pulumi("config", "get", "-s", "local", "--path", "wso2ei:storage.path").ok().strip()
    machine.destroy().ok()
    assert machine.run(["kubectl", "get", "ns", NAMESPACE], env=machine.environment).code != 0
    yield jar
    machine.destroy().ok()
    machine.configure("set", "wso2ei:ei.version", "6.5.0")
    machine.configure("set", "wso2ei:storage.path", kept)
    machine.configure("rm", "wso2ei:ei.jars")


@pytest.fixture
def driver_url(machine: Machine, driver: bytes) -> Iterator[str]:
    with repository(machine, {JAR: driver}) as url:
        yield f"{url}/{JAR}"


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
        # A node of an older version that stops would delete tasks of the whole cluster with the hook off.
        file = machine.kubectl("exec", name, "-c", "ei", "--", "sh", "-c", f"cat {home}/conf/hazelcast.properties").text
        assert ("hazelcast.shutdownhook.enabled=false" in file) == VERSIONS[version].ordered_shutdown
        eventually("the node lists two members", partial(lists, machine, name, addresses))
    assert "loginStatus=true" in machine.login(machine.password())


@pytest.mark.usefixtures("driver")
def test_6_2_0_runs_as_it_comes(machine: Machine) -> None:
    machine.configure("set", "wso2ei:ei.version", "6.2.0")
    machine.configure("set", "wso2ei:storage.path", "/var/lib/wso2ei/of-6.2.0")
    works(machine, "6.2.0")


def test_6_6_0_lacks_a_driver_which_is_said_before_anything_is_made_and_runs_with_a_delivered_one(
    machine: Machine, driver: bytes, driver_url: str
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
    machine.configure("set", "wso2ei:ei.jars[0].url", driver_url)
    machine.configure("set", "wso2ei:ei.jars[0].sha256", DRIVER.example["sha256"])
    works(machine, "6.6.0")
