"""Where data lies: the objects of each kind, and what becomes of them, in the whole program and in the component."""

from __future__ import annotations

import functools
import json
import runpy
from typing import Any

import pytest

from components.shared.storage import volume_name
from tests.unit.support.recording import Recorder, Registered, record
from tests.unit.support.stacks import ROOT, config_of

GIVEN = {"name": "team", "create": False}
CONTROLLER = {"controller": "existing", "className": "nginx"}
HOST_PATH = {"kind": "hostPath", "path": "/data", "node": "node-1"}
NFS = {"kind": "nfs", "server": "fd00::10", "path": "/", "version": "4.2", "mountOptions": ["hard", "rsize=1048576"]}
CLAIM = {"kind": "claim", "mysqlClaim": "db", "carbonappsClaim": "cars"}
CLASS = {"kind": "class", "mysqlClass": "fast", "carbonappsClass": "shared", "mysqlSize": "20Gi"}


@functools.cache
def _recorded(config: str) -> Recorder:
    return record(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
        config=json.loads(config),
        stack="My_Test",
    )


def program(storage: dict[str, Any], **change: Any) -> Recorder:
    """The whole program on this storage, with the two volumes that every stack has by default."""
    ei = config_of("local")["ei"] | {"deployment": "image"}
    return _recorded(json.dumps(config_of("local") | {"ei": ei, "storage": storage} | change))


def found(recorder: Recorder, kind: str) -> dict[str, Registered]:
    return {item.name: item for item in recorder.registered if item.type.endswith(f":{kind}")}


def pod_spec(recorder: Recorder, name: str) -> dict[str, Any]:
    item = next(item for item in recorder.registered if item.name == name)
    spec: dict[str, Any] = item.body()["spec"]["template"]["spec"]
    return spec


def first(recorder: Recorder, name: str) -> dict[str, Any]:
    container: dict[str, Any] = pod_spec(recorder, name)["initContainers"][0]
    return container


def outputs(recorder: Recorder) -> dict[str, Any]:
    return next(value for urn, value in recorder.component_outputs.items() if "pulumi:pulumi:Stack::" in urn)


PODS = {"wso2ei-mysql-server": 999, "wso2ei-nodes": 802}


