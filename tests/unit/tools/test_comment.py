"""The comment on a pull request shows what untrusted files say, and lets them do nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.comment import LIMIT, MARKER, block, coloured, comment, main, readable

RUN = "https://github.com/o/r/actions/runs/1"


def previews(folder: Path, **texts: tuple[str, str]) -> Path:
    for stack, (report, diff) in texts.items():
        place = folder / f"preview-{stack}"
        place.mkdir(parents=True)
        (place / "report.txt").write_text(report)
        (place / "diff.txt").write_text(diff)
    return folder


def outside(markdown: str) -> str:
    """The Markdown without its code blocks."""
    return re.sub(r"^(`{3,})\w*\n.*?^\1$", "", markdown, flags=re.MULTILINE | re.DOTALL)


def test_reports_come_first_and_diffs_are_folded(tmp_path: Path) -> None:
    diff = "    + kubernetes:core/v1:Secret: (create)\n        ~ data: {\n        - old"
    text = comment(previews(tmp_path, prod=("result: 2 findings", diff), local=("result: none", diff)), RUN)
    assert text.startswith(MARKER + "\n")
    assert RUN in text
    assert text.index("#### Stack local") < text.index("#### Stack prod")
    assert text.index("result: 2 findings") < text.rindex("<details>")
    assert "\n+     kubernetes:core/v1:Secret: (create)\n!         data: {\n-         old\n" in text


@given(st.text(alphabet="`~\n @#<>[]()!a", max_size=200))
def test_no_text_gets_out_of_its_block(text: str) -> None:
    made = block(text, 10_000)
    fence = re.match(r"`+", made)
    assert fence is not None
    lines = made.split("\n")
    assert [line for line in lines[1:-1] if re.match(rf"\s*`{{{len(fence[0])},}}\s*$", line)] == []
    assert lines[-1] == fence[0]


def test_mentions_links_and_html_stay_in_the_blocks(tmp_path: Path) -> None:
    evil = "```\n@everybody ![x](https://evil.example/x.png) <img src=x>\n````\n</details>\n<!-- pulumi-preview -->"
    text = comment(previews(tmp_path, prod=(evil, evil)), RUN)
    for word in ("@everybody", "evil.example", "<img"):
        assert word in text
        assert word not in outside(text)
    assert outside(text).count("</details>") == 1


def test_what_fools_a_reader_is_taken_out(tmp_path: Path) -> None:
    file = tmp_path / "x.txt"
    file.write_bytes("\x1b[31mred\x1b[0m a\u202eb \x00 c\r\nd \ufeff".encode() + b"\xff\n")
    assert readable(file) == "red a?b ? c\nd ?\ufffd"
    link = tmp_path / "link.txt"
    link.symlink_to("/etc/hostname")
    assert readable(link) == "(there is no link.txt)"
    assert readable(tmp_path / "none.txt") == "(there is no none.txt)"


def test_a_long_diff_is_cut_and_every_stack_keeps_its_report(tmp_path: Path) -> None:
    long = "+ line `` of a diff\n" * 20_000
    text = comment(previews(tmp_path, a=("result: a", long), b=("result: b", long), c=(long, long)), RUN)
    assert len(text) <= LIMIT
    assert text.count("(cut here") == 4
    assert "result: a" in text
    assert "result: b" in text
    assert outside(text).count("</details>") == 3


def test_folders_of_other_names_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "preview-<img src=x>").mkdir()
    (tmp_path / "elsewhere").mkdir()
    assert "img" not in comment(tmp_path, RUN)
    assert "There is no preview" in comment(tmp_path, RUN)


def test_the_command_line_prints_the_comment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(previews(tmp_path, prod=("r", "d"))), "--run", RUN]) == 0
    assert capsys.readouterr().out.startswith(MARKER)


def test_signs_go_to_the_first_column_and_lines_without_one_keep_it_free() -> None:
    assert coloured("  +-x: 1\n plain\n  ++ y") == "!  x: 1\n  plain\n+   y"
