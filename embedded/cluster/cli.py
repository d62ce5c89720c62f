"""``python -m embedded cluster start|stop|status|leftovers``."""

from __future__ import annotations

import argparse

from rich.table import Table

from embedded.cluster import leftovers, lifecycle
from embedded.cluster.status import ClusterStatus, status
from embedded.progress import Reporter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Register the verbs of this part."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    start = verbs.add_parser("start", help="start the cluster, or repair it")
    start.add_argument("--nodes", type=int, default=None, help="number of nodes (default: as they are, or 1)")
    verbs.add_parser("stop", help="remove the cluster with all its data")
    verbs.add_parser("status", help="show the cluster; exit code 1 unless all of it runs")
    verbs.add_parser("leftovers", help="list what of the cluster is on this machine; exit code 1 if anything is")


def run(args: argparse.Namespace, reporter: Reporter) -> int:
    """Run the verb; returns the exit code."""
    if args.verb == "start":
        from embedded import images  # noqa: PLC0415

        store = images.ensure(reporter)
        lifecycle.start(store.public_root, store.private_root, args.nodes, reporter)
        return 0
    if args.verb == "stop":
        lifecycle.stop(reporter)
        leftovers.assert_nothing_left()
        return 0
    if args.verb == "leftovers":
        found = leftovers.leftovers()
        for line in found:
            reporter.console.print(line, markup=False)
        return 1 if found else 0
    return _show(status(), reporter)


def _show(found: ClusterStatus, reporter: Reporter) -> int:
    if found.units:
        table = Table("unit", "pid", "components", "MiB")
        for unit in found.units:
            table.add_row(
                unit.name,
                str(unit.pid or "dead"),
                "\n".join(f"{part}: {text}" for part, text in unit.components.items()),
                "\n".join(f"{part} {size:.0f}" for part, size in sorted(unit.memory_mib.items())),
            )
        reporter.console.print(table)
        reporter.note(
            f"memory: control plane {found.control_plane_mib:.0f} MiB, the nodes' own parts {found.node_mib:.0f} MiB, "
            f"pods {found.pods_mib:.0f} MiB"
        )
        reporter.note(f"kubeconfig: {found.kubeconfig}")
    for problem in found.problems:
        reporter.note(f"problem: {problem}")
    return 0 if found.running else 1
