"""Prometheus metrics of EI's nodes: what is made for them, who reaches them, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.in_pod.patch_config import apply
from components.wso2ei.metrics import TAKEN_PORTS
from components.wso2ei.versions import VERSIONS
from embedded.images.wso2ei.image import home_files
from policies.stack import selects
from tests.unit.settings.test_errors import lines_of, told
from tests.unit.support.clusters import container, made, named, pod
from tests.unit.support.mistake_pairs import base
from tests.unit.support.recording import Recorder, leaves
from tests.unit.support.stacks import run

PROMETHEUS: dict[str, Any] = {"prometheus": {"namespace": "monitoring"}}
AGENT: dict[str, Any] = {"agent": {"port": 9404}}
MONITOR: dict[str, Any] = {
    "discovery": "serviceMonitor",
    "service_monitor": {"labels": {"release": "kps"}, "interval": "30s"},
}
NO_SIDECAR = {"linkerd.io/inject": "disabled", "consul.hashicorp.com/connect-inject": "false"}
WITH_API = [version for version, row in VERSIONS.items() if row.prometheus_api]


def kinds(recorder: Recorder) -> list[str]:
    return sorted(item.type.rsplit(":", 1)[1] for item in recorder.registered if item.type.startswith("kubernetes:"))


def cluster(version: str = "6.5.0", **metrics: Any) -> Recorder:
    image = f"registry.example.com/ei:{version}"
    return made(("ei", {"version": version, "image": image, "metrics": PROMETHEUS | metrics}))


def policy(recorder: Recorder) -> Any:
    return named(recorder, "NetworkPolicy", "ei-clients-of-metrics")["spec"]


def java_options(recorder: Recorder) -> list[str]:
    variables = {item["name"]: item.get("value") for item in container(pod(recorder), "ei")["env"]}
    return str(variables["JAVA_OPTS"]).split()


def managed(recorder: Recorder) -> list[dict[str, Any]]:
    patches: list[dict[str, Any]] = json.loads(named(recorder, "ConfigMap", "ei-patches")["data"]["patches.json"])[
        "patches"
    ]
    return patches


def test_the_versions_that_have_an_api_of_their_own() -> None:
    """carbon-mediation has it since 4.6.150, which is EI 6.5.0's."""
    assert WITH_API == ["6.5.0", "6.6.0"]


def test_without_the_setting_nothing_is_made_and_nothing_listens() -> None:
    recorder = made(("ei", {}))
    assert "ServiceMonitor" not in kinds(recorder)
    assert not any("metric" in item.name for item in recorder.registered)
    assert not any("Prometheus" in option for option in java_options(recorder))
    text = json.dumps([item.body() for item in recorder.registered])
    assert not any(word in text for word in ("9191", "prometheus.io", "internal-apis"))


@pytest.mark.parametrize("version", WITH_API)
def test_eis_own_api_is_turned_on_in_the_jvm_and_in_its_files(version: str, tmp_path: Path) -> None:
    recorder = cluster(version)
    assert java_options(recorder)[-2:] == ["-DenablePrometheusApi=true", "-XX:ActiveProcessorCount=1"]
    assert {"name": "metrics", "containerPort": 9191} in container(pod(recorder), "ei")["ports"]
    patches = [
        item for item in managed(recorder) if item["file"] in {"conf/synapse.properties", "conf/internal-apis.xml"}
    ]
    assert len(patches) == 3
    for name, text, _ in home_files(version):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    # The packs are so already.
    assert apply(tmp_path, patches) == {}
    # WSO2's own chart for 6.6.0 has a file without these lines.
    (tmp_path / "conf/synapse.properties").write_text("synapse.threads.core=20\ninternal.http.api.enabled=false\n")
    changed = apply(tmp_path, patches)[tmp_path / "conf/synapse.properties"].decode()
    assert changed == "synapse.threads.core=20\ninternal.http.api.enabled=true\ninternal.http.api.port=9191\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_with_an_agent_eis_own_api_stays_closed_in_every_version(version: str) -> None:
    recorder = cluster(version, **AGENT)
    assert "Prometheus" not in " ".join(java_options(recorder))
    assert not any(item["file"] == "conf/internal-apis.xml" for item in managed(recorder))
    assert {"name": "metrics", "containerPort": 9404} in container(pod(recorder), "ei")["ports"]
    assert policy(recorder)["ingress"][0]["ports"] == [{"port": 9404, "protocol": "TCP"}]


