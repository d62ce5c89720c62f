"""One folder of programs for each group: the user's own, else the official release, else built from Go modules.

Folders of the cache are named by what they were made of.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import deque
from collections.abc import Callable
from pathlib import Path

from embedded.errors import KitError
from embedded.machine import user_program
from embedded.paths import cache_dir
from embedded.process import capture, follow
from embedded.progress import Reporter, Step
from embedded.toolchain import golang, releases
from embedded.toolchain.failures import explain
from embedded.toolchain.groups import GROUPS, MODULES, Group, Module, key, needed_go
from embedded.toolchain.locks import locked

__all__ = ["built", "ensure", "key"]


def built(name: str) -> Path | None:
    """Return the folder of the group's programs when all of them are there, whole; ``None`` when they must be made."""
    return _on_path(GROUPS[name]) or next(
        (folder / "bin" for folder in (_folder(name), _release_folder(name)) if _whole(folder, GROUPS[name])), None
    )


def ensure(name: str, reporter: Reporter) -> Path:
    """Download or build the group unless it is there; the folder of its programs.

    Safe to call from several processes: one works, the others wait for it. A folder gets its final name when it is
    complete and on the disk; what was left half made is removed and made again.

    :raises KitError: when Go cannot be had, a module cannot be downloaded, or the build fails.
    """
    found = built(name)
    if found:
        return found
    group, final = GROUPS[name], _folder(name)
    final.parent.mkdir(parents=True, exist_ok=True)
    with locked(final, reporter, f"getting {group.title}", group.expected) as lock:
        found = built(name)
        if found is None:
            if not _downloaded(group, _release_folder(name), reporter):
                _make(group, final, lock, reporter)
            found = built(name)
    if found is None:
        raise KitError(
            f"{group.title} was put into {final.parent}, but cannot be run there",
            "set XDG_CACHE_HOME to a folder of a disk that is not mounted noexec",
        )
    return found


def _folder(name: str) -> Path:
    return cache_dir() / "toolchain" / f"{name}-{key(name)}"


def _release_folder(name: str) -> Path:
    return cache_dir() / "toolchain" / f"{name}-release-{_release_version(GROUPS[name])}"


def _release_version(group: Group) -> str:
    stated = group.release.version if group.release else None
    return (stated() if stated else group.version()).removeprefix("v")


def _on_path(group: Group) -> Path | None:
    """Return a folder of PATH that holds the whole group in the version that is pinned here."""
    program = user_program(group.binaries[0]) if group.version_argument else None
    if program is None or not all(os.access(program.parent / binary, os.X_OK) for binary in group.binaries):
        return None
    answer = capture([program, group.version_argument])
    pinned = rf"\bv?{re.escape(group.version().removeprefix('v'))}\b"
    return program.parent if re.search(pinned, answer.stdout + answer.stderr) else None


def _whole(folder: Path, group: Group) -> bool:
    return all(os.access(folder / "bin" / binary, os.X_OK) for binary in group.binaries)


def _downloaded(group: Group, final: Path, reporter: Reporter) -> bool:
    """Return whether the official release is there now. Complete files stay for the next try; the rest is deleted."""
    if group.release is None:
        return False
    making, version = final.with_name(f"{final.name}.partial"), _release_version(group)
    try:
        with reporter.step(f"downloading {group.title} {version}", "20s") as step:
            releases.download(group.release, version, group.binaries, making / "bin", step)
    except releases.UnavailableError as error:
        reporter.note(f"{group.title} {version} was not downloaded, and is built from Go modules: {error}")
        if not any((making / "bin").iterdir()):
            shutil.rmtree(making)
        return False
    shutil.rmtree(final, ignore_errors=True)
    _complete(making, final)
    return True


def _make(group: Group, final: Path, lock: int, reporter: Reporter) -> None:
    # The process that made a leftover has ended: the lock is ours.
    for leftover in final.parent.glob(f"{final.name}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
    making = final.with_name(f"{final.name}.making")
    (making / "bin").mkdir(parents=True)
    (making / "tmp").mkdir()
    # One at a time: groups share libraries, which two builds at once would both compile.
    compiling = final.with_name("compiling")
    try:
        with (
            locked(compiling, reporter, "compiling another part"),
            reporter.step(f"building {group.title} {group.version()} from Go modules", group.expected) as step,
        ):
            go = golang.find_go(needed_go(group), reporter)
            for module in group.modules:
                _Build(go, group, module, making, lock, step).run()
            shutil.rmtree(making / "tmp")
        _complete(making, final)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _complete(making: Path, final: Path) -> None:
    """Rename when everything is on the disk, so that a power cut leaves no whole-looking half."""
    os.sync()
    making.rename(final)


class _Build:
    """One module: what is stale is counted (which downloads it), then compiled and linked."""

    def __init__(self, go: Path, group: Group, module: Module, making: Path, lock: int, step: Step) -> None:
        self.go, self.group, self.module, self.lock, self.step = str(go), group, module, lock, step
        self.bin = making / "bin"
        self.variables = golang.environment(making / "tmp")
        self.label = f"{module.folder}: " if len(group.modules) > 1 else ""
        self.downloads = self.total = self.compiled = 0
        # Lines that are neither a package's name nor progress: what a failure is explained with.
        self.output: deque[str] = deque(maxlen=12)

    def run(self) -> None:
        self.step.detail(f"{self.label}looking at its packages")
        flags, target = self.module.flags(), self.module.target
        stale = ["list", "-deps", "-f", "{{if .Stale}}stale{{end}}", *flags, target]
        self._go(stale, self._listed)
        self.step.detail(f"{self.label}{self.total} packages to compile")
        self._go(["build", "-v", *flags, "-o", f"{self.bin}/", target], self._built)
        if self.module.files:
            self._copy_files()

    def _go(self, arguments: list[str], on_line: Callable[[str], None]) -> None:
        # Go inherits the lock: when this process is killed and Go goes on, no second build starts.
        folder = MODULES / self.module.folder
        if follow([self.go, *arguments], on_line, cwd=folder, env=self.variables, pass_fds=(self.lock,)):
            raise explain(self.group.title, list(self.output), self.group.instead)

    def _listed(self, line: str) -> None:
        if line == "stale":
            self.total += 1
        elif line.startswith("go: downloading "):
            self.downloads += 1
            self.step.detail(f"{self.label}downloading module {self.downloads}, {line[16:]}")
        elif line:
            self.output.append(line)

    def _built(self, line: str) -> None:
        if not line or " " in line or line.startswith("#"):
            self.output.append(line)
            return
        self.compiled += 1
        what = f"packages compiled, {line}" if self.compiled < self.total else "packages compiled, linking"
        self.step.detail(f"{self.label}{self.compiled} of {self.total} {what}")

    def _copy_files(self) -> None:
        command = [self.go, "list", "-m", "-f", "{{.Dir}}", self.module.path]
        answer = capture(command, cwd=MODULES / self.module.folder, env=self.variables)
        for name in self.module.files:
            file = self.bin / Path(name).name
            shutil.copyfile(Path(answer.stdout.strip()) / name, file)
            file.chmod(0o755 if file.name in self.group.binaries else 0o644)
