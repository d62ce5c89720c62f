"""``python -m embedded images``."""

from __future__ import annotations

import argparse

from embedded.images.store import ensure
from embedded.progress import Reporter


def run(args: argparse.Namespace, reporter: Reporter) -> int:
    """Build the images."""
    reporter.note(f"in {ensure(reporter).public_root.parent}")
    return 0
