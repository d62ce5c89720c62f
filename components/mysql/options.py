"""Options of mysqld: managed ones, those that count at initialisation only, and the default buffer pool of InnoDB.

Whether an option and its value exist in the image's version is checked by mysqld itself (``mysql_options.sh``).
Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from components.shared.plain_secrets import sets_secret
from components.shared.problems import Problem
from components.shared.quantities import quantity

INITIAL = ("innodb-data-file-path", "innodb-page-size", "lower-case-table-names")
"""Options that mysqld takes when it initialises a data folder, and rejects when they differ later (MySQL manual,
"Configuring a Case-Insensitive Server" in "Server System Variables", "InnoDB Startup Configuration")."""
_PLACES = "basedir chroot datadir innodb-data-home-dir innodb-log-group-home-dir innodb-undo-directory pid-file tmpdir"
_NETWORK = "bind-address name-resolve networking port report-host socket user"
_MODES = (
    "daemonize defaults-extra-file defaults-file defaults-group-suffix grant-tables help init-file initialize "
    "initialize-insecure log-error no-defaults print-defaults validate-config verbose version"
)
_MANAGED = dict.fromkeys(f"{_PLACES} {_NETWORK} {_MODES}".split(), "it is managed") | {
    "max-connections": "max_connections sets it",
    **dict.fromkeys(("offline-mode", "read-only", "super-read-only"), "EI writes to the server, and so does its start"),
    "partial-revokes": "it would turn the grants of EI's users, which escape '_', into grants on other names",
    "sql-require-primary-key": "WSO2's scripts create tables without one",
}
"""Names without modifiers, and why they must not be set."""
_MODIFIERS = re.compile(r"(?:loose|skip|disable|enable|maximum)-")
_MIB = 1024**2


def option_problems(options: Sequence[str]) -> Iterator[Problem]:
    """Options that are managed, hold a password, or count at initialisation and are not written in full."""
    for index, option in enumerate(options):
        name = _name(option)
        managed = next((one for one in _MANAGED if one.startswith(name)), None)
        if managed:
            yield Problem(("options", index), f"must not set {managed}: {_MANAGED[managed]}")
        elif sets_secret(name, option.partition("=")[2]):
            yield Problem(("options", index), "holds a password in plain text, which every process list shows")
        initial = next((one for one in INITIAL if one.startswith(name)), None)
        if initial and not _is_initial(option):
            yield Problem(("options", index), f"must be written --{initial}=VALUE: it counts at initialisation")


def arguments(memory: str, options: Sequence[str]) -> list[str]:
    """Arguments of ``mysql_server.sh`` and ``mysql_options.sh``: those that count at initialisation, ``--``, others."""
    initial = [option for option in options if _is_initial(option)]
    return [*initial, "--", *buffer_pool(memory, options), *(option for option in options if not _is_initial(option))]


def _is_initial(option: str) -> bool:
    return option.startswith(tuple(f"--{name}=" for name in INITIAL))


def _name(option: str) -> str:
    """Name of an option without its modifiers: mysqld reads ``_`` as ``-``, and ``--skip-x`` as ``--x=0``."""
    name = option.removeprefix("--").partition("=")[0].lower().replace("_", "-")
    while match := _MODIFIERS.match(name):
        name = name[match.end() :]
    return name


def buffer_pool(memory: str, options: Sequence[str]) -> list[str]:
    """The option that sets InnoDB's buffer pool to half of ``memory`` above 256 MiB; none if ``options`` sets it.

    At least mysqld's default of 128 MiB, in whole chunks of 128 MiB, because mysqld rounds up. The other half is for
    connections, temporary tables and the Performance Schema, which takes up to 200 MiB.
    """
    if any(_name(option) == "innodb-buffer-pool-size" for option in options):
        return []
    chunks = int((quantity(memory) / _MIB - 256) / 2 / 128)
    return [f"--innodb-buffer-pool-size={max(chunks, 1) * 128}M"]
