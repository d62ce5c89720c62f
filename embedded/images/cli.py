"""``python -m embedded images [build|list]``."""

from __future__ import annotations

import argparse

from embedded.images.catalog import images
from embedded.images.store import ensure
from embedded.progress import Reporter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command-line arguments of ``images``."""
    parser.add_argument("action", nargs="?", choices=["build", "list"], default="build")


def run(args: argparse.Namespace, reporter: Reporter) -> int:
    """Build the images, or list what is imitated."""
    if args.action == "list":
        for image in images():
            print("\n".join(image.references))
        return 0
    reporter.note(f"in {ensure(reporter).public_root.parent}")
    return 0
