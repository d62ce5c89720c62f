"""The provider's options: what is refused, what replaces everything, and which cluster is meant."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from embedded.plugins.kubernetes import options
from embedded.plugins.kubernetes.cluster import Cluster
from embedded.plugins.kubernetes.kubeconfig import KubeconfigError
from embedded.plugins.kubernetes.options import Options
from embedded.plugins.kubernetes.values import UNKNOWN

URN = "urn:pulumi:s::p::pulumi:providers:kubernetes::k8s"


def config(server: str = "https://127.0.0.1:1", namespace: str = "", current: str = "one") -> dict[str, Any]:
    context = {"cluster": "c", "user": "u", **({"namespace": namespace} if namespace else {})}
    return {
        "clusters": [{"name": "c", "cluster": {"server": server}}, {"name": "d", "cluster": {"server": server + "0"}}],
        "contexts": [
            {"name": "one", "context": context},
            {"name": "two", "context": {"cluster": "d", "user": "u"}},
            {"name": "same", "context": {"cluster": "c", "user": "v"}},
        ],
        "users": [{"name": "u", "user": {"token": "t"}}, {"name": "v", "user": {"token": "t"}}],
        "current-context": current,
    }


def text(**changes: str) -> str:
    return yaml.safe_dump(config(**changes))


def reach(**given: str) -> Cluster:
    variables = {f"kubernetes:config:{key}": value for key, value in given.items()}
    return asyncio.run(Cluster.of(Options.of(variables)))


@pytest.mark.parametrize(
    "name",
    [
        "renderYamlToDirectory",
        "cluster",
        "helmReleaseSettings",
        "upsertExistingObjects",
        "alwaysRender",
        "somethingNew",
    ],
)
def test_options_that_are_not_imitated_are_refused_by_name(name: str) -> None:
    assert options.check(URN, {name: "true"}) == [(name, f"not imitated: provider option {name}")]
    assert options.check(URN, {name: "false"}) == []


def test_client_side_apply_is_refused_by_name() -> None:
    [failure] = options.check(URN, {"enableServerSideApply": "false"})
    assert failure.reason == "not imitated: provider option enableServerSideApply=false"
    assert not options.check(URN, {"enableServerSideApply": "true"})


def test_strict_mode_wants_kubeconfig_and_context_and_no_default_provider() -> None:
    given = {"strictMode": "true"}
    assert [one.property for one in options.check(URN, given)] == ["kubeconfig", "context"]
    default = URN.replace("::k8s", "::default_4_34_2")
    assert options.check(default, {**given, "kubeconfig": "x", "context": "y"})[0].reason == (
        "strict mode prohibits default provider"
    )


def test_no_change_of_the_options_is_no_diff() -> None:
    assert options.diff({"context": "a"}, {"context": "a"}) == ([], [])


def test_another_cluster_in_the_kubeconfig_replaces_everything() -> None:
    old, new = text(), text(server="https://127.0.0.1:2")
    assert options.diff({"kubeconfig": old}, {"kubeconfig": new}) == (["kubeconfig"], ["kubeconfig"])


def test_another_context_of_the_same_cluster_replaces_nothing() -> None:
    both = {"kubeconfig": text()}
    assert options.diff({**both, "context": "one"}, {**both, "context": "same"}) == (["context"], [])
    assert options.diff({**both, "context": "one"}, {**both, "context": "two"}) == (["context"], ["context"])


def test_a_kubeconfig_that_moved_replaces_nothing(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text(text())
    other.write_text(text())
    assert options.diff({"kubeconfig": str(one)}, {"kubeconfig": str(other)}) == (["kubeconfig"], [])


def test_a_kubeconfig_path_from_another_machine_fails_the_diff_even_with_an_identifier() -> None:
    old = {"kubeconfig": "/no/such/path", "clusterIdentifier": "a"}
    with pytest.raises(KubeconfigError, match="failed to parse kubeconfig: "):
        options.diff(old, {"kubeconfig": text(), "clusterIdentifier": "a"})


def test_the_same_cluster_identifier_stops_replacement_and_another_one_replaces() -> None:
    old = {"kubeconfig": text(), "clusterIdentifier": "a"}
    new = {"kubeconfig": text(server="https://127.0.0.1:2"), "clusterIdentifier": "a"}
    assert options.diff(old, new) == (["kubeconfig"], [])
    assert options.diff(old, {**old, "clusterIdentifier": "b"}) == (["clusterIdentifier"], ["clusterIdentifier"])


def test_adding_or_removing_the_identifier_replaces_nothing() -> None:
    bare = {"kubeconfig": text()}
    named = {**bare, "clusterIdentifier": "a"}
    assert options.diff(bare, named)[1] == []
    assert options.diff(named, bare)[1] == []


def test_a_kubeconfig_that_is_not_known_yet_replaces_unless_the_identifier_says_otherwise() -> None:
    old = {"kubeconfig": text()}
    assert options.diff(old, {"kubeconfig": UNKNOWN}) == (["kubeconfig"], ["kubeconfig"])
    pinned = {"clusterIdentifier": "a"}
    assert options.diff({**old, **pinned}, {"kubeconfig": UNKNOWN, **pinned}) == (["kubeconfig"], [])


def test_an_option_that_does_not_name_a_cluster_replaces_nothing() -> None:
    assert options.diff({}, {"enableSecretMutable": "true"}) == (["enableSecretMutable"], [])


def test_flags_come_from_the_option_else_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE", "true")
    assert Options.of({}).diff.config_map_mutable
    assert not Options.of({"kubernetes:config:enableConfigMapMutable": "false"}).diff.config_map_mutable


def test_a_cluster_that_does_not_answer_is_unreachable_with_the_reason() -> None:
    cluster = reach(kubeconfig=text())
    assert cluster.api is None
    assert cluster.reason.startswith("unable to load schema information from the API server: ")


def test_a_context_that_does_not_exist_is_unreachable() -> None:
    cluster = reach(kubeconfig=text(), context="other")
    assert cluster.api is None
    assert 'context "other" does not exist' in cluster.reason


def test_no_kubeconfig_at_all_is_unreachable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert "no configuration has been provided" in reach().reason


def test_a_path_that_does_not_exist_is_taken_for_contents_and_refused() -> None:
    cluster = reach(kubeconfig="/no/such/file")
    assert cluster.reason.startswith("failed to parse kubeconfig data in `kubernetes:config:kubeconfig`- ")


def test_the_default_namespace_is_the_options_else_the_contexts_else_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert reach(kubeconfig=text(namespace="of-context"), namespace="of-option").namespace == "of-option"
    assert reach(kubeconfig=text(namespace="of-context")).namespace == "of-context"
    assert reach(kubeconfig=text()).namespace == "default"
    path = tmp_path / "config"
    path.write_text(text(namespace="ambient"))
    monkeypatch.setenv("KUBECONFIG", str(path))
    assert reach().namespace == "ambient"


def test_several_ambient_files_are_merged_and_the_first_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text(yaml.safe_dump({"current-context": "one", "contexts": None}))
    second.write_text(text(namespace="second", current="two"))
    monkeypatch.setenv("KUBECONFIG", f"{first}:{second}")
    assert reach().namespace == "second"
