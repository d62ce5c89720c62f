"""``make up``: from whatever this machine has to a running stack."""

from __future__ import annotations

import argparse
import time

from embedded.environment import CHECKOUT, describe, ensure
from embedded.errors import KitError
from embedded.machine import make_plan
from embedded.progress import Reporter, elapsed_text
from embedded.pulumi_env import ensure_stack
from embedded.recover import recover
from embedded.summary import summary_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command-line arguments of ``up``."""
    parser.add_argument("--stack", default="local")


def run(args: argparse.Namespace, reporter: Reporter) -> int:
    """Plan, make what is missing, update the stack, and show how to use it."""
    started = time.monotonic()
    plan = make_plan(CHECKOUT, args.stack)
    for line in describe(plan):
        reporter.note(line)
    environment = ensure(plan, reporter)
    pulumi = environment.pulumi
    ensure_stack(pulumi)
    recover(pulumi, reporter)
    updating = time.monotonic()
    code = pulumi.run(["up", "--yes", "--skip-preview"])
    if code != 0:
        raise KitError(
            "the update did not finish; what it says above is the cause",
            "mend it and run `make up` again (it goes on where this one stopped), or look with `make status`",
        )
    reporter.timings.append(("pulumi up", time.monotonic() - updating))
    reporter.console.print(summary_table(plan.stack, pulumi.outputs(), environment.stand_ins))
    parts = ", ".join(f"{title} {elapsed_text(seconds)}" for title, seconds in reporter.timings if seconds >= 1)
    reporter.note(f"done in {elapsed_text(time.monotonic() - started)} ({parts})")
    return 0
