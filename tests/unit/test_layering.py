"""Dependencies between packages point one way, and no module is part of a circle."""

from __future__ import annotations

import ast
import graphlib
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "components.in_pod": set[str](),
    "components.shared": set[str](),
    "components.wso2ei": {"components.shared", "components.in_pod"},
    "components.mysql": {"components.shared"},
    "components.nginx": {"components.shared"},
    "components.ei": {"components.shared", "components.wso2ei", "components.mysql", "components.in_pod"},
    "components": {"components.shared"},
    "settings": {"stack.names", *(f"components.{name}" for name in ("shared", "wso2ei", "mysql", "nginx", "ei"))},
    "preflight": {"settings", "stack.names", *(f"components.{name}" for name in ("shared", "wso2ei", "nginx", "ei"))},
    "stack.names": set[str](),
    "stack": {
        "settings",
        "stack.names",
        "components",
        *(f"components.{name}" for name in ("shared", "wso2ei", "mysql", "nginx", "ei")),
    },
    # What a secret in plain text is has one rule, which settings and policies share.
    "policies": {"components.shared"},
    "tools": {"settings", "preflight", "policies"},
    "embedded": set[str](),
}
"""What each package may import of this project; ``__main__`` may import all."""


@cache
def modules() -> dict[str, ast.Module]:
    names = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    ours = [name for name in names if name.partition("/")[0] in {package.partition(".")[0] for package in ALLOWED}]
    found = {name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): name for name in ours}
    return {module: ast.parse((ROOT / name).read_text()) for module, name in found.items() if (ROOT / name).exists()}


def package(module: str) -> str:
    """The longest of ``ALLOWED`` that ``module`` is in."""
    return max((name for name in ALLOWED if module == name or module.startswith(f"{name}.")), key=len)


def imports(module: str, *, when_type_checking: bool = True) -> set[str]:
    """Modules of the project that ``module`` imports."""
    tree, found = modules()[module], set[str]()
    skipped = {
        id(item)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not when_type_checking
        for item in node.body
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules() else str(node.module) for name in names}
    # A package's own __init__ is imported with every one of its modules anyway.
    return {name for name in found if name in modules() and not f"{module}.".startswith(f"{name}.")}


@pytest.mark.parametrize("name", ALLOWED)
def test_a_package_imports_only_what_is_below_it(name: str) -> None:
    wrong = {
        f"{module} -> {other}"
        for module in modules()
        if package(module) == name
        for other in imports(module)
        if package(other) not in {name, *ALLOWED[name]}
    }
    assert wrong == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: imports(module, when_type_checking=False) for module in modules()}
    graphlib.TopologicalSorter(graph).prepare()


def test_the_program_is_the_only_python_file_at_the_top() -> None:
    assert [path.name for path in ROOT.glob("*.py")] == ["__main__.py"]
