"""The version table: what public images are known to lack, and which version their tags name."""

from __future__ import annotations

import pytest

from components.wso2ei.versions import VERSIONS, lacking, other_version, public_tag, version_of

HUB = "docker.io/wso2/wso2ei-integrator"


@pytest.mark.parametrize(
    ("version", "image", "jars", "missing"),
    [
        ("6.6.0", f"{HUB}:6.6.0", [], ["a MySQL driver"]),
        ("6.6.0", "wso2/wso2ei-integrator:6.6.0-alpine", [], ["a MySQL driver"]),
        ("6.6.0", f"{HUB}:6.6.0@sha256:{'0' * 64}", [], ["a MySQL driver"]),
        ("6.6.0", f"{HUB}:6.6.0", ["some-other.jar"], ["a MySQL driver"]),
        ("6.6.0", f"{HUB}:6.6.0", ["mysql-connector-java-5.1.49.jar"], []),
        ("6.6.0", f"{HUB}:6.6.0", ["mysql-connector-j-8.4.0.jar"], []),
        # Images of one's own and of the subscription: only the pod can know.
        ("6.6.0", "registry.example.com/ei:6.6.0", [], []),
        ("6.6.0", f"{HUB}@sha256:{'0' * 64}", [], []),
        ("6.5.0", f"{HUB}:6.5.0", [], []),
        ("6.5.0", f"{HUB}:6.5.0.2", [], ["the Kubernetes membership scheme"]),
        ("6.5.0", f"{HUB}:6.5.0.2-centos", [], ["the Kubernetes membership scheme"]),
        ("6.5.0", f"{HUB}:6.5.0.2", ["kubernetes-membership-scheme-1.0.7.jar"], []),
        ("6.5.0", f"{HUB}:6.5.0.3", [], []),
        ("6.2.0", f"{HUB}:6.2.0", [], []),
    ],
)
def test_what_a_public_image_is_known_to_lack(version: str, image: str, jars: list[str], missing: list[str]) -> None:
    assert [found.what for found in lacking(version_of(version), image, jars)] == missing


def test_a_public_tag_of_another_version_is_noticed_and_no_other_image_is_judged() -> None:
    assert other_version(version_of("6.6.0"), f"{HUB}:6.5.0-alpine") == "6.5.0"
    assert other_version(version_of("6.6.0"), f"{HUB}:6.6.0.10") is None
    assert other_version(version_of("6.6.0"), "registry.example.com/wso2/wso2ei-integrator:6.5.0") is None
    assert public_tag("mirror.example.com/wso2/wso2ei-integrator:6.5.0") is None


def test_every_row_stands_under_its_own_version_and_in_its_own_home() -> None:
    assert list(VERSIONS) == ["6.2.0", "6.3.0", "6.4.0", "6.5.0", "6.6.0"]
    for version, row in VERSIONS.items():
        assert row.version == version
        assert row.home == f"/home/wso2carbon/wso2ei-{version}"
        # JDK 11 came with 6.6.0.
        assert ("jdk.tls.client.protocols=TLSv1.2" in row.java_options) == (version == "6.6.0")
