"""What the programs of the MySQL image make of mounted passwords: SQL, option files, and refusals."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

LIBRARY = Path(__file__).parents[4] / "components" / "in_pod" / "mysql_files.sh"
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "DATABASE_HOST": "db.example.com",
    "DATABASE_PORT": "3307",
    "DATABASE_SSL_MODE": "REQUIRED",
    "USER_DATABASE": "USERS",
    "USER_DATABASE_USER": "ei-users",
    "REGISTRY_DATABASE": "REG",
    "REGISTRY_DATABASE_USER": "ei-registry",
    "ADMIN_USERNAME": "admin",
}
NASTY = [
    "it's",
    'say "so"',
    "back\\slash",
    "trailing\\",
    "a\\'b",
    "#no comment",
    "$(id) `id` $HOME",
    "<&>;--",
    " x ",
    "é€",
]
passwords = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
Mounted = Callable[..., Path]


@pytest.fixture
def mounted(tmp_path: Path) -> Mounted:
    """A folder of mounted Secrets; every password is the first one, or what its own keyword says."""

    def mount(everywhere: str = "secret", **others: bytes) -> Path:
        for path in ("mysql/root-password", "mysql/user-password", "mysql/registry-password", "admin/password"):
            file = tmp_path / path
            file.parent.mkdir(exist_ok=True)
            key = "admin" if path == "admin/password" else path.removeprefix("mysql/").removesuffix("-password")
            file.write_bytes(others.get(key, everywhere.encode()))
        return tmp_path

    return mount


def bash(secrets: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f". '{LIBRARY}'; {script}"],
        env=ENVIRONMENT | {"SECRETS": str(secrets)} | variables, capture_output=True, text=True, check=False,
    )  # fmt: skip


def literals(sql: str) -> list[str]:
    """The SQL string literals of a statement, as MySQL reads them (backslashes escape, quotes are doubled)."""
    found = re.findall(r"'((?:[^'\\]|\\.|'')*)'", sql)
    return [re.sub(r"\\(.)", r"\1", text.replace("''", "'")) for text in found]


def option(text: str) -> str:
    """The password of an option file, as the client reads it: in double quotes, backslashes escape."""
    (quoted,) = re.findall(r'(?m)^password="(.*)"$', text)
    return re.sub(r"\\(.)", r"\1", quoted)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(password=passwords | st.sampled_from(NASTY))
def test_any_password_arrives_in_sql_and_in_option_files_as_it_is(mounted: Mounted, password: str) -> None:
    folder = mounted(password)
    done = bash(folder, f"server_sql; client_files '{folder}'")
    assert done.returncode == 0, done.stderr
    root, *rest = done.stdout.splitlines()
    assert literals(root) == ["root", "localhost", password]
    assert len(rest) == 8, "one statement per line, as init_file requires"
    for line in rest:
        if "IDENTIFIED BY" in line:
            assert literals(line)[-1] == password
    for name in ("user", "registry"):
        assert option((folder / f"{name}.cnf").read_text()) == password


def test_each_database_gets_its_own_user_and_password(mounted: Mounted) -> None:
    folder = mounted(root=b"r00t", user=b"one", registry=b"two")
    done = bash(folder, f"server_sql; client_files '{folder}'", DATABASE_CA="/run/mysql-ca/ca.crt")
    assert done.stdout.splitlines() == [
        "ALTER USER 'root'@'localhost' IDENTIFIED BY 'r00t';",
        "CREATE DATABASE IF NOT EXISTS `USERS`;",
        "CREATE USER IF NOT EXISTS 'ei-users'@'%' IDENTIFIED BY 'one';",
        "ALTER USER 'ei-users'@'%' IDENTIFIED BY 'one';",
        "GRANT ALL PRIVILEGES ON `USERS`.* TO 'ei-users'@'%';",
        "CREATE DATABASE IF NOT EXISTS `REG`;",
        "CREATE USER IF NOT EXISTS 'ei-registry'@'%' IDENTIFIED BY 'two';",
        "ALTER USER 'ei-registry'@'%' IDENTIFIED BY 'two';",
        "GRANT ALL PRIVILEGES ON `REG`.* TO 'ei-registry'@'%';",
    ]
    assert (folder / "registry.cnf").read_text() == (
        '[client]\nhost=db.example.com\nport=3307\nuser=ei-registry\npassword="two"\n'
        "ssl-mode=REQUIRED\nssl-ca=/run/mysql-ca/ca.crt\n\n[mysql]\nconnect-timeout=5\ndatabase=REG\n"
    )
    assert (folder / "registry.cnf").stat().st_mode & 0o077 == 0
    assert bash(folder, f"client_files '{folder}'", DATABASE_SSL_MODE="DISABLED").returncode == 0
    assert "\nssl-mode=DISABLED\nget-server-public-key\n" in (folder / "registry.cnf").read_text()


def test_the_user_of_backups_may_read_both_databases_and_change_nothing(mounted: Mounted) -> None:
    folder = mounted()
    (folder / "backup").mkdir()
    (folder / "backup/backup-password").write_text("it's")
    lines = bash(folder, "server_sql", BACKUP_DATABASE_USER="dumper", REGISTRY_DATABASE="R_G").stdout.splitlines()
    assert [line for line in lines if "dumper" in line] == [
        "CREATE USER IF NOT EXISTS 'dumper'@'%' IDENTIFIED BY 'it''s';",
        "ALTER USER 'dumper'@'%' IDENTIFIED BY 'it''s';",
        "GRANT SHOW_ROUTINE ON *.* TO 'dumper'@'%';",
        "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON `USERS`.* TO 'dumper'@'%';",
        "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON `R\\_G`.* TO 'dumper'@'%';",
    ]
    assert lines.index("CREATE DATABASE IF NOT EXISTS `R_G`;") < len(lines) - 1


def test_an_underscore_of_a_database_s_name_is_no_wildcard_of_a_grant(mounted: Mounted) -> None:
    lines = bash(mounted(), "server_sql", USER_DATABASE="WSO2EI_USER_DB").stdout.splitlines()
    grant = "GRANT ALL PRIVILEGES ON `WSO2EI\\_USER\\_DB`.* TO 'ei-users'@'%';"
    # Stacks of 1.0.0 have the grant on the unescaped name, which reaches other databases too.
    assert lines[lines.index(grant) - 1] == "REVOKE IF EXISTS ALL PRIVILEGES ON `WSO2EI_USER_DB`.* FROM 'ei-users'@'%';"
    assert sum("REVOKE" in line for line in lines) == 1


def test_the_administrator_s_password_is_hashed_as_wso2_s_user_store_does(mounted: Mounted) -> None:
    sql = bash(mounted("it's \\ secret"), "admin_sql").stdout
    assert literals(sql) == ["it's \\ secret", "admin", "it's \\ secret"]
    assert "UM_TENANT_ID = -1234" in sql
    # base64(SHA-256(password + salt)), the order in which CONCAT has them.
    assert re.search(r"TO_BASE64\(UNHEX\(SHA2\(CONCAT\('[^)]*', @salt\), 256\)\)\)", sql)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n"])
def test_the_line_end_that_editors_leave_is_not_part_of_a_password(mounted: Mounted, end: bytes) -> None:
    folder = mounted(user=b" two words " + end)
    assert bash(folder, f"client_files '{folder}'").returncode == 0
    assert option((folder / "user.cnf").read_text()) == " two words "


@pytest.mark.parametrize("content", [b"", b"\n", b"hunter\n2", b"hunter\r2", b"hunter\t2", b"hunter\x012"])
@pytest.mark.parametrize("program", ["server_sql", "client_files /nowhere", "admin_sql"])
def test_what_can_be_no_password_is_refused_by_name_and_not_shown(
    mounted: Mounted, program: str, content: bytes
) -> None:
    folder = mounted(root=content, user=content, admin=content)
    done = bash(folder, program)
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"the password in {folder}/" in done.stderr
    assert "hunter" not in done.stderr


def test_a_key_that_is_missing_is_named(mounted: Mounted) -> None:
    folder = mounted()
    (folder / "mysql" / "user-password").unlink()
    done = bash(folder, f"client_files '{folder}'")
    assert done.returncode == 1
    assert f"{folder}/mysql/user-password is missing or not readable" in done.stderr
