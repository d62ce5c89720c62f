"""How the nodes are run: where, how many, and what their pods bear."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.ei import logs as ei_logs
from components.in_pod import log_folders
from components.in_pod.patch_config import apply
from components.wso2ei.logs import log_patches
from components.wso2ei.versions import VERSIONS, version_of
from tests.unit.support.clusters import container, made, named, pod
from tests.unit.support.recording import Recorder
from tests.unit.support.stacks import config_of, run, templates

PLACE: dict[str, Any] = {
    "nodeSelector": {"pool": "integration"},
    "tolerations": [
        {"key": "dedicated", "value": "integration", "effect": "NoSchedule"},
        {"operator": "Exists", "effect": "NoExecute", "seconds": 30},
    ],
    "priorityClass": "business-critical",
}


def nodes(recorder: Recorder) -> Any:
    return next(item for item in recorder.registered if item.type.endswith(":Deployment") and "nodes" in item.name)


def spec_hash(recorder: Recorder) -> str:
    return str(next(found["spec_hash"] for urn, found in recorder.component_outputs.items() if urn.endswith("::ei")))


def test_one_section_places_every_pod_of_the_stack() -> None:
    """A Job that cannot run where only tainted nodes are would hold the whole update up."""
    pods = templates(run("local", {"scheduling": PLACE}))
    assert len(pods) == 6
    for name, template in pods:
        spec = template["spec"]
        assert spec["nodeSelector"] == {"pool": "integration"}, name
        assert spec["priorityClassName"] == "business-critical", name
        assert spec["tolerations"] == [
            {"key": "dedicated", "operator": "Equal", "value": "integration", "effect": "NoSchedule"},
            {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30},
        ], name


def test_an_autoscaler_keeps_what_it_chose() -> None:
    fixed, scaled = nodes(made(("ei", {}))), nodes(made(("ei", {"autoscaled": True})))
    assert fixed.body()["spec"]["replicas"] == scaled.body()["spec"]["replicas"] == 2
    assert list(fixed.request.ignoreChanges) == []
    assert list(scaled.request.ignoreChanges) == ["spec.replicas"]
    # Forced, the stack would take the field from the autoscaler.
    assert fixed.body()["metadata"]["annotations"] == {"pulumi.com/patchForce": "true"}
    assert "annotations" not in scaled.body()["metadata"]


def test_the_acceptance_check_does_not_run_again_for_the_number_of_an_autoscaler() -> None:
    scaled = [spec_hash(made(("ei", {"autoscaled": True, "replicas": number}))) for number in (2, 3)]
    assert scaled[0] == scaled[1]
    fixed = [spec_hash(made(("ei", {"replicas": number}))) for number in (2, 3)]
    assert fixed[0] != fixed[1]


def test_pods_bear_the_users_labels_beside_those_that_select_them() -> None:
    recorder = made(("ei", {"pod_labels": {"team": "integration"}, "pod_annotations": {"example.com/a": ""}}))
    template = named(recorder, "Deployment", "ei-nodes")["spec"]["template"]
    plain = named(made(("ei", {})), "Deployment", "ei-nodes")["spec"]["template"]
    assert template["metadata"]["labels"] == plain["metadata"]["labels"] | {"team": "integration"}
    assert template["metadata"]["annotations"]["example.com/a"] == ""


def test_nodes_resolve_the_users_names() -> None:
    aliases = [{"ip": "10.0.0.12", "hostnames": ["backend"]}]
    assert pod(made(("ei", {"host_aliases": aliases})))["hostAliases"] == aliases


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pod_labels": {"app.kubernetes.io/name": "x"}}, r"pod_labels.app.kubernetes.io/name must not be set"),
    ],
)
def test_what_the_api_server_would_refuse_is_refused_by_field(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        made(("ei", changes))


HOME = "/home/wso2carbon/wso2ei-6.5.0"
NFS: dict[str, Any] = {
    "kind": "nfs", "namespace": "team", "claim_name": "ei-logs-1", "access_mode": "ReadWriteMany", "size": "1Gi",
    "server": "nas", "path": "/logs",
}  # fmt: skip


def logs_mount(spec: dict[str, Any]) -> dict[str, Any]:
    return next(m for m in container(spec, "ei")["volumeMounts"] if m["mountPath"] == f"{HOME}/repository/logs")


def volume(spec: dict[str, Any], name: str) -> dict[str, Any]:
    return next(dict(item) for item in spec["volumes"] if item["name"] == name)


def test_logs_and_dumps_survive_a_restart_of_the_server_by_default() -> None:
    spec = pod(made(("ei", {})))
    assert logs_mount(spec) == {"name": "logs", "mountPath": f"{HOME}/repository/logs"}
    assert volume(spec, "logs") == {"name": "logs", "emptyDir": {"sizeLimit": "4096Mi"}}
    options = next(item["value"] for item in container(spec, "ei")["env"] if item["name"] == "JAVA_OPTS")
    assert f"-XX:HeapDumpPath={HOME}/repository/logs " in options


def test_logs_on_a_volume_lie_in_a_folder_of_the_pod_that_its_own_user_has_made() -> None:
    spec = pod(made(("ei", {"diagnostics": NFS, "diagnostics_keep": 7})))
    assert logs_mount(spec)["subPathExpr"] == "$(POD_NAME)"
    assert volume(spec, "logs")["persistentVolumeClaim"]["claimName"] == "ei-logs-1"
    names = [item["name"] for item in spec["initContainers"]]
    # The owner is checked, then the folder is made, then the server starts.
    assert names[:3] == ["check-volume", "check-volume-logs", "log-folder"]
    assert container(spec, "log-folder")["args"] == ["--volume", "/volume", "--own", "$(POD_NAME)", "--keep", "7"]
    for name in ("log-folder", "ei"):
        variables = {item["name"]: item for item in container(spec, name)["env"]}
        assert variables["POD_NAME"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_a_volume_of_logs_for_one_node_makes_the_old_node_go_first() -> None:
    recorder = made(("ei", {"replicas": 1, "diagnostics": NFS | {"access_mode": "ReadWriteOnce"}}))
    strategy = named(recorder, "Deployment", "ei-nodes")["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 0, "maxUnavailable": 1}


def test_a_stack_with_logs_on_the_nodes_admits_the_container_that_gives_their_folder_away() -> None:
    ei = config_of("prod")["ei"] | {"diagnostics": {"kind": "hostPath", "path": "/var/log/wso2ei"}}
    recorder = run("prod", {"namespace": {"name": "team"}, "ei": ei})
    namespace = next(item for item in recorder.registered if item.type.endswith(":Namespace")).body()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"
    specs = [template["spec"] for _, template in templates(recorder)]
    roots = [item["name"] for spec in specs for item in spec.get("initContainers", []) if "own-folder" in item["name"]]
    assert roots == ["own-folder-logs"]


def test_logs_and_dumps_cannot_fill_the_disk_of_a_node() -> None:
    """Three dumps and the one that is being written, each as large as the heap, and 2 GiB of log files."""
    spec = pod(made(("ei", {"heap": "1Gi"})))
    limits = {volume["name"]: volume["emptyDir"].get("sizeLimit") for volume in spec["volumes"] if "emptyDir" in volume}
    assert limits["logs"] == f"{2048 + 4 * 1024}Mi"
    assert all(limits.values())
    resources = container(spec, "ei")["resources"]
    assert resources["requests"]["ephemeral-storage"] == "1536Mi"
    # The kubelet counts the volumes too, so the limit holds all of them.
    assert resources["limits"]["ephemeral-storage"] == f"{2048 + 4 * 1024 + 8192}Mi"


def test_folders_of_gone_pods_are_removed_from_the_oldest_on(tmp_path: Path) -> None:
    now = 2_000_000_000.0

    def folder(name: str, hours: float) -> None:
        (tmp_path / name / "deep").mkdir(parents=True)
        file = tmp_path / name / "deep" / "wso2carbon.log"
        file.write_text("x")
        for path in (file, file.parent, tmp_path / name):
            os.utime(path, (now - hours * 3600, now - hours * 3600))

    for number in range(4):
        folder(f"wso2ei-7d9c-aaaa{number}", 100 + number)
    # Still written to, however many newer ones there are; of another Deployment; no pod's; this pod's own.
    for name, hours in (("wso2ei-7d9c-bbbbb", 1.0), ("other-7d9c-aaaa1", 900), ("backup", 900), ("wso2ei-9-own", 900)):
        folder(name, hours)
    old = log_folders.outdated(tmp_path, "wso2ei-9-own", 2, now)
    assert sorted(path.name for path in old) == ["wso2ei-7d9c-aaaa1", "wso2ei-7d9c-aaaa2", "wso2ei-7d9c-aaaa3"]
    assert log_folders.outdated(tmp_path, "wso2ei-9-own", 0, now)[-1:] != []
    assert (tmp_path / "wso2ei-7d9c-bbbbb") not in log_folders.outdated(tmp_path, "wso2ei-9-own", 0, now)


def test_a_pod_starts_whatever_lies_on_the_volume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ei-1-a").mkdir()
    os.utime(tmp_path / "ei-1-a", (1, 1))
    words = ["--volume", str(tmp_path), "--own", "ei-2-b", "--keep", "0"]
    assert log_folders.main(words) == 0
    assert "removed ei-1-a" in capsys.readouterr().out
    assert log_folders.main(words) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ei-2-b"]


def test_dumps_of_earlier_runs_get_names_of_their_own_and_the_newest_stay(tmp_path: Path) -> None:
    """Every run of the server has the same process id, and a JVM writes no dump over one that exists."""
    logs = tmp_path / "repository" / "logs"
    logs.mkdir(parents=True)
    handler: Any = ei_logs.post_start(str(tmp_path))
    for run_number in range(5):
        dump = logs / "java_pid40.hprof"
        dump.write_text(str(run_number))
        os.utime(dump, (1_700_000_000 + run_number * 60,) * 2)
        assert subprocess.run(handler.exec_.command, check=False).returncode == 0
    (logs / "hs_err_pid40.log").write_text("crash")
    assert subprocess.run(handler.exec_.command, check=False).returncode == 0
    dumps = sorted(path.name for path in logs.glob("*.hprof"))
    assert dumps == [f"20231114T221{minute}20Z-java_pid40.hprof" for minute in (5, 6, 7)]
    assert [path.read_text() for path in logs.glob("*-hs_err_pid40.log")] == ["crash"]


LOG4J = """log4j.rootLogger=ERROR, CARBON_CONSOLE, CARBON_LOGFILE
log4j.logger.AUDIT_LOG=INFO, AUDIT_LOGFILE
log4j.category.org.apache.synapse=INFO
log4j.logger.com.atomikos=INFO,ATOMIKOS
"""
LOG4J2 = """loggers = AUDIT_LOG, \\
      org-apache-axis2-clustering, tomcat2
