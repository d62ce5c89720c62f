"""Dumps to the volume of backups and restores from it; the clients of MySQL are fakes, gzip and coreutils are real."""

from __future__ import annotations

import gzip
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.components.in_pod.test_mysql_clients import DENIED, REFUSED, Pod, Rule

HEADER, END = "-- MySQL dump\n/*!40014 SET FOREIGN_KEY_CHECKS=0 */;\n", "-- Dump completed on 2026-01-01  2:30:00\n"
TABLES, LIST, CONNECTIONS = "information_schema.tables", "information_schema.SCHEMATA", "SHOW PROCESSLIST"
EMPTY: list[Rule] = [(".*", TABLES, "0", 2), (".*", TABLES, "45")]
DUMPED: list[Rule] = [("backup", LIST, "REG\nUSERS")]
# As mysqldump, rejects options of other clients in the group [client].
MYSQLDUMP = """#!/bin/bash
top=$(dirname "$(dirname "$0")")
file=${1#--defaults-extra-file=}
printf '%s\\n' "$@" >"$top/dump-arguments"
if sed '/^\\[mysql\\]/,$d' "$file" | grep -q connect-timeout; then
    echo "mysqldump: [ERROR] unknown variable 'connect-timeout=5'." >&2
    exit 7
fi
cat "$top/dump-text"
# The container is killed in the middle of a dump: mysql_dump.sh, which is the parent, and the program above it.
[ ! -e "$top/killed" ] || kill -9 "$(ps -o ppid= -p "$PPID" | tr -d ' ')" "$PPID" "$$"
exit "$(cat "$top/dump-code")"
"""


def part(database: str) -> str:
    return (
        f"\n--\n-- Current Database: `{database}`\n--\n\nCREATE DATABASE /*!32312 IF NOT EXISTS*/ `{database}`;\n\n"
        f"USE `{database}`;\nCREATE TABLE OF_{database} (ID INT);\n"
    )


def views(database: str) -> str:
    """mysqldump 9.7 writes them after the tables of all databases."""
    return f"\n--\n-- Current Database: `{database}`\n--\n\nUSE `{database}`;\nCREATE VIEW V_{database} AS SELECT 1;\n"


WHOLE = HEADER + part("REG") + part("USERS") + END


class Backups(Pod):
    """A pod with the volume of backups."""

    def __init__(self, top: Path) -> None:
        super().__init__(top)
        (top / "backups").mkdir()
        (top / "mysql/backup-password").write_text("pw-9")
        (top / "bin/mysqldump").write_text(MYSQLDUMP)
        (top / "bin/mysqldump").chmod(0o755)
        self.dumps(WHOLE)

    def dumps(self, text: str, code: int = 0) -> None:
        (self.top / "dump-text").write_text(text)
        (self.top / "dump-code").write_text(str(code))

    def back_up(self, *rules: Rule, **variables: str) -> tuple[int, str]:
        return self.run("mysql_backup.sh", *rules, *DUMPED, **self.variables | {"KEEP": "7"} | variables)

    def restore(self, *rules: Rule, **variables: str) -> tuple[int, str]:
        values = self.variables | {"STOP_SECONDS": "0"} | variables
        return self.run("mysql_backup_restore.sh", *rules, *EMPTY, **values)

    @property
    def variables(self) -> dict[str, str]:
        backup = {"BACKUP_DATABASE": "USERS", "BACKUP_DATABASE_USER": "dumper"}
        return {"BACKUPS": str(self.top / "backups"), "LONGEST_SECONDS": "0"} | backup

    def made(self, name: str, text: str = WHOLE, *, damaged: bool = False) -> str:
        """A backup as ``mysql_backup.sh`` makes it."""
        folder = self.top / "backups" / name
        folder.mkdir()
        (folder / "wso2ei.sql.gz").write_bytes(gzip.compress(text.encode()))
        subprocess.run(["sh", "-c", "sha256sum wso2ei.sql.gz >wso2ei.sql.gz.sha256"], cwd=folder, check=True)
        if damaged:
            (folder / "wso2ei.sql.gz").write_bytes(gzip.compress(text.encode())[:-1])
        return name

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in (self.top / "backups").iterdir())

    def changes(self) -> list[str]:
        """Statements that change a database."""
        return [text for _, text in self.statements if "CREATE" in text or "DROP" in text]


@pytest.fixture
def pod(tmp_path: Path) -> Backups:
    return Backups(tmp_path)


