"""Backups of MySQL: a Job of the schedule can only read, one that restores only runs when it is created by hand."""

from __future__ import annotations

from typing import Any

import pytest

from components.mysql.backup import NEVER
from components.mysql.connection import CLIENT_LABEL
from tests.unit.components.mysql.test_database import database, made
from tests.unit.support.recording import Recorder

BACKUP = {"schedule": "30 2 * * *", "time_zone": "Europe/Berlin", "keep": 7, "keep_days": 30}
STORAGE = {"kind": "claim", "namespace": "team", "claim_name": "dumps"}


def with_backups(**args: Any) -> Recorder:
    return database(**{"backup": BACKUP, "backup_storage": STORAGE} | args)


def spec(recorder: Recorder, name: str) -> dict[str, Any]:
    found = made(recorder, name)
    assert found
    body: dict[str, Any] = found.body()["spec"]
    return body


def pod(recorder: Recorder, name: str) -> dict[str, Any]:
    template: dict[str, Any] = spec(recorder, name)["jobTemplate"]["spec"]["template"]
    return template


def secrets(template: dict[str, Any]) -> dict[str, list[str]]:
    found = [volume["secret"] for volume in template["spec"]["volumes"] if "secret" in volume]
    return {secret["secretName"]: [item["key"] for item in secret["items"]] for secret in found}


def variables(template: dict[str, Any]) -> dict[str, str]:
    (container,) = template["spec"]["containers"]
    return {item["name"]: item.get("value", "") for item in container["env"]}


def mount(template: dict[str, Any]) -> dict[str, Any]:
    (container,) = template["spec"]["containers"]
    return next(one for one in container["volumeMounts"] if one["name"] == "backups")


def test_a_scheduled_job_runs_one_at_a_time_and_ends_by_itself() -> None:
    done = with_backups()
    found = spec(done, "db-backup")
    assert {key: found[key] for key in ("schedule", "timeZone", "concurrencyPolicy")} == {
        "schedule": "30 2 * * *", "timeZone": "Europe/Berlin", "concurrencyPolicy": "Forbid",
    }  # fmt: skip
    job = found["jobTemplate"]["spec"]
    assert (job["backoffLimit"], job["activeDeadlineSeconds"]) == (1, (15 + 60) * 60)
    values = variables(pod(done, "db-backup"))
    assert (values["KEEP"], values["KEEP_DAYS"], values["BACKUP_DATABASE_USER"]) == ("7", "30", "wso2ei_backup")
    assert "KEEP_DAYS" not in variables(pod(with_backups(backup=BACKUP | {"keep_days": None}), "db-backup"))


def test_each_job_has_the_passwords_that_it_needs_and_no_other() -> None:
    done = with_backups()
    assert secrets(pod(done, "db-backup")) == {"db-backup-passwords-0a1b2c3d": ["backup-password"]}
    assert secrets(pod(done, "db-restore")) == {"db-passwords-0a1b2c3d": ["user-password", "registry-password"]}
    existing = with_backups(passwords_secret="team-mysql")
    assert secrets(pod(existing, "db-backup")) == {"team-mysql": ["backup-password"]}
    assert [item.name for item in existing.registered if item.type.endswith(":RandomPassword")] == []


def test_a_restore_starts_by_hand_only_and_reads_the_volume() -> None:
    done = with_backups()
    found = spec(done, "db-restore")
    assert (found["suspend"], found["schedule"]) == (True, NEVER)
    assert found["jobTemplate"]["spec"]["backoffLimit"] == 0
    assert mount(pod(done, "db-restore"))["readOnly"] is True
    assert "readOnly" not in mount(pod(done, "db-backup"))
    assert {"FROM": "latest", "FORCE": ""}.items() <= variables(pod(done, "db-restore")).items()


@pytest.mark.parametrize("name", ["db-backup", "db-restore"])
def test_pods_have_what_all_pods_of_a_component_have(name: str) -> None:
    done = with_backups(pull_secret="pull", pods={"labels": {"team": "x"}, "annotations": {"a": "b"}},
                        scheduling={"priority_class": "high"})  # fmt: skip
    template = pod(done, name)
    labels = template["metadata"]["labels"]
    assert CLIENT_LABEL.items() <= labels.items()
    assert labels["team"] == "x"
    assert labels["app.kubernetes.io/version"] == "8.4.10"
    # With a sidecar the Job would not end.
    assert labels["sidecar.istio.io/inject"] == "false"
    assert template["metadata"]["annotations"]["a"] == "b"
    assert template["spec"]["imagePullSecrets"] == [{"name": "pull"}]
    assert template["spec"]["priorityClassName"] == "high"


def test_pods_of_backups_reach_the_server_and_dns_and_are_reached_by_nothing() -> None:
    done = with_backups()
    policy = spec(done, "db-clients-of-backup")
    assert policy["podSelector"]["matchLabels"].items() <= pod(done, "db-restore")["metadata"]["labels"].items()
    assert (policy["policyTypes"], policy["ingress"]) == (["Ingress", "Egress"], [])
    server, dns = policy["egress"]
    server_labels = spec(done, "db-server")["template"]["metadata"]["labels"]
    assert server["to"][0]["podSelector"]["matchLabels"].items() <= server_labels.items()
    assert [port["port"] for port in server["ports"]] == [3306]
    assert {port["port"] for port in dns["ports"]} == {53, 5353}


def test_the_server_makes_the_user_of_backups_before_the_first_one() -> None:
    done = with_backups()
    template = spec(done, "db-server")["template"]
    assert variables(template)["BACKUP_DATABASE_USER"] == "wso2ei_backup"
    assert secrets(template)["db-backup-passwords-0a1b2c3d"] == ["backup-password"]
    cron_job = made(done, "db-backup")
    assert cron_job
    assert any(urn.endswith("::db-server") for urn in cron_job.request.dependencies)


def test_without_backups_there_is_nothing_of_them() -> None:
    done = database()
    assert [item.name for item in done.registered if "backup" in item.name or "restore" in item.name] == []
    assert "backup" not in str(spec(done, "db-server"))


def test_backups_need_a_volume() -> None:
    with pytest.raises(ValueError, match="MysqlDatabase db: backup requires backup_storage"):
        database(backup=BACKUP)
