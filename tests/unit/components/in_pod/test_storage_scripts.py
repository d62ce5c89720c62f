"""The programs that people and pods run on a volume: what they say, and that no password is seen."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[4] / "components" / "in_pod"
NOBODY = 65534


@pytest.fixture
def volume() -> Iterator[Path]:
    """A folder that others can reach, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def check(folder: Path, need: str) -> subprocess.CompletedProcess[str]:
    """As a user who is not the owner, if that is possible here."""
    return subprocess.run(
        ["sh", str(SCRIPTS / "check_volume.sh"), str(folder), need, "On nfs: chown 999:999 /exports/mysql"],
        capture_output=True, text=True, check=False, user=NOBODY if os.geteuid() == 0 else None, cwd="/",
    )  # fmt: skip


def test_a_volume_that_can_be_used_is_left_as_it_was(volume: Path) -> None:
    volume.chmod(0o777)
    (volume / "data").touch()
    for need in ("write", "read"):
        done = check(volume, need)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path.name for path in volume.iterdir()] == ["data"]


@pytest.mark.parametrize(("need", "mode"), [("write", 0o555), ("read", 0o000)])
def test_a_volume_of_somebody_else_is_told_in_one_line_with_what_to_do(volume: Path, need: str, mode: int) -> None:
    volume.chmod(mode)
    done = check(volume, need)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    for words in (f"cannot {need} this volume", f"mode {mode:o}", "Permission denied", "chown 999:999 /exports/mysql"):
        assert words in done.stderr
    if os.geteuid() == 0:
        assert "uid 65534" in done.stderr
        assert "owner 0:0" in done.stderr


CLIENT = """#!/bin/sh
# Records what a client of MySQL is given, and answers with two names.
{ echo "$(basename "$0") $*"; printf "<%s>\n" "$@"; cat "${1#--defaults-extra-file=}"; } >>"$SEEN"
case "$0" in *mysqldump) echo "-- Dump completed" ;; *) [ -t 0 ] || cat; echo WSO2EI_A; echo "a b*" ;; esac
"""


def run(script: str, folder: Path, password: str, stdin: str = "") -> tuple[subprocess.CompletedProcess[str], str]:
    for path in ("bin", "tmp", "secrets/mysql"):
        (folder / path).mkdir(parents=True)
    for name in ("mysql", "mysqldump"):
        (folder / "bin" / name).write_text(CLIENT)
        (folder / "bin" / name).chmod(0o755)
    (folder / "secrets" / "mysql" / "root-password").write_text(password)
    environment = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "SECRETS": str(folder / "secrets"),
        "SEEN": str(folder / "seen"),
        "TMPDIR": str(folder / "tmp"),
    }
    done = subprocess.run(
        ["sh", str(SCRIPTS / script)], input=stdin, capture_output=True, text=True, check=False, env=environment
    )
    seen = folder / "seen"
    assert list((folder / "tmp").iterdir()) == [], "the option file must not outlive the script"
    return done, seen.read_text() if seen.exists() else ""


PASSWORD = "p'a\"s\\s"


def test_a_dump_holds_every_database_that_is_not_the_server_s_own_in_one_consistent_picture(tmp_path: Path) -> None:
    done, seen = run("mysql_dump.sh", tmp_path, PASSWORD)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "-- Dump completed\n"
    command = next(line for line in seen.splitlines() if line.startswith("mysqldump "))
    assert command.endswith("--databases WSO2EI_A a b*")
    assert "<a b*>" in seen.splitlines(), "a name with a space and a wildcard is one argument"
    for option in ("--single-transaction", "--routines", "--triggers", "--hex-blob", "--set-gtid-purged=OFF"):
        assert option in command


@pytest.mark.parametrize("script", ["mysql_dump.sh", "mysql_restore.sh"])
def test_the_password_is_read_from_the_mounted_secret_and_is_no_argument(tmp_path: Path, script: str) -> None:
    done, seen = run(script, tmp_path, PASSWORD, stdin="SELECT 1;\n")
    assert done.returncode == 0, done.stderr
    # As an option file must say p'a"s\s.
    assert 'password="p\'a\\"s\\\\s"' in seen
    for line in seen.splitlines():
        assert not (line.startswith("mysql") and "p'a" in line)


def test_a_restore_gives_the_client_what_it_reads(tmp_path: Path) -> None:
    done, _ = run("mysql_restore.sh", tmp_path, PASSWORD, stdin="CREATE TABLE T (ID INT);\n")
    assert "CREATE TABLE T" in done.stdout
    assert "mysql_restore: done" in done.stderr


def test_without_a_password_nothing_is_tried(tmp_path: Path) -> None:
    done, seen = run("mysql_dump.sh", tmp_path, "\n")
    assert done.returncode == 1
    assert "mysql/root-password is empty" in done.stderr
    assert seen == ""