def test_host_path_binds_both_volumes_to_the_node_and_gives_each_folder_to_its_user() -> None:
    done = program(HOST_PATH)
    volumes = found(done, "PersistentVolume")
    assert {name: item.body()["spec"]["hostPath"]["path"] for name, item in volumes.items()} == {
        "wso2ei-mysql-data-volume": "/data/mysql",
        "wso2ei-carbonapps-volume": "/data/carbonapps",
    }
    for item in volumes.values():
        terms = item.body()["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
        assert terms == [
            {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-1"]}]}
        ]
    for pod, uid in PODS.items():
        assert first(done, pod)["command"] == ["chown", f"{uid}:{uid}", "/volume"]


def test_nfs_mounts_the_version_once_and_says_whose_folder_it_must_be() -> None:
    done = program(NFS)
    volumes = found(done, "PersistentVolume")
    for name, path in (("wso2ei-mysql-data-volume", "/mysql"), ("wso2ei-carbonapps-volume", "/carbonapps")):
        spec = volumes[name].body()["spec"]
        assert spec["nfs"] == {"server": "fd00::10", "path": path}
        assert spec["mountOptions"] == ["nfsvers=4.2", "hard", "rsize=1048576"]
    for pod, uid in PODS.items():
        check = first(done, pod)
        assert check["name"] == "check-volume"
        assert check["args"][:2] == ["/volume", "write"]
        assert check["args"][2].startswith(f"On fd00::10: chown {uid}:{uid} /{'mysql' if uid == 999 else 'carbonapps'}")
        assert "runAsUser" not in check["securityContext"], "it must be the pod's own user that tries"


@pytest.mark.parametrize("storage", [NFS, CLASS])
def test_what_is_not_on_a_node_s_disk_needs_no_root_anywhere(storage: dict[str, Any]) -> None:
    done = program(storage)
    labels = next(item for item in done.registered if item.name == "namespace").body()["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for pod, uid in PODS.items():
        assert pod_spec(done, pod)["securityContext"]["fsGroup"] == uid


def test_existing_claims_are_used_as_they_are_and_belong_to_nobody_here() -> None:
    done = program(CLAIM, namespace=GIVEN, ingress=CONTROLLER)
    assert found(done, "PersistentVolume") == found(done, "PersistentVolumeClaim") == {}
    for pod, claim in (("wso2ei-mysql-server", "db"), ("wso2ei-nodes", "cars")):
        claims = [v["persistentVolumeClaim"] for v in pod_spec(done, pod)["volumes"] if "persistentVolumeClaim" in v]
        assert [item["claimName"] for item in claims] == [claim]
        assert f"claim {claim}" in first(done, pod)["args"][2]
    assert outputs(done)["kept_data"] == ["claim team/db", "claim team/cars"]


def test_a_class_makes_claims_and_no_volume() -> None:
    done = program(CLASS | {"mysqlAccessMode": "ReadWriteOncePod"})
    assert found(done, "PersistentVolume") == {}
    claims = {name: item.body()["spec"] for name, item in found(done, "PersistentVolumeClaim").items()}
    assert claims == {
        "wso2ei-mysql-data-claim": {
            "accessModes": ["ReadWriteOncePod"],
            "storageClassName": "fast",
            "resources": {"requests": {"storage": "20Gi"}},
        },
        "wso2ei-carbonapps-claim": {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "shared",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


@pytest.mark.parametrize(
    ("namespace", "setting", "kept"),
    [
        ({}, {}, False),
        (GIVEN, {}, True),
        (GIVEN, {"retain": True}, True),
        (GIVEN, {"retain": False}, False),
        ({}, {"retain": False}, False),
    ],
)
def test_claims_of_a_class_stay_behind_where_the_setting_says_so_and_the_output_tells_the_truth(
    namespace: dict[str, Any], setting: dict[str, Any], kept: bool
) -> None:
    done = program(CLASS | setting, namespace=namespace, **({"ingress": CONTROLLER} if namespace else {}))
    claims = found(done, "PersistentVolumeClaim")
    assert [item.request.retainOnDelete for item in claims.values()] == [kept, kept]
    made = {"mysql": "wso2ei-mysql-data-claim", "carbonapps": "wso2ei-carbonapps-claim"}
    for (purpose, logical), said in zip(made.items(), outputs(done)["kept_data"], strict=True):
        name = claims[logical].body()["metadata"]["name"]
        assert said.startswith(f"claim team/{name} " if kept else f"nothing of {purpose}: ")


@pytest.mark.parametrize("storage", [HOST_PATH, NFS])
def test_static_volumes_are_never_deleted_with_their_objects(storage: dict[str, Any]) -> None:
    for item in found(program(storage), "PersistentVolume").values():
        assert item.body()["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


@pytest.mark.parametrize("storage", [HOST_PATH, NFS])
def test_no_other_claim_can_bind_a_static_volume(storage: dict[str, Any]) -> None:
    """A volume without claimRef is bound to the first claim that matches, of any namespace."""
    done = program(storage)
    claims = [item.body() for item in found(done, "PersistentVolumeClaim").values()]
    reserved = {
        item.body()["metadata"]["name"]: item.body()["spec"]["claimRef"]
        for item in found(done, "PersistentVolume").values()
    }
    for claim in claims:
        expected = {"namespace": claim["metadata"]["namespace"], "name": claim["metadata"]["name"]}
        assert reserved[claim["spec"]["volumeName"]] == expected


def test_a_claim_of_a_static_volume_keeps_the_request_that_the_api_server_would_not_let_grow() -> None:
    for storage, ignored in ((HOST_PATH, ["spec.resources"]), (NFS, ["spec.resources"]), (CLASS, [])):
        for item in found(program(storage), "PersistentVolumeClaim").values():
            assert list(item.request.ignoreChanges) == ignored


def test_the_program_says_where_the_data_lies() -> None:
    assert outputs(program(HOST_PATH))["storage"] == {
        "place": "hostPath /data on node-1",
        "node": "node-1",
        "namespace": "wso2",
        "cluster": "docker-desktop",
        "volumes": {
            "mysql": {
                "place": "hostPath /data/mysql",
                "claim": "wso2ei-mysql",
                "access_mode": "ReadWriteOnce",
                "size": "8Gi",
            },
            "carbonapps": {
                "place": "hostPath /data/carbonapps",
                "claim": "wso2ei-carbonapps",
                "access_mode": "ReadWriteMany",
                "size": "1Gi",
            },
        },
    }
    assert outputs(program(NFS))["storage"]["place"] == "nfs fd00::10:/"
    assert outputs(program(CLASS))["storage"]["volumes"]["mysql"]["place"] == "class fast (ReadWriteOnce)"
    claims = outputs(program(CLAIM, namespace=GIVEN, ingress=CONTROLLER))["storage"]
    assert claims["place"] == "claim db and cars"
    assert claims["volumes"]["mysql"] == {"place": "claim db", "claim": "db", "access_mode": "ReadWriteOnce"}


def test_artifacts_that_somebody_else_delivers_are_mounted_read_only() -> None:
    done = program(NFS | {"carbonappsAccessMode": "ReadOnlyMany"})
    spec = pod_spec(done, "wso2ei-nodes")
    mounts = [m for m in spec["containers"][0]["volumeMounts"] if m["name"] == "carbonapps"]
    assert [mount.get("readOnly") for mount in mounts] == [True]
    assert first(done, "wso2ei-nodes")["args"][1] == "read"
    assert found(done, "PersistentVolume")["wso2ei-carbonapps-volume"].body()["spec"]["accessModes"] == ["ReadOnlyMany"]


def test_a_volume_for_one_node_is_let_go_before_the_next_pod_takes_it() -> None:
    one = {"ei": config_of("local")["ei"] | {"replicas": 1, "deployment": "image"}}
    for mode, strategy in (
        ("ReadWriteOnce", {"maxSurge": 0, "maxUnavailable": 1}),
        ("ReadWriteMany", {"maxSurge": 1, "maxUnavailable": 0}),
    ):
        done = program(CLASS | {"carbonappsAccessMode": mode}, **one)
        assert found(done, "Deployment")["wso2ei-nodes"].body()["spec"]["strategy"]["rollingUpdate"] == strategy
        shared = CLASS | {"deploymentClass": "any", "deploymentAccessMode": mode}
        done = program(shared, ei=one["ei"] | {"deployment": "shared"})
        assert found(done, "Deployment")["wso2ei-nodes"].body()["spec"]["strategy"]["rollingUpdate"] == strategy


def test_the_schema_is_loaded_by_the_server_on_the_claim_that_the_program_made() -> None:
    done = program(HOST_PATH)
    claim = found(done, "PersistentVolumeClaim")["wso2ei-mysql-data-claim"].body()["metadata"]["name"]
    assert f"--report-host={claim}" in pod_spec(done, "wso2ei-mysql-server")["containers"][0]["command"]
    job = pod_spec(done, "wso2ei-schema")["containers"][0]
    assert {"name": "MYSQL_VOLUME", "value": claim} in job["env"]


def test_a_volume_s_name_is_a_kubernetes_name_whatever_the_stack_is_called() -> None:
    assert volume_name("My_Stack.1", "wso2ei-mysql-0a1b2c") == "wso2ei-my-stack.1-wso2ei-mysql-0a1b2c"
