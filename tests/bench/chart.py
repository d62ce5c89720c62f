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
    chart = pygal.HorizontalBar(
        **_LOOK, height=100 + 35 * len(summaries), show_legend=False, include_x_axis=True,
        x_title="ratio: median, lowest and highest",
    )  # fmt: skip
    chart.x_labels = [summary.case for summary in summaries]
    found = [summary.ratio for summary in summaries if summary.ratio]
    chart.add("ratio", [{"value": one.median, "ci": {"low": one.low, "high": one.high}} for one in found])
    return chart


def _curve(summaries: Sequence[Summary]) -> Any:
    """Return values and bases over the number with which a case begins, for cases of one kind."""
    points = [(float(one.case.split()[0]), one) for one in summaries if one.case[0].isdigit()]
    first = points[0][1]
    chart = pygal.XY(**_LOOK, height=360, include_x_axis=True, x_title=first.case.partition(" ")[2], y_title=first.unit)
    chart.add("measured", [(x, one.value.median) for x, one in points])
    chart.add(
        first.against, [(x, one.base.median) for x, one in points if one.base], stroke_style={"dasharray": "4, 4"}
    )
    return chart
