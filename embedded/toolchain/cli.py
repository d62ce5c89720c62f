"""``python -m embedded toolchain [GROUP ...]``."""

from __future__ import annotations

import argparse

from embedded.progress import Reporter
from embedded.toolchain import GROUPS, ensure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command-line arguments of ``toolchain``."""
    parser.add_argument("groups", nargs="*", type=_group, metavar="GROUP", help=f"{', '.join(GROUPS)}; default: all")


def run(args: argparse.Namespace, reporter: Reporter) -> int:
    """Build what is missing of the named groups, or of all."""
    for group in args.groups or GROUPS:
        reporter.note(f"{group} {GROUPS[group].version()}: {ensure(group, reporter)}")
    return 0


def _group(text: str) -> str:
    if text not in GROUPS:
        raise argparse.ArgumentTypeError(f"no group {text!r}; there are {', '.join(GROUPS)}")
    return text
