"""Rules that need all objects of a stack: does each exception have its reason, does each workload have its policy?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policies.access import is_own_accounts
from policies.objects import Finding, Manifest, Path, PodTemplate, items, mapping, namespace, pod_template
from policies.pods import is_own_folder

_LEVEL = "pod-security.kubernetes.io/enforce"
About = tuple[Manifest, Finding]


def network_policies(objects: Sequence[Manifest]) -> Iterator[About]:
    """Every pod is chosen by a NetworkPolicy that says who may reach it; no policy lets everybody reach everything."""
    policies = [item for item in objects if item.get("kind") == "NetworkPolicy"]
    for policy in policies:
        for index, rule in enumerate(items(mapping(policy.get("spec")).get("ingress"))):
            if not mapping(rule).get("from") and not mapping(rule).get("ports"):
                yield policy, Finding(("spec", "ingress", index), "lets everybody reach every port")
    for item, pod in _pods(objects):
        guards = [
            policy
            for policy in policies
            if namespace(policy) == namespace(item)
            and "Ingress" in items(mapping(policy.get("spec")).get("policyTypes") or ["Ingress"])
            and selects(mapping(mapping(policy.get("spec")).get("podSelector")), pod.labels)
        ]
        if not guards:
            yield item, Finding(pod.labels_path, "no NetworkPolicy says who may reach these pods")


def justified_root(objects: Sequence[Manifest]) -> Iterator[About]:
    """The container that gives a folder away exists only where a folder of a node is used."""
    if any(mapping(item.get("spec")).get("hostPath") for item in objects if item.get("kind") == "PersistentVolume"):
        return
    for item, pod in _pods(objects):
        for path, container in pod.containers():
            if is_own_folder(path, container):
                yield item, Finding(path, "runs as root, but the stack has no hostPath volume")


def justified_level(objects: Sequence[Manifest]) -> Iterator[About]:
    """A namespace enforces restricted; baseline for the root container above, privileged for a node's port."""
    pods = list(_pods(objects))
    root = any(is_own_folder(path, container) for _, pod in pods for path, container in pod.containers())
    port = any(
        mapping(entry).get("hostPort")
        for _, pod in pods
        for _, container in pod.containers()
        for entry in items(container.get("ports"))
    )
    needed = "privileged" if port else "baseline" if root else "restricted"
    for item in objects:
        if item.get("kind") == "Namespace":
            level = mapping(mapping(item.get("metadata")).get("labels")).get(_LEVEL)
            if level != needed:
                yield item, Finding(("metadata", "labels", _LEVEL), f"is {level}, and the stack needs {needed}")


def justified_exposure(objects: Sequence[Manifest]) -> Iterator[About]:
    """A LoadBalancer or node port only where the stack installs a controller of its own (an IngressClass says so)."""
    if any(item.get("kind") == "IngressClass" for item in objects):
        return
    for item in objects:
        kind = mapping(item.get("spec")).get("type")
        if item.get("kind") == "Service" and kind in {"LoadBalancer", "NodePort"}:
            yield item, Finding(("spec", "type"), f"{kind}, but the stack uses the cluster's own ingress controller")
    for item, pod in _pods(objects):
        for path, container in pod.containers():
            for index, port in enumerate(items(container.get("ports"))):
                if mapping(port).get("hostPort"):
                    yield (
                        item,
                        Finding((*path, "ports", index, "hostPort"), "no controller of the stack's own needs it"),
                    )


def justified_group(objects: Sequence[Manifest]) -> Iterator[About]:
    """All accounts of a namespace together get one right only: to run under a named OpenShift constraint."""
    for item in objects:
        for index, subject in enumerate(items(item.get("subjects"))):
            if not is_own_accounts(item, mapping(subject)):
                continue
            role = mapping(item.get("roleRef"))
            named = ("Role", role.get("name"), namespace(item)) if role.get("kind") == "Role" else None
            rules = [
                mapping(rule)
                for found in objects
                if (found.get("kind"), mapping(found.get("metadata")).get("name"), namespace(found)) == named
                for rule in items(found.get("rules"))
            ]
            narrow = [
                rule
                for rule in rules
                if items(rule.get("resources")) == ["securitycontextconstraints"]
                and items(rule.get("verbs")) == ["use"]
                and rule.get("resourceNames")
            ]
            if not rules or narrow != rules:
                where: Path = ("subjects", index)
                message = "every pod of the namespace gets rights beyond the use of a named constraint"
                yield item, Finding(where, message, (("roleRef", "name"),))


def selects(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """A label selector's answer; an empty one selects everything."""
    if any(labels.get(key) != value for key, value in mapping(selector.get("matchLabels")).items()):
        return False
    for entry in items(selector.get("matchExpressions")):
        key, values = mapping(entry).get("key"), items(mapping(entry).get("values"))
        match mapping(entry).get("operator"):
            case "In":
                holds = labels.get(str(key)) in values
            case "NotIn":
                holds = labels.get(str(key)) not in values
            case "Exists":
                holds = key in labels
            case _:
                holds = key not in labels
        if not holds:
            return False
    return True


def _pods(objects: Sequence[Manifest]) -> Iterator[tuple[Manifest, PodTemplate]]:
    for item in objects:
        pod = pod_template(item)
        if pod is not None:
            yield item, pod
