"""``make clean``: removes the embedded cluster, the Pulumi state, plugins and data; the cache stays."""

from __future__ import annotations

import argparse
import shutil

from embedded.cluster import lifecycle
from embedded.cluster.leftovers import leftovers
from embedded.errors import KitError
from embedded.paths import cache_dir, state_dir
from embedded.progress import Reporter


def run(args: argparse.Namespace, reporter: Reporter) -> int:
    """Stop, remove, and check that nothing is left."""
    with reporter.step("stopping the embedded cluster", "5s"):
        lifecycle.stop(reporter)
    if state_dir().exists():
        shutil.rmtree(state_dir())
    left = leftovers()
    if left:
        raise KitError("not removed: " + "; ".join(left), "reboot, or remove them by hand")
    reporter.note(f"nothing is left but the build cache in {cache_dir()}")
    return 0