@pytest.mark.parametrize("version", [version for version in VERSIONS if version not in WITH_API])
def test_a_version_without_an_api_of_its_own_needs_an_agent(version: str) -> None:
    with pytest.raises(ValueError, match=rf"metrics\.agent is needed with version {version}: only 6\.5\.0 and 6\.6\.0"):
        cluster(version)


@pytest.mark.parametrize(
    ("metrics", "port", "path"),
    [({}, "9191", "/metric-service/metrics"), (AGENT, "9404", "/metrics"),
     ({"agent": {"port": 2222, "path": "/jmx"}}, "2222", "/jmx")],
)  # fmt: skip
def test_annotations_say_port_and_path_beside_the_users_own(metrics: dict[str, Any], port: str, path: str) -> None:
    recorder = made(("ei", {"metrics": PROMETHEUS | metrics, "pod_annotations": {"example.com/a": "b"}}))
    template = named(recorder, "Deployment", "ei-nodes")["spec"]["template"]
    assert template["metadata"]["annotations"] == NO_SIDECAR | {
        "example.com/a": "b",
        "prometheus.io/scrape": "true",
        "prometheus.io/port": port,
        "prometheus.io/path": path,
    }
    assert kinds(recorder).count("Service") == kinds(made(("ei", {}))).count("Service")


@pytest.mark.parametrize("discovery", ["serviceMonitor", "none"])
def test_without_annotations_the_usual_job_for_pods_does_not_read_the_nodes_too(discovery: str) -> None:
    template = named(cluster(discovery=discovery), "Deployment", "ei-nodes")["spec"]["template"]
    assert template["metadata"]["annotations"] == NO_SIDECAR


