"""Words that may not come back: the pages use those of the products' own documentation, and programs are no persons."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.support.stacks import ROOT

KIT = ROOT / "embedded"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *KIT.rglob("*.md")])
PROGRAM = ("settings", "preflight", "stack", "components", "policies", "tools", "__main__.py")
SOURCES = sorted(path for name in PROGRAM for path in [ROOT / name, *(ROOT / name).rglob("*.py")] if path.is_file())
# The stand-in's controller has the messages of F5's.
SOURCES += sorted(path for path in KIT.rglob("*.py") if "controller" not in path.relative_to(KIT).parts)
ACCOUNT = "nobody"
"""A user of every Linux system."""
WORDS = (
    "nobody", "somebody", "anybody", "everybody", "whoever", "says?", "said", "tells?", "told", "asks?", "asked",
    "asking", "knows", "bears?", "behind", "besides?", "lies?", "lying", "mends?", "mended", "of its own",
    "of their own", "of one's own", "of yours", "ways? out", "for ever", "anew", "that is none", "put up with",
    "dead ends?", "stumbles?", "given namespace", "in vain", "thrown away", "whole story", "culprits?",
)  # fmt: skip
WORD = re.compile(rf"\b(?:{'|'.join(WORDS)})\b", re.IGNORECASE)


def prose(markdown: str) -> str:
    """A page without code and quotes, which have the words of programs."""
    text = re.sub(r"^\s*```.*?^\s*```", "", markdown, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^> .*$", "", text, flags=re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "`code`", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_has_none_of_the_words(page: Path) -> None:
    assert WORD.findall(prose(page.read_text())) == []


def strings(source: str) -> Iterator[str]:
    """String constants of a module without its docstrings, f-strings among them: what users may read."""
    tree = ast.parse(source)
    docstrings = {
        id(statement.value)
        for node in ast.walk(tree)
        if isinstance(body := getattr(node, "body", None), list)
        for statement in body
        if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.relative_to(ROOT)))
def test_a_message_has_none_of_the_words(source: Path) -> None:
    assert [text for text in strings(source.read_text()) if WORD.search(text) and text != ACCOUNT] == []


@pytest.mark.parametrize("script", sorted((ROOT / "components").rglob("*.sh")), ids=lambda script: script.name)
def test_a_message_of_a_pod_program_has_none_of_the_words(script: Path) -> None:
    messages = [line for line in script.read_text().splitlines() if re.search(r"\b(?:echo|printf)\b", line)]
    assert [line for line in messages if WORD.search(line)] == []


def test_the_words_are_found_in_prose_and_messages_and_not_in_code() -> None:
    page = "It says so.\n\n> it says so\n\n```sh\necho behind\n```\n`beside` Behind"
    assert WORD.findall(prose(page)) == ["says", "Behind"]
    assert list(strings('"""says"""\ndef f():\n    """asks"""\n    return f"{x} is told"\n')) == [" is told"]