def test_a_backup_is_the_dump_of_both_databases_with_its_checksum(pod: Backups) -> None:
    code, said = pod.back_up()
    assert code == 0, said
    (name,) = pod.names
    assert f"mysql_backup: made {name}, " in said
    folder = pod.top / "backups" / name
    assert gzip.decompress((folder / "wso2ei.sql.gz").read_bytes()).decode() == WHOLE
    assert subprocess.run(["sha256sum", "--check", "wso2ei.sql.gz.sha256"], cwd=folder, check=False).returncode == 0
    assert folder.stat().st_mode & 0o077 == 0, "a dump has the hashes of all passwords"
    login, *options = (pod.top / "dump-arguments").read_text().splitlines()
    assert login == f"--defaults-extra-file={pod.top}/rendered/backup.cnf"
    assert options[-3:] == ["--databases", "REG", "USERS"]
    assert {"--single-transaction", "--routines", "--events", "--triggers", "--hex-blob", "--no-tablespaces"} <= {
        *options
    }
    assert "user=dumper" in (pod.top / "rendered/backup.cnf").read_text()
    assert not any("pw-9" in word for word in options)


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        (HEADER, 2, "the dump failed"),
        # As of a client that was killed by another one's exit code.
        (HEADER + part("REG"), 0, "the dump is incomplete"),
        ("", 0, "the dump is incomplete"),
    ],
)
def test_a_dump_that_fails_leaves_earlier_backups_and_nothing_of_its_own(
    pod: Backups, text: str, code: int, reason: str
) -> None:
    older = pod.made("20200101T000000Z")
    pod.dumps(text, code)
    ended, said = pod.back_up(KEEP="1")
    assert ended == 1
    assert said.splitlines()[-1].startswith(f"mysql_backup: {reason}"), said
    assert pod.names == [older]


@pytest.mark.parametrize("answer", [DENIED, REFUSED])
def test_a_server_that_does_not_let_it_in_is_the_reason_of_the_failure(pod: Backups, answer: str) -> None:
    older = pod.made("20200101T000000Z")
    code, said = pod.back_up(("backup", ".", answer))
    assert code == 1
    assert answer in said.splitlines()[-1]
    assert pod.names == [older]


def test_a_dump_that_is_killed_leaves_earlier_backups_valid_and_the_next_one_removes_its_rest(pod: Backups) -> None:
    older = pod.made("20200101T000000Z")
    (pod.top / "killed").touch()
    assert pod.back_up()[0] == -9
    first, rest = pod.names
    assert first == older
    assert rest.endswith(".partial")
    code, said = pod.restore()
    assert (code, said.splitlines()[-1]) == (0, f"mysql_backup_restore: done, from {older}")
    (pod.top / "killed").unlink()
    assert pod.back_up()[0] == 0
    assert len(pod.names) == 2
    assert not any(name.endswith(".partial") for name in pod.names)


def test_the_oldest_backups_beyond_the_number_are_removed(pod: Backups) -> None:
    old = [pod.made(f"2020010{day}T000000Z") for day in range(1, 6)]
    code, said = pod.back_up(KEEP="3")
    assert code == 0
    assert pod.names[:-1] == old[-2:]
    assert f"mysql_backup: removed {old[0]}" in said


def test_damaged_backups_do_not_count_and_are_not_removed(pod: Backups) -> None:
    good, damaged = pod.made("20200101T000000Z"), pod.made("20200102T000000Z", damaged=True)
    code, said = pod.back_up(KEEP="2")
    assert code == 0
    assert pod.names[:2] == [good, damaged]
    assert f"{damaged} is damaged" in said


def test_backups_above_the_age_are_removed_except_the_newest(pod: Backups) -> None:
    def days_ago(days: float) -> str:
        return pod.made(f"{datetime.now(UTC) - timedelta(days=days):%Y%m%dT%H%M%SZ}")

    days_ago(11)
    young = days_ago(9)
    assert pod.back_up(KEEP_DAYS="10")[0] == 0
    assert pod.names[0] == young
    assert len(pod.names) == 2


def loaded(pod: Backups, login: str) -> str:
    """What the client of ``login`` got to load."""
    (text,) = [text for where, text in pod.statements if where == login and text.startswith(HEADER)]
    return text


