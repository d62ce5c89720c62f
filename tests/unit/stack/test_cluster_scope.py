"""What a stack makes with the rights of a cluster admin, of a namespace's admin, and on OpenShift."""

from __future__ import annotations

import functools
import inspect
import re
import runpy
from pathlib import Path
from typing import Any

import kubernetes.client
import pytest

from preflight.context import choose_context, looks_like_openshift
from settings import errors
from settings.model import Settings
from tests.unit.support.recording import Registered, record
from tests.unit.support.stacks import ROOT, config_of, run
from tests.unit.support.valid_stacks import CLAIM, CLASS, HOST_PATH, NFS, OPENSHIFT, STACKS, TENANT, with_


def made(config: dict[str, Any]) -> list[Registered]:
    """The Kubernetes objects of a stack."""
    recorder = record(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"), config=config, stack="scope"
    )
    return [item for item in recorder.registered if item.type.startswith("kubernetes:")]


@functools.cache
def namespaced_kinds() -> frozenset[str]:
    """Kinds that live in a namespace, by the Kubernetes client."""
    names = [
        name
        for _, api in inspect.getmembers(kubernetes.client, inspect.isclass)
        if api.__name__.endswith("Api")
        for name in dir(api)
    ]
    found = (re.fullmatch(r"create_namespaced_(\w+)", name) for name in names)
    return frozenset("".join(word.title() for word in match[1].split("_")) for match in found if match)


def kind_of(item: Registered) -> str:
    return item.type.rpartition(":")[2]


def is_cluster_scoped(item: Registered) -> bool:
    return kind_of(item).title().replace("_", "") not in {kind.title() for kind in namespaced_kinds()}


@pytest.mark.parametrize("storage", [CLAIM, CLASS])
@pytest.mark.parametrize("openshift", [{}, {"openshift": True}])
def test_without_cluster_rights_nothing_cluster_scoped_is_made(
    storage: dict[str, Any], openshift: dict[str, Any]
) -> None:
    objects = made(TENANT | {"storage": storage, "kubernetes": TENANT["kubernetes"] | openshift})
    assert len(objects) > 15
    assert [f"{item.type} {item.name}" for item in objects if is_cluster_scoped(item)] == []
    for item in objects:
        assert item.body()["metadata"]["namespace"] == "team-a", f"{item.type} {item.name}"


def test_with_cluster_rights_the_cluster_scoped_objects_are_the_known_ones() -> None:
    kinds = {kind_of(item) for item in made(with_()) if is_cluster_scoped(item)}
    assert kinds == {"Namespace", "PersistentVolume", "IngressClass", "ClusterRole", "ClusterRoleBinding"}


@pytest.mark.parametrize("storage", [NFS, HOST_PATH])
def test_a_given_namespace_and_volumes_of_ones_own_go_together(storage: dict[str, Any]) -> None:
    objects = made(with_(storage=storage, namespace={"name": "team-a", "create": False}))
    assert {kind_of(item) for item in objects} >= {"PersistentVolume", "PersistentVolumeClaim"}
    assert "Namespace" not in {kind_of(item) for item in objects}


def test_a_protected_stack_protects_the_namespace_that_it_makes() -> None:
    (namespace,) = (item for item in made(STACKS["protected"]) if kind_of(item) == "Namespace")
    assert namespace.request.protect


# openshift/cluster-kube-apiserver-operator, bindata/bootkube/scc-manifests, scc-nonroot-v2.yaml.
NONROOT_V2_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip


@pytest.mark.parametrize("shape", ["OpenShift as a cluster admin", "OpenShift as a namespace admin"])
def test_every_pod_of_a_stack_on_openshift_is_within_nonroot_v2(shape: str) -> None:
    pods = [(item.name, item.body()["spec"]["template"]["spec"]) for item in made(STACKS[shape]) if is_workload(item)]
    assert len(pods) >= 4
    for name, spec in pods:
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for volume in spec.get("volumes", []):
            assert set(volume) - {"name"} <= NONROOT_V2_VOLUMES, f"{name} {volume['name']}"
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False, name
            assert "ALL" in security["capabilities"]["drop"], name
            assert set(security["capabilities"].get("add", [])) <= {"NET_BIND_SERVICE"}, name
            assert security.get("runAsUser", 1) > 0, name
            assert all("hostPort" not in port for port in container.get("ports", [])), name


def is_workload(item: Registered) -> bool:
    return kind_of(item) in {"Deployment", "StatefulSet", "Job"}


def test_on_openshift_a_cluster_admin_s_stack_gives_its_pods_the_right_before_they_start() -> None:
    objects = made(STACKS["OpenShift as a cluster admin"])
    role, binding = (
        next(item for item in objects if item.name == f"wso2ei-scc-{part}") for part in ("role", "role-binding")
    )
    assert role.body()["rules"] == [
        {
            "apiGroups": ["security.openshift.io"],
            "resources": ["securitycontextconstraints"],
            "resourceNames": ["nonroot-v2"],
            "verbs": ["use"],
        }
    ]
    assert binding.body()["subjects"][0]["name"] == "system:serviceaccounts:wso2"
    for item in filter(is_workload, objects):
        needs = {urn for names in item.request.propertyDependencies.values() for urn in names.urns}
        assert any(urn.endswith("::wso2ei-scc-role-binding") for urn in needs), item.name
    for shape in ("OpenShift as a namespace admin", "smallest on NFS"):
        assert not [item for item in made(STACKS[shape]) if item.name.startswith("wso2ei-scc")], shape


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ("team/api-ocp-example-com:6443/me", True),
        ("/api-ocp-example-com:6443/kube:admin", True),
        ("crc-admin", True),
        ("crc-developer", True),
        ("prod-openshift", True),
        ("microshift", True),
        ("docker-desktop", False),
        ("kind-crc", False),
        ("arn:aws:eks:eu-central-1:123456789012:cluster/prod", False),
        ("gke_project_europe-west3_prod", False),
        ("me@api.example.com:6443", False),
    ],
)
def test_contexts_that_oc_makes_are_known(context: str, expected: bool) -> None:
    assert looks_like_openshift(context) is expected


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_context_that_looks_like_openshift_is_refused_unless_the_stack_says_what_it_is(
    dry_run: bool, tmp_path: Path
) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.touch()
    context = str(OPENSHIFT["contexts"][0])

    def choose(**more: Any) -> str:
        config = {"kubernetes": {"contexts": [context]} | more, "storage": NFS}
        return choose_context(Settings.model_validate(config), [kubeconfig], dry_run)

    with pytest.raises(errors.ConfigurationError) as caught:
        choose()
    assert "pulumi config set --path 'wso2ei:kubernetes.openshift' true" in str(caught.value)
    assert "looks like OpenShift" in str(caught.value)
    assert choose(openshift=True) == choose(openshift=False) == context


def test_a_stack_without_volumes_makes_none_and_needs_no_weaker_pod_security() -> None:
    change = {
        "ei": config_of("local")["ei"] | {"carbonAppsFolder": "unused", "deployment": "image"},
        "mysql": {"external": {"host": "db.example.com"}},
    }
    recorder = run("local", change, preview=True)
    kinds = {item.type.rpartition(":")[2] for item in recorder.registered}
    assert not kinds & {"PersistentVolume", "PersistentVolumeClaim", "DataVolume", "StatefulSet"}
    namespace = next(item for item in recorder.registered if item.type.endswith(":Namespace")).body()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
