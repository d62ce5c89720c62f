"""The status of nodes that the API server reports, as far as it is current."""

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
