"""How the nodes are run: where, how many, and what their pods bear."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.recording import Recorder
from tests.unit.stacks import run, templates
from tests.unit.test_ei_cluster import made, named, pod

PLACE: dict[str, Any] = {
    "nodeSelector": {"pool": "integration"},
    "tolerations": [
        {"key": "dedicated", "value": "integration", "effect": "NoSchedule"},
        {"operator": "Exists", "effect": "NoExecute", "seconds": 30},
    ],
    "priorityClass": "business-critical",
}


def nodes(recorder: Recorder) -> Any:
    return next(item for item in recorder.registered if item.type.endswith(":Deployment") and "nodes" in item.name)


def spec_hash(recorder: Recorder) -> str:
    return next(found["spec_hash"] for urn, found in recorder.component_outputs.items() if urn.endswith("::ei"))


def test_one_section_places_every_pod_of_the_stack() -> None:
    """A Job that cannot run where only tainted nodes are would hold the whole update up."""
    pods = templates(run("local", {"scheduling": PLACE}))
    assert len(pods) == 5
    for name, template in pods:
        spec = template["spec"]
        assert spec["nodeSelector"] == {"pool": "integration"}, name
        assert spec["priorityClassName"] == "business-critical", name
        assert spec["tolerations"] == [
            {"key": "dedicated", "operator": "Equal", "value": "integration", "effect": "NoSchedule"},
            {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30},
        ], name


def test_an_autoscaler_keeps_what_it_chose() -> None:
    fixed, scaled = nodes(made(("ei", {}))), nodes(made(("ei", {"autoscaled": True})))
    assert fixed.body()["spec"]["replicas"] == scaled.body()["spec"]["replicas"] == 2
    assert list(fixed.request.ignoreChanges) == []
    assert list(scaled.request.ignoreChanges) == ["spec.replicas"]
    # Forced, the stack would take the field from the autoscaler.
    assert fixed.body()["metadata"]["annotations"] == {"pulumi.com/patchForce": "true"}
    assert "annotations" not in scaled.body()["metadata"]


def test_the_acceptance_check_does_not_run_again_for_the_number_of_an_autoscaler() -> None:
    scaled = [spec_hash(made(("ei", {"autoscaled": True, "replicas": number}))) for number in (2, 3)]
    assert scaled[0] == scaled[1]
    fixed = [spec_hash(made(("ei", {"replicas": number}))) for number in (2, 3)]
    assert fixed[0] != fixed[1]


def test_pods_bear_the_users_labels_beside_those_that_select_them() -> None:
    recorder = made(("ei", {"pod_labels": {"team": "integration"}, "pod_annotations": {"example.com/a": ""}}))
    template = named(recorder, "Deployment", "ei-nodes")["spec"]["template"]
    plain = named(made(("ei", {})), "Deployment", "ei-nodes")["spec"]["template"]
    assert template["metadata"]["labels"] == plain["metadata"]["labels"] | {"team": "integration"}
    assert template["metadata"]["annotations"]["example.com/a"] == ""


def test_nodes_resolve_the_users_names() -> None:
    aliases = [{"ip": "10.0.0.12", "hostnames": ["backend"]}]
    assert pod(made(("ei", {"host_aliases": aliases})))["hostAliases"] == aliases


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"host_aliases": [{"ip": "10.0.0.300", "hostnames": ["a"]}]}, r"host_aliases\[0\]\.ip must be"),
        ({"host_aliases": [{"ip": "10.0.0.3", "hostnames": []}]}, r"host_aliases\[0\]\.hostnames must be"),
        ({"pod_labels": {"app.kubernetes.io/name": "x"}}, r"pod_labels.app.kubernetes.io/name must not be set"),
        ({"scheduling": {"tolerations": [{}]}}, r"scheduling\.tolerations\[0\]\.key is needed"),
        ({"scheduling": {"priority_class": "Not A Name"}}, r"scheduling\.priority_class must be"),
    ],
)
def test_what_the_api_server_would_refuse_is_refused_by_field(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        made(("ei", changes))
