"""MySQL is killed at random moments of dumps and restores: what was backed up before can be restored, with every row.

Not part of `make e2e`, for its time, about 40 s a pair of kills: `make e2e E2E=kills`, with WSO2EI_KILLS=4 for a few.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator

import pytest

from tests.e2e.machine import Machine, eventually
from tests.e2e.test_backup import REGISTRY, backup, start

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600), pytest.mark.usefixtures("first_up")]
KILLS = int(os.environ.get("WSO2EI_KILLS", "20"))
# 32 MB, in a dump twice as much: seconds for a dump and a restore.
FILL = (
    """
CREATE TABLE KILLED (ID INT AUTO_INCREMENT PRIMARY KEY, CONTENT VARBINARY(1024));
INSERT INTO KILLED (CONTENT) VALUES (RANDOM_BYTES(1024));
"""
    + 15 * "INSERT INTO KILLED (CONTENT) SELECT RANDOM_BYTES(1024) FROM KILLED;\n"
)
ROWS = "SELECT COUNT(*), SUM(CRC32(CONTENT)) FROM KILLED"


@pytest.fixture
def stack(machine: Machine) -> Iterator[Machine]:
    machine.bring_up()
    machine.configure("set", "wso2ei:mysql.backup.schedule", "0 0 1 1 *")
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
    time.sleep(random.uniform(0, within))  # noqa: S311 - no secret
    machine.kubectl("delete", "pod", "-l", "app.kubernetes.io/name=mysql", "--grace-period=0", "--force").ok()
    machine.kubectl("rollout", "status", "statefulset/wso2ei-mysql", "--timeout=5m").ok()
    return end(machine, job)


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
    for turn in range(KILLS // 2):
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
