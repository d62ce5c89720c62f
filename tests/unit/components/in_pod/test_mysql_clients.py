"""The programs that load tables and that hold nodes back, in every state of the databases; the client is a fake.

Each rule of the fake is ``(database, pattern of the statement, answer)``; an answer that begins with ERROR is what the
real client prints for it. Of several rules that fit, the first one answers; a rule with a number does so many times.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from components.shared import volumes

Rule = tuple[str, str, str] | tuple[str, str, str, int]
FAKE = """
import json, pathlib, re, sys
top = pathlib.Path(__file__).parent
options = [word.partition("=") for word in sys.argv[1:]]
values = {name: value for name, _, value in options}
database = pathlib.Path(values["--defaults-extra-file"]).stem
text = values.get("--execute") or sys.stdin.read()
with (top / "statements").open("a") as log:
    log.write(json.dumps([database, text]) + "\\n")
rules = json.loads((top / "rules").read_text())
for rule in rules:
    where, pattern, answer, left = rule
    if left != 0 and re.fullmatch(where, database) and re.search(pattern, text, re.S):
        rule[3] = left - 1
        (top / "rules").write_text(json.dumps(rules))
        print(answer, file=sys.stderr if answer.startswith("ERROR") else sys.stdout)
        sys.exit(1 if answer.startswith("ERROR") else 0)
