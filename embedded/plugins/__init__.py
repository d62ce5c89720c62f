"""The provider plugins: the official release, else built from its module, else a stand-in.

The process of a stand-in starts by importing this package: what only the installer needs is imported inside functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embedded.progress import Reporter

NAMES = ("kubernetes", "random")
RELEASE, BUILT, STAND_IN = "the official release", "built here from its Go module", "STAND-IN"


@dataclass(frozen=True)
class Plugin:
    """A plugin of a Pulumi home."""

    name: str
    version: str
    """What it is, without ``v``. The engine looks for the version of the Python SDK, whichever runs."""
    source: str = RELEASE
    """`RELEASE`, `BUILT` or `STAND_IN`."""
    reason: str = ""
    """Why it is not the official release."""

    @property
    def stand_in(self) -> bool:
        """Whether it only imitates the official plugin."""
        return self.source == STAND_IN

    def line(self) -> str:
        """Describe which plugin runs, and why."""
        return f"{self.name} {self.version}: {self.source}" + (f", since {self.reason}" if self.reason else "")


def shared_home() -> Path:
    """Return the Pulumi home that the kit installs plugins into; removed with everything else by ``make clean``."""
    from embedded.paths import state_dir  # noqa: PLC0415

    return state_dir() / "pulumi" / "home"


def install(pulumi_home: Path, environment: dict[str, str], reporter: Reporter) -> list[Plugin]:
    """Install both plugins into ``pulumi_home``; returns what they are.

    :param environment: of the ``pulumi`` command, which must be on its PATH.
    :raises KitError: the CLI is missing or rejects a plugin, or the provider can be neither downloaded nor built.
    """
    from embedded.plugins import installer  # noqa: PLC0415

    return installer.install(pulumi_home, environment, reporter)
