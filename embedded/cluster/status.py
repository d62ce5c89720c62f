"""What the cluster is doing, without changing anything."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from embedded.cluster import api, cgroups, components, units
from embedded.cluster import names as n

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


@dataclass(frozen=True)
class UnitStatus:
    """One node or the host's unit: ``pid`` of its PID 1 (0: dead), each component's state in words, resident MiB."""

    name: str
    pid: int
    components: dict[str, str]
    memory_mib: dict[str, float]


@dataclass(frozen=True)
class ClusterStatus:
    """``running``: every part is there and answers. ``problems``: what is not, in words. Memory in MiB, resident."""

    running: bool
    units: list[UnitStatus] = field(default_factory=list)
    nodes: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    kubeconfig: Path | None = None
    control_plane_mib: float = 0.0
    node_mib: float = 0.0
    pods_mib: float = 0.0


def status() -> ClusterStatus:
    """Look at the cluster of today's state folder."""
    names = n.current()
    found = [_unit(names, name) for name in unit_names(names)]
    if not found:
        return ClusterStatus(False, problems=["there is no embedded cluster"])
    problems = [f"{unit.name} is dead" for unit in found if not unit.pid]
    nodes: dict[str, str] = {}
    for unit in found:
        problems += [f"{part} of {unit.name}: {text}" for part, text in unit.components.items() if text != "running"]
    connection = api.Api(names.pki) if (names.pki / "admin.crt").exists() else None
    if connection is None or not connection.ready():
        problems.append("the API server does not answer")
    else:
        nodes = connection.node_conditions()
        problems += [f"{node}: {text}" for node, text in nodes.items() if text]
        if text := connection.dns_problem():
            problems.append(f"CoreDNS: {text}")
    memory = [(part, size) for unit in found for part, size in unit.memory_mib.items()]
    pods = sum(cgroups.memory_mib(f"{names.cgroup}/{unit.name}/kubepods") for unit in found)
    return ClusterStatus(
        running=not problems,
        units=found,
        nodes=nodes,
        problems=problems,
        kubeconfig=names.kubeconfig,
        control_plane_mib=sum(size for part, size in memory if part in CONTROL_PLANE),
        node_mib=sum(size for part, size in memory if part not in CONTROL_PLANE),
        pods_mib=pods,
    )


def unit_names(names: n.Names) -> list[str]:
    """Return the units of this cluster, alive or not."""
    present = sorted(entry.parent.name for entry in names.root.glob("node-*/spec.json"))
    host = names.unit(components.HOST_UNIT) / "spec.json"
    return [*present, *([components.HOST_UNIT] if host.exists() else [])]


def _unit(names: n.Names, name: str) -> UnitStatus:
    pid = units.alive(names, name)
    texts = {}
    for part, state in units.component_states(names, name).items() if pid else ():
        texts[part] = "running" if state["running"] else f"waits to start ({state['last_exit'] or 'not started yet'})"
    return UnitStatus(name, pid, texts, _resident(names, name) if pid else {})


def _resident(names: n.Names, name: str) -> dict[str, float]:
    """Return resident MiB by program name, of the unit's own processes (pods are not among them)."""
    found: dict[str, float] = {}
    for process in cgroups.processes(f"{names.cgroup}/{name}/system"):
        with suppress(OSError, IndexError, ValueError):
            arguments = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")
            pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
            part = Path(arguments[0]).name
            if part.startswith("python"):
                part = "load-balancer" if "embedded.cluster.loadbalancer" in arguments else "supervisor"
            found[part] = found.get(part, 0.0) + pages * 4096 / 1024**2
    return found
