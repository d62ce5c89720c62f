"""``EiCluster`` alone, in small programs: what users add, what is refused, and two clusters side by side."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components.in_pod import deliver
from tests.cars import car
from tests.unit.support.clusters import STORAGE, container, made, named, pod
from tests.unit.support.recording import unwrap

JAR = b"a jar"
CAR = {"url": "https://repo.example.com/Orders_1.0.0.car", "sha256": "0" * 64}
ADDITIONS: dict[str, Any] = {
    "patches": [
        {"file": "conf/passthru-http.properties", "property": "worker_pool_size_max", "set": "900"},
        {"file": "conf/x.xml", "path": "a/b", "set_from_secret": {"name": "backend", "key": "token"}},
    ],
    "files": [
        {"path": "conf/log4j2.properties", "content": "rootLogger.level = INFO\n"},
        {"path": "repository/resources/a.wsdl", "config_map": {"name": "wsdls", "key": "a.wsdl"}},
        {"path": "repository/resources/security/b.jks", "secret": {"name": "backend", "key": "b.jks"}},
    ],
    "environment": {"BACKEND_URL": "https://b.example.com", "https_proxy": "http://proxy:3128"},
    "secret_environment": {"BACKEND_PASSWORD": {"name": "backend", "key": "password"}},
    "java_options": ["-Duser.timezone=UTC"],
    "jars": [
        {"url": "https://repo.example.com/mysql-5.1.49.jar", "sha256": hashlib.sha256(JAR).hexdigest()},
        {"claim": "jars", "path": "bundles/c.jar", "into": "dropins"},
    ],
}


def test_additions_reach_the_pod_in_the_order_in_which_they_are_needed() -> None:
    spec = pod(made(("ei", ADDITIONS)))
    assert [item["name"] for item in spec["initContainers"]] == [
        "check-volume", "fetch-jars", "copy-conf", "place-files", "patch-conf", "gather-cars", "gate",
    ]  # fmt: skip
    server = container(spec, "ei")
    variables = {item["name"]: item.get("value", item.get("valueFrom")) for item in server["env"]}
    assert variables["BACKEND_URL"] == "https://b.example.com"
    assert variables["BACKEND_PASSWORD"] == {"secretKeyRef": {"name": "backend", "key": "password"}}
    assert variables["JAVA_OPTS"].endswith(" -Duser.timezone=UTC")
    assert container(spec, "fetch-jars")["env"] == [{"name": "https_proxy", "value": "http://proxy:3128"}]
    arguments = container(spec, "patch-conf")["args"]
    assert arguments == [
        "--patches", "/patches/managed/patches.json", "--secrets", "/patches/from",
        "--patches", "/additions/patches.json",
    ]  # fmt: skip
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    for item in [*spec["initContainers"], *spec["containers"]]:
        for mount in item["volumeMounts"]:
            assert mount["name"] in volumes
    assert volumes["secret-0"]["secret"]["secretName"] == "backend"
    assert volumes["jar-claim-0"]["persistentVolumeClaim"]["claimName"] == "jars"


def test_what_is_delivered_is_what_the_server_mounts_file_by_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real program on the real ConfigMap: a mount of a file that is not there would be an empty folder."""
    recorder = made(("ei", ADDITIONS))
    for key, text in named(recorder, "ConfigMap", "ei-additions")["data"].items():
        (tmp_path / key).write_text(
            text.replace("/additions/", f"{tmp_path}/").replace("/sources/", f"{tmp_path}/sources/").replace(
                "/claims/", f"{tmp_path}/claims/"
            )
        )  # fmt: skip
    for source in ("claims/jars/bundles/c.jar", "sources/config_map/wsdls/a.wsdl", "sources/secret/backend/b.jks"):
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / source).write_bytes(JAR)
    monkeypatch.setattr(deliver, "fetch", lambda _, to: (to.write_bytes(JAR), hashlib.sha256(JAR).hexdigest())[1])
    for what in ("jars", "files"):
        words = [what, "--manifest", str(tmp_path / "deliveries.json"), "--home", str(tmp_path / "work")]
        assert deliver.main([*words, "--to", str(tmp_path / "to")]) == 0
    home = "/home/wso2carbon/wso2ei-6.5.0"
    mounts = [m for m in container(pod(recorder), "ei")["volumeMounts"] if m["name"] == "delivered"]
    assert {m["mountPath"].removeprefix(f"{home}/") for m in mounts} == {
        "lib/mysql-5.1.49.jar", "dropins/c.jar", "repository/resources/a.wsdl", "repository/resources/security/b.jks",
    }  # fmt: skip
    for mount in mounts:
        assert (tmp_path / "to" / mount["subPath"]).is_file()
    assert (tmp_path / "work" / "conf" / "log4j2.properties").read_text() == "rootLogger.level = INFO\n"


