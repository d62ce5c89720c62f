"""Volumes on a real API server: growing, moving, and one that its pods may not write.

The tests run small programs of the stack's own component in namespaces of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from settings.model import ImagesSettings
from tests.e2e.machine import ROOT
from tests.kit.plugins.conftest import cluster, program, pulumi_home  # noqa: F401 - fixtures
from tests.kit.plugins.pulumi_program import Program

pytestmark = pytest.mark.cluster
FOLDERS = "/var/lib/wso2ei"
"""Where a node's disk may be written to."""
PYTHON_IMAGE = ImagesSettings().python
VOLUME = """
from components.shared.storage import DataVolume
volume = DataVolume("data", {{"claim_name": NS, "namespace": NS}} | {args})
"""
POD = """
from components.shared import metadata, pods, volumes
CHECK = volumes.programs("check_volume.sh")
programs = k8s.core.v1.ConfigMap("programs", metadata={{"namespace": NS}}, data=CHECK)
spec = k8s.core.v1.PodSpecArgs(
    termination_grace_period_seconds=0, security_context=pods.pod_security(999),
    init_containers=[volume.first_container({image!r}, "data", "programs", 999)],
    containers=[k8s.core.v1.ContainerArgs(
        name="main", image={image!r}, command=["sleep", "3600"],
        volume_mounts=[volumes.mount("data", "/data")])],
    volumes=[volumes.claim_volume("data", volume.claim_name),
             volumes.config_map_volume("programs", metadata.name_of(programs))])
"""
DEPLOYMENT = """
labels = {"app": "x"}
k8s.apps.v1.Deployment("pods", metadata={"namespace": NS, "name": "pods"}, spec=k8s.apps.v1.DeploymentSpecArgs(
    replicas=1, selector={"match_labels": labels},
    template=k8s.core.v1.PodTemplateSpecArgs(metadata={"labels": labels}, spec=spec)))
"""
REPORTED = """
from kubernetes.config import list_kube_config_contexts
from preflight import init_containers
init_containers.report(list_kube_config_contexts()[1]["name"], NS)
soon = ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="40s"))
for kind, args in ((k8s.apps.v1.Deployment, k8s.apps.v1.DeploymentSpecArgs),
                   (k8s.apps.v1.StatefulSet, k8s.apps.v1.StatefulSetSpecArgs)):
    labels = metadata.labels("x", kind.__name__.lower())
    template = k8s.core.v1.PodTemplateSpecArgs(metadata={"labels": labels}, spec=spec)
    kind(kind.__name__.lower(), metadata={"namespace": NS, "name": kind.__name__.lower()},
         spec=args(selector={"match_labels": labels}, template=template), opts=soon)
"""


@pytest.fixture
def small(program: Program) -> Iterator[Program]:  # noqa: F811 - a fixture
    """A program that can import the stack's components; its volumes, which have no namespace, go whatever happens."""
    program.environment["PYTHONPATH"] = str(ROOT)
    yield program
    program.run("destroy", "--yes", "--skip-preview", "--stack", "test").ok()


@pytest.fixture
def storage_class(small: Program, cluster: Any) -> Iterator[Any]:  # noqa: F811 - a fixture
    """Makes a class that may or may not grow volumes, and a volume of it that takes one claim; removes both."""
    name = small.namespace

    def make(expansion: bool) -> str:
        cluster.StorageV1Api().create_storage_class(
            {
                "metadata": {"name": name},
                "provisioner": "kubernetes.io/no-provisioner",
                "allowVolumeExpansion": expansion,
            }
        )
        cluster.CoreV1Api().create_persistent_volume(static_volume(name, name, f"{FOLDERS}/{name}"))
        return name

    yield make
    small.run("destroy", "--yes", "--skip-preview", "--stack", "test").ok()
    for delete in (cluster.StorageV1Api().delete_storage_class, cluster.CoreV1Api().delete_persistent_volume):
        try:
            delete(name)
        except cluster.ApiException as error:
            assert error.status == 404


def static_volume(name: str, storage_class: str, path: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": path, "type": "DirectoryOrCreate"},
        },
    }


def volume(**args: Any) -> str:
    return VOLUME.format(args=args)


