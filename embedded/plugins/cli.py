"""``python -m embedded plugins``: install both provider plugins."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from embedded import plugins, toolchain
from embedded.machine import user_program
from embedded.progress import Reporter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command-line arguments of ``plugins``."""
    parser.add_argument("--pulumi-home", type=Path, default=None, help="default: the kit's own")


def run(args: argparse.Namespace, reporter: Reporter) -> int:
    """Install what is missing or outdated, and print what they are."""
    home = args.pulumi_home or plugins.shared_home()
    home.mkdir(parents=True, exist_ok=True)
    path = os.environ.get("PATH", "")
    if not user_program("pulumi"):
        path = f"{toolchain.ensure('pulumi', reporter)}{os.pathsep}{path}"
    for plugin in plugins.install(home, {"PATH": path}, reporter):
        print(plugin.line())
    return 0
