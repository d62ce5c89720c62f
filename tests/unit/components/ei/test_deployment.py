"""The deployment folder of all nodes in their pods: what is copied, merged and mounted, and that it is optional."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components.in_pod import deployment
from tests.unit.components.ei.test_copy_conf import copy_conf, home  # noqa: F401 - a fixture
from tests.unit.support.clusters import STORAGE, container, made, named, pod

HOME = "/home/wso2carbon/wso2ei-6.5.0"
SHARED: dict[str, Any] = {"deployment_storage": STORAGE | {"claim_name": "deployment"}}


def mounts(spec: dict[str, Any], name: str) -> dict[str, Any]:
    """Mounts of a container by their path."""
    return {mount["mountPath"]: mount for mount in container(spec, name)["volumeMounts"]}


def test_by_default_the_folders_are_the_image_s() -> None:
    recorder = made(("ei", {}))
    spec = pod(recorder)
    assert not {volume["name"] for volume in spec["volumes"]} & {"deployment", "defaults"}
    assert "deployment.py" not in named(recorder, "ConfigMap", "ei-programs")["data"]
    assert f"{HOME}/repository/deployment/server" not in mounts(spec, "ei")
    assert "/defaults" not in container(spec, "copy-conf")["command"][-1]


@pytest.mark.parametrize("folder", ["live", "atStart", "unused"])
def test_the_server_mounts_both_folders_and_that_of_the_cars_inside_of_one_as_ever(folder: str) -> None:
    args = {"carbon_apps_folder": folder, "storage": STORAGE | {"access_mode": "ReadOnlyMany"}}
    spec = pod(made(("ei", SHARED | args)))
    found = mounts(spec, "ei")
    assert found[f"{HOME}/repository/deployment/server"] == {
        "name": "deployment", "mountPath": f"{HOME}/repository/deployment/server", "subPath": "server",
    }  # fmt: skip
    assert found[f"{HOME}/repository/tenants"]["subPath"] == "tenants"
    apps = f"{HOME}/repository/deployment/server/carbonapps"
    assert found[apps] == mounts(pod(made(("ei", args))), "ei")[apps]
    assert "server/carbonapps" in deployment.MOUNTED


def test_defaults_are_copied_by_the_image_and_merged_before_the_server_starts() -> None:
    spec = pod(made(("ei", SHARED)))
    names = [item["name"] for item in spec["initContainers"]]
    assert names == [
        "check-volume", "check-volume-deployment", "copy-conf", "patch-conf", "gather-cars", "merge-deployment", "gate",
    ]  # fmt: skip
    merge = container(spec, "merge-deployment")
    assert merge["securityContext"]["readOnlyRootFilesystem"] is True
    assert {path: mount.get("readOnly") for path, mount in mounts(spec, "merge-deployment").items()} == {
        "/in_pod": True, "/defaults": True, "/volume": None,
    }  # fmt: skip
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert volumes["deployment"]["persistentVolumeClaim"]["claimName"] == "deployment"
    assert "emptyDir" in volumes["defaults"]


def test_the_merge_runs_from_what_the_pod_gets_of_it(tmp_path: Path) -> None:
    for name, text in named(made(("ei", SHARED)), "ConfigMap", "ei-programs")["data"].items():
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-S", "-E", "-s", str(tmp_path / "deployment.py")]
    arguments = ["--defaults", str(tmp_path / "defaults"), "--volume", str(tmp_path)]
    done = subprocess.run([*command, *arguments], check=False, capture_output=True, text=True, timeout=60, cwd="/")
    assert (done.returncode, done.stdout) == (0, "deployment: defaults of the image: all in place\n")


def test_the_image_s_defaults_are_copied_without_its_cars_however_often(home: Path) -> None:  # noqa: F811
    server = home / "repository/deployment/server"
    for path in ("synapse-configs/default/sequences/main.xml", "carbonapps/a.car"):
        (server / path).parent.mkdir(parents=True)
        (server / path).write_text(path)
    (home.parent / "defaults").mkdir()
    for _ in range(2):
        done = copy_conf(home, SHARED)
        assert (done.returncode, done.stderr) == (0, "")
        copied = sorted(path for path in (home.parent / "defaults").rglob("*") if path.is_file())
        assert [path.relative_to(home.parent / "defaults").as_posix() for path in copied] == [
            "server/synapse-configs/default/sequences/main.xml"
        ]
    (home / "repository/tenants/1").mkdir(parents=True)
    assert copy_conf(home, SHARED).returncode == 0
    assert (home.parent / "defaults/tenants/1").is_dir()
    assert (home.parent / "cars/image/0/a.car").is_file()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"deployment_storage": STORAGE | {"access_mode": "ReadOnlyMany"}}, "deployment_storage.access_mode must not"),
        (SHARED | {"files": [{"path": "repository/deployment/server/x", "content": ""}]}, r"files\[0\].path must not"),
    ],
)
def test_a_wrong_argument_is_rejected_by_its_name(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=f"EiCluster ei: {words}"):
        made(("ei", change))