"""
REFUSED = "ERROR 2003 (HY000): Can't connect to MySQL server on 'db:3306' (111)"
DENIED = "ERROR 1045 (28000): Access denied for user 'ei'@'10.0.0.1' (using password: YES)"
GONE = "ERROR 1146 (42S02): Table 'USERS.UM_USER' doesn't exist"
USERS, ROOTS, CLAIM = "FROM UM_USER", "FROM REG_PATH", "INSERT INTO WSO2EI_BOOTSTRAP"
MARK, TABLES, ROLES = "SELECT SCRIPT FROM WSO2EI_SCHEMA", "information_schema.tables", "information_schema.STATISTICS"
SCRIPT = """CREATE TABLE IF NOT EXISTS REG_RESOURCE_TAG (
            REG_TAG_ID INTEGER NOT NULL
)ENGINE INNODB;
CREATE TABLE UM_SHARED_USER_ROLE(
    UM_ROLE_ID INTEGER NOT NULL
)ENGINE INNODB;
CREATE TABLE IF NOT EXISTS REG_TAG (
            REG_ID INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY
)ENGINE INNODB;
"""


class Pod:
    """A folder with the client, the mounted passwords and everything that the programs write."""

    def __init__(self, top: Path) -> None:
        self.top = top
        for folder in ("mysql", "admin", "rendered", "tmp"):
            (top / folder).mkdir()
        for name in ("mysql/user-password", "mysql/registry-password", "admin/password"):
            (top / name).write_text("pw-9")
        for name in ("mysql5.7.sql", "mysql.sql"):
            (top / name).write_text(SCRIPT)
        (top / "fake.py").write_text(FAKE)
        (top / "bin").mkdir()
        (top / "bin/mysql").write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {top}/fake.py "$@"\n')
        (top / "bin/mysql").chmod(0o755)

    def run(self, program: str, *rules: Rule, **variables: str) -> tuple[int, str]:
        (self.top / "rules").write_text(json.dumps([[*rule, *([-1] if len(rule) == 3 else [])] for rule in rules]))
        (self.top / "statements").write_text("")
        names = {"DATABASE_HOST": "db", "DATABASE_PORT": "3306", "DATABASE_SSL_MODE": "PREFERRED",
                 "USER_DATABASE": "USERS", "USER_DATABASE_USER": "ei", "REGISTRY_DATABASE": "REG",
                 "REGISTRY_DATABASE_USER": "ei", "ADMIN_USERNAME": "admin", "POD_NAME": "node-1",
                 "START_SECONDS": "600", "NAMESPACE": "team", "SECRETS": str(self.top), "TMPDIR": str(self.top / "tmp"),
                 "RENDERED": str(self.top / "rendered"), "PATIENCE_SECONDS": "0", "PAUSE_SECONDS": "0",
                 "EI_VERSION": "6.x", "PATH": f"{self.top}/bin:/usr/bin:/bin"}  # fmt: skip
        words = [str(self.top / variables.pop("SCRIPT", "mysql5.7.sql"))] if program == "schema.sh" else []
        done = subprocess.run(
            ["bash", str(volumes.IN_POD / program), *words], env=names | variables, text=True, check=False, timeout=120,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert "pw-9" not in done.stdout
        return done.returncode, done.stdout

    @property
    def statements(self) -> list[tuple[str, str]]:
        return [tuple(json.loads(line)) for line in (self.top / "statements").read_text().splitlines()]

    def loaded(self, database: str) -> str | None:
        found = [text for where, text in self.statements if where == database and "REG_RESOURCE_TAG" in text]
        return found[0] if found else None


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


def test_a_node_starts_where_the_administrator_and_the_registry_exist(pod: Pod) -> None:
    code, said = pod.run("gate.sh", ("user", USERS, "3"), ("registry", ROOTS, "1"))
    assert (code, said) == (0, "gate: the administrator and the registry exist; starting\n")


def test_users_in_ldap_leave_the_role_of_everyone_which_is_enough(pod: Pod) -> None:
    pod.run("gate.sh", ("user", USERS, "1"), ("registry", ROOTS, "1"))
    (text,) = [text for where, text in pod.statements if where == "user"]
    assert "(SELECT COUNT(*) FROM UM_USER) + (SELECT COUNT(*) FROM UM_HYBRID_ROLE)" in text


@pytest.mark.parametrize(("users", "roots"), [("0", "0"), ("3", "0"), ("0", "1")])
def test_one_node_goes_first_where_one_of_the_two_is_missing(pod: Pod, users: str, roots: str) -> None:
    code, said = pod.run("gate.sh", ("user", USERS, users), ("registry", ROOTS, roots), ("user", CLAIM, "node-1"))
    assert (code, said) == (0, "gate: the database is empty and this node goes first\n")


def test_the_others_wait_for_it_and_take_over_a_claim_only_after_the_longest_start(pod: Pod) -> None:
    rules: list[Rule] = [("user", USERS, "0", 3), ("user", USERS, "1"), ("registry", ROOTS, "0", 2),
                         ("registry", ROOTS, "1"), ("user", CLAIM, "node-0")]  # fmt: skip
    code, said = pod.run("gate.sh", *rules)
    assert code == 0
    assert said.splitlines() == [
        "gate: waiting for node-0 to make the administrator and the registry",
        "gate: the administrator and the registry exist; starting",
    ]
    assert any("CLAIMED < NOW() - INTERVAL 660 SECOND" in text for _, text in pod.statements)


def test_a_node_waits_for_a_server_that_starts(pod: Pod) -> None:
    code, said = pod.run("gate.sh", ("user", USERS, REFUSED, 3), ("user", USERS, "1"), ("registry", ROOTS, "1"))
    assert code == 0
    assert said.count("waiting for MySQL: ERROR 2003") == 1


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([("user", USERS, GONE)], "the tables are gone (ERROR 1146"),
        ([("user", USERS, "1"), ("registry", ROOTS, GONE)], "the tables are gone (ERROR 1146"),
        ([("user", USERS, DENIED)], "MySQL rejects this node: ERROR 1045"),
        ([("user", USERS, "1"), ("registry", ROOTS, DENIED)], "MySQL rejects this node: ERROR 1045"),
        ([("user", USERS, "0"), ("registry", ROOTS, "0"), ("user", CLAIM, GONE)], "the tables are gone"),
    ],
)
def test_an_answer_that_stays_ends_the_wait_with_the_reason(pod: Pod, rules: list[Rule], words: str) -> None:
    code, said = pod.run("gate.sh", *rules)
    assert code == 1
    assert words in said
    assert ("kubectl -n team delete job" in said) == ("gone" in words)


@pytest.mark.parametrize("program", ["gate.sh", "schema.sh"])
def test_an_answer_that_changes_within_a_minute_is_waited_for(pod: Pod, program: str) -> None:
    """A server of the stack takes over a new password when it restarts, in the same update."""
    rules: list[Rule] = [("user", ".", DENIED, 2), ("user", USERS, "1"), ("registry", ROOTS, "1"),
                         (".*", MARK, "mysql5.7.sql"), (".*", "@@", "0")]  # fmt: skip
    assert pod.run(program, *rules, PATIENCE_SECONDS="60")[0] == 0


def test_an_error_that_comes_back_after_an_answer_is_waited_for_again(pod: Pod) -> None:
    rules: list[Rule] = [("user", USERS, DENIED, 1), ("user", USERS, "0", 1), ("user", USERS, DENIED, 1),
                         ("user", USERS, "1"), ("registry", ROOTS, "0", 1), ("registry", ROOTS, "1"),
                         ("user", CLAIM, "node-0")]  # fmt: skip
    code, said = pod.run("gate.sh", *rules, PATIENCE_SECONDS="1", PAUSE_SECONDS="1")
    assert code == 0, said


@pytest.mark.parametrize("program", ["gate.sh", "schema.sh"])
def test_a_client_that_is_killed_ends_the_wait_with_its_exit_code(pod: Pod, program: str) -> None:
    (pod.top / "bin/mysql").write_text("#!/bin/sh\nkill -9 $$\n")
    code, said = pod.run(program, PATIENCE_SECONDS="0")
    assert code == 1
    assert "the mysql client ended with exit code 137" in said


def load(pod: Pod, *rules: Rule, **variables: str) -> tuple[int, str]:
    usual: list[Rule] = [(".*", MARK, ""), (".*", TABLES, "40"), ("user", ROLES, "none"), (".*", "PLUGINS", "0"),
                         (".*", "@@", "0")]  # fmt: skip
    return pod.run("schema.sh", *rules, *usual, **variables)


def test_tables_are_loaded_once_into_both_databases_and_marked(pod: Pod) -> None:
    code, said = load(pod)
    assert code == 0, said
    assert said.splitlines()[-1] == "schema: done"
    assert pod.loaded("user") == pod.loaded("registry") == SCRIPT
    marks = [where for where, text in pod.statements if "INSERT INTO WSO2EI_SCHEMA" in text]
    assert marks == ["user", "registry"]
    assert any("WSO2EI_BOOTSTRAP" in text for _, text in pod.statements)
    assert any("UPDATE UM_USER" in text for _, text in pod.statements)
    code, said = load(pod, (".*", MARK, "mysql5.7.sql"))
    assert code == 0
    assert pod.loaded("user") is None
    assert "the registry database has its tables" in said
    assert not [text for _, text in pod.statements if "INSERT INTO WSO2EI_SCHEMA" in text or ROLES in text]


@pytest.mark.parametrize(
    ("script", "mark", "roles", "words"),
    [
        # Unmarked tables are those of WSO2's own charts, or of a killed Job.
        ("mysql.sql", "mysql5.7.sql", "plain", "has the tables of EI 6.2.0 to 6.5.0, not those of 6.6.0"),
        ("mysql.sql", "", "plain", "run WSO2's migration to 6.6.0 (docs/upgrade-ei.md"),
        ("mysql5.7.sql", "mysql.sql", "unique", "has the tables of EI 6.6.0, not those of 6.5.0"),
        ("mysql5.7.sql", "", "unique", "WSO2 has no migration to an earlier version. Fix: set ei.version to 6.6.0"),
    ],
)
def test_tables_of_another_version_end_the_job_with_the_step_before_anything_is_changed(
    pod: Pod, script: str, mark: str, roles: str, words: str
) -> None:
    version = {"mysql.sql": "6.6.0", "mysql5.7.sql": "6.5.0"}[script]
    code, said = load(pod, (".*", MARK, mark), ("user", ROLES, roles), SCRIPT=script, EI_VERSION=version)
    assert code == 1
    assert words in said
    assert f"no node of {version} was started" in said
    changes = [text for _, text in pod.statements if "INSERT" in text or "UPDATE" in text or "REG_RESOURCE_TAG" in text]
    assert changes == []


def test_migrated_tables_are_marked_and_not_loaded_again(pod: Pod) -> None:
    code, said = load(pod, (".*", MARK, "mysql5.7.sql"), ("user", ROLES, "unique"), SCRIPT="mysql.sql")
    assert code == 0, said
    assert pod.loaded("user") is pod.loaded("registry") is None
    marks = [(where, text) for where, text in pod.statements if "INSERT INTO WSO2EI_SCHEMA" in text]
    assert [where for where, _ in marks] == ["user", "registry"]
    assert all("VALUES ('mysql.sql') ON DUPLICATE KEY UPDATE LOADED = CURRENT_TIMESTAMP" in text for _, text in marks)


def test_tables_that_fit_and_have_no_mark_get_the_script_again(pod: Pod) -> None:
    """A Job that was killed in the middle of the script, and a database that WSO2's chart has made."""
    assert load(pod, ("user", ROLES, "plain"))[0] == 0
    assert pod.loaded("user") == SCRIPT
    assert load(pod, ("user", ROLES, "unique"), SCRIPT="mysql.sql")[0] == 0
    assert pod.loaded("user") == SCRIPT


