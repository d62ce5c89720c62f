"""``make bench``: a preview of each committed stack against a preview of an empty Pulumi program.

First the CLI's preview alone, then the whole of ``make preview`` for prod: diff, plan, schemas, policies and scan. Both
commands run in turn, pair by pair, in one run on one machine, so that the ratio holds when the machine's speed drifts.
Nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from embedded import plugins, toolchain
from embedded.environment import CHECKOUT
from embedded.progress import Reporter
from embedded.pulumi_env import PulumiEnv, copy_stack_file, embedded_variables, ensure_stack

Command = tuple[list[str], dict[str, str]]
"""A command and its environment."""
_EMPTY = "name: empty\nruntime: python\n"


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """Wall time of one successful run."""
    started = time.monotonic()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.monotonic() - started


def prepare(folder: Path, stack: str) -> PulumiEnv:
    """A throwaway backend with one stack of the program, or of an empty one."""
    reporter = Reporter()
    variables = embedded_variables([toolchain.ensure("pulumi", reporter)], folder / "no-kubeconfig", folder)
    variables["PULUMI_HOME"] = str(plugins.shared_home())
    source = CHECKOUT / f"Pulumi.{stack}.yaml"
    if source.exists():
        env = PulumiEnv(CHECKOUT, stack, variables, copy_stack_file(source, folder))
    else:
        program = folder / "program"
        program.mkdir()
        (program / "Pulumi.yaml").write_text(_EMPTY)
        (program / "__main__.py").write_text("")
        env = PulumiEnv(program, stack, variables)
    plugins.install(plugins.shared_home(), env.environment(), reporter)
    ensure_stack(env)
    return env


def compare(title: str, full: Command, empty: Command, pairs: int) -> None:
    """Run both in turn and print the row."""
    rows = []
    for number in range(pairs + 1):
        row = [seconds(*command) for command in (full, empty)]
        if number:  # the first pair warms the caches
            rows.append(row)
    ratios = [one / other for one, other in rows]
    print(
        f"{title}: {_spread([row[0] for row in rows], 's')}; empty program: {_spread([row[1] for row in rows], 's')}; "
        f"ratio {_spread(ratios, '')} ({pairs} pairs)",
        flush=True,
    )


def main() -> None:
    """Print a row for each stack: seconds of both, and the ratio pair by pair."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=int(os.environ.get("PAIRS", "5")))
    pairs = parser.parse_args().pairs
    folder = Path(tempfile.mkdtemp(prefix="wso2ei-bench-"))
    try:
        empty = prepare(folder / "empty", "empty")
        base = empty.arguments(["preview"]), empty.environment()
        for stack in ("local", "prod"):
            full = prepare(folder / stack, stack)
            compare(f"pulumi preview of {stack}", (full.arguments(["preview"]), full.environment()), base, pairs)
        make = ["make", "-s", "-C", str(CHECKOUT), "preview", "STACK=prod"]
        compare("make preview STACK=prod", (make, dict(os.environ)), base, pairs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _spread(values: list[float], unit: str) -> str:
    return f"{statistics.median(values):.2f}{unit} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