logger.AUDIT_LOG.name = AUDIT_LOG
logger.AUDIT_LOG.appenderRef.AUDIT_LOGFILE.ref = AUDIT_LOGFILE
logger.tomcat2.name = tomcat
logger.tomcat2.level = FATAL
"""
VALVE = """<Server><Service><Engine><Host><Valve className="org.apache.catalina.valves.AccessLogValve"
  directory="${carbon.home}/repository/logs" prefix="p" suffix=".log" pattern="combined" />
</Host></Engine></Service></Server>
"""


def patched(home: Path, version: str, levels: dict[str, str], *, access: bool = True) -> dict[str, str]:
    """The files below ``conf`` that the log patches change."""
    texts = {"log4j.properties": LOG4J, "log4j2.properties": LOG4J2, "tomcat/catalina-server.xml": VALVE}
    for name, text in texts.items():
        file = home / "conf" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    changes = apply(home, log_patches(version_of(version), levels, access=access))
    for file, data in changes.items():
        file.write_bytes(data)
    again = apply(home, log_patches(version_of(version), levels, access=access))
    assert again == {}
    return {file.relative_to(home / "conf").as_posix(): data.decode() for file, data in changes.items()}


def test_levels_keep_the_appenders_of_log4j(tmp_path: Path) -> None:
    levels = {"org.apache.synapse": "DEBUG", "com.atomikos": "WARN", "root": "INFO", "com.example": "TRACE"}
    lines = patched(tmp_path, "6.5.0", levels)["log4j.properties"].splitlines()
    assert lines[:4] == [
        "log4j.rootLogger=INFO, CARBON_CONSOLE, CARBON_LOGFILE",
        "log4j.logger.AUDIT_LOG=INFO, AUDIT_LOGFILE, CARBON_CONSOLE",
        # The word that the file uses: with both, log4j would take any.
        "log4j.category.org.apache.synapse=DEBUG",
        "log4j.logger.com.atomikos=WARN, ATOMIKOS",
    ]
    assert "log4j.logger.com.example=TRACE" in lines


def test_levels_of_log4j_2_use_the_names_of_the_file_and_join_its_list(tmp_path: Path) -> None:
    levels = {"tomcat": "INFO", "org.apache.axis2.clustering": "DEBUG", "com.example": "TRACE", "root": "WARN"}
    lines = patched(tmp_path, "6.6.0", levels, access=False)["log4j2.properties"].splitlines()
    assert lines[0] == "loggers=AUDIT_LOG, org-apache-axis2-clustering, tomcat2, com-example"
    assert {
        "logger.tomcat2.level=INFO", "logger.com-example.name=com.example", "logger.com-example.level=TRACE",
        "logger.org-apache-axis2-clustering.additivity=true", "rootLogger.level=WARN",
        "logger.AUDIT_LOG.appenderRef.CARBON_CONSOLE.ref=CARBON_CONSOLE",
    } <= set(lines)  # fmt: skip
    assert not any("AUDIT_LOG.additivity" in line for line in lines)


@pytest.mark.parametrize("version", VERSIONS)
def test_access_logs_go_to_standard_output_only_when_wanted(tmp_path: Path, version: str) -> None:
    files = patched(tmp_path / "on", version, {})
    valve = files["tomcat/catalina-server.xml"]
    assert 'directory="/dev"' in valve
    assert 'rotatable="false"' in valve
    assert "HTTP_ACCESS console" in valve
    assert {"access_log_directory=/dev", "access_log_prefix=stdout", "access_log_suffix="} <= set(
        files["access-log.properties"].splitlines()
    )
    # A log that is rotated reads the file that is there: standard output never ends.
    assert files["nhttp.properties"] == "nhttp.is.log.rotatable=false\n"
    off = patched(tmp_path / "off", version, {}, access=False)
    assert list(off) == ["log4j2.properties" if version == "6.6.0" else "log4j.properties"]


@pytest.mark.parametrize(
    ("levels", "words"),
    [({"a b": "INFO"}, "log_levels.a b must be the name"), ({"a.b": "LOUD"}, "log_levels.a.b must be one of")],
)
def test_a_level_that_is_none_is_refused(levels: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        made(("ei", {"log_levels": levels}))
