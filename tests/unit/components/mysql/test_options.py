"""Options of mysqld: managed ones are rejected in every spelling, and the buffer pool follows the memory."""

from __future__ import annotations

import pytest

from components.mysql.options import arguments, buffer_pool, option_problems


@pytest.mark.parametrize(
    "option",
    [
        *("--datadir=/x", "--init-file=/x", "--port=1", "--report-host=x", "--skip-grant-tables", "--socket=/x"),
        # mysqld reads an underscore as a hyphen, and takes modifiers in front of a name.
        *("--init_file=/x", "--skip_grant_tables", "--loose-init-file=/x", "--grant-tables=0", "--disable-networking"),
        # An abbreviation, where a version of mysqld takes it.
        *("--init-fil=/x", "--loose_skip-grant-tab"),
        # mysqld would do something else and exit.
        *("--help", "--verbose", "--version", "--initialize", "--validate-config"),
        # Settings and promises of the stack.
        *("--max-connections=5", "--maximum-max-connections=5", "--skip-name-resolve", "--user=root", "--log-error=/x"),
        *("--partial-revokes=ON", "--sql_require_primary_key", "--super-read-only", "--read_only=1", "--offline-mode"),
    ],
)
def test_a_managed_option_is_rejected_in_every_spelling(option: str) -> None:
    (found,) = option_problems(["--max-allowed-packet=64M", option])
    assert found.field == "options[1]"
    assert "must not set" in found.expected


@pytest.mark.parametrize("option", ["--lower_case_table_names=1", "--loose-innodb-page-size=8k", "--innodb-page-size"])
def test_an_option_that_counts_at_initialisation_is_written_in_full(option: str) -> None:
    (found,) = option_problems([option])
    assert "=VALUE" in found.expected


def test_a_password_among_the_options_is_rejected_and_not_shown() -> None:
    (found,) = option_problems(["--loose-authentication-ldap-simple-bind-root-pwd=hunter2"])
    assert "password in plain text" in found.expected
    assert "hunter2" not in found.expected


def test_other_options_are_accepted() -> None:
    options = [
        "--innodb-buffer-pool-size=2G",
        "--lower-case-table-names=1",
        "--skip-log-bin",
        "--init-connect=SET @a=1",
    ]
    options += ["--slow-query-log", "--loose-validate-password=1", "--userstat", "--port-open-timeout=3"]
    options += ["--mysql-native-password=ON", "--disconnect-on-expired-password=OFF"]
    assert list(option_problems(options)) == []
    assert arguments("1Gi", options) == ["--lower-case-table-names=1", "--", *options[:1], *options[2:]]


@pytest.mark.parametrize(
    ("memory", "size"), [("256Mi", 128), ("512Mi", 128), ("1Gi", 384), ("4Gi", 1920), ("8Gi", 3968), ("1G", 256)]
)
def test_the_buffer_pool_is_half_of_the_memory_above_256_mib(memory: str, size: int) -> None:
    assert buffer_pool(memory, []) == [f"--innodb-buffer-pool-size={size}M"]


def test_an_option_that_sets_the_buffer_pool_wins() -> None:
    for option in (
        "--innodb-buffer-pool-size=2G",
        "--innodb_buffer_pool_size=2G",
        "--loose-innodb-buffer-pool-size=1G",
    ):
        assert buffer_pool("4Gi", [option]) == []
