"""Rows of previews, which need no cluster: against an empty program, by phases, and with many EiClusters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from embedded import plugins, toolchain
from embedded.environment import CHECKOUT
from embedded.progress import Reporter
from embedded.pulumi_env import PulumiEnv, copy_stack_file, embedded_variables, ensure_stack
from tests.bench import observed
from tests.bench.common import Bench
from tests.bench.model import Row, Sample

EMPTY = "an empty program"
LISTS = {
    "the same objects as a list of CustomResource": False,
    "the same objects as a list of the SDKs' classes": True,
}
"""What is compared, and whether it has the SDKs' types."""
_SIZES = (1, 2, 5, 10)
_PHASES = (
    ("Pulumi's CLI, backend and plugins", "python"),
    ("Python and the Pulumi SDK", "program"),
    ("imports", "imported"),
    ("settings", "settings"),
    ("checks", "checks"),
    ("the program's own code", "registered"),
    ("registering: engine and provider", "end"),
    ("the CLI's end", "after"),
)
"""What ends with each mark of ``observed``."""
_PACKAGES = {
    "pulumi_kubernetes": "pulumi_kubernetes", "pulumi": "pulumi", "grpc": "grpc, protobuf", "google": "grpc, protobuf",
    "pydantic": "pydantic", "pydantic_core": "pydantic", "annotated_types": "pydantic", "cryptography": "cryptography",
    "components": "this project", "settings": "this project", "preflight": "this project", "stack": "this project",
}  # fmt: skip


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """Return the wall time of one run.

    :raises RuntimeError: with what it printed, when it failed.
    """
    started = time.monotonic()
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.monotonic() - started


def prepare(bench: Bench, stack: str, program: Path = CHECKOUT) -> PulumiEnv:
    """Return a throwaway backend with one stack of a program."""
    folder = bench.new_folder()
    variables = embedded_variables([toolchain.ensure("pulumi", Reporter())], folder / "no-kubeconfig", folder)
    variables["PULUMI_HOME"] = str(plugins.shared_home())
    source = CHECKOUT / f"Pulumi.{stack}.yaml"
    env = PulumiEnv(program, stack, variables, copy_stack_file(source, folder) if source.exists() else None)
    plugins.install(plugins.shared_home(), env.environment(), Reporter())
    ensure_stack(env)
    return env


def prepare_empty(bench: Bench) -> PulumiEnv:
    """Return a backend with a stack of a program that registers nothing."""
    return prepare(bench, "empty", observed.program(bench.new_folder() / "empty", empty=True))


def prepare_lists(bench: Bench, env: PulumiEnv) -> dict[str, PulumiEnv]:
    """Return backends with a stack of a program that registers a plan's objects and does nothing else."""
    plan = json.loads(env.read(["preview", "--json", "--show-secrets"]).stdout)
    return {
        name: prepare(bench, "plain", observed.plain_program(bench.new_folder() / "plain", plan, typed=typed))
        for name, typed in LISTS.items()
    }


def _preview(env: PulumiEnv, **variables: str) -> float:
    return seconds(env.arguments(["preview"]), env.environment() | variables)


def against_empty(bench: Bench, runs: int) -> Iterator[Sample]:
    """The CLI's preview of each committed stack, of an empty program, and of lists of the same objects."""
    empty, stacks = prepare_empty(bench), {stack: prepare(bench, stack) for stack in ("local", "prod")}
    lists = {stack: prepare_lists(bench, env) for stack, env in stacks.items()}
    for turn in range(runs + 1):
        base = _preview(empty)
        for stack, env in stacks.items():
            compared = {EMPTY: base} | {name: _preview(other) for name, other in lists[stack].items()}
            spent = _preview(env)
            for name, least in compared.items() if turn else ():  # the first turn warms the caches
                yield Sample(stack, spent, least, against=name)


def make_preview(bench: Bench, runs: int) -> Iterator[Sample]:
    """The whole of ``make preview``: diff, plan, schemas, policies and scan."""
    empty = prepare_empty(bench)
    make = ["make", "-s", "-C", str(CHECKOUT), "preview", "STACK=prod"]
    for turn in range(runs + 1):
        sample = Sample("prod", seconds(make, dict(os.environ)), _preview(empty), against=EMPTY)
        if turn:
            yield sample


