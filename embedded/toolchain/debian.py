"""Debian packages that the embedded cluster is made of."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded.errors import KitError
from embedded.paths import cache_dir
from embedded.process import capture, follow
from embedded.progress import Reporter, Step
from embedded.toolchain.locks import locked

# Services that come with packages. The cluster starts its programs itself; these would listen on the machine itself.
_SERVICES = {
    "containerd": "containerd.service",
    "docker-registry": "docker-registry.service",
    "etcd-server": "etcd.service",
}
# There when systemd runs the machine.
_SYSTEMD = Path("/run/systemd/system")


def ensure_debian(packages: Iterable[str], reporter: Reporter) -> None:
    """Install what is missing of ``packages`` (their own services are neither started now nor at boot).

    Makes no network request when all is there. The package lists are fetched only when apt cannot do without,
    and no installed package is ever removed for a new one.

    :raises KitError: when something is missing and this is no Debian or Ubuntu, not root, or apt fails.
    """
    missing = _missing(packages)
    if not missing:
        return
    _check_allowed(missing)
    cache_dir().mkdir(parents=True, exist_ok=True)
    with locked(cache_dir() / "apt", reporter, "installing Debian packages", "30s"):
        missing = _missing(missing)
        if missing:
            with reporter.step(f"installing {len(missing)} Debian packages", "30s") as step:
                _install(missing, step)
                step.detail(", ".join(missing))


def _missing(packages: Iterable[str]) -> list[str]:
    """Return what is neither installed nor provided by another package, as Docker's ``containerd.io`` provides runc."""
    answer = capture(["dpkg-query", "-W", "-f=${Status}|${Package}, ${Provides}\n"])
    there = set()
    for line in answer.stdout.splitlines():
        status, _, names = line.partition("|")
        if status.endswith(" ok installed"):
            there |= {re.sub(r"[ :(].*", "", name.strip()) for name in names.split(",")}
    return [package for package in packages if package not in there]


def _check_allowed(missing: list[str]) -> None:
    names = ", ".join(missing)
    release = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    family = f"{release.get('ID', '')} {release.get('ID_LIKE', '')}".split()
    if not {"debian", "ubuntu"} & set(family) or not shutil.which("apt-get"):
        raise KitError(
            f"the embedded cluster needs the Debian packages {names}, and this is "
            f"{release.get('PRETTY_NAME', 'no Debian or Ubuntu')}",
            "use Debian 12 or newer, or Ubuntu; or make your own cluster the current context",
        )
    if os.geteuid() != 0:
        raise KitError(
            f"these packages are missing, and only root can install them: {names}", "run it as root (sudo -E)"
        )


def _install(missing: list[str], step: Step) -> None:
    install = ["install", "--yes", "--no-install-recommends", "--no-remove", *missing]
    with _services_held([_SERVICES[package] for package in missing if package in _SERVICES]):
        if _apt(install, step)[0]:
            return
        # No list of packages yet, or one so old that what it names is gone. An update that fetched nothing ends well
        # and only warns, so its output is kept for the message.
        updated, output = _apt(["update"], step)
        installed, reason = _apt(install, step) if updated else (False, [])
    if not installed:
        raise KitError(
            f"apt-get could not install {', '.join(missing)}:\n    " + "\n    ".join([*output, *reason]),
            "fix the cause (apt's sources, the network, the disk), and run this again",
        )


@contextmanager
def _services_held(services: list[str]) -> Iterator[None]:
    """Keep systemd from starting services while their packages are installed, and at boot.

    ``deb-systemd-invoke`` starts no unit that is masked. A policy-rc.d file would do the same but may be there already.
    """
    running = bool(services) and _SYSTEMD.is_dir()
    if running:
        capture(["systemctl", "--quiet", "mask", "--runtime", *services])
    try:
        yield
    finally:
        if running:
            capture(["systemctl", "--quiet", "unmask", "--runtime", *services])
        if services:
            capture(["systemctl", "--quiet", "disable", *services])


def _apt(arguments: list[str], step: Step) -> tuple[bool, list[str]]:
    """Run apt-get; whether it succeeded, and its last lines."""
    # The two levels are what init scripts, where there is no systemd, take for "single user": start nothing.
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1", "PREVLEVEL": "N", "LC_ALL": "C.UTF-8"}
    tail: deque[str] = deque(maxlen=8)

    def heard(line: str) -> None:
        if line:
            tail.append(line)
            step.detail(line)

    command = ["apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments]
    return follow(command, heard, env={**os.environ, **quiet}) == 0, list(tail)