def test_a_script_that_ran_in_part_runs_again_and_other_errors_end_it(pod: Pod) -> None:
    again = "ERROR 1050 (42S01) at line 1: Table 'REG_TAG' already exists"
    assert load(pod, (".*", "REG_RESOURCE_TAG", again))[0] == 0
    code, said = load(pod, ("registry", "REG_RESOURCE_TAG", "ERROR 1067 (42000) at line 9: Invalid default value"))
    assert code == 1
    assert "MySQL rejected parts of mysql5.7.sql in the registry database" in said
    assert "ERROR 1067" in said
    code, said = load(pod, (".*", TABLES, "0"))
    assert code == 1
    assert "no UM_ or REG_ table exists after loading" in said


@pytest.mark.parametrize("database", ["user", "registry"])
@pytest.mark.parametrize("answer", [DENIED, "ERROR 1049 (42000): Unknown database 'REG'", "ERROR 2005 (HY000): Unknown",
                                    "ERROR 2026 (HY000): SSL connection error"])  # fmt: skip
def test_a_database_that_rejects_the_client_ends_the_job_with_the_reason(pod: Pod, database: str, answer: str) -> None:
    code, said = load(pod, (database, ".", answer))
    assert code == 1
    assert f"schema: MySQL rejects the connection to the {database} database: {answer}" in said


