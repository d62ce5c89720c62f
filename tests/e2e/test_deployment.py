"""What is made in the console of a running stack: every node serves it, and whatever ends a container leaves it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.cars import PROXY
from tests.e2e.machine import Machine, eventually
from tests.e2e.test_lifecycle import serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800), pytest.mark.usefixtures("first_up")]
SERVER, TENANT = "repository/deployment/server", "repository/tenants/7"
SYNAPSE = f"{SERVER}/synapse-configs/default"
MAIN, FAULT = f"{SYNAPSE}/sequences/main.xml", f"{SYNAPSE}/sequences/fault.xml"
# As the console and a client of WSO2's WSDL do it.
REQUEST = """<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
    xmlns:ser="http://service.proxyadmin.carbon.wso2.org" xmlns:xsd="http://proxyadmin.carbon.wso2.org/xsd"><soapenv:Body>
<ser:addProxy><ser:pd><xsd:inSeqXML>&lt;inSequence xmlns="http://ws.apache.org/ns/synapse"&gt;{body}&lt;/inSequence&gt;</xsd:inSeqXML>
<xsd:name>{name}</xsd:name></ser:pd></ser:addProxy></soapenv:Body></soapenv:Envelope>"""


def inside(machine: Machine, script: str, *, node: int = 0, stdin: str = "") -> str:
    """A script in the home of one node's server."""
    name = sorted(pod["metadata"]["name"] for pod in machine.nodes())[node]
    command = ["exec", "-i", name, "-c", "ei", "--", "sh", "-c", f"cd /home/wso2carbon/wso2ei-* && {script}"]
    return machine.kubectl(*command, stdin=stdin).ok()


def add_proxy(machine: Machine, name: str, password: str, *, node: int = 0, body: str = "&lt;respond/&gt;") -> str:
    """The admin service's answer, with its status."""
    url = "https://localhost:9443/services/ProxyServiceAdmin"
    words = f"-sk -i -u 'admin:{password}' -H 'Content-Type: text/xml' --data-binary @- {url}"
    return inside(machine, f"curl {words}", node=node, stdin=REQUEST.format(name=name, body=body))


def drop(machine: Machine, path: str, text: str, *, node: int = 0) -> None:
    inside(machine, f"mkdir -p $(dirname {path}) && cat >{path}.new && mv {path}.new {path}", node=node, stdin=text)


def everything_is_there(machine: Machine) -> None:
    assert machine.on_both("MadeInTheConsole")
    assert machine.on_both("t/acme.example.com/OfATenant")
    for node in (0, 1):
        assert inside(machine, f"cat {MAIN}; ls -A {SYNAPSE}/sequences", node=node).split() == ["mine", "main.xml"]


@pytest.fixture(scope="module", autouse=True)
def console(machine: Machine, first_up: str) -> Iterator[None]:
    """A proxy that the console made on one node, a tenant with one, a default that is changed and one that is gone."""
    assert first_up
    machine.bring_up()
    password = machine.password()
    assert re.match(r"HTTP/1.1 401", add_proxy(machine, "MadeInTheConsole", "wrong"))
    assert "MadeInTheConsole" not in inside(machine, f"ls {SYNAPSE}/proxy-services")
    answer = add_proxy(machine, "MadeInTheConsole", password)
    assert "HTTP/1.1 200" in answer
    assert "<ns:return>successful</ns:return>" in answer
    tenant = "(UM_ID, UM_DOMAIN_NAME, UM_ACTIVE) VALUES (7, 'acme.example.com', TRUE)"
    machine.sql("WSO2EI_USER_DB", f"INSERT INTO UM_TENANT {tenant}")
    proxy = PROXY.format(name="OfATenant", parameters="", body="<respond/>")
    drop(machine, f"{TENANT}/synapse-configs/default/proxy-services/OfATenant.xml", proxy)
    drop(machine, MAIN, "mine\n")
    inside(machine, f"rm {FAULT}")
    yield
    inside(machine, f"rm -rf {SYNAPSE}/proxy-services/*.xml {TENANT}")
    machine.sql("WSO2EI_USER_DB", "DELETE FROM UM_TENANT WHERE UM_ID = 7")


def test_every_node_serves_what_is_made_on_one_and_no_broken_file(machine: Machine) -> None:
    for service in ("MadeInTheConsole", "t/acme.example.com/OfATenant"):
        eventually(f"both nodes serve {service}", lambda service=service: machine.on_both(service))  # type: ignore[misc]
    everything_is_there(machine)
    password = machine.password()
    assert "already exists" in add_proxy(machine, "MadeInTheConsole", password, node=1)
    assert "Unknown mediator" in add_proxy(machine, "Broken", password, body="&lt;nosuchmediator/&gt;")
    assert not machine.on_both("OfATenant")

    drop(machine, f"{SYNAPSE}/proxy-services/Broken.xml", "<proxy", node=1)
    drop(machine, f"{SYNAPSE}/proxy-services/Whole.xml", PROXY.format(name="Whole", parameters="", body="<respond/>"))
    eventually("both nodes serve the whole one", lambda: machine.on_both("Whole"))
    for pod in machine.nodes():
        log = machine.kubectl("logs", pod["metadata"]["name"], "-c", "ei").text
        assert re.search(r"Synapse Artifact from file : \S+/Broken.xml : Failed!", log)
    assert not any(machine.served("Broken").values())
    inside(machine, f"rm {SYNAPSE}/proxy-services/Broken.xml {SYNAPSE}/proxy-services/Whole.xml", node=1)
    eventually("it is gone from both nodes", lambda: not any(machine.served("Whole").values()))
    everything_is_there(machine)


def test_it_survives_a_rollout_and_the_loss_of_a_pod(machine: Machine) -> None:
    before = {pod["metadata"]["name"] for pod in machine.nodes()}
    machine.kubectl("rollout", "restart", "deployment/wso2ei").ok()
    machine.kubectl("rollout", "status", "deployment/wso2ei", "--timeout=5m").ok()
    eventually("the old nodes are gone", lambda: len(machine.nodes()) == 2)
    nodes = {pod["metadata"]["name"] for pod in machine.nodes()}
    assert not before & nodes
    everything_is_there(machine)
    machine.kubectl("delete", "pod", sorted(nodes)[0], "--grace-period=0", "--force").ok()
    # Not `rollout status`: it reads a status from before the deletion.
    eventually("two nodes serve again", lambda: serving(machine, 2), 300)
    everything_is_there(machine)
    log = machine.kubectl("logs", machine.nodes()[0]["metadata"]["name"], "-c", "merge-deployment").ok()
    assert "1 stay as users changed them, 1 stay deleted" in log


def test_it_survives_destroy_and_up_and_the_outputs_name_its_place(machine: Machine) -> None:
    kept = machine.pulumi("stack", "output", "-s", "local", "kept_data").ok()
    assert "/deployment on " in kept
    assert "served by every node" in machine.pulumi("stack", "output", "-s", "local", "console_artifacts").ok()
    machine.destroy().ok()
    machine.make("up").ok()
    everything_is_there(machine)
