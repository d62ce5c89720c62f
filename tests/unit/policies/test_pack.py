"""The policy pack hands the SDK's properties to the rules as plain data."""

from __future__ import annotations

from typing import Any

from pulumi_policy import ResourceValidationArgs
from pulumi_policy.proxy import unknown_checking_proxy

from policies.pack import manifest, plain, policies
from policies.rules import RULES, STACK_RULES
from tests.unit.support import samples
from tests.unit.support.samples import broken

UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def reported(name: str, props: dict[str, Any]) -> list[str]:
    found: list[str] = []
    policy: Any = next(policy for policy in policies() if policy.name == name)
    proxy: Any = unknown_checking_proxy(props)
    options: Any = None
    args = ResourceValidationArgs("kubernetes:apps/v1:Deployment", proxy, "urn:x", "x", options, None)
    policy.validate(args, lambda message, urn: found.append(message))
    return found


def test_every_rule_is_in_the_pack() -> None:
    assert [policy.name for policy in policies()] == [rule.name for rule in (*RULES, *STACK_RULES)]


def test_properties_become_plain_and_unknown_ones_placeholders() -> None:
    props = broken(samples.deployment, "spec/template/spec/containers/0/image", UNKNOWN_TEXT)
    assert plain(unknown_checking_proxy(props)) == props
    assert manifest("random:index/randomPassword:RandomPassword", unknown_checking_proxy({"length": 1})) is None


def test_a_violation_is_reported_and_an_unknown_value_is_not() -> None:
    image = "spec/template/spec/containers/0/image"
    assert "moves" in reported("pinned-images", broken(samples.deployment, image, "sample:latest"))[0]
    assert reported("pinned-images", broken(samples.deployment, image, UNKNOWN_TEXT)) == []
    assert reported("pinned-images", samples.deployment()) == []
