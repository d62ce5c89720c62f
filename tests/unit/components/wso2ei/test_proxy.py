"""The proxy of outgoing calls: the JVM and Synapse's senders read hosts without a proxy in different languages."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from components.wso2ei.additions import patch_problems
from components.wso2ei.proxy import proxy_patches, proxy_problems
from tests.unit.support.clusters import container, made, named, pod

PROXY: Any = {"host": "proxy.example.com", "port": 3128, "non_proxy_hosts": ["*.example.com", "10.*", "nas"]}
DIRECT = [
    "localhost",
    "127.0.0.1",
    "orders.shop.svc",
    "orders.shop.svc.cluster.local",
    "a.example.com",
    "10.1.2.3",
    "nas",
]
PROXIED = ["example.org", "nasa.gov", "svc.example.net", "a-example.com", "110.1.2.3", "localhost.example.net"]


def bypass() -> list[str]:
    """Entries of the senders' parameter, split as ProxyConfigBuilder does it."""
    texts = {patch["set"] for patch in proxy_patches(PROXY)}
    assert len(texts) == 1
    return str(texts.pop()).split("|")


@pytest.mark.parametrize(("hosts", "direct"), [(DIRECT, True), (PROXIED, False)], ids=["direct", "proxied"])
def test_the_senders_of_the_gateway_call_these_hosts_as_the_setting_says(hosts: list[str], direct: bool) -> None:
    """``String.matches``, on the host in lower case (wso2-synapse, ProxyConfig)."""
    assert {host: any(re.fullmatch(entry, host) for entry in bypass()) for host in hosts} == dict.fromkeys(
        hosts, direct
    )


def test_a_host_in_upper_case_is_called_directly_by_the_senders_too() -> None:
    patches = proxy_patches(PROXY | {"non_proxy_hosts": ["*.Example.COM"]})
    assert all(re.fullmatch(str(patch["set"]), "a.example.com") for patch in patches)


def test_the_jvm_has_the_proxy_for_both_protocols_and_the_api_server_without_it() -> None:
    recorder = made(("ei", {"proxy": PROXY}))
    variables = container(pod(recorder), "ei")["env"]
    options = next(item["value"] for item in variables if item["name"] == "JAVA_OPTS").split()
    assert [option for option in options if "roxy" in option] == [
        "-Dhttp.proxyHost=proxy.example.com",
        "-Dhttp.proxyPort=3128",
        "-Dhttps.proxyHost=proxy.example.com",
        "-Dhttps.proxyPort=3128",
        "-Dhttp.nonProxyHosts=$(KUBERNETES_SERVICE_HOST)|localhost|127.*|*.svc|*.cluster.local|*.example.com|10.*|nas",
    ]
    patches = json.loads(named(recorder, "ConfigMap", "ei-patches")["data"]["patches.json"])["patches"]
    assert [patch for patch in patches if "nonProxyHosts" in patch.get("path", "")] == proxy_patches(PROXY)


def test_without_a_proxy_nothing_names_one() -> None:
    assert "roxyHost" not in str(made(("ei", {})).registered)


def test_a_patch_of_the_senders_hosts_is_rejected_with_a_proxy() -> None:
    mine: Any = proxy_patches(PROXY)[0] | {"set": "*.svc"}
    assert [problem.field for problem in patch_problems([mine], proxy_patches(PROXY))] == ["patches[0]"]


@pytest.mark.parametrize(
    ("change", "options", "field"),
    [
        ({"host": "http://proxy"}, [], "proxy.host"),
        ({"host": "proxy -Dx"}, [], "proxy.host"),
        ({"port": 0}, [], "proxy.port"),
        ({"non_proxy_hosts": ["a*b"]}, [], "proxy.non_proxy_hosts[0]"),
        ({"non_proxy_hosts": ["a|b"]}, [], "proxy.non_proxy_hosts[0]"),
        ({"non_proxy_hosts": ["*"]}, [], "proxy.non_proxy_hosts[0]"),
        ({}, ["-Xss1m", "-Dhttp.nonProxyHosts=a"], "java_options[1]"),
    ],
)
def test_a_proxy_that_cannot_work_is_rejected(change: dict[str, Any], options: list[str], field: str) -> None:
    assert [problem.field for problem in proxy_problems(PROXY | change, options)] == [field]
