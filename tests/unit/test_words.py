"""Words that may not come back: the pages use those of the products' own documentation, and programs are no persons."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.support.stacks import ROOT

LATER = {"ei-versions.md"}
PAGES = sorted(page for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")] if page.name not in LATER)
WORDS = (
    "nobody", "somebody", "anybody", "everybody", "whoever", "says?", "said", "tells?", "told", "asks?", "asked",
    "asking", "knows", "bears?", "behind", "besides?", "lies?", "lying", "mends?", "mended", "of its own",
    "of their own", "of one's own", "of yours", "ways? out", "for ever", "anew", "that is none", "put up with",
    "dead ends?", "stumbles?", "given namespace",
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
