"""hostPath storage is one folder: on the one node that the scheduler can use, or on the one that the settings name."""

from __future__ import annotations

from typing import Any

import pytest

from preflight.nodes import Node, Taint, mistake
from settings.scheduling import SchedulingSettings

ONE, TWO = Node("n1", "node-1", {"pool": "ei"}), Node("n2", "node-2", {})
CLOSED = Node("master", "master", {}, (Taint("node-role.kubernetes.io/control-plane", "", "NoSchedule"),))
DEDICATED = Node("n3", "node-3", {}, (Taint("dedicated", "integration", "NoExecute"),))
TOLERATED: dict[str, Any] = {"tolerations": [{"key": "dedicated", "value": "integration"}]}


def found(node: str | None, nodes: list[Node], scheduling: dict[str, Any] | None = None) -> tuple[str, str] | None:
    one = mistake(node, nodes, SchedulingSettings.model_validate(scheduling or {}))
    return (one.expected, one.fix) if one else None


@pytest.mark.parametrize(
    ("node", "nodes", "words"),
    [
        (None, [ONE, TWO], "is required with hostPath in a cluster with several nodes (node-1, node-2)"),
        (None, [ONE, CLOSED], None),
        (None, [], None),
        ("node-1", [ONE, TWO], None),
        ("node-3", [ONE, TWO], "must be a node's label kubernetes.io/hostname: node-1, node-2"),
        ("master", [ONE, CLOSED], "without taints that scheduling.tolerations do not match: node-1"),
    ],
)
def test_a_folder_on_a_node_must_be_one_folder(node: str | None, nodes: list[Node], words: str | None) -> None:
    answer = found(node, nodes)
    assert (answer is None) == (words is None)
    if answer and words:
        assert words in answer[0]
        assert answer[1] == "pulumi config set --path 'wso2ei:storage.node' node-1"


def test_a_node_s_name_is_taken_for_its_label() -> None:
    answer = found("n2", [ONE, TWO])
    assert answer
    assert answer[1] == "pulumi config set --path 'wso2ei:storage.node' node-2"


def test_a_tainted_node_counts_where_the_stack_tolerates_the_taint() -> None:
    assert found(None, [ONE, DEDICATED]) is None
    answer = found(None, [ONE, DEDICATED], TOLERATED)
    assert answer
    assert "(node-1, node-3)" in answer[0]
    assert found("node-3", [ONE, DEDICATED], TOLERATED) is None
    assert found("node-3", [ONE, DEDICATED]) is not None


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "dedicated", "operator": "Exists"}, True),
        ({"key": "dedicated", "operator": "Exists", "effect": "NoExecute"}, True),
        ({"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}, False),
        ({"key": "dedicated", "value": "integration"}, True),
        ({"key": "dedicated", "value": "other"}, False),
        ({"key": "dedicated"}, False),
        ({"key": "other", "operator": "Exists"}, False),
    ],
)
def test_tolerations_match_as_in_the_scheduler(toleration: dict[str, Any], tolerated: bool) -> None:
    assert (found("node-3", [DEDICATED, ONE], {"tolerations": [toleration]}) is None) == tolerated


def test_every_taint_of_a_node_must_be_tolerated() -> None:
    both = Node("n4", "node-4", {}, (*DEDICATED.taints, *CLOSED.taints))
    assert found(None, [ONE, both], TOLERATED) is None


def test_a_node_selector_that_leaves_one_node_is_enough() -> None:
    assert found(None, [ONE, TWO], {"nodeSelector": {"pool": "ei"}}) is None
    answer = found("node-2", [ONE, TWO], {"nodeSelector": {"pool": "ei"}})
    assert answer
    assert "scheduling.nodeSelector" in answer[0]
    assert answer[1].endswith(" node-1")


def test_a_selector_that_no_node_fits_is_rejected() -> None:
    answer = found(None, [ONE, TWO], {"nodeSelector": {"pool": "gpu"}})
    assert answer
    assert "must fit a node" in answer[0]
