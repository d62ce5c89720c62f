"""Locks between processes: one makes a thing, the others wait and show the PID that they wait for."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded.progress import Reporter


@contextmanager
def locked(path: Path, reporter: Reporter, what: str, expected: str = "") -> Iterator[int]:
    """Hold ``<path>.lock`` while the block runs; its file descriptor, for children that must keep it too.

    The kernel lets go of the lock when the last process that holds it ends, however it ends.
    """
    descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode() or "unknown"
            with reporter.step(f"{what}: process {holder} does it already, waiting for it", expected):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)
