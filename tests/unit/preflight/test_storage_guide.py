"""What a running stack's storage may become, and what it may not: no data is left behind without a word."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from preflight import storage_guide
from preflight.storage_guide import Change, StorageRecord, record, refusal
from settings.model import Settings

HOST_PATH = {"kind": "hostPath", "path": "/data"}
NFS = {"kind": "nfs", "server": "nfs.example.com", "path": "/exports"}
CLAIM = {"kind": "claim", "mysqlClaim": "db", "carbonappsClaim": "cars"}
CLASS = {"kind": "class", "mysqlClass": "fast", "carbonappsClass": "shared"}
KINDS = [HOST_PATH, NFS, CLAIM, CLASS]
SAVED = "sh /in_pod/mysql_dump.sh > wso2ei.sql"


def settings(storage: dict[str, Any], **more: Any) -> Settings:
    """A given namespace allows every kind."""
    base = {
        "kubernetes": {"contexts": ["here"]},
        "namespace": {"name": "team", "create": False},
        "ingress": {"controller": "existing"},
    }
    return Settings.model_validate(base | {"storage": storage} | more)


def change(old: dict[str, Any], new: dict[str, Any], **more: Any) -> Change:
    after = settings(new, **more)
    before = record(settings(old), "here")
    return Change(before, record(after, "here", before), after, "test")


@pytest.mark.parametrize("old", KINDS, ids=lambda kind: str(kind["kind"]))
@pytest.mark.parametrize("new", KINDS, ids=lambda kind: str(kind["kind"]))
def test_another_kind_is_refused_until_the_data_has_been_moved(old: dict[str, Any], new: dict[str, Any]) -> None:
    if old is new:
        assert refusal(change(old, new)) is None
        return
    text = refusal(change(old, new))
    assert text
    place = record(settings(old), "here").place
    for words in (place, record(settings(new), "here").place, "nothing was changed", SAVED, "mysql_restore.sh", ".tar"):
        assert words in text
    assert f"'wso2ei:storage.movedFrom' '{place}'" in text
    assert refusal(change(old, new | {"movedFrom": place})) is None


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind["kind"]))
def test_the_stack_s_own_databases_are_not_left_behind_for_an_external_server(kind: dict[str, Any]) -> None:
    external = {"mysql": {"external": {"host": "db.example.com"}}}
    text = refusal(change(kind, kind, **external))
    assert text
    place = record(settings(kind), "here").place
    for words in (": mysql would start empty", ", databases on db.example.com", SAVED, "mysql --host=db.example.com"):
        assert words in text
    assert "mysql_restore.sh" not in text
    assert "carbonapps.tar" not in text
    moved = change(kind, kind | {"movedFrom": place}, **external)
    assert refusal(moved) is None
    assert list(moved.new.volumes) == ["carbonapps"]
    # Said once, it says nothing of a later move: the place is another one now.
    again = record(settings(kind | {"movedFrom": place}, **external), "here")
    assert again.place != place


@pytest.mark.parametrize("kind", [CLAIM, CLASS], ids=lambda kind: str(kind["kind"]))
def test_with_an_external_server_no_claim_and_no_class_of_mysql_need_be_named(kind: dict[str, Any]) -> None:
    rest = {name: value for name, value in kind.items() if not name.startswith("mysql")}
    found = settings(rest, mysql={"external": {"host": "db.example.com"}})
    assert "none" not in record(found, "here").place
    with pytest.raises(ValueError, match="mysql"):
        settings(rest)


UNUSED = {"ei": {"carbonAppsFolder": "unused"}}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind["kind"]))
def test_an_unused_folder_of_artifacts_has_no_volume_and_only_a_class_deletes_its_data(kind: dict[str, Any]) -> None:
    rest = {name: value for name, value in kind.items() if name not in {"carbonappsClaim", "carbonappsClass"}}
    found = change(kind, rest, **UNUSED)
    assert list(found.new.volumes) == ["mysql"]
    text = refusal(found)
    if kind is CLASS:
        assert text
        assert "carbonapps.tar" in text
        assert "-xf -" not in text, "no pod has the folder any more"
        assert refusal(change(kind, rest | {"movedFrom": found.old.place}, **UNUSED)) is None
    else:
        assert text is None
        assert any("carbonapps is no longer mounted; its data stays" in note for note in storage_guide.notes(found))


SHARED = {"ei": {"deployment": "shared"}}


def with_folder(kind: dict[str, Any]) -> dict[str, Any]:
    """The same storage with a deployment folder, where it must be named."""
    names = {"claim": "deploymentClaim", "class": "deploymentClass"}
    return kind | ({names[kind["kind"]]: "dep"} if kind["kind"] in names else {})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind["kind"]))
def test_a_deployment_folder_comes_freely_and_goes_without_its_data_except_on_a_class(kind: dict[str, Any]) -> None:
    own = with_folder(kind)
    image = record(settings(kind), "here")
    after = settings(own, **SHARED)
    shared = record(after, "here", image)
    assert list(shared.volumes) == ["mysql", "carbonapps", "deployment"]
    assert shared.volumes.items() >= image.volumes.items()
    assert refusal(Change(image, shared, after, "test")) is None
    assert len(storage_guide.kept_data(after, shared)) == 3
    back = Change(shared, record(settings(kind), "here", shared), settings(kind), "test")
    text = refusal(back)
    if kind is CLASS:
        assert text
        assert "--exclude='deployment/server/carbonapps/*' deployment/server tenants > deployment.tar" in text
        assert "-xf -" not in text
    else:
        assert text is None
        assert any("deployment is no longer mounted; its data stays in" in note for note in storage_guide.notes(back))
    again = record(after, "here", back.new)
    assert again.volumes == shared.volumes


def test_a_deployment_folder_moves_with_the_rest() -> None:
    after = settings(NFS, **SHARED)
    before = record(settings(HOST_PATH, **SHARED), "here")
    text = refusal(Change(before, record(after, "here", before), after, "test"))
    assert text
    assert "mysql and carbonapps and deployment would start empty" in text
    for words in ("> carbonapps.tar", "< carbonapps.tar", "> deployment.tar", "< deployment.tar"):
        assert words in text


def test_without_any_volume_nothing_is_demanded_of_the_storage() -> None:
    external = {"mysql": {"external": {"host": "db.example.com"}}}
    found = record(settings({"kind": "claim"}, **UNUSED, **external), "here")
    assert (found.place, found.volumes) == ("no volume, databases on db.example.com", {})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (HOST_PATH, HOST_PATH | {"path": "/other"}),
        (HOST_PATH | {"node": "a"}, HOST_PATH | {"node": "b"}),
        (HOST_PATH | {"node": "a"}, HOST_PATH),
        (NFS, NFS | {"server": "other.example.com"}),
        (NFS, NFS | {"path": "/"}),
        (CLAIM, CLAIM | {"mysqlClaim": "other"}),
        (CLASS, CLASS | {"mysqlClass": "slow"}),
        # Kubernetes would replace the claim, and a class makes another volume for it.
        (CLASS, CLASS | {"mysqlAccessMode": "ReadWriteOncePod"}),
    ],
)
def test_another_place_of_the_same_kind_is_another_place(old: dict[str, Any], new: dict[str, Any]) -> None:
    text = refusal(change(old, new))
    assert text
    assert SAVED in text


@pytest.mark.parametrize(
    ("old", "new", "more"),
    [
        (NFS, NFS | {"mountOptions": ["hard", "nconnect=4"]}, {}),
        (NFS, NFS | {"version": "3"}, {}),
        (NFS, NFS | {"carbonappsAccessMode": "ReadOnlyMany"}, {}),
        (CLAIM, CLAIM | {"carbonappsAccessMode": "ReadOnlyMany"}, {}),
        (CLASS, CLASS | {"retain": False}, {}),
        (HOST_PATH, HOST_PATH, {"protect": True}),
        (HOST_PATH, HOST_PATH | {"path": "/data/"}, {}),
        (HOST_PATH, HOST_PATH | {"mysqlSize": "8192Mi"}, {}),
    ],
)
def test_what_moves_nothing_is_not_refused(old: dict[str, Any], new: dict[str, Any], more: dict[str, Any]) -> None:
    assert refusal(change(old, new, **more)) is None


def test_only_the_volume_that_moves_is_saved() -> None:
    text = refusal(change(CLAIM, CLAIM | {"carbonappsClaim": "other"}))
    assert text
    assert "carbonapps.tar" in text
    assert "mysql_dump" not in text


def test_a_node_that_is_named_for_the_first_time_is_the_one_that_has_the_data() -> None:
    named = change(HOST_PATH, HOST_PATH | {"node": "node-1"})
    assert refusal(named) is None
    assert any("node-1" in note and "nothing is copied" in note for note in storage_guide.notes(named))


def test_the_word_that_data_was_moved_counts_for_the_place_where_it_was_and_no_other() -> None:
    text = refusal(change(HOST_PATH, NFS | {"movedFrom": "hostPath /elsewhere"}))
    assert text
    assert "storage.movedFrom is 'hostPath /elsewhere', which is not where the data is" in text


def test_the_word_that_data_was_moved_is_asked_back_when_it_has_done_its_work() -> None:
    notes = storage_guide.notes(change(NFS, NFS | {"movedFrom": "hostPath /data"}))
    assert notes == ["storage.movedFrom is no longer needed: pulumi config rm --path 'wso2ei:storage.movedFrom'"]


@pytest.mark.parametrize("storage", [HOST_PATH, NFS, CLASS])
def test_shrinking_is_refused_with_the_numbers(storage: dict[str, Any]) -> None:
    text = refusal(change(storage | {"mysqlSize": "20Gi"}, storage | {"mysqlSize": "8Gi"}))
    assert text
    assert "storage.mysqlSize: the volume has 20Gi, the stack file has 8Gi" in text
    assert "pulumi config set --path 'wso2ei:storage.mysqlSize' 20Gi" in text
    assert "carbonapps" not in text.partition("No kind")[0]


@pytest.mark.parametrize(
    ("storage", "words"), [(HOST_PATH, "the size is not enforced"), (CLASS, "kubectl get storageclass fast")]
)
def test_growing_is_not_refused_and_says_what_it_takes(storage: dict[str, Any], words: str) -> None:
    grown = change(storage, storage | {"mysqlSize": "20Gi"})
    assert refusal(grown) is None
    assert any("mysql grows from 8Gi to 20Gi" in note and words in note for note in storage_guide.notes(grown))


def test_data_that_moves_may_get_a_smaller_volume() -> None:
    moved = NFS | {"mysqlSize": "1Gi", "movedFrom": "hostPath /data"}
    assert refusal(change(HOST_PATH, moved)) is None


def test_a_namespace_cannot_change_below_its_claims() -> None:
    text = refusal(change(HOST_PATH, HOST_PATH | {"movedFrom": "hostPath /data"}, namespace={"name": "other"}))
    assert text
    assert "'wso2ei:namespace.name' team" in text
    assert SAVED in text


def test_the_fate_of_the_old_data_is_told() -> None:
    assert "stays there, untouched" in str(refusal(change(HOST_PATH, NFS)))
    assert "then all there is" in str(refusal(change(CLASS, NFS)))


def test_a_protected_stack_is_told_how_its_claims_can_be_replaced() -> None:
    assert "--ignore-protect" in str(refusal(change(HOST_PATH, NFS, protect=True)))
    assert "--ignore-protect" not in str(refusal(change(HOST_PATH, NFS)))


def test_a_database_that_leaves_the_stack_would_stay_behind_too() -> None:
    found = change(HOST_PATH, HOST_PATH)
    without = found.new.model_copy(update={"volumes": {"carbonapps": found.new.volumes["carbonapps"]}})
    text = refusal(Change(found.old, without, found.settings, "test"))
    assert text
    assert ": mysql would start empty" in text


DUMPS = {"mysql": {"backup": {"schedule": "@daily"}}}
WITH_DUMPS = [
    HOST_PATH,
    NFS,
    CLAIM | {"backupClaim": "dumps"},
    CLASS | {"backupClass": "archive"},
]


def change_with_dumps(old: dict[str, Any], new: dict[str, Any], after: dict[str, Any]) -> Change:
    before, settings_after = record(settings(old, **DUMPS), "here"), settings(new, **after)
    return Change(before, record(settings_after, "here", before), settings_after, "test")


@pytest.mark.parametrize("kind", WITH_DUMPS, ids=lambda kind: str(kind["kind"]))
def test_backups_may_begin_and_only_a_class_deletes_them_when_they_end(kind: dict[str, Any]) -> None:
    begun = change(kind, kind, **DUMPS)
    assert "backup" in begun.new.volumes
    assert refusal(begun) is None
    ended = change_with_dumps(kind, kind, {})
    text = refusal(ended)
    if kind["kind"] == "class":
        assert text
        assert "The backups of stack 'test' would be deleted with their claim" in text
        assert "scale" not in text, "nothing has to stop for them"
        assert refusal(change_with_dumps(kind, kind | {"movedFrom": ended.old.place}, {})) is None
    else:
        assert text is None
        place = ended.old.volumes["backup"].place
        assert f"backup is no longer mounted; its data stays in {place}" in storage_guide.notes(ended)


def test_backups_in_another_place_begin_empty_and_the_old_ones_stay() -> None:
    old, new = CLAIM | {"backupClaim": "dumps"}, CLAIM | {"backupClaim": "other"}
    moved = change_with_dumps(old, new, DUMPS)
    assert refusal(moved) is None
    assert "backup is no longer mounted; its data stays in claim dumps" in storage_guide.notes(moved)
    nfs = change_with_dumps(HOST_PATH | {"backupSize": "20Gi"}, NFS, DUMPS)
    assert nfs.moves == ["mysql", "carbonapps"]
    assert nfs.shrinks == []


def claims(*storages: dict[str, Any]) -> list[str]:
    """Names of MySQL's claim along the life of a stack."""
    found, stored = [], None
    for section in storages:
        stored = record(settings(section), "here", stored)
        found.append(stored.volumes["mysql"].claim)
    return found


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (HOST_PATH, HOST_PATH | {"path": "/other"}),
        (HOST_PATH, HOST_PATH | {"node": "node-1"}),
        (HOST_PATH, NFS),
        (CLASS, CLASS | {"mysqlAccessMode": "ReadWriteOncePod"}),
    ],
)
def test_another_place_has_another_claim_that_pods_can_go_over_to(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    names = claims(first, second, first, second)
    assert names[0] == "wso2ei-mysql", "a stack that is new, or of an earlier release"
    assert all(one != other for one, other in itertools.pairwise(names))
    assert all(re.fullmatch(r"wso2ei-mysql(-[0-9a-f]{6})?", name) for name in names)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (HOST_PATH, HOST_PATH | {"mysqlSize": "9Gi"}),
        (NFS, NFS | {"version": "3", "mountOptions": []}),
        (CLASS, CLASS | {"retain": False}),
        (CLASS, CLASS | {"carbonappsClass": "other"}),
    ],
)
def test_what_changes_in_place_keeps_its_claim(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert claims(first, second) == ["wso2ei-mysql", "wso2ei-mysql"]
    moved = claims(NFS | {"path": "/elsewhere"}, first, second)
    assert moved[1] == moved[2]


def test_what_is_exported_is_what_is_read_back() -> None:
    stored = record(settings(CLASS), "here")
    assert StorageRecord.model_validate(stored.model_dump(exclude_none=True)) == stored
