"""Small C programs for images, linked statically."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from embedded.errors import KitError
from embedded.process import capture
from embedded.progress import Reporter
from embedded.toolchain import ensure_debian


def static_binary(source: Path, reporter: Reporter) -> bytes:
    """Compile one C file. Raises ``KitError`` with the compiler's message."""
    if not shutil.which("gcc"):
        ensure_debian(["gcc", "libc6-dev"], reporter)
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / "binary"
        command = ["gcc", "-static", "-Os", "-s", "-Wall", "-Wextra", "-o", str(binary), str(source)]
        answer = capture(command)
        if answer.returncode != 0:
            raise KitError(f"gcc could not build {source.name}: {answer.stderr.strip()}", "install gcc and libc6-dev")
        return binary.read_bytes()
