"""The one exception type for failures that the kit expects and can explain."""

from __future__ import annotations


class KitError(Exception):
    """A failure with its fix. The command line prints both, without a traceback, and exits 1.

    :param message: what is wrong, in one sentence.
    :param way_out: what the reader can do about it, in one sentence; empty if nothing.
    """

    def __init__(self, message: str, way_out: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.way_out = way_out

    def __str__(self) -> str:
        return f"{self.message}\n  -> {self.way_out}" if self.way_out else self.message
