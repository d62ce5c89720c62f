"""Backups of MySQL, on a volume and in a bucket: a dump, one that is killed, what a restore rejects, and a drill."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e import bucket
from tests.e2e.machine import NAMESPACE, Machine, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800), pytest.mark.usefixtures("first_up")]
USERS, REGISTRY = "WSO2EI_USER_DB", "WSO2EI_INTEGRATOR_CONFIG_GOV_DB"
TABLES = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema LIKE 'WSO2EI%'"
ROUTINES = "SELECT ROUTINE_NAME FROM information_schema.routines WHERE routine_schema LIKE 'WSO2EI%'"
WITH_KUBECTL = """
kubectl -n wso2 create job restore-1 --from=cronjob/wso2ei-mysql-restore --dry-run=client -o yaml |
  kubectl set env --local -f - FROM=latest FORCE=1 -o yaml | kubectl -n wso2 create -f -
"""
READ = "SELECT HEX(REG_CONTENT_DATA) FROM WSO2EI_INTEGRATOR_CONFIG_GOV_DB.REG_CONTENT WHERE REG_CONTENT_ID = 90001"


@pytest.fixture(scope="module")
def stack(machine: Machine) -> Iterator[Machine]:
    machine.bring_up()
    # Jobs are created by hand here; this schedule is far away.
    machine.configure("set", "wso2ei:mysql.backup.schedule", "0 0 1 1 *")
    machine.configure("set", "wso2ei:mysql.backup.drill", "0 0 1 1 *")
    machine.update().ok()
    yield machine
    machine.configure("rm", "wso2ei:mysql.backup")
    machine.update().ok()


def start(machine: Machine, job: str, what: str = "backup") -> None:
    machine.kubectl("create", "job", job, f"--from=cronjob/wso2ei-mysql-{what}").ok()


def backup(machine: Machine, job: str) -> str:
    """The name of the backup of a Job that has ended."""
    machine.kubectl("wait", "--for=condition=Complete", f"job/{job}", "--timeout=120s").ok()
    found = re.search(r"made (\w+),", machine.kubectl("logs", f"job/{job}", "--all-containers").ok())
    assert found
    return found[1]


def running(machine: Machine, job: str) -> list[str]:
    """The Job's pods that run and are not being deleted."""
    pods = machine.objects("pods", "-l", f"batch.kubernetes.io/job-name={job}")
    return [
        pod["metadata"]["name"]
        for pod in pods
        if pod["status"]["phase"] == "Running" and not pod["metadata"].get("deletionTimestamp")
    ]


def on_volume(machine: Machine, pod: str, command: str) -> str:
    return machine.kubectl("exec", pod, "-c", "backup", "--", "sh", "-c", f"cd /backups && {command}").text


