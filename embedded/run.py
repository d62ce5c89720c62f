"""``python -m embedded run -- COMMAND``: a command where plain ``pulumi`` works on a stack, without a cluster.

A CLI is made where the machine has none, and the stack where the backend has none. The command may be any.
"""

from __future__ import annotations

import argparse
import subprocess

from embedded.environment import CHECKOUT, configuring
from embedded.progress import Reporter
from embedded.pulumi_env import ensure_stack


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command-line arguments of ``run``."""
    parser.add_argument("command", nargs="+", help="program and its arguments, after --")


def run(args: argparse.Namespace, reporter: Reporter) -> int:
    """Run the command in the checkout; its exit code."""
    env = configuring(args.stack, reporter)
    ensure_stack(env)
    variables = env.environment()
    if env.config_file:
        variables["PULUMI_OPTION_CONFIG_FILE"] = str(env.config_file)
    return subprocess.run(args.command, env=variables, cwd=CHECKOUT, check=False).returncode
