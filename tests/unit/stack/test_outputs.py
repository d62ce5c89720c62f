"""The hosts-file line and the URLs: pure functions, and the whole program with clusters that answer differently."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from stack.outputs import StackOutputs, address_and_port, base_url, hosts_file_line
from tests.unit.support.recording import Recorder, secret_paths, unwrap
from tests.unit.support.stacks import ROOT, STACKS, config_of, outputs_of, recorded, run

NAMES = "wso2ei-scalable-integrator wso2ei-scalable-integrator-gateway"


@pytest.mark.parametrize(
    ("addresses", "line"),
    [
        (["localhost"], "127.0.0.1 a b"),
        (["10.1.2.3"], "10.1.2.3 a b"),
        (["10.1.2.3", "10.1.2.4"], "10.1.2.3 a b\n10.1.2.4 a b"),
        (["fd00::1"], "fd00::1 a b"),
        (["lb.example.com"], "# make a b DNS aliases (CNAME) of lb.example.com"),
        ([], "# the controller has no address yet; a b will need one"),
    ],
)
def test_hosts_file_line_holds_what_a_hosts_file_can_hold(addresses: list[str], line: str) -> None:
    assert hosts_file_line(addresses, ["a", "b"]) == line


def test_urls_name_the_port_only_when_it_is_not_443() -> None:
    assert base_url("a", 443) == "https://a"
    assert base_url("a", 8443) == "https://a:8443"


def test_an_ipv6_address_gets_brackets_before_a_port() -> None:
    assert address_and_port("fd00::1", 443) == "[fd00::1]:443"
    assert address_and_port("10.1.2.3", 443) == "10.1.2.3:443"


def ingress(stack: str, **change: Any) -> dict[str, Any]:
    return {"ingress": config_of(stack)["ingress"] | change}


def patches(recorder: Recorder) -> list[dict[str, Any]]:
    found = next(item for item in recorder.registered if item.name == "wso2ei-patches")
    return list(json.loads(unwrap(found.inputs)["data"]["patches.json"])["patches"])


def ports_of_ei(recorder: Recorder) -> tuple[str, str]:
    """What EI is told: the console's proxyPort, and the prefix of the gateway's URLs in WSDLs."""
    proxy = next(p["attributes"]["proxyPort"] for p in patches(recorder) if "proxyPort" in p.get("attributes", {}))
    prefix = next(p["set"] for p in patches(recorder) if "@name='https'" in p["path"] and "WSDLEPR" in p["path"])
    return proxy, prefix


def acceptance(recorder: Recorder) -> dict[str, str]:
    job = next(item for item in recorder.registered if item.name == "wso2ei-acceptance-job").body()
    words = job["spec"]["template"]["spec"]["containers"][0]["args"]
    return dict(zip(words[::2], words[1::2], strict=True))


@pytest.mark.parametrize(
    ("change", "port"),
    [
        ({"httpPort": 8080, "httpsPort": 8443}, 8443),
        ({"expose": "hostPort", "address": "10.0.0.7", "httpsPort": 9443}, 9443),
        # Allotted by the cluster, which the tests' cluster does in the order of the Service's ports.
        ({"expose": "NodePort", "address": "10.0.0.7"}, 30001),
        ({"expose": "NodePort", "address": "10.0.0.7", "httpsNodePort": 31443}, 31443),
    ],
)
def test_urls_redirects_of_ei_and_the_check_name_the_port_that_clients_use(change: dict[str, Any], port: int) -> None:
    recorder = run("local", ingress("local", **change))
    outputs = outputs_of(recorder)
    assert outputs["console_url"] == f"https://wso2ei-scalable-integrator:{port}/carbon"
    assert outputs["gateway_url"] == f"https://wso2ei-scalable-integrator-gateway:{port}"
    assert ports_of_ei(recorder) == (str(port), f"https://wso2ei-scalable-integrator-gateway:{port}")
    assert acceptance(recorder)["--console-port"] == str(port)
    assert acceptance(recorder)["--address"] == f"wso2ei-nginx:{change.get('httpsPort', 443)}"


def test_on_443_no_url_names_a_port() -> None:
    assert outputs_of(recorded("local"))["console_url"] == "https://wso2ei-scalable-integrator/carbon"
    assert ports_of_ei(recorded("local")) == ("443", "https://wso2ei-scalable-integrator-gateway")


def test_a_given_node_port_is_asked_of_the_cluster() -> None:
    change = ingress("local", expose="NodePort", address="node-1", httpNodePort=31080, httpsNodePort=31443)
    service = next(item for item in run("local", change).registered if item.name == "wso2ei-nginx-service").body()
    assert [port["nodePort"] for port in service["spec"]["ports"]] == [31080, 31443]


@pytest.mark.parametrize(
    ("change", "told", "line"),
    [
        ({}, {"ip": "10.9.8.7"}, f"10.9.8.7 {NAMES}"),
        ({}, {"ip": "10.9.8.7", "hostname": "lb.example.com"}, f"10.9.8.7 {NAMES}"),
        ({}, {"ip": "fd00::7"}, f"fd00::7 {NAMES}"),
        ({}, {"hostname": "lb.example.com"}, f"# make {NAMES} DNS aliases (CNAME) of lb.example.com"),
        # What is published where the cluster gives no address; an Ingress may still show an older one.
        ({"expose": "NodePort", "address": "10.0.0.7"}, {"ip": "10.9.8.7"}, f"10.0.0.7 {NAMES}"),
        ({"expose": "hostPort", "address": "localhost"}, {"ip": "10.9.8.7"}, f"127.0.0.1 {NAMES}"),
        ({"expose": "hostPort", "address": "fd00::8"}, {"ip": "10.9.8.7"}, f"fd00::8 {NAMES}"),
    ],
)
def test_the_hosts_file_line_has_the_real_address(change: dict[str, Any], told: dict[str, str], line: str) -> None:
    recorder = run("local", ingress("local", **change), address=told)
    assert outputs_of(recorder)["hosts_file_line"] == line


def test_an_existing_controller_s_address_is_the_one_in_the_status_of_the_ingresses() -> None:
    recorder = run("prod", address={"ip": "fd00::9"})
    assert outputs_of(recorder)["hosts_file_line"] == "fd00::9 ei-console.example.com ei.example.com"
    assert acceptance(recorder)["--address"] == "[fd00::9]:443"


def test_a_preview_does_not_invent_an_allotted_port() -> None:
    """No Service exists yet, so the port, the URLs and what EI is told of them are unknown, and it does not fail."""
    recorder = run("local", ingress("local", expose="NodePort", address="node-1"), preview=True)
    outputs = outputs_of(recorder)
    for name in ("console_url", "gateway_url"):
        assert outputs[name] == UNKNOWN
    configured = next(item for item in recorder.registered if item.name == "wso2ei-patches")
    assert configured.inputs["data"]["patches.json"] == UNKNOWN
    assert "wso2ei-acceptance-job" in [item.name for item in recorder.registered]


def test_a_preview_does_not_say_that_a_controller_to_be_made_has_no_address() -> None:
    assert outputs_of(run("local", preview=True))["hosts_file_line"] == UNKNOWN


def test_the_page_of_the_pulumi_console_names_outputs_that_exist_and_no_secret() -> None:
    page = (ROOT / "Pulumi.README.md").read_text()
    named = set(re.findall(r"\$\{outputs\.(\w+)", page))
    assert named <= set(StackOutputs.__annotations__) - {"admin_password", "readme"}
    assert {"console_url", "gateway_url", "hosts_file_line"} <= named
    assert outputs_of(recorded("local"))["readme"] == page


def test_what_the_console_makes_is_reported_as_temporary_unless_the_nodes_share_it() -> None:
    assert outputs_of(recorded("prod"))["console_artifacts"].startswith("temporary: ")
    local = outputs_of(recorded("local"))
    assert local["console_artifacts"] == "kept, and served by every node: hostPath /var/lib/wso2ei/local/deployment"
    assert "/var/lib/wso2ei/local/deployment on the node" in local["kept_data"]


@pytest.mark.parametrize("stack", STACKS)
def test_outputs_are_those_that_are_documented_and_only_the_password_is_secret(stack: str) -> None:
    outputs = outputs_of(recorded(stack))
    assert set(outputs) == set(StackOutputs.__annotations__)
    assert list(secret_paths(outputs)) == ["admin_password"]


def test_the_hosts_file_line_of_a_laptop_leads_to_the_loopback() -> None:
    outputs = outputs_of(recorded("local"))
    assert outputs["hosts_file_line"] == "127.0.0.1 wso2ei-scalable-integrator wso2ei-scalable-integrator-gateway"
