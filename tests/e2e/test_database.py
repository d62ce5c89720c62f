"""Changes of the MySQL server: rejected options and versions, a broken image, a database of the official image."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.machine import Machine, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400), pytest.mark.usefixtures("first_up")]
SERVER = "wso2ei-mysql-0"


def server(machine: Machine) -> dict[str, Any]:
    (found,) = machine.pods("mysql")
    return found


def ready(machine: Machine) -> bool:
    statuses = [status for pod in machine.pods("mysql") for status in pod["status"].get("containerStatuses", [])]
    return bool(statuses) and all(status["ready"] for status in statuses)


@pytest.fixture
def configured(machine: Machine) -> Iterator[Machine]:
    machine.bring_up()
    yield machine
    machine.configure("rm", "wso2ei:mysql.options")
    machine.update().ok()


def test_options_that_mysqld_rejects_leave_the_running_server_alone(configured: Machine) -> None:
    before = server(configured)["metadata"]["uid"]
    for option, words in (
        ("--no-such-option=1", "unknown variable 'no-such-option=1'"),
        ("--lower-case-table-names=1", "counts at initialisation only"),
    ):
        configured.configure("set", "wso2ei:mysql.options[0]", option)
        refused = configured.update()
        assert refused.code != 0
        assert words in refused.text
        assert server(configured)["metadata"]["uid"] == before
        assert configured.sql("WSO2EI_USER_DB", "SELECT COUNT(*) FROM UM_USER") == "1"


def test_an_older_mysql_is_refused_and_the_running_server_left_alone(machine: Machine) -> None:
    machine.bring_up(changes_may_wait=True)
    before = server(machine)["metadata"]["uid"]
    machine.configure("set", "wso2ei:images.mysql", "docker.io/library/mysql:8.0.46")
    try:
        refused = machine.update()
    finally:
        machine.configure("rm", "wso2ei:images.mysql")
    assert refused.code != 0
    assert "must not be older than the running MySQL 8.4.10, whose data 8.0.46 does not take over" in refused.text
    assert server(machine)["metadata"]["uid"] == before
    assert ready(machine)


def schema_job(machine: Machine, name: str, retries: int | None = None) -> str:
    """The schema Job of the running stack, under another name, with its own retries unless others are given."""
    (job,) = machine.objects("jobs", "-l", "app.kubernetes.io/name=wso2ei-schema")
    template = job["spec"]["template"]
    labels = {k: v for k, v in template["metadata"]["labels"].items() if not k.endswith(("controller-uid", "job-name"))}
    limit = job["spec"]["backoffLimit"] if retries is None else retries
    spec = {"backoffLimit": limit, "template": template | {"metadata": {"labels": labels}}}
    # Without labels of its own it would get those of its pods, and be found as the stack's.
    metadata = {"name": name, "labels": {"app": name}}
    return json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec})


def schema_job_of_6_6_0(machine: Machine) -> str:
    """With what differs in 6.6.0 but for the image; it has one try."""
    text = schema_job(machine, "schema-of-6-6-0", 0).replace("mysql5.7.sql", "mysql.sql")
    return text.replace('"name": "EI_VERSION", "value": "6.5.0"', '"name": "EI_VERSION", "value": "6.6.0"')


def test_tables_of_another_ei_version_are_named_with_wso2_s_step_and_stay_as_they_are(machine: Machine) -> None:
    machine.bring_up(changes_may_wait=True)
    marks = "SELECT GROUP_CONCAT(SCRIPT) FROM WSO2EI_SCHEMA"
    machine.kubectl("create", "-f", "-", stdin=schema_job_of_6_6_0(machine)).ok()
    try:
        machine.kubectl("wait", "--for=condition=Failed", "job/schema-of-6-6-0", "--timeout=3m").ok()
        reason = machine.kubectl("logs", "job/schema-of-6-6-0", "-c", "schema").text
    finally:
        machine.kubectl("delete", "job/schema-of-6-6-0").ok()
    assert "has the tables of EI 6.2.0 to 6.5.0, not those of 6.6.0" in reason
    assert "no node of 6.6.0 was started. Fix: run WSO2's migration to 6.6.0" in reason
    for database in ("WSO2EI_USER_DB", "WSO2EI_INTEGRATOR_CONFIG_GOV_DB"):
        assert machine.sql(database, marks) == "mysql5.7.sql"


def test_each_of_ei_s_users_reaches_its_own_database_alone(machine: Machine) -> None:
    machine.bring_up(changes_may_wait=True)
    tables = {"user": "WSO2EI_USER_DB.UM_USER", "registry": "WSO2EI_INTEGRATOR_CONFIG_GOV_DB.REG_PATH"}
    for user in tables:
        login = f'mysql --user=wso2ei_{user} --password="$(cat /run/secrets/mysql/{user}-password)" --host=127.0.0.1'
        for owner, table in tables.items():
            script = f"{login} --execute='SHOW COLUMNS FROM {table}'"
            done = machine.kubectl("exec", SERVER, "-c", "mysql", "--", "sh", "-c", script)
            denied = f"SELECT command denied to user 'wso2ei_{user}'" in done.text
            assert (denied, done.code == 0) == (owner != user, owner == user), done.text


def gates(machine: Machine) -> list[str]:
    """Termination messages of the gates of all nodes."""
    statuses = [one for pod in machine.nodes() for one in pod["status"].get("initContainerStatuses", [])]
    return [
        status[when].get("terminated", {}).get("message", "")
        for status in statuses
        if status["name"] == "gate"
        for when in ("state", "lastState")
    ]


def test_a_node_that_finds_no_tables_reports_it_and_starts_once_they_are_back(machine: Machine) -> None:
    machine.bring_up()
    node = machine.nodes()[0]["metadata"]["name"]
    machine.sql("WSO2EI_USER_DB", "RENAME TABLE UM_HYBRID_ROLE TO LOST")
    try:
        machine.kubectl("delete", "pod", node, "--wait=false").ok()
        eventually(
            "the gate's reason", lambda: any("the tables are gone" in message for message in gates(machine)), 300
        )
    finally:
        machine.sql("WSO2EI_USER_DB", "RENAME TABLE LOST TO UM_HYBRID_ROLE")
    machine.kubectl("rollout", "status", "deployment/wso2ei", "--timeout=600s").ok()
    assert machine.sql("WSO2EI_USER_DB", "SELECT COUNT(*) FROM UM_USER") == "1"


def test_a_broken_server_is_replaced_when_its_template_is_corrected(machine: Machine) -> None:
    """With podManagementPolicy OrderedReady the broken pod stays (kubernetes/kubernetes#67250)."""
    machine.bring_up()
    image = server(machine)["spec"]["containers"][0]["image"]

    def run(image: str) -> None:
        template = {"spec": {"template": {"spec": {"containers": [{"name": "mysql", "image": image}]}}}}
        machine.kubectl("patch", "statefulset", "wso2ei-mysql", "-p", json.dumps(template)).ok()

    def cannot_pull() -> bool:
        statuses = [status for pod in machine.pods("mysql") for status in pod["status"].get("containerStatuses", [])]
        return any("Pull" in status["state"].get("waiting", {}).get("reason", "") for status in statuses)

    run("docker.io/library/mysql:8.4.0-missing")
    eventually("a pod that cannot pull its image", cannot_pull)
    run(image)
    eventually("the corrected server", lambda: ready(machine))
    assert machine.sql("WSO2EI_USER_DB", "SELECT COUNT(*) FROM UM_USER") == "1"


def test_a_server_of_an_earlier_release_keeps_its_data_when_its_policy_changes(machine: Machine) -> None:
    """podManagementPolicy is immutable: the StatefulSet is replaced, after the old pod is gone."""
    machine.bring_up()
    machine.sql("WSO2EI_USER_DB", "CREATE TABLE OF_AN_EARLIER_RELEASE (ID INT)")
    before = server(machine)["metadata"]["uid"]
    (current,) = machine.objects("statefulset")
    spec = current["spec"] | {"podManagementPolicy": "OrderedReady"}
    metadata = {field: current["metadata"][field] for field in ("name", "labels")}
    earlier = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}
    machine.kubectl("delete", "statefulset/wso2ei-mysql", "--cascade=orphan").ok()
    machine.kubectl("create", "-f", "-", stdin=json.dumps(earlier)).ok()
    assert server(machine)["metadata"]["uid"] == before
    machine.pulumi("up", "-s", "local", "--yes", "--skip-preview", "--refresh").ok()
    (replaced,) = machine.objects("statefulset")
    assert replaced["spec"]["podManagementPolicy"] == "Parallel"
    assert server(machine)["metadata"]["uid"] != before
    query = "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'OF_AN_EARLIER_RELEASE'"
    assert machine.sql("WSO2EI_USER_DB", query) == "1"
    machine.sql("WSO2EI_USER_DB", "DROP TABLE OF_AN_EARLIER_RELEASE")


