"""``python -m tools.comment FOLDER --run URL``: print the comment on a pull request, from the output of its previews.

FOLDER holds one folder ``preview-STACK`` for each stack, with ``diff.txt`` (of ``pulumi preview --diff``) and
``report.txt`` (of ``tools.check_preview``). The pull request's code wrote both, so they are untrusted data: they are
shown in code blocks that they cannot close, where GitHub creates no links, images or mentions. Needs only Python's
standard library.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

MARKER = "<!-- pulumi-preview -->"
"""First line of the comment, by which the next run finds it."""
LIMIT = 65_000
"""GitHub rejects a comment of more than 65536 characters."""
_MOST_BYTES = 4_000_000
_STACK = re.compile(r"preview-([a-z0-9][a-z0-9-]{0,39})")
_TERMINAL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
# Control characters, and the marks that make text read in another order than it is written.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_SIGNED = re.compile(r"^(\s+)([-+~]{1,2})( ?\S)")
_SIGNS = {"+": "+", "-": "-", "~": "!", "++": "+", "--": "-", "+-": "!", "-+": "!"}


def comment(folder: Path, run: str) -> str:
    """The comment's Markdown, within GitHub's limit."""
    stacks = sorted(
        (match[1], path)
        for path in folder.iterdir()
        if path.is_dir() and not path.is_symlink() and (match := _STACK.fullmatch(path.name))
    )
    head = [
        MARKER,
        "### Preview",
        f"Previewed without a cluster and without secrets; nothing was changed. [Whole output]({run})",
        "Everything in the boxes is output of this pull request's code.",
    ]
    if not stacks:
        return "\n\n".join([*head, "There is no preview: see the run for the reason.", ""])
    left = LIMIT - sum(map(len, head)) - 200
    reports = [block(readable(path / "report.txt"), left // (3 * len(stacks))) for _, path in stacks]
    left -= sum(map(len, reports))
    sections = []
    for number, (stack, path) in enumerate(stacks):
        room = left // (len(stacks) - number) - 300
        diff = block(coloured(readable(path / "diff.txt")), room, "diff")
        left -= len(diff) + 300
        details = f"<details><summary>Every object</summary>\n\n{diff}\n\n</details>"
        sections.append(f"#### Stack {stack}\n\n{reports[number]}\n\n{details}")
    return "\n\n".join([*head, *sections, ""])


def readable(file: Path) -> str:
    """An untrusted text file, without control characters and invisible marks."""
    if file.is_symlink() or not file.is_file():
        return f"(there is no {file.name})"
    with file.open("rb") as opened:
        text = opened.read(_MOST_BYTES).decode("utf-8", errors="replace")
    return _HIDDEN.sub("?", _TERMINAL.sub("", text).replace("\r\n", "\n").replace("\r", "\n")).strip("\n")


def coloured(diff: str) -> str:
    """The engine's signs moved to the first column, where Markdown's diff colours look for them."""

    def sign(line: str) -> str:
        match = _SIGNED.match(line)
        return f"{_SIGNS[match[2]]}{line.replace(match[2], '', 1)}" if match and match[2] in _SIGNS else f" {line}"

    return "\n".join(map(sign, diff.splitlines()))


def block(text: str, room: int, language: str = "text") -> str:
    """``text`` in a code block that it cannot close, cut to about ``room`` characters."""
    if len(text) > room:
        text = text[: max(0, room - 60)].rpartition("\n")[0] + "\n\n(cut here; the rest is in the run's output)"
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.comment", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--run", required=True, help="address of the run that made the previews")
    options = parser.parse_args(arguments)
    print(comment(options.folder, options.run))
    return 0


if __name__ == "__main__":
    sys.exit(main())
