"""The status of nodes and CoreDNS that the API server reports, as far as it is current."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from embedded.cluster import api


@pytest.mark.parametrize(
    ("heartbeat", "age", "believed"),
    [(-1, 5, False), (0, 5, False), (0, 30, True), (1, 5, True)],
    ids=["earlier", "the very second, just now", "the very second, long ago", "later"],
)
def test_ready_is_believed_only_of_the_kubelet_that_runs(
    monkeypatch: pytest.MonkeyPatch, heartbeat: int, age: int, believed: bool
) -> None:
    started = int(time.time()) - age + 0.4
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(started) + heartbeat))
    ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": stamp}
    node = {"metadata": {"name": "node-1"}, "status": {"conditions": [ready]}}

    def get(_: api.Api, path: str) -> api.Answer:
        assert path == "/api/v1/nodes"
        return api.Answer(200, {"items": [node]})

    monkeypatch.setattr(api.Api, "__init__", lambda *_: None)
    monkeypatch.setattr(api.Api, "get", get)
    connection: Any = api.Api(Path())
    said = connection.node_conditions({"node-1": started})
    assert said == {"node-1": "" if believed else "its new kubelet has not reported yet"}


@pytest.mark.parametrize(
    ("exists", "ready", "restarts", "age", "answers", "problem"),
    [
        (True, "True", 0, 0, True, ""),
        (True, "True", 1, 30, True, ""),
        (False, "True", 1, 30, True, "its node has not reported the pod yet"),
        (True, "False", 2, 0, True, "its pod is starting"),
        (True, "True", 2, 0, True, "its restarted pod became ready just now"),
        (True, "True", 0, 0, False, "its Service does not answer"),
    ],
    ids=["first start", "long ago", "of before a reboot", "not ready again", "ready again just now", "no answer"],
)
def test_coredns_serves_only_if_its_pod_is_ready_in_this_life_of_the_node(
    monkeypatch: pytest.MonkeyPatch, *, exists: bool, ready: str, restarts: int, age: int, answers: bool, problem: str
) -> None:
    """The Deployment is shown as before the reboot in every case, and the Service's answer is the old address's."""
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(time.time()) - age))
    container = {"containerID": "containerd://0a1b", "restartCount": restarts, "state": {"running": {}}}
    condition = {"type": "Ready", "status": ready, "lastTransitionTime": since}
    status = {"phase": "Running", "conditions": [condition], "containerStatuses": [container]}
    evicted = {"metadata": {}, "status": {"phase": "Failed", "reason": "Evicted"}}
    leaving = {"metadata": {"deletionTimestamp": since}, "status": {"phase": "Running"}}
    objects = {
        "deployments": {"metadata": {"generation": 1}, "status": {"observedGeneration": 1, "readyReplicas": 1}},
        "pods": {"items": [{"metadata": {}, "status": status}, evicted, leaving]},
    }

    def get(_: api.Api, path: str) -> api.Answer:
        return api.Answer(200, next(body for kind, body in objects.items() if f"/{kind}" in path))

    monkeypatch.setattr(api.Api, "__init__", lambda *_: None)
    monkeypatch.setattr(api.Api, "get", get)
    monkeypatch.setattr(api, "dns_answers", lambda: answers)
    connection: Any = api.Api(Path())
    assert connection.dns_problem(lambda identity: exists and identity == "0a1b") == problem
