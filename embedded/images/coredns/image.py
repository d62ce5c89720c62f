"""CoreDNS, built from its own Go module: the real thing, without a base."""

from __future__ import annotations

from pathlib import Path

from embedded import toolchain
from embedded.images.spec import File, Image, Layer, write_layer
from embedded.progress import Reporter
from embedded.toolchain.build import key

_VERSION = toolchain.GROUPS["coredns"].version()


def _build(destination: Path, reporter: Reporter) -> None:
    binary = toolchain.ensure("coredns", reporter) / "coredns"
    write_layer(destination, [File("coredns", binary.read_bytes(), 0o755), File("tmp", None, 0o1777)])


IMAGES = [
    Image(
        (f"embedded.invalid/coredns:{_VERSION}",),
        (Layer("coredns", key("coredns"), _build),),
        ("/coredns",),
        user="65532",
    )
]
