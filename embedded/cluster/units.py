"""Units seen from the host: check PID 1, start it, reload its specification, end everything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from embedded.cluster import cgroups, unit
from embedded.cluster import names as n
from embedded.errors import KitError
from embedded.process import capture

Spec = dict[str, Any]
_END_PATIENCE_SECONDS = 20.0


def read_json(path: Path) -> dict[str, Any]:
    """Return the file's content; empty when it is missing or was cut off by a power failure."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def alive(names: n.Names, name: str) -> int:
    """Return the PID of the unit's PID 1 as this machine sees it, or 0.

    The record counts only for the same boot and the same start time: a reused PID is another process.
    """
    record = read_json(names.unit(name) / "record.json")
    pid = int(record.get("pid", 0))
    if not pid or record.get("boot_id") != unit.boot_id():
        return 0
    return pid if _started(pid) == record.get("start_time") else 0


def nodes(names: n.Names) -> list[str]:
    """Return the nodes of this cluster, alive or not."""
    return sorted(entry.parent.name for entry in names.root.glob("node-*/spec.json"))


def specification(names: n.Names, name: str) -> Spec:
    """Return the specification that the unit was last given."""
    return read_json(names.unit(name) / "spec.json")


def component_states(names: n.Names, name: str) -> dict[str, dict[str, Any]]:
    """Return the components as PID 1 last wrote them: ``running``, ``since`` (Unix time), ``last_exit``.

    A component that was killed this very moment is no longer ``running``, whether PID 1 has noticed or not.
    """
    states = read_json(names.unit(name) / "state.json")
    living = {_started(pid) for pid in cgroups.processes(f"{names.cgroup}/{name}/system")}
    for state in states.values():
        # A unit that an older kit started records no start times.
        if state["running"] and state.get("start_time", 0) not in {0, *living}:
            state |= {"running": False, "last_exit": "ended just now"}
    return states


def _started(pid: int) -> int:
    """Return when a living process was started, in clock ticks since boot; 0 for one that has ended."""
    with suppress(OSError, IndexError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return 0 if fields[0] in {"Z", "X"} else int(fields[19])
    return 0


def write_spec(names: n.Names, spec: Spec) -> None:
    """Write ``spec.json``, which PID 1 reads at its start and on HUP."""
    unit.write_json(str(names.unit(spec["name"]) / "spec.json"), spec)


def spawn(names: n.Names, spec: Spec) -> int:
    """Start a unit that is not alive; returns its PID. What is left of an earlier life is ended first.

    :raises KitError: if the namespaces cannot be made.
    """
    name = str(spec["name"])
    end_processes(f"{names.cgroup}/{name}")
    # Pods of an earlier run leave empty cgroups, which the kubelet would query again and again.
    cgroups.remove(f"{names.cgroup}/{name}")
    folders = cgroups.create(f"{names.cgroup}/{name}/system")
    spec["cgroups"] = [str(folder) for folder in folders]
    write_spec(names, spec)
    for stale in ("record.json", "state.json"):
        (names.unit(name) / stale).unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(Path(unit.__file__)), str(names.unit(name) / "spec.json")],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
        start_new_session=True,
        # A proxy is for what leaves the cluster, so each component that has one is given it.
        env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
    )  # fmt: skip
    pid = alive(names, name)
    if done.returncode != 0 or not pid:
        last = done.stderr.strip().splitlines()[-1:] or log_tail(names, name, "unit", 1)
        raise KitError(
            f"the namespaces of {name} cannot be made: {' '.join(last)}",
            "run as root of a real or virtual machine, or in a privileged container",
        )
    return pid


def reload(names: n.Names, spec: Spec) -> None:
    """Give a living unit a new specification; it restarts what changed and nothing else."""
    spec["cgroups"] = specification(names, spec["name"]).get("cgroups", [])
    write_spec(names, spec)
    os.kill(alive(names, spec["name"]), signal.SIGHUP)


def forget_images(names: n.Names, name: str) -> None:
    """Let a node pull every image again: what the registries serve has changed under the same tags.

    Running containers keep what they have. A failure only leaves an old image, and is in the log of containerd.
    """
    pid = alive(names, name)
    inside = ["nsenter", "--target", str(pid), "--mount", "--pid", "ctr", "--namespace", "k8s.io", "images"]
    images = [line for line in capture([*inside, "ls", "--quiet"]).stdout.splitlines() if line != n.PAUSE_IMAGE]
    if images:
        capture([*inside, "rm", *images])


def end_processes(cgroup: str) -> None:
    """Kill every process in a cgroup of ours and wait until the kernel has let go of them.

    Membership in the cgroup is what makes a process ours; PID 1 of a unit takes its whole PID namespace along.

    :raises KitError: naming the processes that do not end.
    """
    end = time.monotonic() + _END_PATIENCE_SECONDS
    while left := cgroups.processes(cgroup):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > end:
            raise KitError(f"processes do not end: {sorted(left)}", "look at them with: ps -fp PID")
        time.sleep(0.05)


def log_tail(names: n.Names, name: str, component: str, lines: int = 12) -> list[str]:
    """Return the last lines of a component's log."""
    with suppress(OSError):
        return (names.logs / name / f"{component}.log").read_text(errors="replace").splitlines()[-lines:]
    return []
