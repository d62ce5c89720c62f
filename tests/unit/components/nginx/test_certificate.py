"""Where the certificate of both hosts comes from: of the three sources one, and cert-manager's is awaited."""

from __future__ import annotations

from typing import Any

import pytest

from components.shared.certificates import problems
from tests.unit.support.recording import Recorder
from tests.unit.support.stacks import run

ISSUER = {"kind": "ClusterIssuer", "name": "company"}


def body(recorder: Recorder, name: str) -> Any:
    return next(item.body() for item in recorder.registered if item.name == name and "kubernetes:" in item.type)


def test_cert_manager_makes_the_secret_and_an_update_waits_for_it() -> None:
    recorder = run("local", {"ingress": {"tlsIssuer": ISSUER}})
    made = body(recorder, "wso2ei-nginx-certificate")
    assert (made["apiVersion"], made["kind"]) == ("cert-manager.io/v1", "Certificate")
    assert made["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}
    assert made["spec"]["issuerRef"] == ISSUER | {"group": "cert-manager.io"}
    hosts = ["wso2ei-scalable-integrator", "wso2ei-scalable-integrator-gateway"]
    assert made["spec"]["dnsNames"] == hosts
    names = [item.name for item in recorder.registered]
    assert not {"wso2ei-nginx-tls", "wso2ei-nginx-tls-seed"} & set(names)
    for route in ("console", "gateway"):
        assert body(recorder, f"wso2ei-nginx-{route}")["spec"]["tls"][0]["secretName"] == made["spec"]["secretName"]
    # The controller exits without the Secret, and loads a renewed one only if it watches Secrets.
    controller = next(item for item in recorder.registered if item.name == "wso2ei-nginx-controller")
    assert "wso2ei-nginx-certificate" in {urn.rpartition("::")[2] for urn in controller.request.dependencies}
    arguments = controller.body()["spec"]["template"]["spec"]["containers"][0]["args"]
    assert f"-wildcard-tls-secret=$(POD_NAMESPACE)/{made['spec']['secretName']}" in arguments
    assert not any("watch-secret" in item for item in arguments)


def test_a_console_that_is_left_out_is_not_in_the_certificate() -> None:
    recorder = run("local", {"ingress": {"tlsIssuer": ISSUER, "console": {"enabled": False}}})
    assert body(recorder, "wso2ei-nginx-certificate")["spec"]["dnsNames"] == ["wso2ei-scalable-integrator-gateway"]


@pytest.mark.parametrize(
    ("args", "count"),
    [
        ({}, 0),
        ({"tls_issuer": ISSUER}, 0),
        ({"tls_certificate": "x", "tls_key": "y"}, 0),
        ({"tls_certificate": "x"}, 1),
        ({"tls_key": "y"}, 1),
        ({"tls_secret": "a", "tls_issuer": ISSUER}, 1),
        ({"tls_secret": "a", "tls_certificate": "x", "tls_key": "y"}, 1),
    ],
)
def test_there_is_one_source_and_a_certificate_has_its_key(args: Any, count: int) -> None:
    assert len(list(problems(args))) == count
