"""The cluster's cgroups: one folder in every hierarchy (version 1) or one in the tree (version 2).

Layout below the root: ``wso2ei-KEY/UNIT/system`` holds the unit's own processes, ``wso2ei-KEY/node-N/kubepods`` is
made by the kubelet. Membership identifies the cluster's processes even when every record is lost.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_REMOVAL_PATIENCE_SECONDS = 10.0


def unified(root: Path = ROOT) -> bool:
    """Return whether the machine runs cgroup version 2 alone."""
    return (root / "cgroup.controllers").exists()


def hierarchies(root: Path = ROOT) -> list[Path]:
    """Return the folders in which a process must have a place."""
    if unified(root):
        return [root]
    # `net_cls,net_prio` and the like are reachable by links too; each hierarchy counts once.
    found = {entry.resolve() for entry in root.iterdir() if (entry / "cgroup.procs").exists()}
    return sorted(found)


def create(path: str, root: Path = ROOT) -> list[Path]:
    """Make ``path`` in every hierarchy, usable for processes; returns the folders."""
    made = []
    for top in hierarchies(root):
        folder = top
        for part in Path(path).parts:
            if unified(root):
                _hand_down(folder)
            folder = folder / part
            folder.mkdir(exist_ok=True)
            if top.name == "cpuset":
                _inherit_cpuset(folder)
        made.append(folder)
    return made


def _hand_down(folder: Path) -> None:
    for controller in (folder / "cgroup.controllers").read_text().split():
        with suppress(OSError):
            (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def _inherit_cpuset(folder: Path) -> None:
    """Copy the parent's cpuset: a new one of version 1 is empty, and an empty one takes no process."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if not (folder / name).read_text().strip():
            (folder / name).write_text((folder.parent / name).read_text())


def existing(path: str, root: Path = ROOT) -> list[Path]:
    """Return the folders of ``path`` that exist."""
    if not root.is_dir():
        return []
    return [top / path for top in hierarchies(root) if (top / path).is_dir()]


def _folders(path: str, root: Path) -> Iterator[Path]:
    """Yield the folders of ``path`` and every one below them.

    Not by rglob: Python 3.11 raises when a folder disappears meanwhile, as those of ending pods do.
    """
    return (Path(folder) for top in existing(path, root) for folder, _, _ in os.walk(top))


def processes(path: str, root: Path = ROOT) -> set[int]:
    """Return every process at or below ``path``, in any hierarchy."""
    found: set[int] = set()
    for folder in _folders(path, root):
        with suppress(OSError):
            found.update(int(line) for line in (folder / "cgroup.procs").read_text().split())
    return found


def contains(path: str, name: str, root: Path = ROOT) -> bool:
    """Return whether a folder of that name exists anywhere below ``path``: a container's is named by its ID."""
    return any(folder.name == name for folder in _folders(path, root))


def remove(path: str, root: Path = ROOT) -> list[Path]:
    """Remove ``path`` and all below it; returns what is still there (it holds processes)."""
    end = time.monotonic() + _REMOVAL_PATIENCE_SECONDS
    while existing(path, root):
        for folder in sorted(_folders(path, root), reverse=True):
            with suppress(OSError):
                folder.rmdir()
        if time.monotonic() > end:
            break
        if existing(path, root):
            time.sleep(0.05)
    return existing(path, root)
