"""Run the program of the checkout inside Pulumi and note when its phases begin; or with more EiClusters than one.

The program itself is the same; ``program`` makes the folder that Pulumi runs instead of the checkout.
``plain_program`` makes one with the same objects and nothing of this project.
"""

from __future__ import annotations

import ast
import atexit
import json
import os
import re
import runpy
import shutil
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MARKS, CLUSTERS = "BENCH_MARKS", "BENCH_CLUSTERS"
"""Variables: the file for the times, and the number of EiClusters."""


def now() -> float:
    """Seconds since the machine started, which is how Linux counts the start of a process."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def program(folder: Path, *, empty: bool = False) -> Path:
    """Write the folder of a Pulumi program that calls ``run``, or one that registers nothing."""
    folder.mkdir(parents=True)
    if empty:
        (folder / "Pulumi.yaml").write_text("name: empty\nruntime: python\n")
    else:
        shutil.copy(ROOT / "Pulumi.yaml", folder)
    call = f"run(empty={empty})"
    path = f"import sys\n\nsys.path.insert(0, {str(ROOT)!r})\n"
    (folder / "__main__.py").write_text(f"{path}from tests.bench.observed import run\n\n{call}\n")
    return folder


_PLAIN = """import importlib
import json
import re

import pulumi


def typed(item, options):
    package, module, kind = item["type"].split(":")
    group, _, version = module.partition("/")
    path = [group.partition(".")[0], version] if package == "kubernetes" else []
    inputs = {{re.sub("([A-Z])", r"_\\1", key).lower(): value for key, value in item["inputs"].items()}}
    given = {{key: value for key, value in inputs.items() if key not in ("kind", "api_version")}}
    getattr(importlib.import_module(".".join(["pulumi_" + package, *path])), kind)(item["name"], **given, opts=options)


with open({file!r}) as file:
    items = json.load(file)
providers = {{}}
for item in items:
    options = pulumi.ResourceOptions(provider=providers.get(item["package"]), version=item["version"])
    if item["type"].startswith("pulumi:providers:"):
        providers[item["package"]] = pulumi.ProviderResource(item["package"], item["name"], item["inputs"], options)
    elif {typed}:
        typed(item, options)
    else:
        pulumi.CustomResource(item["type"], item["name"], item["inputs"], options)
"""


def plain_program(folder: Path, plan: dict[str, Any], *, typed: bool) -> Path:
    """Write a program that registers the objects of a plan as one list, without components and checks.

    :param typed: with the classes of the SDKs, as programs are written; else without importing those.
    """
    folder.mkdir(parents=True)
    (folder / "Pulumi.yaml").write_text("name: plain\nruntime: python\n")
    items = [_item(step["newState"]) for step in plan["steps"] if step["newState"].get("custom")]
    items.sort(key=lambda item: not item["type"].startswith("pulumi:providers:"))
    (folder / "objects.json").write_text(json.dumps(items))
    (folder / "__main__.py").write_text(_PLAIN.format(file=str(folder / "objects.json"), typed=typed))
    return folder


def _item(state: dict[str, Any]) -> dict[str, Any]:
    kind = str(state["type"])
    package = kind.removeprefix("pulumi:providers:").partition(":")[0]
    name = str(state["urn"]).rpartition("::")[2]
    found = {"type": kind, "name": name, "package": package, "inputs": state.get("inputs", {})}
    return found | {"version": version(f"pulumi-{package}")}


def imports(source: Path) -> str:
    """Return the import statements of a program, and what imports the SDK's modules, which it loads at first use."""
    body = ast.parse(source.read_text()).body
    lines = [ast.unparse(line) for line in body if isinstance(line, ast.Import | ast.ImportFrom)]
    texts = [file.read_text() for folder in ("components", "stack") for file in (source.parent / folder).rglob("*.py")]
    modules = {name for text in texts for name in re.findall(r"\bk8s\.[a-z]+\.v\w+", text)}
    return "\n".join(lines + [f"hasattr({name}, 'any')" for name in sorted(modules)])


def run(*, empty: bool) -> None:
    """Run the program, as Pulumi's process."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    _mark("python", ticks / os.sysconf("SC_CLK_TCK"))
    _mark("program", now())
    atexit.register(lambda: _mark("end", now()))
    if not empty:
        main = ROOT / "__main__.py"
        exec(imports(main), {})  # noqa: S102 - the checkout's own lines
        _mark("imported", now())
        _watch("settings.loading", "from_pulumi", "settings")
        _watch("preflight.checks", "run", "checks")
        _more_clusters(int(os.environ.get(CLUSTERS, "1")))
        runpy.run_path(str(main), run_name="__main__")
    _mark("registered", now())


def _mark(name: str, at: float) -> None:
    if file := os.environ.get(MARKS):
        with Path(file).open("a") as marks:
            marks.write(f"{name} {at}\n")


def _watch(module: str, function: str, name: str) -> None:
    original: Callable[..., Any] = getattr(sys.modules[module], function)

    def watched(*arguments: Any) -> Any:
        result = original(*arguments)
        _mark(name, now())
        return result

    setattr(sys.modules[module], function, watched)


def _more_clusters(count: int) -> None:
    module: Any = sys.modules["components.ei.cluster"]
    one = module.EiCluster

    def several(name: str, *rest: Any) -> Any:
        for number in range(2, count + 1):
            one(f"{name}-{number}", *rest)
        return one(name, *rest)

    module.EiCluster = several
