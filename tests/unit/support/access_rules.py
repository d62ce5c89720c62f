"""What our builders promise about Services, Ingresses and RBAC, as rules over finished objects."""

from __future__ import annotations

from collections.abc import Iterator

from policies.objects import Finding, Manifest, items, mapping
from policies.stack import is_own_accounts
from tests.unit.support.pod_rules import NGINX_LABEL

_DANGEROUS_VERBS = frozenset({"escalate", "bind", "impersonate"})
_DANGEROUS_RESOURCES = frozenset({"pods/exec", "pods/attach", "pods/portforward", "nodes/proxy"})
_ADMINISTRATORS = frozenset({"cluster-admin", "admin", "edit"})


def exposure(manifest: Manifest) -> Iterator[Finding]:
    """Only the ingress controller is reached from outside (``stack`` checks that the stack asked for one)."""
    if manifest.get("kind") != "Service":
        return
    spec = mapping(manifest.get("spec"))
    outside = spec.get("type", "ClusterIP")
    if spec.get("externalIPs"):
        yield Finding(("spec", "externalIPs"), "takes addresses that the cluster does not check (CVE-2020-8554)")
    if outside == "ExternalName":
        yield Finding(("spec", "type"), "ExternalName leads wherever its DNS name does")
    elif outside != "ClusterIP" and mapping(spec.get("selector")).get(NGINX_LABEL[0]) != NGINX_LABEL[1]:
        message = f"{outside} exposes pods that are not the ingress controller's"
        yield Finding(("spec", "type"), message, (("spec", "selector"),))


def ingress_tls(manifest: Manifest) -> Iterator[Finding]:
    """Every host is served with TLS, by the controller that the stack names."""
    if manifest.get("kind") != "Ingress":
        return
    spec = mapping(manifest.get("spec"))
    if not spec.get("ingressClassName"):
        yield Finding(("spec", "ingressClassName"), "must name a class: whichever is the default would serve it")
    covered = {host for entry in items(spec.get("tls")) for host in items(mapping(entry).get("hosts"))}
    for index, rule in enumerate(items(spec.get("rules"))):
        host = mapping(rule).get("host")
        if not host:
            yield Finding(("spec", "rules", index, "host"), "must be named: without it every host is taken")
        elif host not in covered:
            where = ("spec", "rules", index, "host")
            yield Finding(where, f"{host} is not among the hosts of spec.tls", (("spec", "tls"),))
    if spec.get("defaultBackend"):
        yield Finding(("spec", "defaultBackend"), "takes every host that nobody else serves")
    for key in mapping(mapping(manifest.get("metadata")).get("annotations")):
        if key.endswith("-snippet") or key.endswith("-snippets"):
            yield Finding(("metadata", "annotations", key), "injects NGINX configuration that nobody checks")


def least_rights(manifest: Manifest) -> Iterator[Finding]:
    """Rights are named verb by verb, and given to accounts of the stack's own."""
    kind = manifest.get("kind")
    if kind in {"Role", "ClusterRole"}:
        yield from _of_a_role(manifest)
    elif kind in {"RoleBinding", "ClusterRoleBinding"}:
        yield from _of_a_binding(manifest)


def _of_a_role(manifest: Manifest) -> Iterator[Finding]:
    for index, entry in enumerate(items(manifest.get("rules"))):
        rule = mapping(entry)
        for field in ("apiGroups", "resources", "verbs", "nonResourceURLs"):
            if any("*" in str(value) for value in items(rule.get(field))):
                yield Finding(("rules", index, field), "must not hold a wildcard")
        for verb in sorted(_DANGEROUS_VERBS & set(items(rule.get("verbs")))):
            yield Finding(("rules", index, "verbs"), f"{verb} gives rights that the role does not show")
        for resource in sorted(_DANGEROUS_RESOURCES & set(items(rule.get("resources")))):
            yield Finding(("rules", index, "resources"), f"{resource} lets one run programs in other pods")
        if manifest.get("kind") == "ClusterRole" and "secrets" in items(rule.get("resources")):
            yield Finding(("rules", index, "resources"), "secrets of every namespace")
    if manifest.get("aggregationRule"):
        yield Finding(("aggregationRule",), "takes rights that other roles are given later")


def _of_a_binding(manifest: Manifest) -> Iterator[Finding]:
    role = mapping(manifest.get("roleRef")).get("name")
    if role in _ADMINISTRATORS:
        yield Finding(("roleRef", "name"), f"{role} may do nearly everything")
    for index, entry in enumerate(items(manifest.get("subjects"))):
        subject = mapping(entry)
        if is_own_accounts(manifest, subject):
            continue  # ``stack.justified_group`` looks at what they are given.
        if subject.get("kind") != "ServiceAccount":
            yield Finding(("subjects", index, "kind"), "must be a service account, not a user or a group")
        elif subject.get("name") == "default":
            yield Finding(("subjects", index, "name"), "every pod of the namespace would have these rights")
