"""The table of rules, and how objects are checked against it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from policies import pods, secrets, stack, volumes
from policies.objects import Finding, Manifest, Violation, is_judged, target


@dataclass(frozen=True)
class Rule:
    """One promise about single objects."""

    name: str
    promise: str
    check: Callable[[Manifest], Iterable[Finding]]


@dataclass(frozen=True)
class StackRule:
    """One promise about all objects of a stack together."""

    name: str
    promise: str
    check: Callable[[Sequence[Manifest]], Iterable[tuple[Manifest, Finding]]]


RULES = (
    Rule("no-plain-secrets", "Secrets are in Kubernetes Secrets and nowhere else.", secrets.plain_secrets),
    Rule("pinned-images", "An image reference means the same image tomorrow.", pods.pinned_images),
    Rule("kept-data", "Data outlives its objects.", volumes.kept_data),
)
STACK_RULES = (
    StackRule("pull-secrets", "Every pod that pulls from a registry with credentials has them.", stack.pull_secrets),
    StackRule("network-policies", "A NetworkPolicy limits who reaches each workload.", stack.network_policies),
    StackRule("justified-root", "A container runs as root only for a folder of a node.", stack.justified_root),
    StackRule("justified-level", "A namespace enforces the strictest level that its pods pass.", stack.justified_level),
    StackRule("justified-group", "All accounts of a namespace get a constraint's use only.", stack.justified_group),
    StackRule("justified-exposure", "A LoadBalancer only for a controller of the stack.", stack.justified_exposure),
)


def check_object(rule: Rule, manifest: Manifest) -> list[Violation]:
    """Violations of ``rule`` by one object."""
    return [_violation(rule.name, manifest, finding) for finding in rule.check(manifest)]


def check_stack(rule: StackRule, objects: Sequence[Manifest]) -> list[Violation]:
    """Violations of ``rule`` by the objects of one stack."""
    return [_violation(rule.name, manifest, finding) for manifest, finding in rule.check(objects)]


def check(objects: Sequence[Manifest], known_secrets: Collection[str] = ()) -> list[Violation]:
    """Every violation of every rule, each once.

    :param known_secrets: values that must appear nowhere but in a Secret's data.
    """
    found = [violation for item in objects for rule in RULES for violation in check_object(rule, item)]
    found += [violation for rule in STACK_RULES for violation in check_stack(rule, objects)]
    if known_secrets:
        by_value = Rule("no-plain-secrets", "", lambda manifest: secrets.plain_secrets(manifest, known_secrets))
        found += [violation for item in objects for violation in check_object(by_value, item)]
    return list(dict.fromkeys(found))


def _violation(rule: str, manifest: Manifest, finding: Finding) -> Violation:
    return Violation(rule, target(manifest), finding.path, finding.message, is_judged(manifest, finding))