def phases(bench: Bench, runs: int) -> Iterator[Sample]:
    """The parts of a preview, and of its imports by package."""
    full = prepare(bench, "local", observed.program(bench.new_folder() / "observed"))
    empty = prepare_empty(bench)
    for turn in range(runs + 1):
        base, found = _observe(bench, empty), _observe(bench, full)
        for title, mark in _PHASES if turn else ():
            # To the millisecond: an empty program has not all the phases.
            yield Sample(title, found[mark], round(base[mark], 3), against=EMPTY)
        packages = imported_packages(_importtime()) if turn else {}
        for package, spent in packages.items():
            yield Sample(f"importing {package}", spent, sum(packages.values()), against="all imports, timed one by one")


def _observe(bench: Bench, env: PulumiEnv) -> dict[str, float]:
    """Seconds of each phase, by the mark at its end."""
    file = bench.new_folder() / "marks"
    before = observed.now()
    _preview(env, **{observed.MARKS: str(file)})
    pairs = [line.split() for line in file.read_text().splitlines()]
    return durations(before, {name: float(at) for name, at in pairs} | {"after": observed.now()})


def durations(before: float, marks: dict[str, float]) -> dict[str, float]:
    """Return what passed before each mark since the last one; nothing before a mark that was not made."""
    found, last = {}, before
    for _, mark in _PHASES:
        at = marks.get(mark, last)
        found[mark], last = at - last, at
    return found


def _importtime() -> str:
    code = observed.imports(CHECKOUT / "__main__.py")
    command = [sys.executable, "-X", "importtime", "-c", code]
    return subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, text=True).stderr


def imported_packages(report: str) -> dict[str, float]:
    """Return the seconds of each package's own modules from a report of ``python -X importtime``."""
    spent: Counter[str] = Counter()
    for line in report.splitlines():
        own, _, name = line.removeprefix("import time:").split("|") if line.count("|") == 2 else ("", "", "")
        if own.strip().isdigit():
            spent[_PACKAGES.get(name.strip().partition(".")[0], "the rest")] += int(own)
    return {name: microseconds / 1e6 for name, microseconds in spent.most_common()}


def growth(bench: Bench, runs: int) -> Iterator[Sample]:
    """Previews of one program with more and more EiClusters."""
    env = prepare(bench, "local", observed.program(bench.new_folder() / "many"))
    for turn in range(runs + 1):
        times = {size: _preview(env, **{observed.CLUSTERS: str(size)}) for size in _SIZES}
        least, most = _SIZES[0], _SIZES[-1]
        slope = (times[most] - times[least]) / (most - least)
        line = f"a straight line from {least} to {most}"
        for size, spent in times.items() if turn else ():
            yield Sample(f"{size} EiCluster", spent, times[least] + slope * (size - least), against=line)
        if turn:
            yield Sample("each one more", slope, times[least], against=f"the preview with {least}")


ROWS: list[Row[Bench]] = [
    Row("P1", "How much longer is a preview than the least that Pulumi takes?",
        "pulumi preview --stack local (and prod), without a cluster", 20, against_empty,
        "The empty program registers nothing and starts no plugin. The lists are the least that Pulumi's Python SDK, "
        "engine and plugins take for the same objects, without settings, components and checks. The second one takes "
        "longer because it imports the SDKs' classes, which a typed program needs.", picture="bars"),
    Row("P1b", "Where does the time of a preview go?", "pulumi preview --stack local; python -X importtime", 2, phases,
        "The program registers its resources while engine and provider work on earlier ones."),
    Row("P1c", "What does a preview with all its checks cost?", "make preview STACK=prod", 1, make_preview),
    Row("P4", "Does a preview grow in proportion to its components?",
        "pulumi preview of the local stack with 1, 2, 5 and 10 EiClusters in one program", 2, growth, picture="curve"),
]  # fmt: skip