MOVE_UP = "cd /var/lib/mysql && mv data/* data/.[!.]* . 2>/dev/null; rmdir data && ls"


def pod_on_the_claim(image: str, claim: str) -> dict[str, Any]:
    """A pod of the server's user that leaves the volume as the official image does: everything at the top."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "as-the-official-image"},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {"runAsNonRoot": True, "runAsUser": 999, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "move",
                    "image": image,
                    "command": ["bash", "-c", MOVE_UP],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [{"name": "data", "mountPath": "/var/lib/mysql"}],
                }
            ],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
        },
    }


def test_a_database_of_the_official_image_is_moved_by_the_command_of_the_error(machine: Machine) -> None:
    machine.bring_up()
    machine.sql("WSO2EI_USER_DB", "CREATE TABLE OF_THE_OFFICIAL_IMAGE (ID INT)")
    spec = server(machine)["spec"]
    claim = next(volume["persistentVolumeClaim"]["claimName"] for volume in spec["volumes"] if volume["name"] == "data")
    machine.kubectl("scale", "statefulset/wso2ei-mysql", "--replicas=0").ok()
    machine.kubectl("wait", "--for=delete", f"pod/{SERVER}", "--timeout=5m").ok()
    machine.kubectl("apply", "-f", "-", stdin=json.dumps(pod_on_the_claim(spec["containers"][0]["image"], claim))).ok()
    done = "jsonpath={.status.phase}=Succeeded"
    machine.kubectl("wait", f"--for={done}", "pod/as-the-official-image", "--timeout=5m").ok()
    machine.kubectl("delete", "pod/as-the-official-image").ok()
    machine.kubectl("scale", "statefulset/wso2ei-mysql", "--replicas=1").ok()

    def error() -> str:
        text = machine.kubectl("logs", SERVER, "-c", "mysql").text
        return text if "mysql_server: the database is at the top of this volume" in text else ""

    message = eventually("the server's error", error, 180)
    assert "initialising" not in message
    command = re.search(r"kubectl -n \S+ debug .*", message)
    assert command
    machine.run(["bash", "-euo", "pipefail", "-c", command[0]], env=machine.environment).ok()
    query = "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'OF_THE_OFFICIAL_IMAGE'"
    assert machine.sql("WSO2EI_USER_DB", query) == "1"
    machine.sql("WSO2EI_USER_DB", "DROP TABLE OF_THE_OFFICIAL_IMAGE")
