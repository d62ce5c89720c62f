"""Drills: what is compared, and what a failure reports; server and clients are fakes (tests/e2e has the real ones)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.components.in_pod.test_mysql_backups import EMPTY, END, HEADER, Backups, part
from tests.unit.components.in_pod.test_mysql_clients import Rule

NAME = "20200102T000000Z"
# As mysqld: makes the folder of the data, then runs; or does not start at all.
MYSQLD = """#!/bin/sh
top=$(dirname "$(dirname "$0")")
printf '%s\\n' "$*" >>"$top/server-arguments"
case $1 in
    --initialize-insecure) mkdir -p "${2#--datadir=}/mysql" ;;
    *) [ ! -e "$top/broken" ] || { echo "2026 0 [ERROR] [MY-000067] unknown variable" && exit 1; }; exec sleep 60 ;;
esac
"""
ROWS = "INSERT INTO T VALUES (1),(2);\n"
WHOLE = HEADER + part("REG") + ROWS + part("USERS") + ROWS + END
COUNTED: list[Rule] = [
    (".*", r"SUM\(N\)", "2"),
    (".*", "CONCAT", "SELECT COUNT(*) AS N FROM `T`\nSELECT 1 AS N FROM `U`"),
]


class Drill(Backups):
    def __init__(self, top: Path) -> None:
        super().__init__(top)
        (top / "bin/mysqld").write_text(MYSQLD)
        (top / "bin/mysqld").chmod(0o755)
        self.dumps(WHOLE)

    def drill(self, *rules: Rule) -> tuple[int, str]:
        values = {"BACKUPS": str(self.top / "backups"), "WORK": str(self.top / "drill"), "LONGEST_SECONDS": "0"}
        listed: list[Rule] = [("user", "SCHEMATA", "USERS"), ("registry", "SCHEMATA", "REG")]
        return self.run("mysql_backup_drill.sh", *rules, *COUNTED, *listed, *EMPTY, **values)


@pytest.fixture
def pod(tmp_path: Path) -> Drill:
    return Drill(tmp_path)


def test_the_latest_backup_is_restored_and_its_tables_and_rows_are_compared(pod: Drill) -> None:
    pod.made("20200101T000000Z", "-- older")
    pod.made(NAME, WHOLE)
    code, said = pod.drill()
    assert code == 0, said
    assert "mysql_backup_drill: USERS has 2 tables and 2 rows, as in the backup" in said
    assert "mysql_backup_drill: REG has 2 tables and 2 rows, as in the backup" in said
    assert said.splitlines()[-1] == f"mysql_backup_drill: {NAME} can be restored"
    statement = next(text for where, text in pod.statements if where == "user" and "SUM(N)" in text)
    assert "(SELECT COUNT(*) AS N FROM `T` UNION ALL SELECT 1 AS N FROM `U`)" in statement
    _, server = (pod.top / "server-arguments").read_text().splitlines()
    assert "--bind-address=127.0.0.1" in server
    assert "pw-9" not in (pod.top / "drill/rendered/init.sql").read_text(), "the passwords are made for the drill"


@pytest.mark.parametrize("other", [ROWS.replace("(2)", "(3)"), "", "CREATE TABLE MORE (\n" + ROWS])
def test_rows_or_tables_that_the_backup_does_not_have_are_a_failure(pod: Drill, other: str) -> None:
    pod.made(NAME, WHOLE)
    pod.dumps(HEADER + part("REG") + ROWS + part("USERS") + other + END)
    code, said = pod.drill()
    assert code == 1
    expected = f"mysql_backup_drill: USERS has other tables or rows than {NAME} after it was restored"
    assert said.splitlines()[-1] == expected


def test_a_database_without_rows_is_a_failure(pod: Drill) -> None:
    pod.made(NAME, WHOLE)
    code, said = pod.drill(("registry", r"SUM\(N\)", "0"))
    assert (code, said.splitlines()[-1]) == (1, f"mysql_backup_drill: REG of {NAME} has no rows")


def test_a_backup_that_cannot_be_restored_has_the_reason_in_the_last_line(pod: Drill) -> None:
    pod.made(NAME, WHOLE, damaged=True)
    code, said = pod.drill()
    expected = f"mysql_backup_drill: {NAME} cannot be restored: {NAME} is damaged, nothing was changed"
    assert (code, said.splitlines()[-1]) == (1, expected)


def test_a_server_that_does_not_start_is_a_failure_with_its_error(pod: Drill) -> None:
    pod.made(NAME, WHOLE)
    (pod.top / "broken").touch()
    code, said = pod.drill(("user", ".", "ERROR 2003 (HY000): Can't connect to MySQL server on '127.0.0.1:3306' (111)"))
    assert code == 1
    assert "[MY-000067] unknown variable" in said
    assert "cannot be restored: MySQL did not answer in 0 minutes: ERROR 2003" in said.splitlines()[-1]


def test_without_a_backup_there_is_nothing_to_drill(pod: Drill) -> None:
    assert pod.drill() == (1, "mysql_backup_drill: there is no backup\n")
