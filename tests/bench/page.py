"""Writes ``docs/benchmarks.md``, its pictures and the figures in the README from the stored results."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.chart import picture
from tests.bench.model import Result, Row, Spread, Summary

FOLDER = Path("docs/benchmarks")
"""Raw results and pictures, below the checkout."""
RESULTS, PAGE, README = FOLDER / "results.json", Path("docs/benchmarks.md"), Path("README.md")
_FIGURES = re.compile(r"(?<=<!-- make bench -->\n).*?(?=<!-- /make bench -->)", re.DOTALL)
_HEAD = """# Benchmarks

Written by `make bench`; raw results: [results.json](benchmarks/results.json). Each row measures two things in turn,
in one run on one machine. A value is the median with the lowest and highest in brackets; a ratio is that of the ratios
turn by turn. Stand-ins of EI and MySQL are faster than the real ones
([table](../embedded/README.md#stand-ins-and-what-they-imitate)), so the ratios count more than the seconds. Nothing
here is a test: no time passes or fails.

`make bench ROWS=P1,P4 RUNS=5` measures some rows with another number of turns. Rows with a running stack need root and
Linux: they create an embedded cluster and remove it.
"""


def load(root: Path) -> dict[str, Result]:
    """Return the stored results by row; none without a file."""
    file = root / RESULTS
    content = json.loads(file.read_text()) if file.exists() else {}
    return {name: Result.from_plain(result) for name, result in content.items()}


def write(root: Path, rows: Sequence[Row[Any]], results: Mapping[str, Result]) -> None:
    """Write raw results, page, pictures and the README's figures."""
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    ordered = {row.name: results[row.name].plain() for row in rows if row.name in results}
    (root / RESULTS).write_text(json.dumps(ordered, indent=1) + "\n")
    for path, text in files(rows, results).items():
        (root / path).write_text(text)
    readme = root / README
    readme.write_text(_FIGURES.sub(lambda _: figures(results), readme.read_text()))


def files(rows: Sequence[Row[Any]], results: Mapping[str, Result]) -> dict[Path, str]:
    """Return the text of the page and of each picture."""
    found = {PAGE: page(rows, results)}
    for row in rows:
        if row.picture and row.name in results:
            found[FOLDER / f"{row.name}.svg"] = picture(row, results[row.name].summaries())
    return found


def page(rows: Sequence[Row[Any]], results: Mapping[str, Result]) -> str:
    """Return the page: a section for each row that has a result."""
    return "\n".join([_HEAD, *(_section(row, results[row.name]) for row in rows if row.name in results)])


def _section(row: Row[Any], result: Result) -> str:
    measured = ", ".join(f"{key} {value}" if key else value for key, value in result.measured.items())
    shown = f"\n![{row.question}](benchmarks/{row.name}.svg)\n" if row.picture else ""
    notes = f"\n{row.notes}\n" if row.notes else ""
    return f"""## {row.name}: {row.question}

`make bench ROWS={row.name} RUNS={result.runs}` measures `{row.command}`.
{notes}
{table(result.summaries())}
{shown}
{measured}.
"""


def table(summaries: Sequence[Summary]) -> str:
    """Return the table of a row; without columns that would be empty."""
    compared = any(summary.base for summary in summaries)
    head = ["", "measured", *(["compared with", "", "ratio"] if compared else []), "turns"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for summary in summaries:
        base = [summary.against, spread(summary.base, summary.unit), spread(summary.ratio)] if compared else []
        cells = [summary.case, spread(summary.value, summary.unit), *base, str(summary.count)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(values: Spread | None, unit: str = "") -> str:
    """Format a median and, where there are several values, their range."""
    if values is None:
        return ""
    tail = f" {unit}" if unit else ""
    if values.low == values.high:
        return number(values.median) + tail
    return f"{number(values.median)}{tail} ({number(values.low)} to {number(values.high)})"


def number(value: float) -> str:
    """Format with three digits, as far as they are behind the point."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def figures(results: Mapping[str, Result]) -> str:
    """Return the README's figures, a line each; one whose row has no result is left out."""
    found = []
    for name, case, against, text in _README:
        for one in results[name].summaries() if name in results else []:
            if (one.case, one.against) == (case, against) and one.ratio:
                found.append(f"- {text.format(ratio=number(one.ratio.median), value=number(one.value.median))}\n")
    return "".join(found)


_README = (
    ("P1", "local", "an empty program",
     "A preview of the local stack takes {ratio} times as long as that of an empty program."),
    ("P5", "median at the calibrated rate", "NGINX configured by hand",
     "A request through the gateway takes {ratio} times as long as through NGINX configured by hand."),
    ("P6", "until the last node is replaced", "one node's own start, from the pod's creation until it is ready",
     "A configuration change reaches the last of two nodes in {ratio} times the start of one node."),
)  # fmt: skip
