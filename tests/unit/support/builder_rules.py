"""The table of what our builders promise about every object, whatever a stack file sets.

No setting can break one of these, so they are tests of the builders and not part of the policy pack.
"""

from __future__ import annotations

from collections.abc import Sequence

from policies.objects import Manifest, Violation
from policies.rules import Rule, check_object
from tests.unit.support import access_rules, pod_rules

BUILDER_RULES = (
    Rule("pod-security-restricted", "Pods pass Pod Security restricted, but for own-folder.", pod_rules.pod_security),
    Rule("read-only-root", "Only EI's containers may write into their root file system.", pod_rules.read_only_root),
    Rule("requests-and-limits", "Every container has CPU and memory limits.", pod_rules.requests_and_limits),
    Rule("bounded-disk", "No server can fill the disk of its node.", pod_rules.bounded_disk),
    Rule("own-service-account", "No pod gets the default service account's token.", pod_rules.own_service_account),
    Rule("exposure", "Only the ingress controller is reached from outside the cluster.", access_rules.exposure),
    Rule("ingress-tls", "Every host is served with TLS by a named controller.", access_rules.ingress_tls),
    Rule("least-rights", "Rights are named verb by verb and given to named accounts.", access_rules.least_rights),
)


def check_builders(objects: Sequence[Manifest]) -> list[Violation]:
    """Every violation of every rule of the table."""
    return [violation for item in objects for rule in BUILDER_RULES for violation in check_object(rule, item)]
