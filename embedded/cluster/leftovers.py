"""Lists what is left of the cluster on this machine, for `clean`, for tests and for users."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from embedded.cluster import cgroups, egress, network
from embedded.cluster import names as n
from embedded.errors import KitError


def leftovers(names: n.Names | None = None) -> list[str]:
    """List every process, mount, cgroup, interface, nftables table and folder of the cluster.

    Empty after `stop`. The cluster's processes are those in its cgroup, pods included; namespaces end with them, and
    routes with the bridge.
    """
    names = names or n.current()
    found = [f"process {process}: {_command(process)}" for process in sorted(cgroups.processes(names.cgroup))]
    for point in mounts_below(names.root):
        found.append(f"mount {point}")
    for folder in cgroups.existing(names.cgroup):
        found.append(f"cgroup {folder}")
    for name, alias in network.links().items():
        if name.endswith(f"-{names.key}") or alias == names.alias:
            found.append(f"interface {name}")
    if egress.exists(names):
        found.append(f"nftables table {names.cgroup}")
    if names.root.exists():
        found.append(f"folder {names.root}")
    return found


def assert_nothing_left(names: n.Names | None = None) -> None:
    """Check that nothing is left.

    :raises KitError: naming everything that is left.
    """
    found = leftovers(names)
    if found:
        raise KitError("left on this machine:\n  " + "\n  ".join(found), "python -m embedded cluster stop")


def mounts_below(folder: Path) -> list[str]:
    """Return the mount points of this mount namespace at or below a folder."""
    points = []
    table = Path("/proc/self/mountinfo")
    for line in table.read_text().splitlines() if table.exists() else []:
        point = line.split()[4].encode().decode("unicode_escape")
        if point == str(folder) or point.startswith(f"{folder}/"):
            points.append(point)
    return points


def _command(process: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")[:120]
    return "(gone)"
