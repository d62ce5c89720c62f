"""What an operator sees of running nodes, and what stays of those that are gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.machine import CONSOLE, GATEWAY, Machine, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400), pytest.mark.usefixtures("first_up")]
LOGS = "$(ls -d /home/wso2carbon/*/repository/logs)"


def printed(machine: Machine, words: str) -> list[str]:
    """Lines on the nodes' standard output that hold ``words``."""
    logs = [machine.kubectl("logs", pod["metadata"]["name"], "-c", "ei").text for pod in machine.nodes()]
    return [line for log in logs for line in log.splitlines() if words in line]


def test_both_access_logs_are_on_the_nodes_standard_output(machine: Machine) -> None:
    machine.bring_up(changes_may_wait=True)
    machine.curl("/services?of=a-test", GATEWAY).ok()
    machine.curl("/carbon/?of=a-test", CONSOLE).ok()
    eventually("the gateway's line", lambda: printed(machine, '"GET /services?of=a-test HTTP/1.1" 200'))
    assert "HTTP_ACCESS gateway" in printed(machine, "/services?of=a-test")[0]
    eventually("the console's line", lambda: printed(machine, '"GET /carbon/?of=a-test HTTP/1.1" 302'))
    assert "HTTP_ACCESS console" in printed(machine, "/carbon/?of=a-test")[0]


@pytest.fixture
def kept_logs(machine: Machine) -> Iterator[None]:
    machine.configure("set", "wso2ei:ei.diagnostics.kind", "hostPath")
    machine.configure("set", "wso2ei:ei.diagnostics.path", "/var/lib/wso2ei/local/logs")
    machine.update().ok()
    yield
    machine.configure("rm", "wso2ei:ei.diagnostics")


@pytest.mark.usefixtures("kept_logs")
def test_each_node_writes_its_logs_to_a_folder_of_its_own_on_the_volume(machine: Machine) -> None:
    nodes = [pod["metadata"]["name"] for pod in machine.nodes()]
    assert len(nodes) == 2
    for node in nodes:
        script = f"cat {LOGS}/wso2carbon.log; grep repository/logs /proc/self/mountinfo"
        said = machine.kubectl("exec", node, "-c", "ei", "--", "sh", "-c", script).ok()
        assert said.count("WSO2 Carbon started in") == 1
        assert f"/logs/{node} " in said
