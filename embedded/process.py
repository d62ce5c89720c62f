"""Runs a command whose output is followed line by line."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any


def follow(command: list[str], on_line: Callable[[str], None], **options: Any) -> int:
    """Run, and pass each line that is printed; returns the exit code.

    The command ends with the caller: whatever ``on_line`` raises, and Ctrl-C, terminate it.

    :param options: of `subprocess.Popen`.
    """
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", **options,
    ) as process:  # fmt: skip
        try:
            for line in process.stdout or ():
                on_line(line.strip())
        except BaseException:
            process.terminate()
            raise
    return process.returncode
