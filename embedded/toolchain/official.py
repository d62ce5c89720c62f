"""The official Pulumi CLI, where its release server can be reached: seconds instead of a build of minutes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

import httpx

from embedded.paths import cache_dir
from embedded.progress import Reporter

RELEASES = "https://get.pulumi.com/releases/sdk"
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 60.0


def official_folder() -> Path | None:
    """The folder of an official CLI that was downloaded before."""
    folder = cache_dir() / "toolchain" / f"pulumi-official-{importlib.metadata.version('pulumi')}" / "bin"
    return folder if (folder / "pulumi").exists() else None


def official_pulumi(reporter: Reporter, releases: str = RELEASES) -> Path | None:
    """The folder of the official CLI of the SDK's version, downloaded if it is not there; ``None`` if it cannot be had.

    A download whose checksum does not fit is thrown away and counts as not to be had.
    """
    found = official_folder()
    if found:
        return found
    version = importlib.metadata.version("pulumi")
    folder = cache_dir() / "toolchain" / f"pulumi-official-{version}"
    machine = {"x86_64": "x64", "amd64": "x64", "arm64": "arm64", "aarch64": "arm64"}.get(platform.machine().lower())
    if machine is None or sys.platform not in {"linux", "darwin"}:
        return None
    name = f"pulumi-v{version}-{sys.platform}-{machine}.tar.gz"
    with tempfile.TemporaryDirectory() as temporary:
        archive = Path(temporary) / name
        try:
            with reporter.step(f"downloading the official Pulumi CLI {version}", "20s") as step:
                _download(f"{releases}/{name}", archive)
                sums = httpx.get(f"{releases}/pulumi-{version}-checksums.txt", timeout=_CONNECT_SECONDS)
                sums.raise_for_status()
                step.detail("checking its sum")
                if f"{_sha256(archive)}  {name}" not in sums.text:
                    reporter.note(f"the checksum of {name} does not fit: not used")
                    return None
        except httpx.HTTPError:
            reporter.note("the official Pulumi CLI cannot be downloaded here")
            return None
        making = folder.with_suffix(f".making-{os.getpid()}")
        with tarfile.open(archive) as tar:
            tar.extractall(making, filter="data")
        # The archive holds one folder, `pulumi`, with the programs.
        (making / "pulumi").rename(making / "bin")
        shutil.rmtree(folder, ignore_errors=True)
        making.rename(folder)
    return folder / "bin"


def _download(url: str, destination: Path) -> None:
    timeout = httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
    with httpx.stream("GET", url, timeout=timeout, follow_redirects=True) as answer, destination.open("wb") as file:
        answer.raise_for_status()
        for chunk in answer.iter_bytes():
            file.write(chunk)


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
