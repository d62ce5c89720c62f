"""What an image is made of."""

from __future__ import annotations

import hashlib
import inspect
import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from embedded.progress import Reporter

Build = Callable[[Path, Reporter], None]
"""Writes a layer's tar to the path."""


@dataclass(frozen=True)
class Layer:
    """One layer, cached under a key made of its recipe: the same recipe is built once."""

    name: str
    recipe: str
    """Everything that decides what comes out, as text."""
    build: Build = field(compare=False)
    expected: str = ""
    """Usual duration of the build, for the progress line."""

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{self.name}\n{self.recipe}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Image:
    """One image under one or several references."""

    references: tuple[str, ...]
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()

    def config(self) -> dict[str, object]:
        """Return the ``config`` part of the image's configuration (Docker image specification 1.2)."""
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        environment = {"PATH": path, **self.environment}
        found: dict[str, object] = {
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "Entrypoint": list(self.entrypoint),
            "Labels": {"org.opencontainers.image.title": "STAND-IN made on this machine"},
        }
        optional = {
            "Cmd": list(self.command),
            "User": self.user,
            "WorkingDir": self.working_dir,
            "ExposedPorts": {f"{port}/tcp": {} for port in self.ports},
        }
        return found | {name: value for name, value in optional.items() if value}


@dataclass(frozen=True)
class File:
    """A file, folder (``content`` ``None``) or link of a layer that is written by hand."""

    path: str
    content: bytes | str | None = None
    mode: int = 0o644
    owner: int = 0
    link: str = ""
    capabilities: bytes = b""
    """Value of the extended attribute ``security.capability``."""


def write_layer(destination: Path, files: list[File]) -> None:
    """Write ``files`` as a tar; the same files give the same bytes."""
    with tarfile.open(destination, "w", format=tarfile.PAX_FORMAT) as tar:
        for file in files:
            info = tarfile.TarInfo(file.path.lstrip("/"))
            info.mode, info.uid, info.gid, info.mtime = file.mode, file.owner, file.owner, 1_700_000_000
            data = file.content.encode() if isinstance(file.content, str) else file.content
            if file.link:
                info.type, info.linkname = tarfile.SYMTYPE, file.link
                data = None
            elif data is None:
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(data)
            if file.capabilities:
                info.pax_headers = {"SCHILY.xattr.security.capability": file.capabilities.decode("latin-1")}
            tar.addfile(info, io.BytesIO(data) if data is not None else None)


def files_layer(name: str, files: Callable[[], list[File]], recipe: str = "") -> Layer:
    """Return a layer of files that are at hand; its key is their content."""

    def build(destination: Path, reporter: Reporter) -> None:
        write_layer(destination, files())

    text = recipe or "\n".join(
        f"{f.path} {f.mode:o} {f.owner} {f.link} {hashlib.sha256(_bytes(f)).hexdigest()} {f.capabilities.hex()}"
        for f in files()
    )
    return Layer(name, text + inspect.getsource(write_layer), build)


def _bytes(file: File) -> bytes:
    return file.content.encode() if isinstance(file.content, str) else (file.content or b"")


def accounts(*users: tuple[str, int, str]) -> list[File]:
    """Return ``/etc/passwd`` and ``/etc/group`` with root, nobody and (name, id, home), each with its group."""
    everyone = [("root", 0, "/root"), *users, ("nobody", 65534, "/nonexistent")]
    passwd = "".join(f"{name}:x:{uid}:{uid}:{name}:{home}:/bin/sh\n" for name, uid, home in everyone)
    group = "".join(f"{name}:x:{uid}:\n" for name, uid, _ in everyone)
    return [File("etc/passwd", passwd), File("etc/group", group)]
