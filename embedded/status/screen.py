"""Draws a report."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from embedded.status.report import Report

_STYLES = {"good": "green", "busy": "yellow", "bad": "bold red", "done": "dim"}


def screen(title: str, report: Report, note: str = "") -> Group:
    """Draw what to do, then pods, then claims and addresses, then the two answers."""
    parts: list[RenderableType] = [Text(f"{title}: {report.summary}", style="bold")]
    # First, since a low terminal cuts the end off.
    for problem in report.problems:
        parts += [Text(f"! {problem.who}: {problem.what}", style="red"), Text(f"  -> {problem.way_out}")]
    if report.pods:
        pods = _table("pod", "ready", "restarts", "age", "what it does")
        for row in report.pods:
            pods.add_row(row.name, row.ready, str(row.restarts), row.age, Text(row.text, style=_STYLES[row.level]))
        parts.append(pods)
    if report.objects or report.answers:
        others = _table("what", "name", "state")
        for item in report.objects:
            others.add_row(item.kind, item.name, Text(item.text, style=_STYLES[item.level]))
        for answer in report.answers:
            style = _STYLES["good" if answer.good else "bad"]
            others.add_row("check", answer.target.url, Text(answer.text, style=style))
        if report.hosts_file:
            others.add_row("hosts file", "", Text(report.hosts_file))
        parts.append(others)
    return Group(*parts, *([Text(note, style="dim")] if note else []))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns[:-1]:
        table.add_column(column, overflow="fold", no_wrap=column != "name")
    table.add_column(columns[-1], overflow="fold", ratio=1)
    return table
