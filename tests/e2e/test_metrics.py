"""Prometheus metrics of the nodes: a ServiceMonitor finds them, and nobody reads them but the pods that are named."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests import monitors
from tests.e2e.machine import GATEWAY, NAMESPACE, Machine, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400), pytest.mark.usefixtures("first_up")]
MONITORING = "monitoring"
PROMETHEUS = {"app.kubernetes.io/name": "prometheus"}
READERS = {"prometheus": (MONITORING, PROMETHEUS), "neighbour": (MONITORING, {}), "impostor": (NAMESPACE, PROMETHEUS)}
"""Pods by name: where they run, and their labels. The first is the one that the setting means."""
READ = """
import sys, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())
except OSError as error:
    print("refused:", error)
"""


def kubectl(machine: Machine, *words: str, stdin: str = "") -> str:
    return machine.run(["kubectl", *words], env=machine.environment, stdin=stdin).ok()


def get(machine: Machine, *words: str) -> Any:
    return json.loads(kubectl(machine, "get", *words, "-o", "json"))


def reader(name: str, namespace: str, labels: dict[str, str]) -> dict[str, Any]:
    """A pod that waits to be told what to read."""
    container = {
        "name": "main", "image": "docker.io/library/python:3.13.11-slim-trixie", "command": ["sleep", "infinity"],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    }  # fmt: skip
    spec = {
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65534},
        "containers": [container],
    }
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def read(machine: Machine, name: str, url: str) -> str:
    """What the pod ``name`` gets from ``url``."""
    return kubectl(machine, "-n", READERS[name][0], "exec", name, "--", "python", "-c", READ, url)


def targets(machine: Machine) -> list[str]:
    """The URLs that the Prometheus Operator makes of the ServiceMonitor: ready pods behind the Services it selects."""
    (monitor,) = get(machine, "servicemonitors", "-n", NAMESPACE)["items"]
    assert monitor["metadata"]["labels"]["release"] == "kps"
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["interval"] == "15s"
    labels = ",".join(f"{key}={value}" for key, value in monitor["spec"]["selector"]["matchLabels"].items())
    (service,) = get(machine, "services", "-n", NAMESPACE, "-l", labels)["items"]
    selector = f"kubernetes.io/service-name={service['metadata']['name']}"
    found = []
    for part in get(machine, "endpointslices", "-n", NAMESPACE, "-l", selector)["items"]:
        port = next(one["port"] for one in part["ports"] if one["name"] == endpoint["port"])
        ready = [one["addresses"][0] for one in part["endpoints"] if one["conditions"]["ready"]]
        found += [f"http://{address}:{port}{endpoint['path']}" for address in ready]
    return sorted(found)


def received(text: str) -> float:
    """Messages that the gateway's https listener has received."""
    name = r"org_apache_synapse_transport_messages_received"
    found = re.search(rf'^{name}\{{Type="Transport", Name="passthru-https-receiver"}} (\S+)$', text, re.MULTILINE)
    assert found, text[:2000]
    return float(found[1])


@pytest.fixture
def metrics(machine: Machine) -> Iterator[Any]:
    """The setting, and three pods that would like to read."""
    machine.bring_up(changes_may_wait=True)
    for key, value in {
        "prometheus.namespace": MONITORING,
        'prometheus.podLabels["app.kubernetes.io/name"]': "prometheus",
        "discovery": "serviceMonitor",
        "serviceMonitor.labels.release": "kps",
        "serviceMonitor.interval": "15s",
    }.items():
        machine.configure("set", f"wso2ei:ei.metrics.{key}", value)
    yield
    machine.configure("rm", "wso2ei:ei.metrics")
    undone = machine.update()
    kubectl(machine, "delete", "namespace", MONITORING, "--ignore-not-found", "--wait=false")
    machine.kubectl("delete", "pod", "impostor", "--ignore-not-found", "--wait=false").ok()
    kubectl(machine, "delete", "crd", monitors.NAME, "--ignore-not-found")
    undone.ok()


@pytest.mark.usefixtures("metrics")
def test_only_the_named_prometheus_reads_the_metrics_of_both_nodes_that_a_service_monitor_finds(
    machine: Machine,
) -> None:
    # Nothing listens before, not even for the node itself.
    node, url = machine.nodes()[0]["metadata"]["name"], "http://localhost:9191/metric-service/metrics"
    assert machine.kubectl("exec", node, "-c", "ei", "--", "curl", "-sS", url).code == 7, "it could connect"
    if monitors.NAME not in kubectl(machine, "get", "crd"):
        refused = machine.update()
        assert refused.code != 0
        assert "needs the definition of ServiceMonitors" in refused.text
        assert not re.search(r"kubernetes:\S+ .*(created|updated)", refused.text)
        kubectl(machine, "create", "-f", "-", stdin=json.dumps(monitors.DEFINITION))
        kubectl(machine, "wait", "--for=condition=Established", f"crd/{monitors.NAME}", "--timeout=60s")
    kubectl(machine, "create", "namespace", MONITORING)
    for name, (namespace, labels) in READERS.items():
        kubectl(machine, "create", "-f", "-", stdin=json.dumps(reader(name, namespace, labels)))
    machine.update().ok()
    for name, (namespace, _) in READERS.items():
        kubectl(machine, "-n", namespace, "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=120s")

    urls = targets(machine)
    nodes = {pod["status"]["podIP"] for pod in machine.nodes()}
    assert {re.findall(r"//([^:]+):9191/metric-service/metrics", url)[0] for url in urls} == nodes
    assert len(urls) == 2

    def everything() -> list[str]:
        return [read(machine, "prometheus", url) for url in urls]

    # A policy takes a moment to learn of a new pod.
    eventually("both nodes answer Prometheus", lambda: not any("refused:" in text for text in everything()))
    before = sum(map(received, everything()))
    for _ in range(5):
        assert machine.curl("/services", GATEWAY).text.startswith("HTTP/2 200")
    assert sum(map(received, everything())) >= before + 5

    for name in ("neighbour", "impostor"):
        for url in urls:
            assert read(machine, name, url).startswith("refused: "), f"{name} {url}"
    # Prometheus itself reaches nothing of a node but that port, and nothing on that port but the metrics.
    assert read(machine, "prometheus", urls[0].replace("9191", "8280")).startswith("refused: ")
    assert "HTTP Error 404" in read(machine, "prometheus", urls[0].replace("/metrics", "/other"))
