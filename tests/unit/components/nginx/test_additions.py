"""What limits the clients of an Ingress, in either dialect, and which annotations users may add."""

from __future__ import annotations

from typing import Any

import pytest

from components.nginx import additions
from components.nginx.annotations import Backend, ingress_annotations
from components.nginx.ingress import NginxIngress
from tests.unit.support.recording import record
from tests.unit.support.stacks import run

COMMUNITY = {"ingress": {"controller": "existing", "className": "nginx", "dialect": "community"}}
PREFIX = "nginx.ingress.kubernetes.io"


def annotations_of(change: dict[str, Any], route: str, stack: str = "local") -> dict[str, str]:
    recorder = run(stack, change)
    item = next(one for one in recorder.registered if one.name == f"wso2ei-nginx-{route}")
    return dict(item.body()["metadata"]["annotations"])


def test_each_dialect_limits_the_rate_of_one_host() -> None:
    limited = {"gateway": {"requestsPerSecond": 20}}
    f5 = annotations_of({"ingress": limited}, "gateway")
    assert {key: value for key, value in f5.items() if "limit-req" in key} == {
        "nginx.org/limit-req-rate": "20r/s",
        "nginx.org/limit-req-burst": "100",
        "nginx.org/limit-req-no-delay": "true",
        "nginx.org/limit-req-scale": "true",
    }
    assert not any("limit-req" in key for key in annotations_of({"ingress": limited}, "console"))
    community = annotations_of({"ingress": COMMUNITY["ingress"] | limited}, "gateway", "prod")
    assert community[f"{PREFIX}/limit-rps"] == "20"


def test_the_community_dialect_allows_sources_of_one_host() -> None:
    allowed = {"ingress": COMMUNITY["ingress"] | {"console": {"allowedSources": ["10.0.0.0/8", "fd00::/8"]}}}
    assert annotations_of(allowed, "console", "prod")[f"{PREFIX}/whitelist-source-range"] == "10.0.0.0/8,fd00::/8"
    assert f"{PREFIX}/whitelist-source-range" not in annotations_of(allowed, "gateway", "prod")


def test_annotations_of_both_routes_and_of_one() -> None:
    given = {
        "annotations": {"nginx.org/hsts": "true", "example.com/owner": "all"},
        "console": {"annotations": {"example.com/owner": "console"}},
    }
    console, gateway = (annotations_of({"ingress": given}, route) for route in ("console", "gateway"))
    assert (console["nginx.org/hsts"], console["example.com/owner"]) == ("true", "console")
    assert (gateway["nginx.org/hsts"], gateway["example.com/owner"]) == ("true", "all")


@pytest.mark.parametrize(
    ("key", "dialect", "installed", "words"),
    [
        ("nginx.org/location-snippets", "f5", True, "snippet"),
        (f"{PREFIX}/configuration-snippet", "community", False, "snippet"),
        ("nginx.org/limit-req-rate", "f5", False, "managed"),
        ("nginx.org/ssl-services", "f5", False, "managed"),
        (f"{PREFIX}/allowlist-source-range", "community", False, "managed"),
        ("kubernetes.io/ingress.class", "community", False, "managed"),
        ("pulumi.com/skipAwait", "f5", True, "managed"),
        (f"{PREFIX}/limit-rps", "f5", False, "no effect"),
        ("nginx.org/hsts", "community", False, "no effect"),
        ("nginx.org/policies", "f5", True, "installed"),
        ("nginx.com/jwt-key", "f5", True, "installed"),
        ("example.com/password", "f5", True, "plain text"),
        ("nginx.org/policies", "f5", False, None),
        ("nginx.org/hsts", "f5", True, None),
        ("cert-manager.io/cluster-issuer", "community", False, None),
    ],
)
def test_what_may_be_added(key: str, dialect: Any, installed: bool, words: str | None) -> None:
    problem = additions.problem(key, "opensesame", dialect, installed=installed)
    assert problem is None if words is None else words in str(problem)


@pytest.mark.parametrize("dialect", ["f5", "community"])
def test_nothing_that_the_program_sets_may_be_added(dialect: Any) -> None:
    for key in ingress_annotations(dialect, Backend("s", 1, "1m", "c", ("10.0.0.0/8",), 10)):
        assert "managed" in str(additions.problem(key, "x", dialect, installed=False))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"allowed_sources": ["10.0.0.0/8"]}, "community only"),
        ({"annotations": {"nginx.org/server-snippets": "deny all;"}}, "snippet"),
    ],
)
def test_the_component_itself_rejects_what_would_leave_a_host_open(limits: Any, words: str) -> None:
    route: Any = {"host": "h", "service": "s", "port": 1, "max_body": "1m", **limits}
    args: Any = {
        "namespace": "n", "controller": "existing", "class_name": "c", "dialect": "f5", "read_timeout": 1,
        "routes": {"gateway": route},
    }  # fmt: skip
    with pytest.raises(ValueError, match=words):
        record(lambda: NginxIngress("nginx", args))
