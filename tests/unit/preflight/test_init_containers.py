"""An update shows why init containers fail, which the Kubernetes provider leaves out."""

from __future__ import annotations

import atexit
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pulumi
import pytest

from preflight import context as context_of_preflight
from preflight import init_containers
from tests.unit.support.api_server import ApiServer

REASON = "check-volume: uid 999 cannot write this volume (owner 0:0, mode 755)"
FAILED = {"terminated": {"exitCode": 1, "reason": "Error", "message": f"{REASON}\n"}}
ROOT = Path(__file__).parents[3]
PODS = "/api/v1/namespaces/team/pods"


@pytest.fixture(autouse=True)
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], None]]]:
    """What runs at the end of the interpreter, here at the end of the test: threads would poll during later ones."""
    found: list[Callable[[], None]] = []
    monkeypatch.setattr(atexit, "register", lambda function, *args: found.append(partial(function, *args)))
    yield found
    for end in found:
        end()
    assert not reporters()


def reporters() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == init_containers.THREAD]


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> Queue[str]:
    """What the update shows; nothing is shown by a reporter that has ended."""
    found: Queue[str] = Queue()
    monkeypatch.setattr(pulumi.log, "warn", found.put)
    monkeypatch.setattr(init_containers, "INTERVAL_SECONDS", 0.01)
    return found


def status(state: dict[str, Any], last: dict[str, Any] | None = None, *, ready: bool = False) -> dict[str, Any]:
    one = {
        "name": "check-volume", "image": "i", "imageID": "i", "restartCount": 1,
        "ready": ready, "state": state, "lastState": last or {},
    }  # fmt: skip
    return {"phase": "Pending", "initContainerStatuses": [one]}


def test_each_reason_is_reported_once_and_also_one_that_comes_later(api: ApiServer, warnings: Queue[str]) -> None:
    api.add(f"{PODS}/mysql-0", status=status({"waiting": {"reason": "CrashLoopBackOff"}}, FAILED))
    init_containers.report("here", "team")
    words = f"init container check-volume ended with exit code 1: {REASON}"
    assert warnings.get(timeout=20) == f"pod mysql-0: {words}"
    api.add(f"{PODS}/ei-1", status=status(FAILED))
    assert warnings.get(timeout=20) == f"pod ei-1: {words}"
    with pytest.raises(Empty):
        warnings.get(timeout=0.3)


def test_an_interpreter_that_ends_during_a_request_ends_well(api: ApiServer) -> None:
    """Python ended the thread inside of the client's libraries, which aborts the process in one of three cases."""
    program = """
import threading
from preflight import init_containers
first = threading.Event()
def reasons(pods):
    first.set()
    return ()
init_containers.INTERVAL_SECONDS = 0.0
init_containers.reasons = reasons
init_containers.report("here", "team")
assert first.wait(60)
"""
    running = [subprocess.Popen([sys.executable, "-c", program], cwd=ROOT) for _ in range(6)]
    assert [process.wait(60) for process in running] == [0] * 6
    assert PODS in api.requests


def test_an_account_that_may_not_list_pods_gets_no_warning(api: ApiServer, warnings: Queue[str]) -> None:
    api.forbidden = (PODS,)
    api.add(f"{PODS}/mysql-0", status=status(FAILED))
    init_containers.report("here", "team")
    with pytest.raises(Empty):
        warnings.get(timeout=1)
    assert api.requests.count(PODS) == 1


def test_a_connection_is_kept_since_each_new_one_runs_a_credential_plugin(
    api: ApiServer, warnings: Queue[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def connected(context: str) -> Any:
        opened.append(context)
        return context_of_preflight.connected(context)

    monkeypatch.setattr(init_containers, "connected", connected)
    for name in ("mysql-0", "ei-1", "ei-2"):
        api.add(f"{PODS}/{name}", status=status(FAILED))
        if name == "mysql-0":
            init_containers.report("here", "team")
        assert name in warnings.get(timeout=20)
    assert opened == ["here"]


def test_credentials_that_expire_are_read_again(
    api: ApiServer, warnings: Queue[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from kubernetes import client

    refused: Any = client.ApiException
    pods, requests = init_containers._pods, iter(range(100_000))

    def expired(connection: Any, namespace: str) -> list[Any]:
        if next(requests) == 1:
            raise refused(401)
        return pods(connection, namespace)

    monkeypatch.setattr(init_containers, "_pods", expired)
    api.add(f"{PODS}/mysql-0", status=status(FAILED))
    init_containers.report("here", "team")
    assert "mysql-0" in warnings.get(timeout=20)
    api.add(f"{PODS}/ei-1", status=status(FAILED))
    assert "ei-1" in warnings.get(timeout=20)


@pytest.mark.parametrize(
    "pod",
    [
        {"status": status({"running": {}})},
        {"status": status({"waiting": {"reason": "PodInitializing"}})},
        {"status": status({"terminated": {"exitCode": 0}}, FAILED, ready=True)},
        {"status": {"phase": "Pending"}},
        {"status": status(FAILED), "metadata": {"name": "mysql-0", "deletionTimestamp": "2026-01-01T00:00:00Z"}},
    ],
    ids=["running", "waiting", "succeeded-since", "not-scheduled", "being-deleted"],
)
def test_what_has_not_failed_or_goes_away_is_not_reported(pod: dict[str, Any]) -> None:
    from kubernetes import client

    body = {"metadata": {"name": "mysql-0"}, "spec": {"containers": []}} | pod
    models: Any = client.ApiClient()
    one = models._ApiClient__deserialize(body, "V1Pod")
    assert list(init_containers.reasons([one])) == []
