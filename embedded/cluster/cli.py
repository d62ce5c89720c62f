"""``python -m embedded cluster start|stop|status|leftovers``."""

from __future__ import annotations

import argparse

from embedded.cluster import components, leftovers, lifecycle, units, waiting
from embedded.cluster import names as n
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
    return _status(reporter)


def _status(reporter: Reporter) -> int:
    names = n.current()
    problems = waiting.status(names)
    for unit in [*units.nodes(names), components.HOST_UNIT]:
        reporter.note(f"{unit}: process {units.alive(names, unit) or '-'}")
    reporter.note(f"kubeconfig: {names.kubeconfig}")
    for problem in problems:
        reporter.note(f"problem: {problem}")
    return 1 if problems else 0
