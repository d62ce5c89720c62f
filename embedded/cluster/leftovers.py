"""Lists what is left of the cluster on this machine, for `clean`, for tests and for users."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from embedded.cluster import cgroups, egress, network
from embedded.cluster import names as n
from embedded.errors import KitError


def leftovers(names: n.Names | None = None) -> list[str]:
    """List every process, namespace, mount, cgroup, interface, route, nftables table and folder of the cluster.

    Empty after `stop`. A process counts if it is in a cgroup of the cluster (pods are), or is a program of the kit that
    was started with files of the cluster; nothing is recognised by its name alone.
    """
    names = names or n.current()
    members = cgroups.processes(names.cgroup)
    found = []
    for process in sorted(members | _processes_with(str(names.root))):
        found.append(f"process {process}: {_command(process)}")
    for point in mounts_below(names.root):
        found.append(f"mount {point}")
    for folder in cgroups.existing(names.cgroup):
        found.append(f"cgroup {folder}")
    for name, alias in network.links().items():
        if name.endswith(f"-{names.key}") or alias == names.alias:
            found.append(f"interface {name}")
    for route in network.routes():
        if route.interface == names.bridge:
            found.append(f"route {route.destination} over {route.interface}")
    found += [f"network namespace {name}" for name in _named_namespaces() if names.key in name]
    if egress.exists(names):
        found.append(f"nftables table {names.table}")
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


def _processes_with(text: str) -> set[int]:
    """Return processes with a path of the cluster among their arguments, without tools that only look at it."""
    found = set()
    for entry in Path("/proc").iterdir() if Path("/proc").is_dir() else []:
        if entry.name.isdigit():
            with suppress(OSError):
                arguments = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                program = Path(arguments[1]).name if len(arguments) > 1 else ""
                script = program in {"-I", "-m"} and any("embedded" in argument for argument in arguments)
                if script and any(argument.startswith(text) for argument in arguments):
                    found.add(int(entry.name))
    return found


def _command(process: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")[:120]
    return "(gone)"


def _named_namespaces() -> list[str]:
    folder = Path("/run/netns")
    return [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
