"""The MySQL image is compared with the running server's before anything is changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from preflight import mysql_version
from settings import loading
from tests.unit.support.api_server import ApiServer
from tests.unit.support.mistake_pairs import base

POD = "/api/v1/namespaces/wso2/pods/wso2ei-mysql-0"


def runs(api: ApiServer, image: str, *, ready: bool = True) -> None:
    status = {"name": "mysql", "ready": ready, "image": image, "imageID": "", "restartCount": 0}
    containers = [{"name": "mysql", "image": image}, {"name": "sidecar", "image": "r.example.com/sidecar:1.0.0"}]
    api.add(POD, spec={"containers": containers}, status={"containerStatuses": [status]})


def check(image: str, **sections: Any) -> list[str]:
    config = base("nfs") | {"images": {"mysql": image}} | sections
    values = {f"wso2ei:{key}": json.dumps(value) for key, value in config.items()}
    settings = loading.load("wso2ei", "test", values, frozenset())
    return [str(one) for one in mysql_version.mistakes(settings, "here")]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ((8, 0, 40), (8, 0, 46), ""),
        ((8, 4, 10), (8, 4, 10), ""),
        ((8, 0, 46), (8, 4, 10), ""),
        ((8, 0, 46), (8, 3, 0), ""),
        ((8, 4, 10), (9, 7, 0), ""),
        ((8, 4, 10), (9, 2, 0), ""),
        ((5, 7, 44), (8, 0, 46), ""),
        ((8, 4, 10), (8, 4), ""),
        ((8, 4), (8, 4, 10), ""),
        ((8, 4, 10), (8, 4, 9), "must not be older than the running MySQL 8.4.10"),
        ((8, 4, 10), (8, 0, 46), "whose data 8.0.46 does not take over"),
        ((8, 4, 10), (8, 0), "whose data 8.0 does not take over"),
        ((8, 4), (8, 0, 46), "whose data 8.0.46 does not take over"),
        ((5, 7, 44), (8, 4, 10), "from 5.7.44 to 8.4.10 first to 8.0"),
        ((8, 0, 46), (9, 0, 1), "first to 8.4"),
        ((8, 3, 0), (9, 7, 0), "first to 8.4"),
        ((5, 7, 44), (9, 0, 0), "first to 8.0 and then to 8.4"),
    ],
)
def test_what_mysql_supports_is_accepted(old: tuple[int, ...], new: tuple[int, ...], words: str) -> None:
    """MySQL 8.4 manual, "Upgrade Paths" and "Downgrading MySQL"."""
    reason = mysql_version.refusal(old, new)
    assert words in reason
    assert bool(words) == bool(reason)


@pytest.mark.usefixtures("warnings")
def test_a_downgrade_is_rejected_with_the_command_that_keeps_the_running_version(api: ApiServer) -> None:
    runs(api, "harbor.example.com/library/mysql:8.4.10@sha256:" + "a" * 64)
    (found,) = check("mysql:8.4.9")
    assert found.startswith('wso2ei:images.mysql = "mysql:8.4.9": must not be older than the running MySQL 8.4.10')
    assert "pulumi config set --path 'wso2ei:images.mysql' harbor.example.com/library/mysql:8.4.10@sha256:a" in found
    assert check("mysql:8.4.11") == check("mysql:8.4.10-oraclelinux9") == []
    (found,) = check("docker.io/library/mysql:8.0.46")
    assert "must not be older" in found


def test_images_without_a_version_are_one_warning_where_they_differ(api: ApiServer, warnings: list[str]) -> None:
    by_digest = "docker.io/library/mysql@sha256:" + "b" * 64
    runs(api, by_digest)
    assert check(by_digest) == []
    assert warnings == []
    assert check("mysql:8.4.10") == []
    (text,) = warnings
    assert "a tag names no MySQL version" in text


def test_without_a_ready_server_nothing_is_compared(api: ApiServer, warnings: list[str]) -> None:
    """A tag that was never pulled, or a server that never started, has written no data; and a way back is needed."""
    assert check("mysql:8.4.9") == []
    runs(api, "mysql:8.4.99", ready=False)
    assert check("mysql:8.4.10") == []
    external = {"mysql": {"external": {"host": "db"}}, "secrets": {"mysql": "db"}}
    runs(api, "mysql:8.4.10")
    assert check("mysql:8.4.9", **external) == []
    assert warnings == []


def test_a_cluster_without_an_answer_is_a_warning(api: ApiServer, warnings: list[str]) -> None:
    api.forbidden = (POD,)
    assert check("mysql:8.4.9") == []
    (text,) = warnings
    assert "images.mysql is not compared with the running server" in text
    assert "403 Forbidden" in text
