"""Can this machine run the cluster at all? Everything is looked at first, before anything is made."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from embedded.cluster import config, network
from embedded.cluster import names as n
from embedded.errors import KitError
from embedded.paths import cache_dir, state_dir
from embedded.process import capture

GIB = 1024**3
LEAST_MEMORY_BYTES = 5 * GIB
_BUILD_DISK_BYTES = 16 * GIB
_RUN_DISK_BYTES = 5 * GIB
# overlayfs on top of these is rejected by the kernel, or loses file attributes that images need.
_UNFIT_FILE_SYSTEMS = {"overlay", "nfs", "nfs4", "cifs", "9p", "virtiofs", "fuse", "vfat", "msdos"}


@dataclass(frozen=True)
class Host:
    """What was found: sizes in bytes, ``features`` by the name used in messages."""

    platform: str
    uid: int
    memory_free: int
    disk_free: int
    disk_needed: int
    disk_folder: Path
    file_system: str
    features: dict[str, bool]


def check(host: Host, *, running: bool = False) -> None:
    """Reject a machine that cannot run the cluster.

    :param running: it runs already, so that only its user is checked.
    :raises KitError: one sentence on the first thing that is missing, and the fix.
    """
    elsewhere = (
        "use a cluster of your own (Docker Desktop, OrbStack, Rancher Desktop, kind or k3d): start it and "
        "`kubectl config use-context` it"
    )
    if not host.platform.startswith("linux"):
        raise KitError("no running cluster was found, and one can be embedded on Linux only", elsewhere)
    if host.uid != 0:
        raise KitError(
            "no running cluster was found, and embedding one needs root (it makes namespaces, mounts and a bridge)",
            f"run the command with sudo (sudo -E make up), or {elsewhere}",
        )
    if running:
        return
    missing = [name for name, present in host.features.items() if not present]
    if missing:
        raise KitError(f"this kernel or container lacks: {', '.join(missing)}", elsewhere)
    if host.file_system in _UNFIT_FILE_SYSTEMS:
        raise KitError(
            f"the state folder is on a file system of type {host.file_system}, which cannot hold images",
            "set WSO2EI_EMBEDDED_STATE to a folder on a local disk (ext4, xfs, btrfs)",
        )
    if host.memory_free < LEAST_MEMORY_BYTES:
        raise KitError(
            f"{host.memory_free / GIB:.1f} GiB of memory are free; the stack needs {LEAST_MEMORY_BYTES // GIB} GiB",
            "end other programs, or give the machine more memory",
        )
    if host.disk_free < host.disk_needed:
        raise KitError(
            f"{host.disk_free / GIB:.1f} GiB are free at {host.disk_folder}, {host.disk_needed // GIB} are needed",
            "free some space, or set XDG_CACHE_HOME and XDG_STATE_HOME to folders on a larger disk",
        )


def observe() -> Host:
    """Look at this machine; changes nothing, but loads kernel modules that are installed."""
    folders = [_existing(cache_dir()), _existing(state_dir())]
    smallest = min(folders, key=lambda folder: shutil.disk_usage(folder).free)
    linux = sys.platform.startswith("linux")
    features: dict[str, bool] = {}
    if linux and os.geteuid() == 0:
        for module in ("overlay", "bridge", "br_netfilter", "veth"):
            capture(["modprobe", "-q", module])
        features = _features()
    return Host(
        platform=sys.platform,
        uid=os.geteuid(),
        memory_free=_meminfo("MemAvailable") if linux else 0,
        disk_free=shutil.disk_usage(smallest).free,
        disk_needed=_RUN_DISK_BYTES if (cache_dir() / "images").exists() else _BUILD_DISK_BYTES,
        disk_folder=smallest,
        file_system=_file_system(folders[1]) if linux else "",
        features=features,
    )


def machine() -> config.Machine:
    """Return CPUs and memory as the kubelet will see them."""
    return config.Machine(cpus=os.cpu_count() or 1, memory=_meminfo("MemTotal"))


def _features() -> dict[str, bool]:
    file_systems = Path("/proc/filesystems").read_text().split()
    return {
        "overlayfs": "overlay" in file_systems,
        "bridge netfilter (module br_netfilter)": Path("/proc/sys/net/bridge/bridge-nf-call-iptables").exists(),
        "writable cgroups at /sys/fs/cgroup": os.access("/sys/fs/cgroup", os.W_OK) and _has_cgroups(),
        "the right to make bridges": _can_make_bridge(),
    }


def _has_cgroups() -> bool:
    top = Path("/sys/fs/cgroup")
    return (top / "cgroup.controllers").exists() or (top / "memory").is_dir()


def _can_make_bridge() -> bool:
    """Try it in a new network namespace, which removes the bridge again."""
    if shutil.which("ip") is None:
        return True  # `ip` is installed later; what is really missing shows then
    return capture(["unshare", "--net", "ip", "link", "add", "probe0", "type", "bridge"]).returncode == 0


def _meminfo(field: str) -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    return 0


def _existing(path: Path) -> Path:
    return next(folder for folder in [path, *path.parents] if folder.exists())


def _file_system(path: Path) -> str:
    command = ["findmnt", "--noheadings", "--output", "FSTYPE", "--target", str(path)]
    return capture(command).stdout.strip().split(".")[0]


def check_network(names: n.Names, nodes: int) -> None:
    """Reject the machine when another cluster or another network is in the way, or a firewall between the nodes.

    :raises KitError: naming what is in the way.
    """
    network.check_ranges(network.routes(), names.bridge)
    if nodes > 1:
        network.check_forwarding(capture(["iptables", "-S", "FORWARD"]).stdout)
