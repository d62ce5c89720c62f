"""Stand-ins for the provider plugins that a machine without downloads cannot have.

A plugin process starts by importing this package, so what only the installer needs is imported inside the functions.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embedded.progress import Reporter

NAMES = ("kubernetes", "random")


def shared_home() -> Path:
    """The Pulumi home that the kit installs plugins into; removed with everything else by ``make clean``."""
    from embedded.paths import state_dir  # noqa: PLC0415

    return state_dir() / "pulumi" / "home"


def install(pulumi_home: Path, environment: dict[str, str], reporter: Reporter) -> list[str]:
    """Have both plugins in ``pulumi_home``, official if possible; the names of those that are stand-ins.

    :param environment: of the ``pulumi`` command, which must be on its PATH.
    :raises KitError: the CLI is missing or refuses a stand-in.
    """
    from embedded.plugins import installer  # noqa: PLC0415

    return installer.install(pulumi_home, environment, reporter)


def is_stand_in(pulumi_home: Path, name: str) -> bool:
    """Whether the installed plugin of that name, in the version of its Python SDK, is a stand-in."""
    from embedded.plugins import installer  # noqa: PLC0415

    return installer.installed_key(pulumi_home, name) is not None
