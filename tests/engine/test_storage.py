"""A running stack keeps its data: what the real engine says to a change of storage, without a cluster."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from preflight import storage_guide
from settings.model import Settings
from tests.engine.conftest import Preview
from tests.unit.support.stacks import config_of

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
Run = Callable[..., Preview]

HERE = {"kubernetes": {"contexts": ["docker-desktop"]}}
"""One allowed context is taken without a kubeconfig, so that an update gets as far as the storage."""
NFS = {"kind": "nfs", "server": "nfs.example.com", "path": "/exports/wso2ei"}
CLASS = {"kind": "class", "mysqlClass": "fast", "carbonappsClass": "shared", "deploymentClass": "shared"}


def exported(**change: Any) -> dict[str, Any]:
    """The outputs of a stack that was updated with the local stack file."""
    settings = Settings.model_validate(config_of("local") | HERE | change)
    stored = storage_guide.record(settings, "docker-desktop").model_dump(exclude_none=True)
    # A secret output beside it, as every stack has one.
    secret = {
        "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
        "plaintext": '"admin-of-the-test"',
    }
    return {"storage": stored, "admin_username": "admin", "admin_password": secret}


def local(storage: dict[str, Any] | None = None, **change: Any) -> dict[str, Any]:
    """Changes to the local stack file; ``storage`` adds to what it says, unless it is of another kind."""
    base = config_of("local")["storage"]
    kind = (storage or base).get("kind", base["kind"])
    return HERE | {"storage": (base if kind == base["kind"] else {}) | (storage or {})} | change


@pytest.mark.parametrize("command", ["preview", "up"])
def test_another_kind_is_refused_with_the_steps_before_anything_is_touched(preview: Run, command: str) -> None:
    # Twice: a refused update must not make the next one forget what the stack has.
    for outputs in (exported(), None):
        done = preview("local", local(NFS), command=command, outputs=outputs)
        assert done.code != 0
        for words in (
            "The data of stack 'local' would stay in the old place; nothing was changed.",
            "it is in      hostPath /var/lib/wso2ei/local",
            "would become  nfs nfs.example.com:/exports/wso2ei",
            "kubectl -n wso2 exec wso2ei-mysql-0 -c mysql -- sh /in_pod/mysql_dump.sh > wso2ei.sql",
            "pulumi config set --path 'wso2ei:storage.movedFrom' 'hostPath /var/lib/wso2ei/local'",
        ):
            assert words in done.text, done.text
        for words in ("Traceback", "kubernetes:", "random:", "admin-of-the-test"):
            assert words not in done.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"path": "/other"}, "would become  hostPath /other"),
        ({"mysqlSize": "1Gi"}, "storage.mysqlSize: the volume has 8Gi, the stack file has 1Gi"),
        (NFS | {"movedFrom": "hostPath /elsewhere"}, "which is not where the data is"),
    ],
)
def test_what_would_lose_data_or_cannot_be_done_is_refused_by_a_preview_already(
    preview: Run, change: dict[str, Any], words: str
) -> None:
    done = preview("local", local(change), outputs=exported())
    assert done.code != 0
    assert words in done.text
    assert "Traceback" not in done.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (NFS | {"movedFrom": "hostPath /var/lib/wso2ei/local"}, ""),
        ({"mysqlSize": "20Gi"}, "mysql grows from 8Gi to 20Gi"),
        ({"movedFrom": "hostPath /elsewhere"}, "storage.movedFrom is no longer needed"),
    ],
)
def test_what_loses_nothing_is_previewed(preview: Run, change: dict[str, Any], words: str) -> None:
    done = preview("local", local(change), outputs=exported())
    assert done.code == 0, done.text
    assert words in done.text
    assert re.search(r"kubernetes:apps/v1:StatefulSet: \(create\)", done.text)


def test_a_stack_that_was_never_made_and_one_that_was_destroyed_may_choose(preview: Run) -> None:
    assert preview("local", local(CLASS)).code == 0
    assert preview("local", local(CLASS), outputs={}).code == 0


def test_another_cluster_is_refused(preview: Run) -> None:
    there = {"kubernetes": {"contexts": ["orbstack"]}}
    done = preview("local", local() | there, command="up", outputs=exported())
    assert done.code != 0
    assert "runs in the cluster 'docker-desktop', and this would be 'orbstack'" in done.text
    assert "Traceback" not in done.text
    assert "kubernetes:" not in done.text.partition("Updating (local)")[2]
    done = preview("local", local() | there, outputs=exported())
    assert done.code == 0, done.text
    assert "an update would be rejected. Stack 'local' runs in the cluster 'docker-desktop'" in done.text
