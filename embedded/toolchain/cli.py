"""``python -m embedded toolchain [GROUP ...]``."""

from __future__ import annotations

import argparse

from embedded.progress import Reporter
from embedded.toolchain import GROUPS, ensure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command-line arguments of ``toolchain``."""
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--print-dir", action="store_true", help="print the folders of the binaries")


def run(args: argparse.Namespace, reporter: Reporter) -> int:
    """Build the named groups, or all."""
    for group in args.groups or GROUPS:
        folder = ensure(group, reporter)
        if args.print_dir:
            print(folder)
    return 0