def test_a_client_that_is_killed_while_it_loads_tables_leaves_the_database_unmarked(pod: Pod) -> None:
    client = pod.top / "bin/mysql"
    client.write_text(client.read_text().replace("exec", 'case "$*" in *--force*) kill -9 $$ ;; esac\nexec'))
    code, said = load(pod)
    assert code == 1
    assert "exit code 137" in said
    assert not any("INSERT INTO WSO2EI_SCHEMA" in text for _, text in pod.statements)


def test_a_server_that_never_answers_ends_the_job_too(pod: Pod) -> None:
    code, said = load(pod, ("user", ".", REFUSED), LONGEST_SECONDS="1")
    assert code == 1
    assert "schema: MySQL did not answer in 0 minutes: ERROR 2003" in said


def test_a_statement_that_is_rejected_ends_the_job_with_the_reason(pod: Pod) -> None:
    denied = "ERROR 1142 (42000): CREATE command denied to user 'ei'"
    code, said = load(pod, ("registry", "CREATE TABLE IF NOT EXISTS WSO2EI_SCHEMA", denied))
    assert code == 1
    assert f"schema: MySQL rejects a statement in the registry database: {denied}" in said


def test_after_a_move_the_server_with_the_old_claim_is_not_the_one(pod: Pod) -> None:
    code, said = load(pod, (".*", "@@report_host", "old", 3), (".*", "@@report_host", "new"), MYSQL_VOLUME="new")
    assert code == 0
    assert "the server still has the claim old, not new" in said


@pytest.mark.parametrize(
    ("rules", "keyed"),
    [
        ([(".*", "@@sql_require_primary_key", "1")], True),
        ([(".*", "PLUGINS", "1")], True),
        # The server makes such keys itself.
        ([(".*", "@@sql_require_primary_key", "1"), (".*", "@@sql_generate_invisible_primary_key", "1")], False),
        # A server that is too old to know the variables demands nothing.
        ([(".*", "@@sql_", "ERROR 1193 (HY000): Unknown system variable")], False),
    ],
)
def test_tables_without_a_primary_key_get_an_invisible_one_where_the_server_demands_it(
    pod: Pod, rules: list[Rule], keyed: bool
) -> None:
    """sql_require_primary_key, and members of an InnoDB cluster: external servers that their owners set so."""
    code, said = load(pod, *rules)
    assert code == 0, said
    column = "WSO2EI_ROW BIGINT UNSIGNED NOT NULL AUTO_INCREMENT /*!80023 INVISIBLE */ PRIMARY KEY"
    for database in ("user", "registry"):
        text = pod.loaded(database)
        assert text is not None
        assert text.count(column) == (2 if keyed else 0)
        assert text.replace(f" {column},", "").replace("( ", "(") == SCRIPT.replace("( ", "(")
