"""``python -m embedded toolchain [--print-dir] [GROUP ...]``."""

from __future__ import annotations

import argparse

from embedded.progress import Reporter
from embedded.toolchain import GROUPS, ensure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command-line arguments of ``toolchain``."""
    parser.add_argument("groups", nargs="*", type=_group, metavar="GROUP", help=f"{', '.join(GROUPS)}; default: all")
    parser.add_argument(
        "--print-dir", action="store_true", help="print the folder of each group's binaries, a line each"
    )


def run(args: argparse.Namespace, reporter: Reporter) -> int:
    """Build what is missing of the named groups, or of all."""
    for group in args.groups or GROUPS:
        folder = ensure(group, reporter)
        if args.print_dir:
            print(folder)
        else:
            reporter.note(f"{group} {GROUPS[group].version()}: {folder}")
    return 0


def _group(text: str) -> str:
    if text not in GROUPS:
        raise argparse.ArgumentTypeError(f"no group {text!r}; there are {', '.join(GROUPS)}")
    return text
