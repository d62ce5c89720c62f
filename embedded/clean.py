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
    removed = state_dir().with_name(f"{state_dir().name}.removed")
    # One that an interrupted run has left.
    shutil.rmtree(removed, ignore_errors=True)
    if state_dir().exists():
        # As a whole: a backend that stays behind without its passphrase is one that no update can read.
        state_dir().rename(removed)
        shutil.rmtree(removed)
    left = leftovers()
    if left:
        raise KitError("not removed: " + "; ".join(left), "reboot, or remove them by hand")
    reporter.note(f"nothing is left but the build cache in {cache_dir()}")
    return 0
