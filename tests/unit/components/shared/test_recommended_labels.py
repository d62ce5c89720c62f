"""Labels that people and tools read: what they say of images that tell no version, and of two clusters side by side."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as k8s
import pytest

from components.shared import metadata
from components.shared.recommended_labels import tag, with_labels
from tests.unit.support.recording import record

PREFIX = "app.kubernetes.io"


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("docker.io/library/mysql:8.4.10", "8.4.10"),
        ("registry:5000/mysql", None),
        ("mysql:latest", None),
        ("mysql@sha256:" + "0" * 64, None),
        # Who moves a tag may move it away from what the digest holds.
        ("mysql:8.4.10@sha256:" + "0" * 64, None),
        ("", None),
        (None, None),
    ],
)
def test_an_image_tells_its_version_by_its_tag_alone(image: str | None, version: str | None) -> None:
    assert tag(image) == version


class Pair(pulumi.ComponentResource):
    def __init__(self, name: str, version: str | None, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("wso2ei:index:Pair", name, {}, with_labels(opts, name, version))
        child = pulumi.ResourceOptions(parent=self)
        labels = metadata.labels("pair", name)
        k8s.core.v1.ConfigMap(f"{name}-labelled", metadata=k8s.meta.v1.ObjectMetaArgs(labels=labels), opts=child)
        k8s.core.v1.ConfigMap(f"{name}-bare", metadata=k8s.meta.v1.ObjectMetaArgs(labels={"mine": "yes"}), opts=child)


def test_each_component_s_objects_bear_its_own_name_and_version_and_strange_versions_stay_out() -> None:
    def program() -> None:
        Pair("one", "6.5.0")
        Pair("two", "v" * 64)

    labels = {
        item.name: item.body()["metadata"]["labels"]
        for item in record(program).registered
        if item.type.endswith(":ConfigMap")
    }
    assert labels["one-labelled"] == metadata.labels("pair", "one") | {
        f"{PREFIX}/instance": "one",
        f"{PREFIX}/managed-by": "pulumi",
        f"{PREFIX}/version": "6.5.0",
    }
    assert labels["two-labelled"] == metadata.labels("pair", "two") | {
        f"{PREFIX}/instance": "two",
        f"{PREFIX}/managed-by": "pulumi",
    }
    assert labels["one-bare"] == labels["two-bare"] == {"mine": "yes"}


@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_a_managed_key_of_all_pods_is_rejected(field: str) -> None:
    """wso2ei/mysql-client would open the database to every pod."""
    with pytest.raises(ValueError, match=r"pods must not set wso2ei/mysql-client"):
        with_labels(None, "one", pods={field: {"wso2ei/mysql-client": "true"}})  # type: ignore[arg-type]
