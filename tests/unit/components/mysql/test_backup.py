"""Backups of MySQL: a Job of the schedule can only read, one that restores only runs when it is created by hand."""

from __future__ import annotations

from typing import Any

import pytest

from components.mysql.backup import NEVER
from components.mysql.connection import CLIENT_LABEL
from tests.unit.components.mysql.test_database import database, made
from tests.unit.support.recording import Recorder

BACKUP = {"schedule": "30 2 * * *", "time_zone": "Europe/Berlin", "keep": 7, "keep_days": 30}
S3 = {
    "endpoint": "https://s3.example.com", "bucket": "dumps", "prefix": "wso2ei/prod", "region": "us-east-1",
    "access_key_id": "AKIA", "ca_config_map": "company-ca", "size": "20Gi",
}  # fmt: skip
STORAGE = {"kind": "claim", "namespace": "team", "claim_name": "dumps"}


def with_backups(**args: Any) -> Recorder:
    return database(**{"backup": BACKUP, "backup_storage": STORAGE} | args)


def with_bucket(s3: dict[str, Any] | None = None, **args: Any) -> Recorder:
    plain: dict[str, Any] = {"backup": BACKUP | {"s3": S3 | (s3 or {})}, "rclone_image": "rclone:1.75.2"}
    return database(**plain | {"s3_secret_access_key": "key-of-the-test"} | args)


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


def containers(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]


def folders(container: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["mountPath"] for one in container["volumeMounts"]}


def test_with_a_bucket_the_dump_is_finished_before_it_is_copied_and_there_is_no_volume() -> None:
    done = with_bucket()
    dump, upload = containers(pod(done, "db-backup"))
    assert (dump["name"], dump["command"][1:]) == ("dump", ["/in_pod/mysql_backup.sh"])
    assert (upload["image"], upload["command"][1:]) == ("rclone:1.75.2", ["/in_pod/mysql_backup_s3.sh", "upload"])
    values = {item["name"]: item["value"] for item in upload["env"]}
    assert values == {
        "S3_ENDPOINT": "https://s3.example.com", "S3_REGION": "us-east-1", "S3_FOLDER": "dumps/wso2ei/prod",
        "S3_CA": "/run/bucket-ca/ca.crt", "KEEP": "7", "KEEP_DAYS": "30",
    }  # fmt: skip
    assert spec(done, "db-backup")["jobTemplate"]["spec"]["activeDeadlineSeconds"] == (15 + 60 + 120) * 60
    assert [item.name for item in done.registered if item.name == "db-backups"] == []
    assert not any("persistentVolumeClaim" in one for one in pod(done, "db-backup")["spec"]["volumes"])
    held = next(one["emptyDir"] for one in pod(done, "db-backup")["spec"]["volumes"] if one["name"] == "backups")
    assert held == {"sizeLimit": "20Gi"}


def test_with_a_bucket_a_restore_fetches_before_it_restores() -> None:
    fetch, restore = containers(pod(with_bucket(), "db-restore"))
    assert fetch["command"][1:] == ["/in_pod/mysql_backup_s3.sh", "fetch"]
    assert {"name": "FROM", "value": "latest"} in fetch["env"]
    assert restore["command"][1:] == ["/in_pod/mysql_backup_restore.sh"]
    assert mount({"spec": {"containers": [restore]}})["readOnly"] is True


@pytest.mark.parametrize("name", ["db-backup", "db-restore"])
def test_neither_container_reads_the_secrets_of_the_other(name: str) -> None:
    done = with_bucket()
    template = pod(done, name)
    of_mysql, of_bucket = {"mysql-passwords", "rendered"}, {"bucket-keys", "bucket-rendered", "bucket-ca"}
    for container in containers(template):
        other = of_mysql if container["image"].startswith("rclone") else of_bucket
        assert set(folders(container)) & other == set()
    assert secrets(template)["db-backup-bucket-0a1b2c3d"] == ["access-key-id", "secret-access-key"]
    assert "key-of-the-test" not in str(template)