@contextmanager
def connected(machine: Machine, user: str, key: str, statements: str = "") -> Iterator[None]:
    """A connection of a user that stays open while the block runs."""
    server = machine.pods("mysql")[0]["metadata"]["name"]
    # root exists for the socket only.
    host = "" if user == "root" else "--host=127.0.0.1"
    script = f'mysql {host} --user={user} --password="$(cat /run/secrets/mysql/{key})"'
    holder = subprocess.Popen(
        ["kubectl", "-n", NAMESPACE, "exec", "-i", server, "-c", "mysql", "--", "sh", "-c", script],
        env=machine.environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert holder.stdin
    holder.stdin.write(f"{statements} DO SLEEP(900);\n")
    holder.stdin.flush()
    holding = "SELECT ID FROM performance_schema.processlist WHERE INFO LIKE 'DO SLEEP(900)%'"
    try:
        session = eventually("the connection", lambda: machine.sql("", holding))
        try:
            yield
        finally:
            machine.sql("", f"KILL {session}")
    finally:
        holder.kill()
        holder.wait()


@contextmanager
def locked(machine: Machine) -> Iterator[None]:
    """A table that no dump can read while the block runs."""
    machine.sql(USERS, "CREATE TABLE LOCKED (ID INT)")
    try:
        with connected(machine, "root", "root-password", f"LOCK TABLES {USERS}.LOCKED WRITE;"):
            yield
    finally:
        machine.sql(USERS, "DROP TABLE LOCKED")


def partial(machine: Machine, job: str) -> list[str]:
    """A running pod of the Job and the folder in which it writes; empty as long as there is none."""
    for pod in running(machine, job):
        names = on_volume(machine, pod, "ls -d *.partial").split()
        if len(names) == 1 and names[0].endswith(f".{pod}.partial"):
            return [pod, names[0]]
    return []


def test_what_was_dumped_is_restored_into_empty_databases_and_nothing_else_is_changed(stack: Machine) -> None:
    # Definers as those of the stack's users; the dump has all kinds of objects.
    stack.sql(REGISTRY, "CREATE DEFINER='wso2ei_registry'@'%' PROCEDURE KEPT() SELECT 1")
    stack.sql(REGISTRY, "INSERT INTO REG_CONTENT VALUES (90001, X'00FF270A5C0D1A', -1234)")
    tables = stack.sql("", TABLES)
    start(stack, "first")
    first = backup(stack, "first")

    with locked(stack):
        start(stack, "killed")
        pod, rest = eventually("a dump that waits", lambda: partial(stack, "killed"))
        stack.kubectl("delete", "pod", pod, "--grace-period=1").ok()
        # The Job's second try: it removed what the first one left.
        second, own = eventually("the second try", lambda: partial(stack, "killed"))
        assert own != rest
        # Others may have been there before.
        assert [name for name in on_volume(stack, second, "ls").split() if name >= first] == sorted([first, own])
        assert "OK" in on_volume(stack, second, f"cd {first} && sha256sum --check wso2ei.sql.gz.sha256")
    later = backup(stack, "killed")
    assert later > first

    refused = stack.make("restore", "FORCE=1")
    assert refused.code != 0
    assert "EI runs, or is being stopped; nothing was changed" in refused.text
    fix = re.search(r"Fix: (kubectl .* scale deployment/wso2ei --replicas=0)", refused.text)
    assert fix
    stack.run(fix[1].split(), env=stack.environment).ok()
    stack.kubectl("wait", "--for=delete", "pod", "-l", "app.kubernetes.io/name=wso2ei", "--timeout=5m").ok()

    stack.sql(REGISTRY, "DELETE FROM REG_CONTENT WHERE REG_CONTENT_ID = 90001")
    # The pools of a real EI always hold connections; its stand-in opens one for each statement.
    with connected(stack, "wso2ei_registry", "registry-password"):
        refused = stack.make("restore", "FORCE=1")
    assert refused.code != 0
    assert "EI is connected to MySQL, nothing was changed" in refused.text
    refused = stack.make("restore")
    assert refused.code != 0
    assert "the databases are not empty, nothing was changed" in refused.text
    assert stack.sql("", READ) == ""

    for database in (USERS, REGISTRY):
        stack.sql("", f"DROP DATABASE {database}; CREATE DATABASE {database}")
    done = stack.make("restore", f"FROM={first}")
    assert f"done, from {first}" in done.ok()
    assert stack.sql("", READ) == "00FF270A5C0D1A", "what a text would not survive"
    assert stack.sql("", TABLES) == tables
    assert stack.sql("", ROUTINES) == "KEPT"

    # EI stays stopped: the last test restores again, and then starts it.


def test_a_backup_that_fails_reports_the_reason_in_its_pod_and_an_event(stack: Machine) -> None:
    of_users = f"SELECT ON `{USERS.replace('_', chr(92) + '_')}`.*"
    stack.sql("", f"REVOKE {of_users} FROM wso2ei_backup")
    try:
        start(stack, "rejected")
        stack.kubectl("wait", "--for=condition=Failed", "job/rejected", "--timeout=120s").ok()
    finally:
        stack.sql("", f"GRANT {of_users} TO wso2ei_backup")
    pods = stack.objects("pods", "-l", "batch.kubernetes.io/job-name=rejected")
    ended = [status["state"]["terminated"] for pod in pods for status in pod["status"]["containerStatuses"]]
    assert ended
    for message in (state["message"] for state in ended):
        assert "mysqldump: " in message
        assert "denied to user 'wso2ei_backup'" in message
        assert "mysql_backup: the dump failed, for the reason above; earlier backups are unchanged" in message
    events = json.dumps(stack.objects("events", "--field-selector=involvedObject.name=rejected"))
    assert "BackoffLimitExceeded" in events
    assert "the dump failed" in stack.make("status", "ONCE=1").text
    stack.kubectl("delete", "job", "rejected").ok()


def access_key(machine: Machine, key: str) -> None:
    """The Secret of the bucket, with another secret part."""
    values = {"access-key-id": bucket.ACCESS_KEY, "secret-access-key": key}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bucket"}, "stringData": values}
    machine.kubectl("apply", "-f", "-", stdin=json.dumps(secret)).ok()


@pytest.fixture(scope="module")
def in_a_bucket(stack: Machine) -> Iterator[Machine]:
    """The stack with its backups in a bucket."""
    with bucket.server(stack):
        access_key(stack, bucket.SECRET_KEY)
        authority = {"ca.crt": bucket.CERTIFICATE.certificate}
        config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bucket-ca"}, "data": authority}
        stack.kubectl("apply", "-f", "-", stdin=json.dumps(config_map)).ok()
        place = {"endpoint": bucket.ENDPOINT, "bucket": bucket.BUCKET, "prefix": "wso2ei/test"}
        for key, value in (place | {"secret": "bucket", "caConfigMap": "bucket-ca"}).items():
            stack.configure("set", f"wso2ei:mysql.backup.s3.{key}", value)
        stack.configure("set", "wso2ei:mysql.backup.keep", "2")
        stack.update().ok()
        yield stack
    stack.kubectl("delete", "secret/bucket", "configmap/bucket-ca").ok()


def of_backups(*names: str) -> list[str]:
    return sorted(f"wso2ei/test/{name}/wso2ei.sql.gz{suffix}" for name in names for suffix in ("", ".sha256"))


def test_what_was_copied_to_a_bucket_is_fetched_and_restored(in_a_bucket: Machine) -> None:
    stack = in_a_bucket
    assert [claim for claim in stack.objects("pvc") if "backup" in claim["metadata"]["name"]] == []
    tables = stack.sql("", TABLES)
    start(stack, "bucket-1")
    first = backup(stack, "bucket-1")
    assert bucket.objects(stack) == of_backups(first)

    access_key(stack, "another/key")
    refused = stack.make("restore", "FORCE=1")
    assert refused.code != 0
    assert "cannot be listed: Failed to lsf" in refused.text
    assert "SignatureDoesNotMatch" in refused.text
    access_key(stack, bucket.SECRET_KEY)

    stack.sql(REGISTRY, "DELETE FROM REG_CONTENT WHERE REG_CONTENT_ID = 90001")
    start(stack, "bucket-2")
    second = backup(stack, "bucket-2")
    assert bucket.objects(stack) == of_backups(first, second)
    refused = stack.make("restore", "FROM=2026")
    assert refused.code != 0
    assert f"the bucket has no backup 2026; FROM is latest or one of: {first} {second}" in refused.text
    assert f"done, from {first}" in stack.make("restore", f"FROM={first}", "FORCE=1").ok()
    assert stack.sql("", READ) == "00FF270A5C0D1A"
    assert stack.sql("", TABLES) == tables

    # With kubectl alone, as docs/backup.md has it.
    stack.run(["bash", "-ec", WITH_KUBECTL], env=stack.environment).ok()
    stack.kubectl("wait", "--for=condition=Complete", "job/restore-1", "--timeout=120s").ok()
    assert f"done, from {second}" in stack.kubectl("logs", "job/restore-1").ok()
    assert stack.sql("", READ) == ""

    start(stack, "bucket-3")
    third = backup(stack, "bucket-3")
    assert bucket.objects(stack) == of_backups(second, third), "the oldest is removed"
    stack.sql(REGISTRY, "DROP PROCEDURE KEPT")
    # Its nodes become ready during the next test.
    stack.kubectl("scale", "deployment/wso2ei", "--replicas=2").ok()


def test_a_drill_restores_the_latest_backup_and_reports_one_that_cannot_be(in_a_bucket: Machine) -> None:
    stack = in_a_bucket
    counted = stack.sql(REGISTRY, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()")
    start(stack, "intact", "drill")
    stack.kubectl("wait", "--for=condition=Complete", "job/intact", "--timeout=180s").ok()
    log = stack.kubectl("logs", "job/intact").ok()
    found = re.search(rf"{REGISTRY} has {counted} tables and (\d+) rows, as in the backup", log)
    assert found, log
    assert int(found[1]) > 0
    assert re.search(rf"{USERS} has \d+ tables and \d+ rows, as in the backup", log)

    # The checksum is right: what is wrong shows only when it is restored.
    bucket.put(stack, "wso2ei/test/20990101T000000Z", "USE `WSO2EI_USER_DB`; CREATE TABLE T (ID INT; -- Dump completed")
    start(stack, "broken", "drill")
    stack.kubectl("wait", "--for=condition=Failed", "job/broken", "--timeout=180s").ok()
    events = json.dumps(stack.objects("events", "--field-selector=involvedObject.name=broken"))
    assert "BackoffLimitExceeded" in events
    status = stack.make("status", "ONCE=1").text
    assert "20990101T000000Z cannot be restored: WSO2EI_USER_DB is incomplete now" in " ".join(status.split())
    stack.kubectl("delete", "job", "broken").ok()


def test_ei_runs_on_what_was_restored(in_a_bucket: Machine) -> None:
    stack = in_a_bucket
    stack.kubectl("rollout", "status", "deployment/wso2ei", "--timeout=600s").ok()
    eventually("a log-in", lambda: "loginStatus=true" in stack.login(stack.password()))