@pytest.mark.parametrize("order", [("REG", "USERS"), ("USERS", "REG")])
def test_a_restore_loads_each_database_as_its_own_user_from_the_latest_backup(
    pod: Backups, order: tuple[str, str]
) -> None:
    pod.made("20200101T000000Z", "-- older")
    name = pod.made("20200102T000000Z", HEADER + "".join([*map(part, order), *map(views, order)]) + END)
    code, said = pod.restore()
    assert code == 0, said
    assert said.splitlines()[-1] == f"mysql_backup_restore: done, from {name}"
    for login, own, other in (("user", "USERS", "REG"), ("registry", "REG", "USERS")):
        text = loaded(pod, login)
        assert f"CREATE TABLE OF_{own} " in text
        assert f"CREATE VIEW V_{own} " in text
        assert f"USE `{own}`" in text
        assert other not in text
        assert (login, f"DROP DATABASE `{own}`; CREATE DATABASE `{own}`") in pod.statements


def test_a_restore_takes_the_backup_that_is_named(pod: Backups) -> None:
    name = pod.made("20200101T000000Z", WHOLE.replace("ID INT", "OLDER INT"))
    pod.made("20200102T000000Z")
    assert pod.restore(FROM=name)[0] == 0
    assert "OLDER INT" in loaded(pod, "user")


NAMES = ("20200101T000000Z", "20200102T000000Z")


@pytest.mark.parametrize(
    ("rules", "variables", "reason"),
    [
        ([], {"FROM": "2020"}, f"the volume has no backup 2020; FROM is latest or one of: {' '.join(NAMES)}"),
        # The latest one is damaged: an older one is a person's decision.
        ([], {}, f"{NAMES[1]} is damaged, nothing was changed. Fix: set FROM to another one of: {' '.join(NAMES)}"),
        (
            [("registry", CONNECTIONS, "7 ei 10.0.0.9:1\n8 ei 10.0.0.1:1")],
            {"FROM": NAMES[0], "FORCE": "1"},
            "EI is connected to MySQL, nothing was changed. Fix: kubectl -n team scale deployment/wso2ei --replicas=0",
        ),
        (
            [("registry", TABLES, "1")],
            {"FROM": NAMES[0]},
            "the databases are not empty, nothing was changed. Fix: FORCE=1 replaces all of their content",
        ),
        ([(".*", TABLES, "1")], {"FROM": NAMES[0], "FORCE": "0"}, "the databases are not empty, nothing was changed."),
        ([("user", ".", DENIED)], {"FROM": NAMES[0]}, f"MySQL rejects the login user: {DENIED}"),
    ],
)
def test_what_must_not_be_restored_is_refused_before_anything_changes(
    pod: Backups, rules: list[Rule], variables: dict[str, str], reason: str
) -> None:
    pod.made(NAMES[0])
    pod.made(NAMES[1], damaged=True)
    code, said = pod.restore(*rules, **variables)
    assert code == 1
    assert said.splitlines()[-1].startswith(f"mysql_backup_restore: {reason}"), said
    assert pod.changes() == []


def test_a_volume_without_backups_is_the_reason(pod: Backups) -> None:
    assert pod.restore() == (1, "mysql_backup_restore: the volume has no backup\n")


def test_force_replaces_what_the_databases_hold(pod: Backups) -> None:
    pod.made(NAMES[0])
    code, said = pod.restore((".*", TABLES, "9"), FORCE="1")
    assert code == 0, said
    assert len([text for text in pod.changes() if text.startswith("DROP")]) == 2


def test_a_connection_that_has_just_ended_does_not_stop_a_restore(pod: Backups) -> None:
    pod.made(NAMES[0])
    code, said = pod.restore(("user", CONNECTIONS, "7 ei\n8 ei", 2), STOP_SECONDS="60")
    assert code == 0, said


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (
            [("registry", "FOREIGN_KEY_CHECKS", "ERROR 1114 (HY000) at line 3: The table 'T' is full")],
            "REG is incomplete",
        ),
        ([(".*", TABLES, "0")], f"{NAMES[0]} has no table of USERS"),
    ],
)
def test_a_restore_that_stops_in_the_middle_reports_what_to_do(pod: Backups, rules: list[Rule], reason: str) -> None:
    pod.made(NAMES[0])
    code, said = pod.restore(*rules)
    assert code == 1
    last = said.splitlines()[-1]
    assert last.startswith(f"mysql_backup_restore: {reason}")
    assert "FORCE=1" in last
