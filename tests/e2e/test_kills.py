"""MySQL is killed at random moments of dumps, restores and schema Jobs: no row and no table is lost.

Not part of `make e2e`, for its time, about 20 s a kill: `make e2e E2E=kills`, with WSO2EI_KILLS=6 for a few.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator

import pytest

from tests.e2e.machine import Machine, eventually
from tests.e2e.test_backup import REGISTRY, USERS, backup, start
from tests.e2e.test_database import ready, schema_job

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600), pytest.mark.usefixtures("first_up")]
KILLS = int(os.environ.get("WSO2EI_KILLS", "21"))
# 32 MB, in a dump twice as much: seconds for a dump and a restore.
FILL = (
    """
CREATE TABLE KILLED (ID INT AUTO_INCREMENT PRIMARY KEY, CONTENT VARBINARY(1024));
INSERT INTO KILLED (CONTENT) VALUES (RANDOM_BYTES(1024));
"""
    + 15 * "INSERT INTO KILLED (CONTENT) SELECT RANDOM_BYTES(1024) FROM KILLED;\n"
)
ROWS = "SELECT COUNT(*), SUM(CRC32(CONTENT)) FROM KILLED"

# All columns, keys and references, as a number each.
SHAPE = "".join(
    f"SELECT COUNT(*), SUM(CRC32(CONCAT_WS(',', {columns}))) FROM information_schema.{table}"  # noqa: S608 - see below
    f" WHERE {schema} = DATABASE() AND TABLE_NAME RLIKE '^(UM|REG)_';\n"
    for table, schema, columns in (
        ("COLUMNS", "TABLE_SCHEMA", "TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, COLUMN_DEFAULT, IS_NULLABLE, EXTRA"),
        ("STATISTICS", "TABLE_SCHEMA", "TABLE_NAME, INDEX_NAME, NON_UNIQUE, SEQ_IN_INDEX, COLUMN_NAME"),
        ("REFERENTIAL_CONSTRAINTS", "CONSTRAINT_SCHEMA", "TABLE_NAME, REFERENCED_TABLE_NAME, DELETE_RULE"),
    )
)


@pytest.fixture(scope="module")
def stack(machine: Machine) -> Iterator[Machine]:
    machine.bring_up()
    machine.configure("set", "wso2ei:mysql.backup.schedule", "0 0 1 1 *")
    machine.configure("set", "wso2ei:mysql.backup.keep", str(KILLS + 1))
    machine.update().ok()
    machine.kubectl("scale", "deployment/wso2ei", "--replicas=0").ok()
    machine.kubectl("wait", "--for=delete", "pod", "-l", "app.kubernetes.io/name=wso2ei", "--timeout=5m").ok()
    yield machine
    machine.sql(REGISTRY, "DROP TABLE IF EXISTS KILLED")
    machine.configure("rm", "wso2ei:mysql.backup")
    machine.update().ok()
    machine.kubectl("scale", "deployment/wso2ei", "--replicas=2").ok()


def restore(machine: Machine, job: str, name: str) -> None:
    words = ["create", "job", job, "--from=cronjob/wso2ei-mysql-restore", "--dry-run=client", "-o", "yaml"]
    template = machine.kubectl(*words).ok()
    values = ["set", "env", "--local", "-f", "-", f"FROM={name}", "FORCE=1", "-o", "yaml"]
    machine.kubectl("create", "-f", "-", stdin=machine.kubectl(*values, stdin=template).ok()).ok()


def end(machine: Machine, job: str) -> str:
    """Complete or Failed, when the Job is either."""

    def condition() -> str:
        status = json.loads(machine.kubectl("get", "job", job, "-o", "json").ok())["status"]
        ended = {"Complete", "Failed"} & {one["type"] for one in status.get("conditions", [])}
        return ended.pop() if ended else ""

    return eventually(f"the end of {job}", condition, 600)


def seconds(machine: Machine, job: str, logged: str) -> float:
    """From the moment that the Job's log has the words until it is complete."""
    eventually(f"{logged} in {job}", lambda: logged in machine.kubectl("logs", f"job/{job}").text)
    since = time.monotonic()
    assert end(machine, job) == "Complete", machine.kubectl("logs", f"job/{job}").text
    return time.monotonic() - since


