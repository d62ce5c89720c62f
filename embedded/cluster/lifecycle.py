"""Start and stop of the embedded cluster.

`start` makes what is missing and leaves alone what is there, so the same call starts, repairs after a crash or reboot,
and does nothing on a healthy cluster. `stop` removes all of it, also after a start that failed half-way.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedded import toolchain
from embedded.cluster import api, cgroups, components, config, egress, files, network, preconditions, units, waiting
from embedded.cluster import names as n
from embedded.cluster.leftovers import leftovers, mounts_below
from embedded.errors import KitError
from embedded.process import capture
from embedded.progress import Reporter
from embedded.toolchain.locks import locked

Spec = dict[str, Any]


def start(
    store_public_root: Path,
    store_private_root: Path,
    nodes: int | None = None,
    reporter: Reporter | None = None,
    sources: Mapping[str, str] | None = None,
) -> None:
    """Start the cluster, or repair it; does nothing on a healthy one.

    :param store_public_root: docker-registry storage served without a password.
    :param store_private_root: the same for the names that want a password (`names.PRIVATE_NAMES`).
    :param nodes: number of nodes; None means as many as there are, or one. A cluster can grow, not shrink.
    :param sources: registry name to ``real`` or ``stand-in``: where nodes pull its images from. What is not named stays
        as it was.
    :raises KitError: when the machine cannot run it, or when a part does not come up (with its last log lines).
    """
    reporter = reporter or Reporter()
    names = n.current()
    names.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(names.root, reporter, "starting the embedded cluster"):
        _start(names, nodes, (store_public_root.resolve(), store_private_root.resolve()), reporter, sources or {})


def _start(
    names: n.Names, nodes: int | None, roots: tuple[Path, Path], reporter: Reporter, sources: Mapping[str, str]
) -> None:
    count = _node_count(names, nodes)
    if not units.alive(names, n.node_name(1)):
        preconditions.check(preconditions.observe())
    preconditions.check_network(names, count)
    toolchain.ensure_debian(n.DEBIAN_PACKAGES, reporter)
    programs = components.Programs(
        kubernetes=toolchain.ensure("kubernetes", reporter),
        kube_router=toolchain.ensure("kube-router", reporter),
        public_root=roots[0],
        private_root=roots[1],
    )
    began = time.monotonic()
    specs = files.prepare(names, count, programs, sources)
    served = [config.stand_ins(files.image_sources(names)), *map(str, roots)]
    if files.write_changed(names.root / "served.json", json.dumps(served)):
        _forget_images(names, count)
    changed = _repaired(names, specs, count, programs, reporter)
    elapsed = time.monotonic() - began
    if changed:
        reporter.note(f"embedded cluster: {count} node(s) Ready after {elapsed:.0f} s; kubeconfig {names.kubeconfig}")
    else:
        reporter.note(f"embedded cluster: already running with {count} node(s), nothing to do ({elapsed:.1f} s)")


def _repaired(names: n.Names, specs: list[Spec], count: int, programs: components.Programs, reporter: Reporter) -> bool:
    """Bring everything up; returns whether anything was to be done. A unit that just died is given a second life."""
    for last in (False, True):
        changed = _converge(names, specs, reporter)
        connection = api.Api(names.pki)
        if not changed and not waiting.problems(names, connection, count):
            return last
        try:
            waiting.bring_up(names, connection, count, programs, reporter)
            break
        except waiting.UnitDiedError as error:
            if last:
                raise
            reporter.note(f"embedded cluster: {error.message.splitlines()[0]}, starts it again")
    return True


def stop(reporter: Reporter | None = None) -> None:
    """Remove every process, namespace, mount, cgroup, interface and file of the cluster; nothing there is fine.

    The password of the private registry names stays, as it belongs to the state folder and not to one cluster.
    """
    reporter = reporter or Reporter()
    names = n.current()
    if not leftovers(names):
        reporter.note("embedded cluster: there is none, nothing to stop")
        return
    names.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    stopping = "stop the embedded cluster"
    with locked(names.root, reporter, stopping), reporter.step(stopping, "2 s") as step:
        step.detail("ending its processes")
        units.end_processes(names.cgroup)
        step.detail("removing its network")
        egress.close(names)
        network.remove(names)
        step.detail("removing its cgroups")
        left = cgroups.remove(names.cgroup)
        if left:
            raise KitError(f"cgroups cannot be removed: {', '.join(map(str, left))}")
        for point in sorted(mounts_below(names.root), reverse=True):
            capture(["umount", "--lazy", point])
        step.detail("removing its files")
        if names.root.exists():
            shutil.rmtree(names.root)


def _node_count(names: n.Names, wanted: int | None) -> int:
    present = len(units.nodes(names))
    count = wanted or present or 1
    if not 1 <= count <= n.MAX_NODES:
        raise KitError(f"the embedded cluster has 1 to {n.MAX_NODES} nodes, not {count}")
    if count < present:
        raise KitError(
            f"the running cluster has {present} nodes and cannot shrink to {count}",
            "stop it first: python -m embedded cluster stop",
        )
    return count


def _converge(names: n.Names, specs: list[Spec], reporter: Reporter) -> bool:
    """Start units that are not alive, reload the others that changed; returns whether anything was done."""
    nodes = len(specs) - 1
    missing = [spec for spec in specs if not units.alive(names, spec["name"])]
    stale = [spec for spec in specs if spec not in missing and _differs(names, spec)]
    network.ensure_bridge(names)
    egress.ensure(names, os.environ)
    if not missing and not stale:
        network.ensure_routes(names, nodes)
        return False
    existing = (names.unit(n.node_name(1)) / "var-lib" / "etcd").exists()
    title = "repair the embedded cluster" if existing else "start the processes of the embedded cluster"
    with reporter.step(title, "1 s") as step:
        for spec in missing:
            step.detail(f"namespaces of {spec['name']}")
            pid = units.spawn(names, spec)
            if spec["own_network"]:
                network.connect(names, int(spec["name"].rpartition("-")[2]), pid)
        for spec in stale:
            step.detail(f"new specification of {spec['name']}")
            units.reload(names, spec)
        network.ensure_routes(names, nodes)
        step.detail(", ".join(spec["name"] for spec in missing + stale))
    return True


def _forget_images(names: n.Names, nodes: int) -> None:
    for node in range(1, nodes + 1):
        if units.alive(names, n.node_name(node)):
            units.forget_images(names, n.node_name(node))


def _differs(names: n.Names, spec: Spec) -> bool:
    return {**units.specification(names, spec["name"]), "cgroups": []} != {**spec, "cgroups": []}
