"""Makes a pod's own folder on the volume of logs and heap dumps, and removes what the oldest gone pods left there.

    python log_folders.py --volume DIR --own POD --keep N

The kubelet would make a missing folder for a subPath as root, so it is made here, by the user who writes there. The
folders of the newest N other pods stay; an older one goes when nothing was written in it for a day, so that of a pod
that runs stays in any case: EI writes its access log at every probe. Only folders named like pods of the same
Deployment are looked at. What cannot be removed is reported and stays: it must not keep a node from starting.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import time
from pathlib import Path

QUIET_SECONDS = 24 * 3600


def newest(folder: Path) -> float:
    """When anything in the folder was written last, links not followed; ``inf`` where that cannot be seen."""
    try:
        return max(entry.lstat().st_mtime for entry in (folder, *folder.rglob("*")))
    except OSError:
        return float("inf")


def outdated(volume: Path, own: str, keep: int, now: float) -> list[Path]:
    """Folders of pods of the same Deployment that may go."""
    # DEPLOYMENT-REPLICASET-POD; the last two hold no dash.
    siblings = re.compile(rf"{re.escape(own.rsplit('-', 2)[0])}-[a-z0-9]+-[a-z0-9]+")
    found = [
        (newest(path), path)
        for path in volume.iterdir()
        if path.name != own and siblings.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
    ]
    old = sorted(found, reverse=True)[keep:]
    return [path for written, path in old if now - written > QUIET_SECONDS]


def main(arguments: list[str] | None = None) -> int:
    """Make and tidy."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--volume", type=Path, required=True)
    parser.add_argument("--own", required=True, help="name of this pod")
    parser.add_argument("--keep", type=int, required=True, help="folders of other pods that stay in any case")
    args = parser.parse_args(arguments)
    (args.volume / args.own).mkdir(exist_ok=True)
    for path in outdated(args.volume, args.own, args.keep, time.time()):
        try:
            shutil.rmtree(path)
            print(f"log_folders: removed {path.name}")
        except OSError as error:
            print(f"log_folders: {path.name} stays: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