def kill(machine: Machine, job: str, logged: str, within: float) -> str:
    """Kill MySQL at a random moment of a Job's work; how the Job ended."""
    eventually(f"{logged} in {job}", lambda: logged in machine.kubectl("logs", f"job/{job}").text)
    kill_server(machine, within)
    return end(machine, job)


def kill_server(machine: Machine, within: float) -> None:
    """Kill MySQL at a random moment, and wait until it is back."""
    time.sleep(random.uniform(0, within))  # noqa: S311 - no secret
    machine.kubectl("delete", "pod", "-l", "app.kubernetes.io/name=mysql", "--grace-period=0", "--force").ok()
    # Not `rollout status`: it reads a status from before the deletion.
    eventually("MySQL runs again", lambda: ready(machine), 300)


def test_no_row_is_lost_whenever_mysql_is_killed(stack: Machine) -> None:
    stack.sql(REGISTRY, FILL)
    rows = stack.sql(REGISTRY, ROWS)
    start(stack, "older")
    dump_seconds = seconds(stack, "older", "dumping the databases")
    older = backup(stack, "older")
    restore(stack, "whole", older)
    restore_seconds = seconds(stack, "whole", "restoring")
    assert stack.sql(REGISTRY, ROWS) == rows
    ends: list[str] = []
    for turn in range(KILLS // 3):
        start(stack, f"dump-{turn}")
        ends.append("dump " + kill(stack, f"dump-{turn}", "dumping the databases", dump_seconds))
        restore(stack, f"killed-{turn}", older)
        ends.append("restore " + kill(stack, f"killed-{turn}", "restoring", restore_seconds))
        restore(stack, f"again-{turn}", older)
        assert end(stack, f"again-{turn}") == "Complete", stack.kubectl("logs", f"job/again-{turn}").text
        assert stack.sql(REGISTRY, ROWS) == rows, f"rows of {older} are lost after {ends}"
        print(f"{turn}: {ends[-2:]}, {rows.split()[0]} rows are back", flush=True)
    # Whatever a dump that was interrupted left is no backup: each one can be restored, the latest too.
    restore(stack, "latest", "latest")
    assert end(stack, "latest") == "Complete"
    assert stack.sql(REGISTRY, ROWS) == rows
    print(f"dump {dump_seconds:.0f}s, restore {restore_seconds:.0f}s; " + ", ".join(ends))
    assert "restore Failed" in ends, "no kill hit a restore: nothing was shown"


def schema_loaded(machine: Machine, job: str, kill_within: float = 0) -> float:
    """Empty both databases and run the schema Job, once with a killed server; return the seconds that it took."""
    for database in (USERS, REGISTRY):
        machine.sql("mysql", f"DROP DATABASE {database}; CREATE DATABASE {database}")
    machine.kubectl("create", "-f", "-", stdin=schema_job(machine, job)).ok()
    eventually(f"{job} loads", lambda: "schema: loading" in machine.kubectl("logs", f"job/{job}").text)
    since = time.monotonic()
    if kill_within:
        kill_server(machine, kill_within)
    assert end(machine, job) == "Complete", machine.kubectl("logs", f"job/{job}").text
    return time.monotonic() - since


def test_no_table_is_missing_whenever_mysql_is_killed_in_the_schema_job(stack: Machine) -> None:
    whole_seconds = schema_loaded(stack, "schema-whole")
    shapes = {database: stack.sql(database, SHAPE) for database in (USERS, REGISTRY)}
    repeated = 0
    for turn in range(KILLS // 3):
        took = schema_loaded(stack, f"schema-{turn}", whole_seconds)
        assert {database: stack.sql(database, SHAPE) for database in shapes} == shapes
        pods = len(stack.objects("pods", "-l", f"batch.kubernetes.io/job-name=schema-{turn}"))
        repeated += pods > 1
        print(f"{turn}: {pods} tries, {took:.0f}s instead of {whole_seconds:.0f}s, all tables are there", flush=True)
    assert repeated, "no kill hit a schema Job at its work: nothing was shown"
