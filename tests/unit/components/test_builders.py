"""What our builders promise holds on both stacks (test_shapes.py: on all), and each rule fails on a broken object."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from policies.objects import mapping, pod_template
from policies.rules import check_object
from tests.unit.support import samples
from tests.unit.support.builder_rules import BUILDER_RULES, check_builders
from tests.unit.support.samples import Object, broken, field_paths
from tests.unit.support.stacks import STACKS, manifests

POD = "spec/template/spec"
MAIN = f"{POD}/containers/0"
FIRST = f"{POD}/initContainers/0"
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@pytest.mark.parametrize("stack", STACKS)
def test_both_stacks_keep_every_promise(stack: str) -> None:
    assert [str(violation) for violation in check_builders(manifests(stack))] == []


def test_the_samples_keep_every_promise() -> None:
    items = [make() for make in samples.ALL] + [samples.own_folder(), samples.volume(), samples.load_balancer()]
    assert [str(violation) for violation in check_builders([*items, *samples.constraint()])] == []


BROKEN: list[tuple[str, Callable[[], Object], str, Any, str]] = [
    # rule, sample, path of the field, its bad value (... removes it), where the finding must point
    ("pod-security-restricted", samples.deployment, f"{POD}/hostNetwork", True, "hostNetwork"),
    ("pod-security-restricted", samples.deployment, f"{POD}/hostPID", True, "hostPID"),
    ("pod-security-restricted", samples.deployment, f"{POD}/hostIPC", True, "hostIPC"),
    ("pod-security-restricted", samples.deployment, f"{POD}/volumes/0", {"name": "v", "hostPath": {}}, "volumes[0]"),
    ("pod-security-restricted", samples.deployment, f"{POD}/volumes/0", {"name": "v", "nfs": {}}, "volumes[0]"),
    ("pod-security-restricted", samples.deployment, f"{POD}/securityContext/runAsUser", 0, "runAsUser"),
    ("pod-security-restricted", samples.deployment, f"{POD}/securityContext/runAsNonRoot", ..., "runAsNonRoot"),
    ("pod-security-restricted", samples.deployment, f"{POD}/securityContext/runAsNonRoot", False, "runAsNonRoot"),
    ("pod-security-restricted", samples.deployment, f"{POD}/securityContext/seccompProfile", ..., "seccompProfile"),
    (
        "pod-security-restricted", samples.deployment, f"{POD}/securityContext/seccompProfile",
        {"type": "Unconfined"}, "seccompProfile.type",
    ),
    ("pod-security-restricted", samples.deployment, f"{POD}/securityContext/sysctls", [{"name": "x"}], "sysctls"),
    (
        "pod-security-restricted", samples.deployment, f"{POD}/securityContext/seLinuxOptions",
        {"type": "spc_t"}, "seLinuxOptions",
    ),
    (
        "pod-security-restricted", samples.deployment, f"{POD}/securityContext/appArmorProfile",
        {"type": "Unconfined"}, "appArmorProfile",
    ),
    (
        "pod-security-restricted", samples.deployment, f"{POD}/securityContext/windowsOptions",
        {"hostProcess": True}, "hostProcess",
    ),
    ("pod-security-restricted", samples.deployment, f"{MAIN}/securityContext/privileged", True, "privileged"),
    ("pod-security-restricted", samples.deployment, f"{MAIN}/securityContext/allowPrivilegeEscalation", ..., "allow"),
    ("pod-security-restricted", samples.deployment, f"{FIRST}/securityContext/allowPrivilegeEscalation", True, "allow"),
    ("pod-security-restricted", samples.deployment, f"{MAIN}/securityContext/procMount", "Unmasked", "procMount"),
    ("pod-security-restricted", samples.deployment, f"{MAIN}/securityContext/runAsUser", 0, "runAsUser"),
    ("pod-security-restricted", samples.deployment, f"{MAIN}/securityContext/runAsNonRoot", False, "runAsNonRoot"),
    (
        "pod-security-restricted", samples.deployment, f"{MAIN}/securityContext/seccompProfile",
        {"type": "Unconfined"}, "seccompProfile",
    ),
    ("pod-security-restricted", samples.deployment, f"{MAIN}/securityContext/capabilities/drop", ["NET_RAW"], "drop"),
    ("pod-security-restricted", samples.deployment, f"{MAIN}/securityContext/capabilities", ..., "drop"),
    ("pod-security-restricted", samples.deployment, f"{MAIN}/securityContext/capabilities/add", ["CHOWN"], "add"),
    ("pod-security-restricted", samples.deployment, f"{MAIN}/securityContext", ..., "securityContext"),
    ("pod-security-restricted", samples.deployment, f"{MAIN}/ports/0/hostPort", 80, "hostPort"),
    ("pod-security-restricted", samples.deployment, f"{MAIN}/readinessProbe/httpGet/host", "169.254.169.254", "host"),
    ("pod-security-restricted", samples.deployment, f"{MAIN}/lifecycle/preStop/httpGet/host", "10.0.0.1", "host"),
    ("pod-security-restricted", samples.pod, "spec/hostNetwork", True, "hostNetwork"),
    ("pod-security-restricted", samples.pod, "spec/containers/0/securityContext/privileged", True, "privileged"),
    ("pod-security-restricted", samples.cron_job, f"spec/jobTemplate/{POD}/hostPID", True, "hostPID"),
    # The container that may be root, in any other shape than the promised one.
    ("pod-security-restricted", samples.own_folder, f"{FIRST}/name", "own-everything", "runAsUser"),
    ("pod-security-restricted", samples.own_folder, f"{FIRST}/command", ["sh", "-c", "x"], "runAsUser"),
    ("pod-security-restricted", samples.own_folder, f"{FIRST}/args", ["/etc"], "runAsUser"),
    ("pod-security-restricted", samples.own_folder, f"{FIRST}/securityContext/readOnlyRootFilesystem", False, "runAs"),
    (
        "pod-security-restricted", samples.own_folder, f"{FIRST}/securityContext/capabilities/add",
        ["CHOWN", "SYS_ADMIN"], "runAsUser",
    ),
    ("pod-security-restricted", samples.own_folder, f"{FIRST}/securityContext/privileged", True, "privileged"),
    ("read-only-root", samples.deployment, f"{MAIN}/securityContext/readOnlyRootFilesystem", ..., "readOnlyRoot"),
    ("read-only-root", samples.deployment, f"{FIRST}/securityContext/readOnlyRootFilesystem", False, "readOnlyRoot"),
    # The exception is EI's by name of application and container, not by name of the container alone.
    ("read-only-root", lambda: broken(samples.deployment, f"{MAIN}/name", "ei"),
     f"{MAIN}/securityContext/readOnlyRootFilesystem", False, "readOnlyRoot"),
    ("requests-and-limits", samples.deployment, f"{MAIN}/resources", ..., "resources.requests.cpu"),
    ("requests-and-limits", samples.deployment, f"{MAIN}/resources/requests/memory", ..., "resources.requests.memory"),
    ("requests-and-limits", samples.deployment, f"{MAIN}/resources/limits/cpu", ..., "resources.limits.cpu"),
    ("requests-and-limits", samples.deployment, f"{MAIN}/resources/limits/memory", "8Mi", "resources.limits.memory"),
    ("requests-and-limits", samples.deployment, f"{MAIN}/resources/requests/cpu", "many", "resources.requests.cpu"),
    ("requests-and-limits", samples.deployment, f"{FIRST}/resources/limits", {}, "initContainers[0].resources"),
    ("bounded-disk", samples.deployment, f"{MAIN}/resources/limits/ephemeral-storage", ..., "limits.ephemeral-storage"),
    ("bounded-disk", samples.deployment, f"{MAIN}/resources/requests/ephemeral-storage", ..., "requests.ephemeral"),
    ("bounded-disk", samples.deployment, f"{POD}/volumes/0/emptyDir", {}, "emptyDir.sizeLimit"),
    ("bounded-disk", samples.cron_job, f"spec/jobTemplate/{POD}/volumes/0/emptyDir/sizeLimit", "0", "sizeLimit"),
    ("own-service-account", samples.deployment, f"{POD}/automountServiceAccountToken", ..., "automount"),
    ("own-service-account", samples.deployment, f"{POD}/automountServiceAccountToken", True, "automount"),
    ("own-service-account", samples.deployment, f"{POD}/serviceAccountName", ..., "serviceAccountToken"),
    ("own-service-account", samples.deployment, f"{POD}/serviceAccountName", "default", "serviceAccountName"),
    ("own-service-account", samples.account, "automountServiceAccountToken", ..., "automount"),
    ("exposure", samples.service, "spec/type", "LoadBalancer", "spec.type"),
    ("exposure", samples.service, "spec/type", "NodePort", "spec.type"),
    ("exposure", samples.service, "spec/type", "ExternalName", "spec.type"),
    ("exposure", samples.service, "spec/externalIPs", ["192.0.2.1"], "externalIPs"),
    ("ingress-tls", samples.ingress, "spec/tls", ..., "spec.rules[0].host"),
    ("ingress-tls", samples.ingress, "spec/tls/0/hosts", ["b.example.com"], "spec.rules[0].host"),
    ("ingress-tls", samples.ingress, "spec/ingressClassName", ..., "ingressClassName"),
    ("ingress-tls", samples.ingress, "spec/rules/0/host", ..., "spec.rules[0].host"),
    ("ingress-tls", samples.ingress, "spec/defaultBackend", {"service": {}}, "defaultBackend"),
    ("ingress-tls", samples.ingress, "metadata/annotations", {"nginx.org/server-snippets": "x"}, "annotations"),
    ("least-rights", samples.role, "rules/0/verbs", ["*"], "rules[0].verbs"),
    ("least-rights", samples.role, "rules/0/resources", ["*"], "rules[0].resources"),
    ("least-rights", samples.role, "rules/0/apiGroups", ["*"], "rules[0].apiGroups"),
    ("least-rights", samples.role, "rules/0/nonResourceURLs", ["/logs/*"], "nonResourceURLs"),
    ("least-rights", samples.role, "rules/0/verbs", ["get", "impersonate"], "rules[0].verbs"),
    ("least-rights", samples.role, "rules/0/resources", ["pods/exec"], "rules[0].resources"),
    ("least-rights", lambda: samples.role("ClusterRole"), "rules/0/resources", ["secrets"], "rules[0].resources"),
    ("least-rights", lambda: samples.role("ClusterRole"), "aggregationRule", {"x": 1}, "aggregationRule"),
    ("least-rights", samples.binding, "roleRef/name", "cluster-admin", "roleRef.name"),
    ("least-rights", samples.binding, "subjects/0/kind", "Group", "subjects[0].kind"),
    (
        "least-rights", samples.binding, "subjects/0",
        {"kind": "Group", "name": "system:serviceaccounts:another"}, "subjects[0].kind",
    ),
    ("least-rights", samples.binding, "subjects/0/name", "default", "subjects[0].name"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "make", "path", "value", "where"), BROKEN)
def test_a_broken_object_is_found(rule: str, make: Callable[[], Object], path: str, value: Any, where: str) -> None:
    item = broken(make, path, value)
    found = {each.name: check_object(each, item) for each in BUILDER_RULES}
    assert any(where in violation.where for violation in found[rule]), found
    assert all(violation.judged for violation in found[rule])


def test_every_rule_is_broken_by_a_test() -> None:
    assert {rule.name for rule in BUILDER_RULES} == {case[0] for case in BROKEN}


@pytest.mark.parametrize("stack", STACKS)
def test_no_field_of_a_container_s_security_can_be_lost_from_a_real_object(stack: str) -> None:
    """Each field is taken from the real pods in turn: the rules, and not the samples, must notice."""
    needed = 0
    for item in manifests(stack):
        pod = pod_template(item)
        if pod is None:
            continue
        for path, container in pod.containers():
            for field in field_paths(mapping(container.get("securityContext")), (*path, "securityContext")):
                if field[-1] in {"add", "runAsUser", "runAsGroup", "runAsNonRoot"} or container["name"] in {
                    "ei",
                    "copy-conf",
                }:
                    continue  # fmt: skip
                poorer = copy.deepcopy(item)
                place: Any = poorer
                for part in field[:-1]:
                    place = place[part]
                del place[field[-1]]
                assert check_builders([poorer]), (path, field)
                needed += 1
    assert needed > 20


def test_an_unknown_value_hides_no_finding_beside_it() -> None:
    item = broken(samples.own_folder, f"{FIRST}/image", UNKNOWN_TEXT)
    item["spec"]["template"]["spec"]["containers"][0]["securityContext"]["runAsUser"] = 0
    found = [violation for violation in check_builders([item]) if violation.rule == "pod-security-restricted"]
    assert [(violation.path[4], violation.judged) for violation in found] == [(0, True)]
    assert "containers[0].securityContext.runAsUser" in found[0].where
