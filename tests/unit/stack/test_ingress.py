"""What a stack sets up for its controller, installed or existing."""

from __future__ import annotations

import json
import runpy
from functools import cache
from typing import Any

from tests.unit.support.recording import Recorder, record
from tests.unit.support.stacks import ROOT
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


def test_an_update_waits_for_the_address_of_an_ingress_unless_an_existing_controllers_is_given() -> None:
    def waits(**ingress: Any) -> bool:
        annotations = body(stack(**ingress), "wso2ei-nginx-gateway")["metadata"]["annotations"]
        return bool(annotations.get("pulumi.com/skipAwait") != "true")

    assert waits(**EXISTING)
    assert waits(address="10.0.0.7")
    assert not waits(**EXISTING, address="10.0.0.7")


def test_ipv6_can_be_switched_off_for_nodes_without_it() -> None:
    def arguments(**ingress: Any) -> list[str]:
        deployment = body(stack(**ingress), "wso2ei-nginx-controller")
        return list(deployment["spec"]["template"]["spec"]["containers"][0]["args"])

    assert "-disable-ipv6=true" not in arguments()
    assert "-disable-ipv6=true" in arguments(ipv6=False)
