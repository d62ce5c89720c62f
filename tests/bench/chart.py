"""Draws a row's picture as SVG: ratios as bars with their range, or a curve and what it is compared with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pygal
from pygal.style import DefaultStyle

from tests.bench.model import Row, Summary

_LOOK: dict[str, Any] = {
    "width": 720, "js": (), "legend_at_bottom": True,
    "style": DefaultStyle(background="white", plot_background="white", font_family="sans-serif", label_font_size=13),
}  # fmt: skip


def picture(row: Row[Any], summaries: Sequence[Summary]) -> str:
    """Return the SVG; the same for the same results."""
    compared = [summary for summary in summaries if summary.base]
    chart = _bars(compared) if row.picture == "bars" else _curve(compared)
    # Without the date, and with one name instead of a random one.
    text = re.sub(r"<!--.*?-->", "", chart.render(is_unicode=True), flags=re.DOTALL)
    return text.replace(chart.uuid, "chart") + "\n"


def _bars(summaries: Sequence[Summary]) -> Any:
    found = [(summary.case, summary.ratio) for summary in summaries if summary.ratio]
    chart = pygal.HorizontalBar(
        **_LOOK, height=100 + 35 * len(found), show_legend=False, range=(0, 1.05 * max(one.high for _, one in found)),
        x_title="ratio: median, lowest and highest",
    )  # fmt: skip
    chart.x_labels = [case for case, _ in found]
    chart.add("ratio", [{"value": one.median, "ci": {"low": one.low, "high": one.high}} for _, one in found])
    return chart


def _curve(summaries: Sequence[Summary]) -> Any:
    """Return values and bases over the number with which a case begins, for cases of one kind."""
    points = [(float(one.case.split()[0]), one, one.base) for one in summaries if one.case[0].isdigit() and one.base]
    first = points[0][1]
    highest = max(max(one.value.median, base.median) for _, one, base in points)
    chart = pygal.XY(
        **_LOOK, height=360, range=(0, 1.05 * highest), xrange=(0, points[-1][0]),
        x_title=first.case.partition(" ")[2], y_title=first.unit,
    )  # fmt: skip
    chart.add("measured", [(x, one.value.median) for x, one, _ in points])
    chart.add(first.against, [(x, base.median) for x, _, base in points], stroke_style={"dasharray": "4, 4"})
    return chart
