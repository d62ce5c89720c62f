"""The container that holds a pod's namespaces; a few lines of C, linked statically."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from embedded.errors import KitError
from embedded.images.spec import File, Image, Layer, write_layer
from embedded.progress import Reporter
from embedded.toolchain import ensure_debian

_SOURCE = Path(__file__).with_name("pause.c")


def _build(destination: Path, reporter: Reporter) -> None:
    if not shutil.which("gcc"):
        ensure_debian(["gcc", "libc6-dev"], reporter)
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / "pause"
        answer = subprocess.run(
            ["gcc", "-static", "-Os", "-s", "-o", str(binary), str(_SOURCE)],
            check=False,
            capture_output=True,
            text=True,
        )
        if answer.returncode != 0:
            raise KitError(f"gcc could not build pause.c: {answer.stderr.strip()}", "install gcc and libc6-dev")
        write_layer(destination, [File("pause", binary.read_bytes(), 0o755)])


IMAGES = [
    Image(
        ("registry.k8s.io/pause:3.10",),
        (Layer("pause", _SOURCE.read_text(), _build),),
        ("/pause",),
        user="65535:65535",
    )
]
