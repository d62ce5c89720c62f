"""What becomes of the inputs before anything is compared or made (pulumi-kubernetes 4.x, Check)."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from embedded.plugins.kubernetes.cluster import Cluster
from embedded.plugins.kubernetes.failures import Failed
from embedded.plugins.kubernetes.kinds import TOKENS
from embedded.plugins.kubernetes.options import Options
from embedded.plugins.kubernetes.resources import Naming, Resources
from embedded.plugins.kubernetes.values import UNKNOWN, Secret

Obj = dict[str, Any]
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


class SilentHost:
    """Keeps what would be shown."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    async def warning(self, urn: str, message: str) -> None:
        self.warnings.append(message)


def check(
    news: Obj,
    olds: Obj | None = None,
    *,
    token: str = CONFIG_MAP,
    seed: bytes = b"seed",
    naming: Naming | None = None,
    namespace: str = "",
    options: Options | None = None,
    host: SilentHost | None = None,
) -> Obj:
    """Check of a resource ``res`` against a cluster that cannot be reached."""
    cluster = Cluster(None, "no cluster", namespace)
    silent: Any = host or SilentHost()
    resources = Resources(options or Options(), cluster, silent, silent)
    urn = f"urn:pulumi:stack::project::my:index:Component${token}::res"
    return asyncio.run(resources.check(urn, olds or {}, news, seed, naming or Naming()))


def test_an_unnamed_object_gets_the_resource_name_and_eight_hex_digits() -> None:
    meta = check({})["metadata"]
    assert re.fullmatch(r"res-[0-9a-f]{8}", meta["name"])
    assert meta["annotations"] == {"pulumi.com/autonamed": "true"}


def test_the_same_seed_gives_the_same_name_and_another_seed_another() -> None:
    assert check({}) == check({})
    assert check({})["metadata"]["name"] != check({}, seed=b"other")["metadata"]["name"]


def test_an_auto_name_is_kept_across_updates() -> None:
    first = check({"data": {"a": "1"}})
    assert check({"data": {"a": "2"}}, first)["metadata"] == first["metadata"]


def test_an_explicit_name_is_never_touched() -> None:
    inputs = check({"metadata": {"name": "mine"}})
    assert inputs["metadata"] == {"name": "mine"}
    assert check({"metadata": {"name": "mine"}}, check({}))["metadata"] == {"name": "mine"}


def test_a_name_that_is_not_known_yet_is_a_name() -> None:
    assert check({"metadata": {"name": UNKNOWN}})["metadata"] == {"name": UNKNOWN}


def test_the_engine_can_propose_or_forbid_names() -> None:
    proposed = check({}, naming=Naming("propose", "res-proposed"))["metadata"]
    assert proposed["name"] == "res-proposed"
    with pytest.raises(Failed, match="autonaming is disabled"):
        check({}, naming=Naming("disable"))


def test_generate_name_is_refused_because_server_side_apply_cannot_do_it() -> None:
    with pytest.raises(Failed, match=r"generateName. field is not supported in Server-Side Apply mode"):
        check({"metadata": {"generateName": "x-"}})


def test_a_namespaced_object_gets_the_providers_namespace() -> None:
    assert check({}, namespace="wso2")["metadata"]["namespace"] == "wso2"
    assert check({"metadata": {"namespace": "own"}}, namespace="wso2")["metadata"]["namespace"] == "own"
    assert check({"metadata": {"namespace": UNKNOWN}}, namespace="wso2")["metadata"]["namespace"] is UNKNOWN


def test_a_cluster_scoped_object_gets_no_namespace() -> None:
    assert "namespace" not in check({}, token="kubernetes:core/v1:Namespace", namespace="wso2")["metadata"]


def test_the_managed_by_label_is_not_set_but_kept_where_it_was() -> None:
    assert "labels" not in check({})["metadata"]
    old = check({"metadata": {"name": "a", "labels": {"app.kubernetes.io/managed-by": "pulumi"}}})
    assert check({"metadata": {"name": "a"}}, old)["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "pulumi"}


def test_data_of_a_secret_is_secret_even_if_given_in_the_open() -> None:
    inputs = check({"data": {"a": "MQ=="}, "stringData": {"b": "2"}}, token="kubernetes:core/v1:Secret")
    assert inputs["data"] == Secret({"a": "MQ==", "b": "Mg=="})
    assert "stringData" not in inputs


def test_string_data_that_is_not_known_yet_stays_string_data() -> None:
    inputs = check({"stringData": {"b": UNKNOWN}}, token="kubernetes:core/v1:Secret")
    assert inputs["stringData"] == Secret({"b": UNKNOWN})


def test_a_secret_marks_one_key_of_a_map_but_a_whole_list() -> None:
    inputs = check({"data": {"a": Secret("1"), "b": "2"}})
    assert inputs["data"] == {"a": Secret("1"), "b": "2"}
    spec = {"spec": {"externalIPs": ["1", Secret("2")]}}
    assert check(spec, token="kubernetes:core/v1:Service")["spec"]["externalIPs"] == Secret(["1", "2"])


def test_read_only_metadata_is_dropped() -> None:
    inputs = check({"metadata": {"name": "a", "uid": "u", "resourceVersion": "1", "creationTimestamp": None}})
    assert inputs["metadata"] == {"name": "a"}


@pytest.mark.parametrize(
    "token",
    ["kubernetes:helm.sh/v4:Chart", "kubernetes:core/v1:Endpoints", "kubernetes:core/v1:ConfigMapPatch", "x:y:Z"],
)
def test_other_types_are_refused_by_name(token: str) -> None:
    with pytest.raises(Failed, match=f"^not imitated: {re.escape(token)}$"):
        check({}, token=token)


@pytest.mark.parametrize("token", sorted(TOKENS))
def test_every_imitated_type_passes(token: str) -> None:
    assert check({}, token=token)["kind"] == token.rsplit(":", 1)[1]


def test_the_wait_for_annotation_is_refused_by_name() -> None:
    with pytest.raises(Failed, match=r"not imitated: annotation pulumi\.com/waitFor"):
        check({"metadata": {"annotations": {"pulumi.com/waitFor": "condition=Ready"}}})


def test_skip_update_unreachable_keeps_the_old_inputs_with_a_warning() -> None:
    host = SilentHost()
    old = {"data": {"a": "1"}}
    kept = check({"data": {"a": "2"}}, old, options=Options(skip_update_unreachable=True), host=host)
    assert kept == old
    assert host.warnings == ["Cluster is unreachable but skipUpdateUnreachable flag is set to true, skipping..."]
