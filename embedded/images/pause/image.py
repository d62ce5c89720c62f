"""The container that holds a pod's namespaces; a few lines of C."""

from __future__ import annotations

from pathlib import Path

from embedded.images.compile import static_binary
from embedded.images.spec import File, Image, Layer, write_layer
from embedded.progress import Reporter

_SOURCE = Path(__file__).with_name("pause.c")


def _build(destination: Path, reporter: Reporter) -> None:
    write_layer(destination, [File("pause", static_binary(_SOURCE, reporter), 0o755)])


IMAGES = [
    Image(
        ("embedded.invalid/pause:3.10", "registry.k8s.io/pause:3.10"),
        (Layer("pause", _SOURCE.read_text(), _build),),
        ("/pause",),
        user="65535:65535",
    )
]