def test_an_existing_secret_has_the_key_of_the_bucket() -> None:
    done = with_bucket({"access_key_id": None, "secret": "team-bucket"}, s3_secret_access_key=None)
    assert secrets(pod(done, "db-restore"))["team-bucket"] == ["access-key-id", "secret-access-key"]
    assert made(done, "db-backup-bucket") is None


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [("https://s3.example.com", 443), ("http://minio", 80), ("https://minio.storage:9000", 9000)],
)
def test_pods_with_a_bucket_reach_its_port_too(endpoint: str, port: int) -> None:
    *_, bucket = spec(with_bucket({"endpoint": endpoint}), "db-clients-of-backup")["egress"]
    assert bucket == {"ports": [{"port": port, "protocol": "TCP"}]}


def test_jobs_that_ended_do_not_keep_the_claim_of_a_place_that_is_left() -> None:
    for recorder in (with_backups(), with_bucket()):
        for name in ("db-backup", "db-restore"):
            found = made(recorder, name)
            assert found
            assert found.request.deleteBeforeReplace
            claim = "spec.jobTemplate.spec.template.spec.volumes[0].persistentVolumeClaim"
            assert list(found.request.replaceOnChanges) == [claim]
            assert pod(recorder, name)["spec"]["volumes"][0]["name"] == "backups"


def test_pods_with_two_images_pull_both() -> None:
    assert pod(with_bucket(backup_pull_secret="both"), "db-backup")["spec"]["imagePullSecrets"] == [{"name": "both"}]


@pytest.mark.parametrize(
    ("args", "words"),
    [({"rclone_image": ""}, "requires rclone_image"), ({"s3_secret_access_key": None}, "requires secret, or")],
)
def test_a_bucket_needs_an_image_and_a_key(args: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=f"db-backup-bucket: a bucket {words}"):
        with_bucket(**args)


def test_the_program_of_the_bucket_is_there_only_with_one() -> None:
    def programs(recorder: Recorder) -> set[str]:
        found = made(recorder, "db-backup-programs")
        assert found
        return set(found.body()["data"])

    assert programs(with_bucket()) - programs(with_backups()) == {"mysql_backup_s3.sh"}


DRILL = BACKUP | {"drill": "0 5 * * 0", "drill_size": "20Gi"}


def test_a_drill_restores_in_its_own_pod_with_no_password_and_no_way_to_the_server() -> None:
    done = with_backups(backup=DRILL)
    found, template = spec(done, "db-drill"), pod(done, "db-drill")
    assert (found["schedule"], found["timeZone"], found["jobTemplate"]["spec"]["backoffLimit"]) == (
        "0 5 * * 0", "Europe/Berlin", 0,
    )  # fmt: skip
    assert secrets(template) == {}
    assert mount(template)["readOnly"] is True
    assert CLIENT_LABEL.items().isdisjoint(template["metadata"]["labels"].items())
    policy = spec(done, "db-clients-of-drill")
    assert policy["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert (policy["policyTypes"], policy["ingress"], policy["egress"]) == (["Ingress", "Egress"], [], [])
    assert {"name": "drill", "emptyDir": {"sizeLimit": "20Gi"}} in template["spec"]["volumes"]
    config_map = made(done, "db-backup-programs")
    assert config_map
    assert {"mysql_backup_drill.sh", "mysql_server.sh", "mysql_backup_restore.sh"} <= set(config_map.body()["data"])


def test_a_drill_fetches_from_a_bucket_and_reaches_nothing_else() -> None:
    done = with_bucket(backup=DRILL | {"s3": S3})
    fetch, drill = containers(pod(done, "db-drill"))
    assert fetch["command"][1:] == ["/in_pod/mysql_backup_s3.sh", "fetch"]
    assert set(folders(drill)) == {"backups", "drill", "programs", "scratch"}
    dns, bucket = spec(done, "db-clients-of-drill")["egress"]
    assert {port["port"] for port in dns["ports"]} == {53, 5353}
    assert bucket == {"ports": [{"port": 443, "protocol": "TCP"}]}


def test_without_a_drill_there_is_nothing_of_one() -> None:
    assert [item.name for item in with_backups().registered if "drill" in item.name] == []
