"""The program with the storage of a running stack: what it reads of the stack's outputs, and when it refuses."""

from __future__ import annotations

import runpy
from typing import Any

import pytest

from preflight import storage
from preflight.storage import StorageChangeError
from tests.unit.support.recording import KubernetesMocks, Recorder
from tests.unit.support.recording import record as run
from tests.unit.support.stacks import ROOT, config_of


def program(outputs: dict[str, Any] | None, change: dict[str, Any] | None = None, **options: Any) -> Recorder:
    """The whole program with the local stack file, after an update that exported ``outputs``."""
    config = config_of("local")
    config["storage"] |= change or {}
    main = str(ROOT / "__main__.py")
    return run(lambda: runpy.run_path(main, run_name="__main__"), config=config, outputs=outputs, **options)


def before(place: str = "hostPath /var/lib/wso2ei/local", **more: Any) -> dict[str, Any]:
    volumes = {
        name: {"place": f"{place}/{name}", "claim": f"wso2ei-{name}", "access_mode": mode, "size": "1Gi"}
        for name, mode in (("mysql", "ReadWriteOnce"), ("carbonapps", "ReadWriteMany"))
    }
    stored = {"place": place, "namespace": "wso2", "cluster": "docker-desktop", "volumes": volumes}
    return {"storage": stored | more, "admin_password": "x"}


@pytest.mark.parametrize(
    "outputs", [None, {}, {"admin_password": "x"}, {"storage": "of another program"}, before()],
    ids=["new", "destroyed", "older", "strange", "same"],
)  # fmt: skip
def test_a_stack_without_data_and_one_that_keeps_its_place_are_made(outputs: dict[str, Any] | None) -> None:
    assert len(program(outputs).registered) > 30


def test_the_refusal_comes_before_anything_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[str] = []
    unwatched = Recorder.RegisterResource

    def watched(self: Recorder, request: Any) -> Any:
        registered.append(request.type)
        return unwatched(self, request)

    monkeypatch.setattr(Recorder, "RegisterResource", watched)
    with pytest.raises(StorageChangeError, match="would stay in the old place"):
        program(before("hostPath /elsewhere"))
    assert registered == ["pulumi:pulumi:Stack"]


@pytest.mark.parametrize("failures", [1, 5, 6])
def test_a_state_that_is_being_written_is_read_again(failures: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = KubernetesMocks.call
    left = failures

    def call(self: KubernetesMocks, args: Any) -> tuple[dict[str, Any], Any]:
        nonlocal left
        left -= 1
        return ({}, [("name", "EOF")]) if left >= 0 else answered(self, args)

    monkeypatch.setattr(KubernetesMocks, "call", call)
    monkeypatch.setattr(storage, "_DELAYS", (0.0,) * 5)
    expected = "would stay in the old place" if failures <= 5 else "the place of its data is not known: .*EOF"
    with pytest.raises(StorageChangeError, match=expected):
        program(before("hostPath /elsewhere"))


def test_a_moved_stack_keeps_the_claim_that_it_moved_to() -> None:
    moved = program(before("hostPath /old"), change={"movedFrom": "hostPath /old"})
    made = {
        item.body()["metadata"]["name"] for item in moved.registered if item.type.endswith(":PersistentVolumeClaim")
    }
    assert "wso2ei-mysql" not in made
    assert len(made) == 3


def test_another_cluster_is_refused_in_an_update_and_told_in_a_preview() -> None:
    elsewhere = before(cluster="orbstack")
    with pytest.raises(StorageChangeError, match="runs in the cluster 'orbstack', and this would be 'docker-desktop'"):
        program(elsewhere)
    assert len(program(elsewhere, preview=True).registered) > 30


def test_a_cluster_that_cannot_be_asked_holds_no_update_up_but_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert len(program(None).registered) > 30
    assert "storage.node is not checked, the nodes of 'docker-desktop' cannot be listed" in caplog.text
