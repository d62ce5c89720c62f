"""An update waits for pods as long as the settings allow, and no object gives up before its pods."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.support.recording import Recorder
from tests.unit.support.stacks import config_of, run

WORKLOADS = ("Deployment", "StatefulSet", "Job")
WAITING = (*WORKLOADS, "Service", "Ingress")
METRICS = {"prometheus": {"namespace": "monitoring"}, "discovery": "serviceMonitor"}


def minutes(text: str) -> int:
    assert text.endswith("m"), text
    return int(text.removesuffix("m"))


def waits(recorder: Recorder) -> dict[str, tuple[int, dict[str, Any]]]:
    """Minutes of the provider's timeout and body of every object whose pods the provider waits for."""
    found = {}
    for item in recorder.registered:
        kind = item.type.rpartition(":")[2]
        if item.type.startswith("kubernetes:") and kind in WAITING:
            timeouts = item.request.customTimeouts
            assert timeouts.create == timeouts.update
            found[f"{kind} {item.name}"] = (minutes(timeouts.create), item.body())
    return found


def pods_of(name: str, body: dict[str, Any]) -> dict[str, str]:
    """Labels of a workload's pods."""
    return dict(body["spec"]["template"]["metadata"]["labels"]) if name.split(maxsplit=1)[0] in WORKLOADS else {}


@pytest.mark.parametrize(
    ("change", "ei", "others"),
    [
        ({}, 30, 15),
        ({"ei": {"pullMinutes": 120, "metrics": METRICS}}, 120, 15),
        ({"ei": {"pullMinutes": 5}, "mysql": {"options": ["--max-allowed-packet=64M"]}}, 5, 15),
        # EI's pods pull those images too, and the schema Job waits for MySQL's pod.
        ({"images": {"pullMinutes": 90}}, 90, 90),
        ({"images": {"pullMinutes": 90}, "ei": {"pullMinutes": 45}}, 45, 90),
    ],
)
def test_deadlines_follow_the_settings_and_nothing_gives_up_before_its_pods(
    change: dict[str, Any], ei: int, others: int
) -> None:
    config = config_of("local")
    found = waits(run("local", {key: config.get(key, {}) | value for key, value in change.items()}))
    workloads = {name: found[name] for name in found if name.split()[0] in WORKLOADS}
    assert len(workloads) >= 5
    for name, (timeout, body) in workloads.items():
        expected = ei if name in {"Deployment wso2ei-nodes", "Job wso2ei-schema", "Job wso2ei-image"} else others
        if name == "Job wso2ei-acceptance-job":
            expected += 3
        spec = body["spec"]
        seconds = spec.get("progressDeadlineSeconds") or spec.get("activeDeadlineSeconds") or expected * 60
        assert seconds == expected * 60, name
        # The provider's timeout has no reason; Kubernetes' deadline, which has one, comes first.
        assert expected < timeout <= expected + 2, name
    for name, (timeout, body) in found.items():
        if name.startswith("Service "):
            selected = [
                other
                for workload, (other, pods) in workloads.items()
                if body["spec"]["selector"].items() <= pods_of(workload, pods).items()
            ]
            assert selected, name
            assert timeout >= max(selected), name
        if name.startswith("Ingress "):
            assert timeout >= found["Deployment wso2ei-nodes"][0], name


def test_each_try_of_the_schema_job_gives_its_reason_before_the_deadline() -> None:
    body = waits(run("local", {"images": {"pullMinutes": 90}}))["Job wso2ei-schema"][1]["spec"]
    container = body["template"]["spec"]["containers"][0]
    longest = next(int(item["value"]) for item in container["env"] if item["name"] == "LONGEST_SECONDS")
    # Kubernetes' pauses between tries: 10 s, doubled each time.
    retries = int(body["backoffLimit"])
    pauses = sum(10 * 2**number for number in range(retries))
    assert longest * (retries + 1) + pauses < body["activeDeadlineSeconds"] == 90 * 60
