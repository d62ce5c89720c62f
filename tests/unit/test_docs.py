"""What the pages say is true of the code: links, commands, settings, outputs, objects and quoted messages."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from settings.loading import load
from settings.schema import TOP, walk
from stack.outputs import StackOutputs
from tests.unit.support.mistake_pairs import base
from tests.unit.support.stacks import ROOT, STACKS, objects, pod_specs

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "embedded").rglob("README.md")])
each = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
SECTIONS = {child.name for child in TOP.children() if child.sections}


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def code(text: str) -> str:
    """Everything in backticks or in a code block."""
    blocks = re.findall(r"^\s*```[^\n]*\n(.*?)^\s*```", text, flags=re.DOTALL | re.MULTILINE)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", without_code(text))])


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@each
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", without_code(path.read_text()), flags=re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, target


@each
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    commands = re.findall(
        r"(?:^|[;&|(]|\w=\w+|sudo -E) *make (?:-s )?([a-z][a-z0-9-]*)", code(page.read_text()), re.MULTILINE
    )
    assert set(commands) <= targets


@each
def test_every_python_module_that_is_run_exists(page: Path) -> None:
    for module in re.findall(r"python3? -m ([\w.]+)", code(page.read_text())):
        assert importlib.util.find_spec(module), module


@each
def test_every_setting_exists(page: Path) -> None:
    known = {re.sub(r"\[.*?\]", "", key.path) for key in walk()}
    used = set(re.findall(rf"(?<![\w./])((?:{'|'.join(sorted(SECTIONS))})\.[a-z][A-Za-z]*)\b", code(page.read_text())))
    # Files and hosts look alike: settings.py, storage.googleapis.com, mysql.sql, and a Secret's keys.
    used = {name for name in used if not re.search(r"\.(py|md|sql|cnf|xml|com|json|io)$", name)}
    assert used <= known


@each
def test_every_stack_file_example_is_accepted(page: Path) -> None:
    for block in blocks(page.read_text(), "yaml"):
        content = yaml.safe_load(block)
        config = content.get("config", content) if isinstance(content, dict) else {}
        values = {key: value for key, value in config.items() if str(key).startswith("wso2ei:")}
        if not values:
            continue
        whole = {f"wso2ei:{key}": value for key, value in base().items()} | values
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in whole.items()}
        load("wso2ei", "test", texts, frozenset())


@each
def test_every_output_exists(page: Path) -> None:
    text = code(page.read_text())
    words = re.findall(r"pulumi stack output ((?:-\S+ (?:local |prod )?)*)([a-z_]+)?", text)
    assert {name for _, name in words if name} <= set(StackOutputs.__annotations__)


def test_the_table_of_outputs_has_the_words_of_the_code() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", (ROOT / "docs" / "outputs.md").read_text(), flags=re.MULTILINE))
    assert told == docstrings(StackOutputs)


def docstrings(model: type[Any]) -> dict[str, str]:
    """The text under each field of a class."""
    tree = ast.parse((ROOT / f"{model.__module__.replace('.', '/')}.py").read_text())
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == model.__name__)
    found = {}
    for field, text in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            assert isinstance(field.target, ast.Name)
            found[field.target.id] = " ".join(str(text.value.value).split())
    return found


@each
def test_every_object_that_kubectl_is_given_exists(page: Path) -> None:
    kinds = {
        "deploy": "Deployment", "deployment": "Deployment", "statefulset": "StatefulSet", "sts": "StatefulSet",
        "service": "Service", "svc": "Service", "ingress": "Ingress", "pvc": "PersistentVolumeClaim",
    }  # fmt: skip
    text = "\n".join(line for line in code(page.read_text()).splitlines() if "kubectl" in line)
    for kind, name in re.findall(rf"\b({'|'.join(kinds)})/([a-z0-9-]+)", text):
        names = {item.body()["metadata"].get("name") for stack in STACKS for item in objects(stack, kinds[kind])}
        assert name in names, f"{kind}/{name}"


@each
def test_every_label_that_kubectl_selects_by_is_one_of_the_stack_s(page: Path) -> None:
    text = "\n".join(line for line in code(page.read_text()).splitlines() if "kubectl" in line)
    labels = [template["metadata"]["labels"] for stack in STACKS for _, template in pod_specs(stack)]
    labels += [item.body()["metadata"]["labels"] for stack in STACKS for item in objects(stack, "Job")]
    for selector in re.findall(r"-l '?(app\.kubernetes\.io/\w+(?:=[\w-]+| in \([^)]*\)))", text):
        key, values = re.split(r"=| in ", selector, maxsplit=1)
        for value in re.findall(r"[\w-]+", values):
            assert any(found.get(key) == value for found in labels), selector


@cache
def said_by_the_program() -> str:
    """Every text of the sources, a line each; the variable parts of a text are left out of it."""
    found: list[str] = []
    for path in ROOT.rglob("*.py"):
        relative = path.relative_to(ROOT).parts
        if relative[0] in {"tests", "tools"} or relative[0].startswith((".", "venv")):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                found += [str(part.value) for part in node.values if isinstance(part, ast.Constant)]
    for script in (ROOT / "components").rglob("*.sh"):
        # A variable of a shell text is as variable as one of an f-string.
        found += re.split(r"\$\{\w+[^}]*\}|\$\w+|\$\([^)]*\)", script.read_text().replace("\\\n", " "))
    return "\n".join(" ".join(text.split()) for text in found)


def quoted(text: str) -> Iterator[str]:
    """What the pages quote as the program's words: block quotes, `...` for what varies."""
    for quote in re.findall(r"(?:^> .*\n)+", text, flags=re.MULTILINE):
        whole = " ".join(line.removeprefix("> ") for line in quote.splitlines())
        yield from (part.strip() for part in whole.split("...") if len(part.strip()) > 3)


@each
def test_every_quoted_message_is_the_program_s(page: Path) -> None:
    source = said_by_the_program()
    for part in quoted(page.read_text()):
        assert part in source, part


def test_every_dead_end_of_the_blog_has_its_entry() -> None:
    """The words that its author saw, each of which must lead a reader to an entry."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    for words in (
        "could not find a ready tiller pod",
        "unauthorized: authentication required",
        "ErrImagePull",
        "ContainerCreating",
        "ADDRESS",
        "EXTERNAL-IP",
        "AVAILABLE",
        "upstream sent no valid HTTP/1.0 header",
        "empty",
        "hosts file",
    ):
        assert words in page, words
