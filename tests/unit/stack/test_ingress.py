"""What a stack sets up for its controller, installed or existing."""

from __future__ import annotations

import json
import runpy
from functools import cache
from typing import Any

from tests.unit.support.recording import Recorder, record
from tests.unit.support.stacks import ROOT, outputs_of
from tests.unit.support.valid_stacks import EXISTING, with_

LEVEL = "pod-security.kubernetes.io/enforce"


@cache
def _recorded(config: str) -> Recorder:
    program = str(ROOT / "__main__.py")
    return record(lambda: runpy.run_path(program, run_name="__main__"), config=json.loads(config), stack="shape")


def stack(**ingress: Any) -> Recorder:
    return _recorded(json.dumps(with_(ingress=ingress), sort_keys=True))


def body(recorder: Recorder, name: str) -> Any:
    return next(item.body() for item in recorder.registered if item.name == name and "kubernetes:" in item.type)


def test_only_an_installed_controller_with_host_ports_makes_the_namespace_privileged() -> None:
    installed = {"expose": "hostPort", "address": "localhost"}
    levels = [
        body(stack(**ingress), "namespace")["metadata"]["labels"][LEVEL]
        for ingress in (installed, EXISTING | {"expose": "hostPort"}, EXISTING)
    ]
    assert levels == ["privileged", "baseline", "baseline"]


def test_the_namespace_of_an_existing_controller_keeps_pods_with_its_labels_elsewhere_away_from_ei() -> None:
    labels = {"app.kubernetes.io/name": "nginx-ingress"}

    def peers(**ingress: Any) -> Any:
        return body(stack(**EXISTING, **ingress), "wso2ei-clients")["spec"]["ingress"][1].get("from")

    namespace = {"matchLabels": {"kubernetes.io/metadata.name": "nginx-ingress"}}
    assert peers() is None
    assert peers(controllerLabels=labels) == [{"namespaceSelector": {}, "podSelector": {"matchLabels": labels}}]
    assert peers(controllerLabels=labels, controllerNamespace="nginx-ingress") == [
        {"namespaceSelector": namespace, "podSelector": {"matchLabels": labels}}
    ]
    assert peers(controllerNamespace="nginx-ingress") == [{"namespaceSelector": namespace, "podSelector": {}}]


def test_an_update_waits_for_the_address_of_an_ingress_only_where_nothing_else_gives_it() -> None:
    """Waiting for the installed controller, which comes after it, an update with `--parallel 1` would never end."""

    def waits(**ingress: Any) -> bool:
        annotations = body(stack(**ingress), "wso2ei-nginx-gateway")["metadata"]["annotations"]
        return bool(annotations.get("pulumi.com/skipAwait") != "true")

    assert waits(**EXISTING)
    assert not waits(**EXISTING, address="10.0.0.7")
    assert not waits(address="10.0.0.7")
    assert not waits()


def test_ipv6_can_be_switched_off_for_nodes_without_it() -> None:
    def arguments(**ingress: Any) -> list[str]:
        deployment = body(stack(**ingress), "wso2ei-nginx-controller")
        return list(deployment["spec"]["template"]["spec"]["containers"][0]["args"])

    assert "-disable-ipv6=true" not in arguments()
    assert "-disable-ipv6=true" in arguments(ipv6=False)


PORTS = {"console": 9443, "gateway": 8243, "plain gateway": 8280}


def admitted(recorder: Recorder) -> list[tuple[Any, list[int]]]:
    """Peers and ports of the rules for controllers."""
    rules = body(recorder, "wso2ei-clients")["spec"]["ingress"][1:]
    return [(rule.get("from"), [port["port"] for port in rule["ports"]]) for rule in rules]


def acceptance(recorder: Recorder) -> dict[str, str]:
    words = body(recorder, "wso2ei-acceptance-job")["spec"]["template"]["spec"]["containers"][0]["args"]
    return dict(zip(words[::2], words[1::2], strict=True))


def test_a_console_that_is_left_out_is_in_no_ingress_policy_output_and_check() -> None:
    recorder = stack(console={"enabled": False})
    names = [item.name for item in recorder.registered]
    assert "wso2ei-nginx-gateway" in names
    assert "wso2ei-nginx-console" not in names
    assert [ports for _, ports in admitted(recorder)] == [[PORTS["gateway"], PORTS["plain gateway"]]]
    outputs = outputs_of(recorder)
    assert outputs["ingress_hosts"] == {"gateway": "wso2ei-scalable-integrator-gateway"}
    assert outputs["hosts_file_line"] == "127.0.0.1 wso2ei-scalable-integrator-gateway"
    assert "console_url" not in outputs
    assert "console_url" not in outputs["readme"]
    assert not {"--console-host", "--console-address", "--affinity-cookie"} & set(acceptance(recorder))


INTERNAL = {"className": "internal", "controllerNamespace": "internal"}


def test_a_class_of_the_console_s_own_has_its_own_peers_address_and_check() -> None:
    own = INTERNAL | {"address": "10.0.0.8", "controllerAddress": "internal.internal:443"}
    recorder = stack(**EXISTING, address="10.0.0.7", controllerNamespace="public", console=own)
    classes = [body(recorder, f"wso2ei-nginx-{key}")["spec"]["ingressClassName"] for key in ("console", "gateway")]
    assert classes == ["internal", "nginx"]

    def of(namespace: str) -> Any:
        labels = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        return [{"namespaceSelector": labels, "podSelector": {}}]

    assert admitted(recorder) == [
        (of("public"), [PORTS["gateway"], PORTS["plain gateway"]]),
        (of("internal"), [PORTS["console"]]),
    ]
    assert outputs_of(recorder)["hosts_file_line"] == (
        "10.0.0.8 wso2ei-scalable-integrator\n10.0.0.7 wso2ei-scalable-integrator-gateway"
    )
    asked = acceptance(recorder)
    assert (asked["--address"], asked["--console-address"]) == ("10.0.0.7:443", "internal.internal:443")


def test_a_console_that_moves_to_another_controller_gets_a_new_ingress_with_the_address_of_that_controller() -> None:
    """Both ways; in place, the status would keep the address of the old controller until that of the new one."""

    def replaced(**ingress: Any) -> list[list[str]]:
        found = {item.name: item.request for item in stack(**ingress).registered if item.type.endswith(":Ingress")}
        assert all(request.deleteBeforeReplace for request in found.values())
        return [list(found[f"wso2ei-nginx-{key}"].replaceOnChanges) for key in ("console", "gateway")]

    assert replaced(**EXISTING, console=INTERNAL) == [["spec.ingressClassName"], []]
    assert replaced(**EXISTING) == [["spec.ingressClassName"], []]
    assert replaced() == [[], []]
    waits = [
        body(stack(**EXISTING, **change), f"wso2ei-nginx-{key}")["metadata"]["annotations"].get("pulumi.com/skipAwait")
        for change in ({"console": INTERNAL, "address": "a"}, {"console": INTERNAL | {"address": "a"}})
        for key in ("console", "gateway")
    ]
    assert waits == [None, "true", "true", None]
