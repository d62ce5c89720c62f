"""The rules as policies of Pulumi's SDK. What rests on values that are unknown in a preview is judged in the update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_policy import (
    Policy,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policies.objects import target
from policies.rules import RULES, STACK_RULES, Rule, StackRule, check_object, check_stack


def plain(value: Any) -> Any:
    """Properties as plain data, unknown ones as placeholders: reading one of the SDK's proxies would raise."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(value, index) for index in range(len(value))]
    return value


def _item(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError as error:
        return error.unknown_type_sentinel


def manifest(resource_type: str, props: Mapping[str, Any]) -> dict[str, Any] | None:
    """A resource's Kubernetes object; ``None`` for anything else."""
    body = plain(props)
    is_object = resource_type.startswith("kubernetes:") and {"apiVersion", "kind"} <= set(body)
    return body if is_object else None


def resource_policy(rule: Rule) -> ResourceValidationPolicy:
    """One rule about single objects."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        body = manifest(args.resource_type, args.props)
        for violation in check_object(rule, body) if body else []:
            if violation.judged:
                report(str(violation), None)

    return ResourceValidationPolicy(rule.name, rule.promise, validate)


def stack_policy(rule: StackRule) -> StackValidationPolicy:
    """One rule about a whole stack; each violation is reported at its object."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        found = [(manifest(item.resource_type, item.props), item.urn) for item in args.resources]
        urns = {target(body): urn for body, urn in found if body}
        for violation in check_stack(rule, [body for body, _ in found if body]):
            if violation.judged:
                report(str(violation), urns[violation.target])

    return StackValidationPolicy(rule.name, rule.promise, validate)


def policies() -> list[Policy]:
    """Every rule of the table, as the SDK's objects."""
    return [*map(resource_policy, RULES), *map(stack_policy, STACK_RULES)]
