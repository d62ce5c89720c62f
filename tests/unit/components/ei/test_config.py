"""From the arguments of a cluster to the options of its JVM."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.support.clusters import container, made, pod


def java_options(**changes: Any) -> list[str]:
    variables = container(pod(made(("ei", changes))), "ei")["env"]
    return str(next(item["value"] for item in variables if item["name"] == "JAVA_OPTS")).split()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["-XX:ActiveProcessorCount=1"]),
        ({"cpu_limit": "1500m"}, ["-XX:ActiveProcessorCount=2"]),
        ({"cpu_limit": "4"}, ["-XX:ActiveProcessorCount=4"]),
        ({"java_options": ["-XX:ActiveProcessorCount=3"]}, ["-XX:ActiveProcessorCount=3"]),
    ],
)
def test_a_jvm_counts_the_processors_of_its_limit_and_not_those_of_the_machine(
    changes: dict[str, Any], expected: list[str]
) -> None:
    """JDKs before 8u372 and 11.0.16 know no cgroup v2."""
    assert [option for option in java_options(**changes) if "ActiveProcessorCount" in option] == expected


@pytest.mark.parametrize(
    ("given", "hosts"),
    [
        (["-Dhttps.proxyHost=proxy"], "$(KUBERNETES_SERVICE_HOST)|localhost|127.*"),
        (["-Dhttp.proxyHost=proxy", "-Dhttp.nonProxyHosts=*.example.com|10.*"],
         "$(KUBERNETES_SERVICE_HOST)|*.example.com|10.*"),
        (["-Dhttps.proxyHost=p", "-Dhttp.nonProxyHosts=a", "-Dhttp.nonProxyHosts=b"], "$(KUBERNETES_SERVICE_HOST)|b"),
        (["-Dhttp.nonProxyHosts=a"], "a"),
        ([], None),
    ],
)  # fmt: skip
def test_the_api_server_is_never_asked_through_a_proxy(given: list[str], hosts: str | None) -> None:
    """The membership scheme uses the JVM's HTTPS client; without its answer a node never joins."""
    options = java_options(java_options=given)
    found = [option.partition("=")[2] for option in options if option.startswith("-Dhttp.nonProxyHosts=")]
    assert found == ([hosts] if hosts else [])
    assert [option for option in given if "proxyHost" in option] == [one for one in options if "proxyHost" in one]


@pytest.mark.parametrize("option", ["-DportOffset=1", "-DhttpPort=8290", "-DhttpsPort=8253"])
def test_options_that_move_ports_are_rejected(option: str) -> None:
    with pytest.raises(ValueError, match=r"java_options\[0\] must not be given: it would move the ports"):
        java_options(java_options=[option])
