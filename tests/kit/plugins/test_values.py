"""The codec for property values, normalization, and who owns a field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded.plugins.kubernetes.fields import keep_ignored, must_force, taken_over
from embedded.plugins.kubernetes.normalize import normalize, prune, quantity
from embedded.plugins.kubernetes.values import UNKNOWN, Secret, annotate_secrets, decode, encode, has_secret, plain

LEAVES = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text() | st.just(UNKNOWN)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.builds(Secret, inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), VALUES))
def test_what_is_sent_comes_back_the_same(properties: dict[str, Any]) -> None:
    assert decode(encode(properties)) == properties


@given(st.dictionaries(st.text(), VALUES))
def test_an_engine_without_secrets_gets_none(properties: dict[str, Any]) -> None:
    assert decode(encode(properties, keep_secrets=False)) == plain(properties)
    assert not has_secret(plain(properties))


def test_whole_numbers_stay_whole_because_the_api_server_refuses_80_point_0() -> None:
    value = decode(encode({"port": 80}))["port"]
    assert value == 80
    assert isinstance(value, int)


def test_secretness_is_copied_as_narrowly_as_objects_allow() -> None:
    outs = {"spec": {"a": "1", "b": "2", "list": [{"x": "1"}]}, "other": 1}
    annotate_secrets(outs, {"spec": {"a": Secret("1"), "b": "2", "list": [{"x": Secret("1")}]}})
    assert outs == {"spec": {"a": Secret("1"), "b": "2", "list": Secret([{"x": "1"}])}, "other": 1}


@pytest.mark.parametrize(
    ("given_text", "canonical"),
    [
        ("0.5", "500m"),
        ("1000m", "1"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("2000", "2k"),
        ("1Gi", "1Gi"),
        ("64Mi", "64Mi"),
        ("0", "0"),
        (2, "2"),
        (0.25, "250m"),
        ("not a quantity", "not a quantity"),
    ],
)
def test_quantities_get_the_servers_canonical_text(given_text: Any, canonical: str) -> None:
    assert quantity(given_text) == canonical


def test_only_quantities_are_canonicalized() -> None:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"limits": "0.5", "sizeLimit": "1024Mi", "none": None}}
    assert normalize(obj)["data"] == {"limits": "0.5", "sizeLimit": "1024Mi"}


def test_pruning_keeps_what_was_given_and_drops_what_the_server_added() -> None:
    live = {"spec": {"replicas": 1, "added": True, "list": [{"a": 1, "b": 2}, {"c": 3}]}, "status": {}}
    assert prune(live, {"spec": {"replicas": 9, "list": [{"a": 0}]}}) == {"spec": {"replicas": 1, "list": [{"a": 1}]}}


def entry(manager: str, operation: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": fields, **more}


def live(*entries: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {"metadata": {"managedFields": list(entries)}, **parts}


def test_the_first_apply_takes_over_what_create_wrote() -> None:
    obj = live(
        entry("pulumi-kubernetes", "Update", {"f:data": {"f:a": {}}}),
        entry("controller", "Update", {"f:status": {}}, subresource="status"),
    )
    entries = taken_over(obj, "mine")
    assert entries is not None
    assert [(one["manager"], one["operation"]) for one in entries] == [("mine", "Apply"), ("controller", "Update")]
    assert entries[0]["fieldsV1"] == {"f:data": {"f:a": {}}}


def test_taking_over_adds_to_what_the_manager_has() -> None:
    obj = live(
        entry("mine", "Apply", {"f:data": {"f:a": {}}}), entry("kubectl", "Update", {"f:data": {"f:b": {}}, "f:x": {}})
    )
    entries = taken_over(obj, "mine")
    assert entries is not None
    assert entries[0]["fieldsV1"] == {"f:data": {"f:a": {}, "f:b": {}}, "f:x": {}}


def test_nothing_to_take_over_sends_nothing() -> None:
    assert taken_over(live(entry("mine", "Apply", {})), "mine") is None
    assert taken_over(live(entry("pulumi-kubernetes", "Update", {}, subresource="status")), "mine") is None


def test_conflicts_with_the_providers_own_create_are_forced_in_previews_only() -> None:
    created = live(entry("pulumi-kubernetes", "Update", {}))
    assert must_force(created, preview=True)
    assert not must_force(created, preview=False)
    assert not must_force(live(entry("kubectl-edit", "Update", {})), preview=True)
    assert must_force(live(), preview=False)


def test_an_ignored_field_of_somebody_else_is_left_out_of_the_apply() -> None:
    obj = live(
        entry("mine", "Apply", {"f:spec": {"f:paused": {}}}),
        entry("autoscaler", "Update", {"f:spec": {"f:replicas": {}}}),
        spec={"replicas": 5, "paused": True},
    )
    inputs: dict[str, Any] = {"spec": {"replicas": 1, "paused": False}}
    keep_ignored(inputs, obj, [("spec", "replicas"), ("spec", "paused")], "mine")
    assert inputs == {"spec": {"paused": True}}
