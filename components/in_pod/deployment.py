"""Brings the EI image's defaults into the shared deployment folder; runs in a pod, on the standard library alone.

    python deployment.py --defaults DIR --volume DIR

Both have the folders ``server`` and ``tenants``. New defaults are added; one that users never touched becomes that of
this image, or goes with it; what users made, changed or deleted stays so. A file counts as untouched while its hash is
one that some image had at its path.

``VOLUME/defaults``, which EI does not scan, holds the records: ``HASH.json`` lists the defaults of one image, path to
hash, and is written before its files; ``state.json`` lists what is seeded and what users deleted, and is written after
them. Every file is written under another name in there and renamed. So a run may end anywhere and be repeated, and
nodes may run it at once: no file of theirs is read and then changed except ``state.json``, where the last run decides.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import time
import uuid
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

TOPS = ("server", "tenants")
MOUNTED = ("server", "server/carbonapps", "tenants")
"""Folders that mounts need: the two that EI sees, and the one of the CARs in the first."""
RECORDS = "defaults"
FOLDER, OTHER = "folder", "other"
"""In place of a hash: a folder, and what is neither folder nor file, which only users can have made."""
_OLD_SECONDS = 24 * 3600
"""Age from which an unfinished file is that of a run which was ended."""


def state_of(path: Path) -> str | None:
    """Return the hash of a file, ``FOLDER`` or ``OTHER``; ``None`` where there is nothing."""
    try:
        if path.is_symlink():
            return OTHER
        if path.is_dir():
            return FOLDER
        if not path.is_file():
            return OTHER if path.exists() else None
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None


def defaults_in(top: Path) -> dict[str, str]:
    """Return the hash of every file of the image, and ``FOLDER`` for folders, whose paths end with a slash.

    Folders come before what is in them.
    """
    found: dict[str, str] = {}
    for name in TOPS:
        for folder, folders, files in os.walk(top / name):
            place = Path(folder).relative_to(top).as_posix()
            found |= {f"{place}/{each}/": FOLDER for each in folders}
            found |= {f"{place}/{each}": str(state_of(Path(folder) / each)) for each in files}
    return dict(sorted(found.items()))


class Records:
    """What earlier runs noted on the volume."""

    def __init__(self, volume: Path) -> None:
        self._folder = volume / RECORDS
        self._folder.mkdir(exist_ok=True)
        for file in self._folder.glob("*.tmp"):
            try:
                if time.time() - file.stat().st_mtime > _OLD_SECONDS:
                    file.unlink()
            except FileNotFoundError:  # another node was first
                continue

    def history(self) -> dict[str, set[str]]:
        """Return the states that images gave each path."""
        found: dict[str, set[str]] = defaultdict(set)
        for file in self._folder.glob("*.json"):
            if file.name != "state.json":
                for path, state in self._read(file.name).items():
                    found[path].add(state)
        return found

    def add(self, defaults: dict[str, str]) -> None:
        """Note the defaults of an image, once."""
        text = json.dumps(defaults, indent=0)
        name = f"{hashlib.sha256(text.encode()).hexdigest()}.json"
        if not (self._folder / name).exists():
            self._write(name, text)

    def state(self) -> tuple[set[str], set[str]]:
        """Return the defaults that are on the volume, unless users deleted them since, and those that they deleted."""
        state = self._read("state.json")
        return set(state.get("seeded", ())), set(state.get("deleted", ()))

    def save(self, seeded: set[str], deleted: set[str]) -> None:
        """Replace the state, where it is another one."""
        if (seeded, deleted) != self.state():
            self._write("state.json", json.dumps({"deleted": sorted(deleted), "seeded": sorted(seeded)}, indent=0))

    def unfinished(self) -> Path:
        """Return a name for a file that is not complete yet, on the same file system as where it goes."""
        return self._folder / f"{uuid.uuid4().hex}.tmp"

    def _read(self, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self._folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return found

    def _write(self, name: str, text: str) -> None:
        place(self.unfinished(), self._folder / name, text.encode())


def place(unfinished: Path, target: Path, content: bytes | Path) -> None:
    """Write a whole file, or copy one with its mode, and give it its name last."""
    with unfinished.open("wb") as out:
        if isinstance(content, bytes):
            out.write(content)
        else:
            with content.open("rb") as source:
                shutil.copyfileobj(source, out)
            os.fchmod(out.fileno(), content.stat().st_mode & 0o777 | 0o600)
        out.flush()
        os.fsync(out.fileno())
    unfinished.replace(target)


def merge(defaults: Path, volume: Path) -> Counter[str]:
    """Do it; how many defaults were added, updated, removed, or left as users have them."""
    for name in MOUNTED:
        (volume / name).mkdir(parents=True, exist_ok=True)
    records = Records(volume)
    wanted = defaults_in(defaults)
    records.add(wanted)
    past = records.history()
    missing = {path for path in past if state_of(volume / path) is None}
    # In this order: another node notes what it is about to remove, so it is not taken for a deletion.
    seeded, deleted = records.state()
    deleted = missing & (seeded | deleted)
    records.save(seeded & wanted.keys(), deleted)
    done: Counter[str] = Counter()
    for path in sorted(past, reverse=True):
        if path not in wanted and state_of(volume / path) in past[path]:
            done["removed"] += _remove(volume / path)
    for path, state in wanted.items():
        found = state_of(volume / path)
        if path in deleted or not (volume / path).parent.is_dir():
            deleted.add(path)
            done["stay deleted"] += 1
        elif found is None and state == FOLDER:
            (volume / path).mkdir(exist_ok=True)
        elif found is None or (found in past[path] and found != state):
            place(records.unfinished(), volume / path, defaults / path)
            done["added" if found is None else "updated"] += 1
        elif found != state:
            done["stay as users changed them"] += 1
    records.save(wanted.keys() - deleted, deleted)
    return done


def _remove(path: Path) -> bool:
    """Remove an untouched default that this image lacks; a folder with files of users stays."""
    try:
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
    except OSError:
        # Not empty, or another node was first.
        return False
    return True


def main(arguments: list[str] | None = None) -> int:
    """Merge; exit code 1 with the reason where the volume cannot be read or written."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--defaults", type=Path, required=True)
    parser.add_argument("--volume", type=Path, required=True)
    args = parser.parse_args(arguments)
    try:
        done = merge(args.defaults, args.volume)
    except (OSError, ValueError) as error:
        # Not the text of what it read: an update shows this line.
        print(f"deployment: the shared deployment folder cannot be merged: {error}", file=sys.stderr)
        return 1
    counts = ", ".join(f"{number} {what}" for what, number in sorted(done.items()) if number)
    print(f"deployment: defaults of the image: {counts or 'all in place'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
