"""The table of rules, and how objects are checked against it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from policies import access, pods, secrets, stack
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
    Rule("no-plain-secrets", "Secrets stand in Kubernetes Secrets and nowhere else.", secrets.plain_secrets),
    Rule("pod-security-restricted", "Pods pass Pod Security restricted, but for own-folder.", pods.pod_security),
    Rule("read-only-root", "Only EI's own containers may write into their root file system.", pods.read_only_root),
    Rule("requests-and-limits", "Every container states CPU and memory, request and limit.", pods.requests_and_limits),
    Rule("pinned-images", "An image reference means the same image tomorrow.", pods.pinned_images),
    Rule("own-service-account", "No pod gets the default service account's token.", pods.own_service_account),
    Rule("exposure", "Only the ingress controller is reached from outside the cluster.", access.exposure),
    Rule("ingress-tls", "Every host is served with TLS by a named controller.", access.ingress_tls),
    Rule("least-rights", "Rights are named verb by verb and given to own accounts.", access.least_rights),
    Rule("namespace-level", "A namespace enforces a Pod Security level.", access.namespace_level),
    Rule("kept-data", "Data outlives its objects.", access.kept_data),
)
STACK_RULES = (
    StackRule("network-policies", "A NetworkPolicy says who may reach each workload.", stack.network_policies),
    StackRule("justified-root", "A container runs as root only for a folder of a node.", stack.justified_root),
    StackRule("justified-level", "A namespace enforces the strictest level that its pods pass.", stack.justified_level),
    StackRule("justified-group", "All accounts of a namespace get a constraint's use only.", stack.justified_group),
    StackRule("justified-exposure", "No LoadBalancer without a controller that asks for it.", stack.justified_exposure),
)


def check_object(rule: Rule, manifest: Manifest) -> list[Violation]:
    """What ``rule`` has against one object."""
    return [_violation(rule.name, manifest, finding) for finding in rule.check(manifest)]


def check_stack(rule: StackRule, objects: Sequence[Manifest]) -> list[Violation]:
    """What ``rule`` has against the objects of one stack."""
    return [_violation(rule.name, manifest, finding) for manifest, finding in rule.check(objects)]


def check(objects: Sequence[Manifest], known_secrets: Collection[str] = ()) -> list[Violation]:
    """Every violation of every rule, each once.

    :param known_secrets: values that must not stand anywhere but in a Secret's data.
    """
    found = [violation for item in objects for rule in RULES for violation in check_object(rule, item)]
    found += [violation for rule in STACK_RULES for violation in check_stack(rule, objects)]
    if known_secrets:
        by_value = Rule("no-plain-secrets", "", lambda manifest: secrets.plain_secrets(manifest, known_secrets))
        found += [violation for item in objects for violation in check_object(by_value, item)]
    return list(dict.fromkeys(found))


def _violation(rule: str, manifest: Manifest, finding: Finding) -> Violation:
    return Violation(rule, target(manifest), finding.path, finding.message, is_judged(manifest, finding))
