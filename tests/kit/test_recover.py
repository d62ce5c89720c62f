"""What a killed update leaves in the state, and what the next one is given."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from embedded.recover import Live, adopted, pending_creates, stale_locks

STACK = "urn:pulumi:local::wso2ei::pulumi:pulumi:Stack::wso2ei-local"


def service(name: str) -> dict[str, Any]:
    return {
        "urn": f"urn:pulumi:local::wso2ei::kubernetes:core/v1:Service::{name}",
        "custom": True,
        "type": "kubernetes:core/v1:Service",
        "inputs": {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "wso2"}},
        "parent": STACK,
    }


def export(*operations: dict[str, Any], resources: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    stack = {"urn": STACK, "custom": False, "type": "pulumi:pulumi:Stack"}
    return {"version": 3, "deployment": {"resources": [stack, *resources], "pending_operations": list(operations)}}


def creating(resource: dict[str, Any]) -> dict[str, Any]:
    return {"type": "creating", "resource": resource}


def test_only_creations_are_pending_creations() -> None:
    found = pending_creates(export(creating(service("a")), {"type": "updating", "resource": service("b")}))
    assert [urn for urn, _ in found] == [service("a")["urn"]]


def test_a_creation_that_reached_the_cluster_becomes_a_resource_and_the_others_are_forgotten() -> None:
    before = export(
        creating(service("there")), creating(service("not")), {"type": "deleting", "resource": service("old")}
    )
    after = adopted(before, {service("there")["urn"]: Live("wso2/there", "pulumi-kubernetes-1")})["deployment"]
    assert "pending_operations" not in after
    assert [item["urn"] for item in after["resources"]] == [STACK, service("there")["urn"]]
    made = after["resources"][-1]
    assert made["id"] == "wso2/there"
    assert made["inputs"] == service("there")["inputs"]
    assert made["outputs"] == made["inputs"] | {"__fieldManager": "pulumi-kubernetes-1"}
    assert len(before["deployment"]["pending_operations"]) == 3, "the export itself stays as it was"


def test_an_object_that_was_being_replaced_is_marked_for_the_deletion_that_was_to_come() -> None:
    old = service("a") | {"id": "wso2/a-1"}
    after = adopted(export(creating(service("a")), resources=(old,)), {old["urn"]: Live("wso2/a-2")})["deployment"]
    assert [(item["id"], item.get("delete", False)) for item in after["resources"][1:]] == [
        ("wso2/a-1", True),
        ("wso2/a-2", False),
    ]


@pytest.fixture
def zombie() -> Iterator[int]:
    """A process that has ended, for which nothing has waited yet."""
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    yield process.pid
    process.wait()


def lock(backend: Path, pid: int, *, host: str = "", age: float = 0) -> None:
    """A lock as Pulumi writes it (pkg/backend/diy/lock.go)."""
    at = datetime.now(UTC) - timedelta(seconds=age)
    folder = backend / "locks/organization/wso2ei/local"
    folder.mkdir(parents=True, exist_ok=True)
    content = {"pid": pid, "username": "a", "hostname": host or socket.gethostname(), "timestamp": f"{at:%FT%T.%f}789Z"}
    (folder / f"{len(list(folder.iterdir()))}.json").write_text(json.dumps(content))


def test_a_lock_is_stale_when_its_process_has_ended_or_its_number_is_a_younger_one_s(
    tmp_path: Path, zombie: int
) -> None:
    lock(tmp_path, zombie)
    assert stale_locks(tmp_path, "local") == [zombie]
    assert stale_locks(tmp_path, "prod") == []
    lock(tmp_path, os.getpid(), age=10**8)
    assert stale_locks(tmp_path, "local") == sorted([zombie, os.getpid()])


def test_a_lock_that_is_held_or_of_another_machine_keeps_all_locks(tmp_path: Path, zombie: int) -> None:
    lock(tmp_path / "held", zombie)
    lock(tmp_path / "held", os.getpid())
    assert stale_locks(tmp_path / "held", "local") == []
    lock(tmp_path / "elsewhere", zombie, host="elsewhere")
    assert stale_locks(tmp_path / "elsewhere", "local") == []


def test_a_lock_whose_process_the_system_hides_is_held(
    tmp_path: Path, zombie: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Linux does with ``hidepid`` for another user's processes, which exist for a signal alone."""
    monkeypatch.setattr("psutil.Process", lambda pid: raise_(psutil.NoSuchProcess(pid)))
    lock(tmp_path, zombie)
    assert stale_locks(tmp_path, "local") == []


def raise_(error: Exception) -> None:
    raise error