def test_only_the_named_pods_reach_the_port_and_nothing_else_of_a_node() -> None:
    recorder = cluster(prometheus={"namespace": "monitoring", "pod_labels": {"app.kubernetes.io/name": "prometheus"}})
    nodes = named(recorder, "Deployment", "ei-nodes")["spec"]["selector"]
    assert policy(recorder) == {
        "podSelector": nodes,
        "policyTypes": ["Ingress"],
        "ingress": [
            {
                "from": [
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}},
                        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
                    }
                ],
                "ports": [{"port": 9191, "protocol": "TCP"}],
            }
        ],
    }
    # A selector of pods alone would mean those of the nodes' own namespace.
    assert policy(cluster())["ingress"][0]["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ]
    others = [
        item for item in recorder.registered if item.type.endswith(":NetworkPolicy") and "metrics" not in item.name
    ]
    assert 9191 not in [value for item in others for _, value in leaves(item.inputs)]


@pytest.mark.parametrize("discovery", ["annotations", "none"])
def test_no_discovery_but_the_operators_needs_objects_of_its_own(discovery: str) -> None:
    assert set(kinds(cluster(discovery=discovery))) == set(kinds(made(("ei", {}))))


def test_a_service_monitor_selects_the_service_of_its_own_cluster_and_no_other() -> None:
    """In one namespace with another cluster, and beside the Services of console, gateway and members."""
    recorder = made(("ei", {"metrics": PROMETHEUS | MONITOR}), ("other", {"metrics": PROMETHEUS | MONITOR | AGENT}))
    monitor = named(recorder, "ServiceMonitor", "ei-metrics-monitor")
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    assert monitor["metadata"]["namespace"] == "team"
    assert monitor["metadata"]["labels"]["release"] == "kps"
    assert monitor["spec"]["endpoints"] == [{"port": "metrics", "path": "/metric-service/metrics", "interval": "30s"}]
    services = [item.body() for item in recorder.registered if item.type.endswith(":Service")]
    chosen = [one for one in services if selects(monitor["spec"]["selector"], one["metadata"]["labels"])]
    assert [one["metadata"]["name"] for one in chosen] == ["ei-metrics"]
    assert chosen[0]["spec"]["clusterIP"] == "None"
    assert chosen[0]["spec"]["ports"] == [{"name": "metrics", "port": 9191, "protocol": "TCP"}]
    nodes = named(recorder, "Deployment", "ei-nodes")["spec"]
    assert chosen[0]["spec"]["selector"] == nodes["selector"]["matchLabels"]
    other = named(recorder, "ServiceMonitor", "other-metrics-monitor")["spec"]
    assert other["endpoints"] == [{"port": "metrics", "path": "/metrics", "interval": "30s"}]
    assert not selects(other["selector"], chosen[0]["metadata"]["labels"])
    # The selector of no other object of a cluster finds what bears the labels of metrics alone.
    assert not selects(nodes["selector"], chosen[0]["metadata"]["labels"])


def test_a_label_of_the_users_that_everything_else_bears_too_stays_the_users() -> None:
    """Whatever a Prometheus chooses its ServiceMonitors by."""
    labels = {"app.kubernetes.io/instance": "kps", "app.kubernetes.io/part-of": "kps"}
    recorder = cluster(discovery="serviceMonitor", service_monitor={"labels": labels})
    monitor = named(recorder, "ServiceMonitor", "ei-metrics-monitor")
    assert monitor["metadata"]["labels"].items() >= labels.items()
    service = named(recorder, "Service", "ei-metrics-service")["metadata"]["labels"]
    assert selects(monitor["spec"]["selector"], service)
    assert service["app.kubernetes.io/instance"] == "ei"


def test_without_an_interval_prometheus_own_holds() -> None:
    monitor = named(cluster(discovery="serviceMonitor"), "ServiceMonitor", "ei-metrics-monitor")
    assert monitor["spec"]["endpoints"] == [{"port": "metrics", "path": "/metric-service/metrics"}]


@pytest.mark.parametrize("port", sorted(TAKEN_PORTS))
def test_an_agent_cannot_have_a_port_of_eis_own(port: int) -> None:
    with pytest.raises(ValueError, match=rf"metrics\.agent\.port must not be {port}, which is for"):
        cluster(agent={"port": port})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metrics": PROMETHEUS | {"discovery": "magic"}}, r"metrics\.discovery must be one of annotations"),
        ({"metrics": PROMETHEUS | {"agent": {"port": 80}}}, r"metrics\.agent\.port must be from 1024"),
        ({"metrics": PROMETHEUS | {"agent": {"port": 9404, "path": "metrics"}}}, r"metrics\.agent\.path must be"),
        ({"metrics": PROMETHEUS | MONITOR | {"discovery": "none"}}, r"service_monitor is for discovery serviceMonitor"),
        ({"metrics": PROMETHEUS, "pod_annotations": {"prometheus.io/port": "1"}}, r"pod_annotations.*must not be set"),
        ({"metrics": PROMETHEUS, "java_options": ["-DenablePrometheusApi=false"]}, r"java_options\[0\] must not be"),
        (
            {
                "metrics": PROMETHEUS,
                "patches": [{"file": "conf/synapse.properties", "property": "internal.http.api.port", "set": "1"}],
            },
            r"patches\[0\] must leave conf/synapse\.properties internal\.http\.api\.port alone",
        ),
        (
            {
                "metrics": PROMETHEUS,
                "patches": [{"file": "conf/internal-apis.xml", "path": "internalApis/apis", "remove": True}],
            },
            r"patches\[0\] must leave conf/internal-apis\.xml",
        ),
    ],
)
def test_what_would_not_work_is_refused_by_field(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        made(("ei", changes))


def test_what_metrics_forbid_is_free_without_them() -> None:
    changes = {
        "pod_annotations": {"prometheus.io/port": "9404"},
        "java_options": ["-DenablePrometheusApi=false"],
        "patches": [{"file": "conf/synapse.properties", "property": "internal.http.api.enabled", "set": "false"}],
    }
    assert "prometheus.io/port" in json.dumps(named(made(("ei", changes)), "Deployment", "ei-nodes"))


def test_settings_reach_the_stack() -> None:
    metrics = {
        "prometheus": {"namespace": "monitoring", "podLabels": {"app": "prometheus"}},
        "discovery": "serviceMonitor",
        "serviceMonitor": {"labels": {"release": "kps"}, "interval": "1m"},
    }
    recorder = run("local", {"ei": {"metrics": metrics}})
    monitor = named(recorder, "ServiceMonitor", "wso2ei-metrics-monitor")
    assert monitor["metadata"]["labels"]["release"] == "kps"
    assert monitor["spec"]["endpoints"][0]["interval"] == "1m"
    spec = named(recorder, "NetworkPolicy", "wso2ei-clients-of-metrics")["spec"]
    assert spec["ingress"][0]["from"][0]["podSelector"] == {"matchLabels": {"app": "prometheus"}}


def test_several_conflicts_are_told_at_once() -> None:
    ei = {
        "version": "6.4.0",
        "podAnnotations": {"prometheus.io/port": "1", "prometheus.io/path": "/"},
        "javaOptions": ["-DenablePrometheusApi=true"],
        "metrics": {"prometheus": {"namespace": "monitoring"}, "serviceMonitor": {}},
    }
    keys = {line.partition(":")[2].split(" ")[0].rstrip(":") for line, _ in lines_of(told(base() | {"ei": ei}))}
    assert keys >= {"ei.metrics.agent", 'ei.podAnnotations["prometheus.io/port"]', "ei.javaOptions[0]"}
