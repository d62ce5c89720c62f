"""Debian packages that the embedded cluster is made of."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable

from embedded.errors import KitError
from embedded.progress import Reporter


def ensure_debian(packages: Iterable[str], reporter: Reporter) -> None:
    """Install what is missing of ``packages``, without starting any service of theirs.

    :raises KitError: when this is no Debian or Ubuntu, not root, or apt refuses.
    """
    missing = [package for package in packages if not _installed(package)]
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise KitError(
            f"these Debian packages are needed: {', '.join(missing)}", "use Debian or Ubuntu, or a cluster of your own"
        )
    if os.geteuid() != 0:
        raise KitError(
            f"these packages must be installed by root: {', '.join(missing)}",
            f"sudo apt-get install {' '.join(missing)}",
        )
    with reporter.step(f"installing {len(missing)} Debian packages", "30s") as step:
        step.detail(", ".join(missing))
        _apt(["update", "-qq"])
        _apt(["install", "-y", "-qq", "--no-install-recommends", *missing])
        step.detail("")


def _installed(package: str) -> bool:
    answer = subprocess.run(
        ["dpkg-query", "-W", "-f=${Status}", package], check=False, capture_output=True, text=True
    ) if shutil.which("dpkg-query") else None  # fmt: skip
    return bool(answer and answer.stdout.endswith("install ok installed"))


def _apt(arguments: list[str]) -> None:
    # RUNLEVEL=1 makes invoke-rc.d refuse to start the packages' services: the cluster runs its own.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    answer = subprocess.run(
        ["apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments],
        env=environment, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if answer.returncode != 0:
        raise KitError(
            f"apt-get {arguments[0]} failed: {answer.stderr.strip()[-600:]}", "mend apt, then run this again"
        )
