"""``make destroy``: removes every object of a stack and names the data that is kept."""

from __future__ import annotations

import argparse

from embedded.environment import CHECKOUT, ensure
from embedded.errors import KitError
from embedded.machine import make_plan
from embedded.progress import Reporter
from embedded.recover import recover


def run(args: argparse.Namespace, reporter: Reporter) -> int:
    """Destroy; the cluster itself stays (``make clean`` removes it)."""
    environment = ensure(make_plan(CHECKOUT, args.stack), reporter, pulls=False)
    pulumi = environment.pulumi
    recover(pulumi, reporter)
    kept = pulumi.outputs().get("kept_data") or []
    if pulumi.run(["destroy", "--yes", "--skip-preview"]) != 0:
        raise KitError("not everything was removed; the cause is in Pulumi's output above", "run `make destroy` again")
    for place in kept:
        reporter.note(f"kept: {place}")
    return 0
