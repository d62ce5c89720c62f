"""The start of the server on every state of its volume, and the check of options, with a mysqld that records.

The imitation follows mysqld 9.7 (Debian): an unknown option exits with 1 and MY-000067, also with --validate-config;
--initialize-insecure makes the folder, and ibdata1 and mysql.ibd in it.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[4] / "components" / "in_pod"
MYSQLD = """#!/bin/bash
echo "$*" >>"$SEEN"
for option in "$@"; do
    case $option in
        *no-such*) echo "[ERROR] [MY-000067] [Server] unknown variable '${option#--}'." >&2; exit 1 ;;
        --datadir=*) folder=${option#*=} ;;
    esac
done
case " $* " in
    *" --initialize-insecure "*)
        mkdir -p "$folder/mysql" && touch "$folder/ibdata1" "$folder/mysql.ibd"
        [ -z "${KILLED:-}" ] || exit 137 ;;
esac
"""
MYSQL = """#!/bin/bash
echo mysql >>"$SEEN"
if [ -z "${RUNNING:-}" ] || [ "$(grep -c '^mysql$' "$SEEN")" -le "${REJECTED:-0}" ]; then
    echo "ERROR 2003 (HY000): Can't connect to MySQL server" >&2
    exit 1
fi
case "$*" in *innodb_page_size) echo 16384 ;; *lower_case_table_names) echo 0 ;; esac
"""


@dataclass
class Server:
    folder: Path

    @property
    def volume(self) -> Path:
        return self.folder / "volume"

    def run(self, script: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            "SECRETS": str(self.folder / "secrets"),
            "SEEN": str(self.folder / "seen"),
            "VOLUME": str(self.volume),
            "RENDERED": str(self.folder / "rendered"),
            "HOSTNAME": "wso2ei-mysql-0",
            "POD_NAMESPACE": "team",
            "USER_DATABASE": "USERS", "USER_DATABASE_USER": "ei_users",
            "REGISTRY_DATABASE": "REG", "REGISTRY_DATABASE_USER": "ei_registry",
            "DATABASE_HOST": "wso2ei-mysql", "DATABASE_PORT": "3306", "DATABASE_SSL_MODE": "PREFERRED",
            "CONNECT_SECONDS": "0", "PAUSE_SECONDS": "0",
        }  # fmt: skip
        return subprocess.run(
            ["bash", str(SCRIPTS / script), *words],
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def seen(self) -> list[str]:
        file = self.folder / "seen"
        return file.read_text().splitlines() if file.exists() else []

    def filled_by_the_official_image(self) -> None:
        (self.volume / "mysql").mkdir()
        (self.volume / "data").mkdir()
        for name in ("ibdata1", "mysql.ibd", "auto.cnf", ".hidden", "data/table.ibd"):
            (self.volume / name).touch()
        (self.volume / "lost+found").mkdir()


@pytest.fixture
def server(tmp_path: Path) -> Server:
    for path in ("bin", "secrets/mysql", "volume", "rendered"):
        (tmp_path / path).mkdir(parents=True)
    for name, text in (("mysqld", MYSQLD), ("mysql", MYSQL)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    for name in ("root", "user", "registry"):
        (tmp_path / "secrets" / "mysql" / f"{name}-password").write_text("secret")
    return Server(tmp_path)


def test_an_empty_volume_gets_a_database_and_the_next_start_uses_it(server: Server) -> None:
    data = server.volume / "data"
    for _ in range(2):
        done = server.run("mysql_server.sh", "--", "--skip-name-resolve")
        assert done.returncode == 0, done.stderr
    first, second, third = server.seen()
    assert first == f"--initialize-insecure --datadir={server.volume}/making"
    assert second == third == f"--datadir={data} --init-file={server.folder}/rendered/init.sql --skip-name-resolve"
    assert [path.name for path in server.volume.iterdir()] == ["data"]


def test_an_initialisation_that_was_killed_is_made_again(server: Server) -> None:
    assert server.run("mysql_server.sh", "--", KILLED="yes").returncode == 137
    assert not (server.volume / "data").exists()
    assert server.run("mysql_server.sh", "--").returncode == 0
    assert [path.name for path in server.volume.iterdir()] == ["data"]


def test_options_of_the_initialisation_reach_it_and_stay_with_the_data(server: Server) -> None:
    server.run("mysql_server.sh", "--lower-case-table-names=1", "--innodb-page-size=8k", "--", "--slow-query-log")
    server.run("mysql_server.sh", "--", "--slow-query-log")
    initialised, *starts = server.seen()
    assert initialised.endswith("--lower-case-table-names=1 --innodb-page-size=8k")
    assert len(starts) == 2
    for start in starts:
        assert start.endswith("--lower-case-table-names=1 --innodb-page-size=8k --slow-query-log")
    assert "--slow-query-log" not in initialised


def test_an_option_of_the_initialisation_that_is_removed_stays_with_the_data_when_another_one_is_given(
    server: Server,
) -> None:
    server.run("mysql_server.sh", "--lower-case-table-names=1", "--innodb-page-size=8k", "--")
    server.run("mysql_server.sh", "--lower-case-table-names=1", "--")
    assert "--innodb-page-size=8k" in server.seen()[-1]


def test_a_database_at_the_top_of_the_volume_is_not_passed_over(server: Server) -> None:
    server.filled_by_the_official_image()
    done = server.run("mysql_server.sh", "--")
    assert done.returncode == 1
    assert server.seen() == []
    assert "kubectl -n team debug wso2ei-mysql-0 --copy-to=wso2ei-mysql-0-move" in done.stderr
    assert "bash /in_pod/mysql_move.sh" in done.stderr
    assert len(done.stderr.encode()) < 4096, "the kubelet keeps no more of a termination message"


def test_the_move_takes_all_files_and_then_the_server_starts(server: Server) -> None:
    server.filled_by_the_official_image()
    for _ in range(2):
        assert server.run("mysql_move.sh").returncode == 0
    assert {path.name for path in server.volume.iterdir()} == {"data", "lost+found"}
    assert {path.name for path in (server.volume / "data").iterdir()} == {
        "mysql", "ibdata1", "mysql.ibd", "auto.cnf", ".hidden", "data",
    }  # fmt: skip
    assert server.run("mysql_server.sh", "--").returncode == 0
    assert "--initialize-insecure" not in " ".join(server.seen())


def test_a_move_that_was_killed_goes_on_and_no_server_starts_in_between(server: Server) -> None:
    moving = server.volume / "moving"
    moving.mkdir()
    for name in ("ibdata1", "mysql.ibd"):
        (moving / name).touch()
    (server.volume / "mysql").mkdir()
    assert server.run("mysql_server.sh", "--").returncode == 1
    assert server.run("mysql_move.sh").returncode == 0
    assert {path.name for path in (server.volume / "data").iterdir()} == {"mysql", "ibdata1", "mysql.ibd"}


def test_a_move_without_a_database_changes_nothing(server: Server) -> None:
    (server.volume / "note").touch()
    assert server.run("mysql_move.sh").returncode == 1
    assert [path.name for path in server.volume.iterdir()] == ["note"]


RENEWED = """#!/bin/bash
case "$*" in *--initialize*) exec "$0.real" "$@" ;; esac
echo renewed >"$TLS/tls.crt"
for _ in {1..200}; do
    [ "$(grep -c RELOAD "$SEEN")" -lt 2 ] || exit 0
    sleep 0.05