def claims(cluster: Any, small: Program) -> list[Any]:  # noqa: F811 - the fixture's value
    return list(cluster.CoreV1Api().list_namespaced_persistent_volume_claim(small.namespace).items)


@pytest.mark.parametrize(
    "place",
    [
        {"kind": "hostPath", "path": f"{FOLDERS}/of-a-test-without-pods"},
        {"kind": "nfs", "server": "fd00::10", "path": "/mysql", "mount_options": ["nfsvers=4.1", "hard"]},
    ],
    ids=["hostPath", "nfs"],
)
def test_a_static_volume_grows_in_place(small: Program, cluster: Any, place: dict[str, Any]) -> None:  # noqa: F811
    small.up(volume(size="1Gi", **place)).ok()
    [claim] = claims(cluster, small)
    assert claim.status.phase == "Bound"
    assert small.steps(volume(size="2Gi", **place)) == {"data-volume": "update"}
    small.up().ok()
    assert small.steps() == {}
    small.refresh().ok()
    assert small.steps() == {}
    grown = cluster.CoreV1Api().read_persistent_volume(claim.spec.volume_name)
    assert grown.spec.capacity == {"storage": "2Gi"}
    assert claims(cluster, small)[0].metadata.uid == claim.metadata.uid


@pytest.mark.parametrize("expansion", [True, False])
def test_a_claim_grows_where_its_class_lets_it_and_else_nothing_changes(
    small: Program, cluster: Any, storage_class: Any, expansion: bool  # noqa: F811
) -> None:  # fmt: skip
    args = {"kind": "class", "storage_class": storage_class(expansion)}
    small.up(volume(size="1Gi", **args)).ok()
    assert small.steps(volume(size="2Gi", **args)) == {"data-claim": "update"}
    done = small.up()
    [claim] = claims(cluster, small)
    assert claim.spec.resources.requests == {"storage": "2Gi" if expansion else "1Gi"}
    if not expansion:
        assert "the storageclass that provisions the pvc must support resize" in done.failed().output
        small.up(volume(size="1Gi", **args)).ok()
    assert small.steps() == {}


def test_pods_go_over_to_the_new_place_and_then_the_old_objects_go(small: Program, cluster: Any) -> None:  # noqa: F811
    folder = f"{FOLDERS}/{small.namespace}"
    pods = POD.format(image=PYTHON_IMAGE) + DEPLOYMENT
    small.up(volume(kind="hostPath", path=f"{folder}/old", size="2Gi") + pods).ok()
    [old] = claims(cluster, small)
    # A smaller one: what moves is made anew.
    name = f"{small.namespace}-moved"
    small.up(volume(kind="hostPath", path=f"{folder}/new", size="1Gi", claim_name=name) + pods).ok()
    [new] = claims(cluster, small)
    assert new.status.phase == "Bound"
    assert new.spec.resources.requests == {"storage": "1Gi"}
    assert new.metadata.name != old.metadata.name
    paths = {
        item.spec.host_path.path
        for item in cluster.CoreV1Api().list_persistent_volume().items
        if item.spec.claim_ref and item.spec.claim_ref.namespace == small.namespace
    }
    assert paths == {f"{folder}/new"}


def test_an_update_reports_why_a_pod_may_not_write_its_volume(small: Program, cluster: Any) -> None:  # noqa: F811
    core, name = cluster.CoreV1Api(), small.namespace
    # The kubelet makes the folder, which then belongs to root.
    core.create_persistent_volume(static_volume(name, "", f"{FOLDERS}/{name}/of-root"))
    try:
        claim = {
            "metadata": {"name": name},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "",
                "volumeName": name,
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
        core.create_namespaced_persistent_volume_claim(name, claim)
        done = small.up(volume(kind="claim") + POD.format(image=PYTHON_IMAGE) + REPORTED).failed()
        for pod in ("statefulset-0", "deployment-"):
            assert f"warning: pod {pod}" in done.output
        for words in ("uid 999 cannot write this volume (owner 0:0, mode 755)", "chown 999:999 its top folder"):
            assert done.output.count(words) >= 2
    finally:
        core.delete_persistent_volume(name)