@pytest.mark.parametrize("field", ["patches", "files", "environment", "secret_environment", "java_options", "jars"])
def test_whatever_is_added_is_part_of_the_hash_that_makes_the_acceptance_check_run_again(field: str) -> None:
    def spec_hash(changes: dict[str, Any]) -> Any:
        outputs = made(("ei", changes)).component_outputs
        return next(found["spec_hash"] for urn, found in outputs.items() if urn.endswith("::ei"))

    assert spec_hash({}) == spec_hash({})
    assert spec_hash({field: ADDITIONS[field]}) != spec_hash({})


@pytest.mark.parametrize("program", ["patch_config.py", "deliver.py", "carbonapps.py"])
def test_programs_run_from_what_the_pod_gets_of_them(tmp_path: Path, program: str) -> None:
    for name, text in named(made(("ei", {})), "ConfigMap", "ei-programs")["data"].items():
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-S", "-E", "-s", str(tmp_path / program), "--help"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, cwd="/")
    assert done.returncode == 0, done.stderr


def test_without_additions_the_pod_has_none_of_their_parts() -> None:
    spec = pod(made(("ei", {})))
    assert [item["name"] for item in spec["initContainers"]] == [
        "check-volume", "copy-conf", "patch-conf", "gather-cars", "gate",
    ]  # fmt: skip
    assert not {volume["name"] for volume in spec["volumes"]} & {"additions", "delivered", "secret-0"}


@pytest.mark.parametrize("folder", ["live", "atStart", "unused"])
def test_ei_looks_into_the_shared_folder_only_where_it_is_live(folder: str) -> None:
    cars = [] if folder == "live" else [CAR, {"name": "b.car", "content": base64.b64encode(car()).decode()}]
    recorder = made(("ei", {"carbon_apps_folder": folder, "carbon_apps": cars}))
    spec = pod(recorder)
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert ("carbonapps" in volumes) == (folder != "unused")
    assert any(item.name == "ei-carbonapps" for item in recorder.registered) == (folder != "unused")
    used = {mount["name"] for item in [*spec["initContainers"], *spec["containers"]] for mount in item["volumeMounts"]}
    assert used <= volumes.keys()
    apps = "/home/wso2carbon/wso2ei-6.5.0/repository/deployment/server/carbonapps"
    (mount,) = [m for m in container(spec, "ei")["volumeMounts"] if m["mountPath"] == apps]
    assert mount["name"] == ("carbonapps" if folder == "live" else "cars")
    assert mount.get("subPath") == (None if folder == "live" else "deploy")
    gather = container(spec, "gather-cars")
    assert ("--live" in gather["args"]) == (folder == "live")
    assert all(m["readOnly"] for m in gather["volumeMounts"] if m["name"] == "carbonapps")
    if cars:
        config_map = named(recorder, "ConfigMap", "ei-cars")
        assert base64.b64decode(config_map["binaryData"]["b.car"]) == car()
        listed = json.loads(config_map["data"]["carbonapps.json"])["cars"]
        assert listed == [CAR | {"name": "Orders_1.0.0.car"}, {"name": "b.car"}]
        assert volumes["carbonapps-manifest"]["configMap"]["name"].startswith("ei-cars-")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"version": "7.0.0"}, "version: EI version '7.0.0' is not one of 6.2.0"),
    ({"replicas": 0}, "replicas must be positive"),
    ({"storage": None}, "storage is required unless carbon_apps_folder is unused"),
    ({"admin_username": "ops@example.com"}, "admin_username must not contain @"),
    ({"heap": "lots"}, "heap 'lots'"),
    ({"cpu_limit": "0"}, "cpu_limit must be positive"),
    ({"version": "6.6.0", "image": "wso2/wso2ei-integrator:6.6.0"}, "jars must hold a MySQL driver"),
    ({"image": "wso2/wso2ei-integrator:6.5.0.2"}, "jars must hold the Kubernetes membership scheme"),
    ({"image": "wso2/wso2ei-integrator:6.4.0"}, "image .* is EI 6.4.0"),
    ({"patches": [{"file": "conf/carbon.xml", "path": "Server/HostName", "set": "x"}]}, r"patches\[0\] must leave"),
    ({"files": [{"path": "../x", "content": ""}]}, r"files\[0\].path"),
    ({"environment": {"USE_DNS": "true"}}, r'environment\["USE_DNS"\]'),
    ({"java_options": ["-Xmx1g"]}, r"java_options\[0\]"),
    ({"jars": [{"url": "https://x/a.jar"}]}, r"jars\[0\].sha256"),
    ({"governance_path": "/elsewhere"}, "governance_path must be /_system/governance or below it"),
    ({"keystores": {"secret": "Not A Name"}}, r"keystores.secret"),
    ({"carbon_apps": [{"url": "https://x/a.car"}], "carbon_apps_folder": "atStart"}, r"carbon_apps\[0\].sha256"),
    ({"carbon_apps": [CAR]}, "carbon_apps_folder must be atStart or unused with carbon_apps"),
]


