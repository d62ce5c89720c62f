"""Rules about all objects of a stack: a reason for each exception, a NetworkPolicy and pull secrets for each pod."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policies.objects import Finding, Manifest, Path, PodTemplate, items, mapping, namespace, pod_template
from policies.pods import is_own_folder, registry_of

_LEVEL = "pod-security.kubernetes.io/enforce"
About = tuple[Manifest, Finding]


def network_policies(objects: Sequence[Manifest]) -> Iterator[About]:
    """Every pod is selected by a NetworkPolicy for ingress; no policy admits all traffic to every port."""
    policies = [item for item in objects if item.get("kind") == "NetworkPolicy"]
    for policy in policies:
        for index, rule in enumerate(items(mapping(policy.get("spec")).get("ingress"))):
            if not mapping(rule).get("from") and not mapping(rule).get("ports"):
                yield policy, Finding(("spec", "ingress", index), "admits all traffic to every port")
    for item, pod in _pods(objects):
        guards = [
            policy
            for policy in policies
            if namespace(policy) == namespace(item)
            and "Ingress" in items(mapping(policy.get("spec")).get("policyTypes") or ["Ingress"])
            and selects(mapping(mapping(policy.get("spec")).get("podSelector")), pod.labels)
        ]
        if not guards:
            yield item, Finding(pod.labels_path, "no NetworkPolicy limits who reaches these pods")


def pull_secrets(objects: Sequence[Manifest]) -> Iterator[About]:
    """A pod that pulls from a registry with credentials names their Secret: without it the kubelet pulls anonymously.

    A Secret's registries are the keys of its ``auths``. Where these are hidden (a preview, an existing Secret), it is
    the one registry that all pods with that Secret pull from; with several of them the rule does not judge.
    """
    required: dict[str, set[str]] = {}
    for secret in {name for _, pod in _pods(objects) for name in _pull_secret_names(pod)} | set(_logins(objects)):
        for registry in _logins(objects).get(secret) or _common_registry(objects, secret):
            required.setdefault(registry, set()).add(secret)
    for item, pod in _pods(objects):
        for path, container in pod.containers():
            registry = registry_of(str(container.get("image", "")))
            alternatives = required.get(registry, set())
            if alternatives and not alternatives & _pull_secret_names(pod):
                message = f"pulls from {registry} without imagePullSecrets {' or '.join(sorted(alternatives))}"
                yield item, Finding((*path, "image"), message, ((*pod.spec_path, "imagePullSecrets"),))


def _logins(objects: Sequence[Manifest]) -> dict[str, set[str]]:
    """Registries by name of the pull secret that holds credentials for them, where its content can be read."""
    found = {}
    for item in objects:
        if item.get("kind") == "Secret" and item.get("type") == "kubernetes.io/dockerconfigjson":
            text = mapping(item.get("stringData")).get(".dockerconfigjson")
            with contextlib.suppress(ValueError, TypeError):
                if text is None:
                    text = base64.b64decode(str(mapping(item.get("data")).get(".dockerconfigjson")), validate=True)
                hosts = (re.sub(r"^https?://|/.*$", "", key) for key in mapping(json.loads(text).get("auths")))
                name = str(mapping(item.get("metadata")).get("name"))
                found[name] = {"docker.io" if host == "index.docker.io" else host for host in hosts}
    return found


def _common_registry(objects: Sequence[Manifest], secret: str) -> set[str]:
    registries = {
        registry_of(str(container.get("image", "")))
        for _, pod in _pods(objects)
        if secret in _pull_secret_names(pod)
        for _, container in pod.containers()
    }
    return registries if len(registries) == 1 else set()


def _pull_secret_names(pod: PodTemplate) -> set[str]:
    return {str(mapping(entry).get("name")) for entry in items(pod.spec.get("imagePullSecrets"))}


def justified_root(objects: Sequence[Manifest]) -> Iterator[About]:
    """The init container that changes the owner of a folder exists only where a hostPath volume is used."""
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
                yield item, Finding(("metadata", "labels", _LEVEL), f"is {level}, and the stack's pods need {needed}")


def justified_exposure(objects: Sequence[Manifest]) -> Iterator[About]:
    """A LoadBalancer or node port only where the stack installs a controller (it has an IngressClass then)."""
    if any(item.get("kind") == "IngressClass" for item in objects):
        return
    for item in objects:
        kind = mapping(item.get("spec")).get("type")
        if item.get("kind") == "Service" and kind in {"LoadBalancer", "NodePort"}:
            yield item, Finding(("spec", "type"), f"{kind}, but the stack uses an existing ingress controller")
    for item, pod in _pods(objects):
        for path, container in pod.containers():
            for index, port in enumerate(items(container.get("ports"))):
                if mapping(port).get("hostPort"):
                    yield (
                        item,
                        Finding((*path, "ports", index, "hostPort"), "the stack installs no controller that needs it"),
                    )


def justified_group(objects: Sequence[Manifest]) -> Iterator[About]:
    """The group of all service accounts of a namespace may use a named OpenShift constraint, nothing else."""
    for item in objects:
        for index, subject in enumerate(items(item.get("subjects"))):
            if not is_own_accounts(item, mapping(subject)):
                continue
            role = mapping(item.get("roleRef"))
            named = ("Role", role.get("name"), namespace(item)) if role.get("kind") == "Role" else None
            rules = [
                mapping(rule)
                for other in objects
                if (other.get("kind"), mapping(other.get("metadata")).get("name"), namespace(other)) == named
                for rule in items(other.get("rules"))
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


def is_own_accounts(manifest: Manifest, subject: Mapping[str, Any]) -> bool:
    """True for the group of all service accounts of the binding's namespace, no other one."""
    own = manifest.get("kind") == "RoleBinding" and f"system:serviceaccounts:{namespace(manifest)}"
    return subject.get("kind") == "Group" and subject.get("name") == own


def selects(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Whether a label selector matches; an empty one matches everything."""
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