done
exit 1
"""
REJECTED_ONCE = """#!/bin/bash
echo "$*" >>"$SEEN"
[ "$(grep -c RELOAD "$SEEN")" -gt 1 ]
"""


def test_a_renewed_certificate_is_loaded_without_a_restart_and_a_rejected_one_tried_again(server: Server) -> None:
    """The kubelet changes the files of a Secret; mysqld reads them at its start and with ALTER INSTANCE RELOAD TLS."""
    tls, programs = server.folder / "tls", server.folder / "bin"
    tls.mkdir()
    (tls / "tls.crt").write_text("first")
    (programs / "mysqld").rename(programs / "mysqld.real")
    for name, text in (("mysqld", RENEWED), ("mysql", REJECTED_ONCE)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    done = server.run("mysql_server.sh", "--", TLS=str(tls), RENEWED_SECONDS="0.05")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the renewed certificate is loaded") == 1
    loads = [line for line in server.seen() if "RELOAD" in line]
    assert all(line.endswith("-e ALTER INSTANCE RELOAD TLS") for line in loads)


def test_an_option_that_mysqld_rejects_fails_the_check_with_mysqld_s_own_words(server: Server) -> None:
    done = server.run("mysql_options.sh", "--", "--no-such=1")
    assert done.returncode == 1
    assert "unknown variable 'no-such=1'" in done.stderr
    assert "the running server, if there is one, is unchanged" in done.stderr


def test_valid_options_pass_the_check(server: Server) -> None:
    assert server.run("mysql_options.sh", "--", "--max-allowed-packet=64M").returncode == 0
    assert server.seen() == ["--validate-config --log-error-verbosity=1 --max-allowed-packet=64M"]


@pytest.mark.parametrize(
    ("option", "code"),
    [
        ("--innodb-page-size=16k", 0),
        ("--innodb-page-size=16384", 0),
        ("--innodb-page-size=8k", 1),
        ("--lower-case-table-names=1", 1),
    ],
)
def test_an_option_of_the_initialisation_must_be_that_of_the_running_server(
    server: Server, option: str, code: int
) -> None:
    done = server.run("mysql_options.sh", option, "--", RUNNING="yes")
    assert done.returncode == code, done.stderr
    assert ("counts at initialisation only" in done.stderr) == bool(code)
    assert server.run("mysql_options.sh", option, "--").returncode == 0, "there is no server to compare with"


def test_the_running_server_is_compared_although_the_network_rejects_the_first_connections(server: Server) -> None:
    """A NetworkPolicy admits a new pod after a delay, and until then its connections fail as without a server."""
    option = ("mysql_options.sh", "--lower-case-table-names=1", "--")
    done = server.run(*option, RUNNING="yes", REJECTED="3", CONNECT_SECONDS="60")
    assert done.returncode == 1, done.stdout
    assert "counts at initialisation only" in done.stderr


def test_an_option_that_cannot_be_compared_is_reported_with_the_reason(server: Server) -> None:
    """With a new password the running server rejects the login until it is replaced."""
    (server.folder / "bin/mysql").write_text("#!/bin/sh\necho 'ERROR 1045 (28000): Access denied' >&2\nexit 1\n")
    done = server.run("mysql_options.sh", "--innodb-page-size=8k", "--")
    assert done.returncode == 0
    assert "--innodb-page-size=8k is not compared with a running server: ERROR 1045" in done.stdout