@pytest.mark.parametrize(("change", "words"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_argument_is_refused_by_its_name_before_anything_is_made(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=f"EiCluster ei: {words}"):
        made(("ei", change))


def test_all_wrong_arguments_are_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"(?s)replicas.*java_options"):
        made(("ei", {"replicas": 0, "java_options": ["x"]}))


def test_two_clusters_in_one_namespace_and_program_never_see_each_other() -> None:
    # Names that are each other's beginning, and one that looks like a part of the other.
    names = ["ei", "ei-2", "ei-schema", "ei-members"]
    recorder = made(*((name, {"storage": STORAGE | {"claim_name": f"{name}-apps"}}) for name in names))
    pods: dict[str, dict[str, str]] = {}
    urns = [(item.type, item.name) for item in recorder.registered]
    assert len(urns) == len(set(urns))
    for item in recorder.registered:
        body = item.body()
        if item.type.split(":")[-1] in {"Deployment", "Job"}:
            pods[item.name] = body["spec"]["template"]["metadata"]["labels"]
        name = (body.get("metadata") or {}).get("name")
        if name:
            same = [other for other in recorder.registered if other.type == item.type and other is not item]
            assert name not in [(other.body().get("metadata") or {}).get("name") for other in same]
    domains = set()
    for name in names:
        nodes = f"{name}-nodes"
        for item in recorder.registered:
            if not item.parent.endswith(f"::{name}"):
                continue
            spec = item.body().get("spec") or {}
            kind = item.type.split(":")[-1]
            if kind == "Service":
                assert {key for key, labels in pods.items() if spec["selector"].items() <= labels.items()} == {nodes}
            if kind in {"NetworkPolicy", "PodDisruptionBudget", "Deployment"}:
                selector = spec["podSelector" if kind == "NetworkPolicy" else "selector"]["matchLabels"]
                own = f"{name}-schema" if item.name.endswith("-of-schema") else nodes
                assert {key for key, labels in pods.items() if selector.items() <= labels.items()} == {own}
        role = named(recorder, "Role", f"{name}-members")
        assert role["rules"][0]["resourceNames"] == [f"{name}-members"]
        assert named(recorder, "Service", f"{name}-members-service")["metadata"]["name"] == f"{name}-members"
        table = json.loads(named(recorder, "ConfigMap", f"{name}-patches")["data"]["patches.json"])["patches"]
        values = {
            patch["path"].split("'")[1]: patch["set"]
            for patch in table
            if "set" in patch and "clustering/parameter" in patch.get("path", "")
        }
        assert values["KUBERNETES_SERVICES"] == f"{name}-members"
        assert values["KUBERNETES_NAMESPACE"] == "team"
        domains.add(values["domain"])
    assert len(domains) == len(names)


def test_no_name_of_a_cluster_can_make_two_objects_one() -> None:
    """A URN holds the types of the parents, not their names: ``ei`` + ``-a-b`` must not be ``ei-a`` + ``-b``."""
    suffixes: dict[str, set[str]] = {}
    for item in made(("ei", ADDITIONS)).registered:
        suffixes.setdefault(item.type, set()).add(item.name.removeprefix("ei"))
    for kind, found in suffixes.items():
        assert [(one, two) for one in found for two in found if one != two and one.endswith(two)] == [], kind


def test_secret_values_of_patches_and_variables_are_only_named() -> None:
    for item in made(("ei", ADDITIONS)).registered:
        text = json.dumps(unwrap(item.inputs))
        if not item.type.endswith(":Secret"):
            assert "a-pw" not in text and "u-pw" not in text
