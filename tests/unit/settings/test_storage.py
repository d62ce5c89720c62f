"""The section ``storage``: what NFS takes, and which settings do not go together."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.settings.test_loading import LOCAL, load, mistakes

NFS = {"kind": "nfs", "server": "nfs.example.com", "path": "/exports/wso2ei"}
CLAIM = {"kind": "claim", "mysqlClaim": "db", "carbonappsClaim": "cars"}
CLASS = {"kind": "class", "mysqlClass": "fast", "carbonappsClass": "shared"}
GIVEN = {"namespace": {"create": False}}
ONE_NODE = {"ei": {"replicas": 1}}


@pytest.mark.parametrize(
    "change",
    [
        {"server": "10.0.0.5"},
        {"server": "fd00::10"},
        {"path": "/"},
        {"path": "/exports/wso2ei/"},
        {"version": "3"},
        {"mountOptions": []},
        {"mountOptions": ["hard", "timeo=600", "sec=krb5p", "noatime", "nconnect=8"]},
        {"carbonappsAccessMode": "ReadOnlyMany"},
    ],
)
def test_what_nfs_takes(change: dict[str, Any]) -> None:
    assert load(LOCAL | {"storage": NFS | change})


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"server": "nfs.example.com:/exports"}, "server"),
        ({"server": "[fd00::10]"}, "server"),
        ({"server": "fe80::1%eth0"}, "server"),
        ({"server": "nfs://nfs.example.com"}, "server"),
        ({"path": "exports"}, "path"),
        ({"path": "/exports/my data"}, "path"),
        ({"path": "/exports/../etc"}, "path"),
        ({"version": "4.3"}, "version"),
        ({"mountOptions": ["hard,noatime"]}, "mountOptions[0]"),
        ({"mountOptions": ["hard", " noatime"]}, "mountOptions[1]"),
        ({"mountOptions": ["nfsvers=4.2"]}, "mountOptions[0]"),
        ({"mountOptions": ["vers=3"]}, "mountOptions[0]"),
        ({"mountOptions": ["v4.1"]}, "mountOptions[0]"),
        ({"mountOptions": ["minorversion=1"]}, "mountOptions[0]"),
        ({"mountOptions": ["soft"]}, "mountOptions[0]"),
        ({"mountOptions": ["ro"]}, "mountOptions[0]"),
        ({"mountOptions": ["hrad"]}, "mountOptions[0]"),
        ({"mountOptions": ["timeo=6 0"]}, "mountOptions[0]"),
        ({"mountOptions": ["timeo=600", "timeo=60"]}, "mountOptions"),
        ({"mountOptions": ["lock", "nolock"]}, "mountOptions"),
        ({"carbonappsAccessMode": "ReadWriteOnce"}, "carbonappsAccessMode"),
    ],
)
def test_what_would_fail_on_the_node_or_harm_the_database_is_refused_here(change: dict[str, Any], key: str) -> None:
    assert f"wso2ei:storage.{key} = " in mistakes(LOCAL | {"storage": NFS | change})


@pytest.mark.parametrize(
    ("config", "key", "word"),
    [
        ({"storage": CLAIM}, "namespace.create", "storage.kind"),
        ({"storage": CLASS | {"retain": True}}, "storage.retain", "namespace.create"),
        ({"storage": CLASS | {"carbonappsAccessMode": "ReadWriteOnce"}}, "storage.carbonappsAccessMode", "ei.replicas"),
        (
            GIVEN | {"storage": CLAIM | {"carbonappsAccessMode": "ReadWriteOnce"}},
            "storage.carbonappsAccessMode",
            "ei.replicas",
        ),
    ],
)
def test_settings_that_do_not_go_together(config: dict[str, Any], key: str, word: str) -> None:
    text = mistakes(LOCAL | config)
    assert f"wso2ei:{key}" in text
    assert word in text


@pytest.mark.parametrize(
    "config",
    [
        GIVEN | {"storage": CLAIM},
        GIVEN | {"storage": CLASS},
        GIVEN | {"storage": CLASS | {"retain": True, "mysqlAccessMode": "ReadWriteOncePod"}},
        {"storage": CLASS},
        {"storage": CLASS | {"retain": False}},
        ONE_NODE | {"storage": CLASS | {"carbonappsAccessMode": "ReadWriteOnce"}},
        ONE_NODE | GIVEN | {"storage": CLAIM | {"carbonappsAccessMode": "ReadWriteOnce"}},
        GIVEN | {"storage": CLAIM | {"carbonappsAccessMode": "ReadOnlyMany"}},
        {"storage": NFS | {"movedFrom": "hostPath /var/lib/wso2ei/local on node-1"}},
    ],
)
def test_what_goes_together(config: dict[str, Any]) -> None:
    assert load(LOCAL | config)
