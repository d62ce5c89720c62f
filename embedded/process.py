"""Runs commands whose output is kept, or followed line by line."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def capture(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run, and keep what it prints. A command that cannot be started is exit code 127, as in a shell.

    :param options: of `subprocess.run`.
    """
    try:
        return subprocess.run(command, check=False, capture_output=True, text=True, **options)
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", f"{command[0]}: {error.strerror}")


def follow(
    command: list[str], on_line: Callable[[str], None], *, seconds: float = threading.TIMEOUT_MAX, **options: Any
) -> int:
    """Run, and pass each line that is printed; returns the exit code.

    The command ends with the caller: whatever ``on_line`` raises, and Ctrl-C, terminate it.

    :param seconds: after them it is terminated.
    :param options: of `subprocess.Popen`.
    """
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", **options,
    ) as process:  # fmt: skip
        limit = threading.Timer(seconds, process.terminate)
        limit.daemon = True
        limit.start()
        try:
            for line in process.stdout or ():
                on_line(line.strip())
        except BaseException:
            process.terminate()
            raise
        finally:
            limit.cancel()
    return process.returncode
