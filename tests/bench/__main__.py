"""``make bench [ROWS=P1,P4] [RUNS=5]``: measure the rows, print their tables, and write the page."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import traceback
from datetime import UTC, datetime
from importlib.metadata import version

from embedded.environment import CHECKOUT
from embedded.toolchain import GROUPS
from tests.bench import applied, findings, gateway, interrupted, page, preview, recovery, stack
from tests.bench.common import Bench
from tests.bench.model import Result, Row, SkippedRowError, select

ROWS: list[Row[Bench]] = [
    *preview.ROWS, *applied.ROWS, *stack.ROWS, *gateway.ROWS, *recovery.ROWS, *interrupted.ROWS, *findings.ROWS,
]  # fmt: skip


def main() -> int:
    """Run the rows that are chosen by the environment; 1 when one of them failed, whose last result stays."""
    try:
        chosen = [*select(ROWS, os.environ.get("ROWS", ""))]
        runs = int(os.environ.get("RUNS") or 0)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    here, failed = machine(), []
    with Bench() as bench:
        for row in chosen:
            print(f"... {row.name}: {row.question}", file=sys.stderr, flush=True)
            turns = runs or row.runs
            try:
                samples = [*row.measure(bench, turns)]
            except SkippedRowError as reason:
                print(f"skipped: {reason}", file=sys.stderr)
                continue
            except Exception:  # noqa: BLE001 - the other rows are measured all the same
                traceback.print_exc()
                failed.append(row.name)
                continue
            result = Result(turns, here, samples)
            print(f"{page.table(result.summaries())}\n", flush=True)
            # Read at the end of each row: another run may have written the results of its rows since.
            page.write(CHECKOUT, ROWS, page.load(CHECKOUT) | {row.name: result})
    if failed:
        print(f"failed: {' '.join(failed)}", file=sys.stderr)
    return bool(failed)


def machine() -> dict[str, str]:
    """Return what a result depends on: date, commit, machine and versions."""
    describe = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty"]
    commit = subprocess.run(describe, check=False, capture_output=True, text=True)
    return {
        "": datetime.now(UTC).date().isoformat(),
        "commit": commit.stdout.strip() or "unknown",
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": platform.release().partition("-")[0],
        "Python": platform.python_version(),
        "Pulumi SDK": version("pulumi"),
        "Kubernetes provider": version("pulumi-kubernetes"),
        "Kubernetes": GROUPS["kubernetes"].version(),
    }


if __name__ == "__main__":
    # As `embedded.__main__`: in the background each command of Pulumi would take 5 seconds more.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
