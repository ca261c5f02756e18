"""How well the calls worked, as charts."""

from __future__ import annotations

import json
from collections.abc import Sequence

from harvester.analysis import safe_svg
from harvester.analysis.charts import (
    HALF,
    RATING_COLOURS,
    THIRD,
    WIDTH,
    Spec,
    base_chart,
    name_axis,
    quantity,
    raw,
    step_bar,
    time_axis,
    vendor_colour,
)
from harvester.analysis.figures.fact_tables import Period
from harvester.analysis.figures.table import Table


def rates(table: Table, period: Period) -> str:
    values = [
        {
            "step": row[0],
            "share": share,
            "order": place,
            "colour": RATING_COLOURS[name],
            "opacity": 0.5 if row[4] else 1,
            "say": f"{row[0]}: {share:.1%} {name}",
        }
        for row in table.rows
        for place, (name, share) in enumerate((("poor", row[2]), ("fair", row[3])))
    ]
    spec = base_chart(
        values,
        WIDTH,
        150,
        mark=step_bar(period),
        encoding={
            "x": time_axis(period),
            "y": quantity("share", ".0%", stack="zero"),
            "order": {"field": "order", "type": "quantitative"},
            "color": raw("colour"),
            "opacity": {**raw("opacity"), "type": "quantitative"},
            "description": {"field": "say"},
        },
    )
    return safe_svg.draw(spec, f"Poor and fair sessions per {period.bucket}")


def measure(table: Table, period: Period, title: str, half: str, most: str, poor_from: float) -> str:
    """Median (dashed) and 95th percentile (thick) of one measure, per vendor, and a line from where on a session is poor."""
    values = [
        {
            "step": row[period.bucket],
            "line": f"{row['vendor']} {column}",
            "value": row[column],
            "colour": vendor_colour(row["vendor"]),
        }
        for row in table.dicts()
        for column in (half, most)
        if row[column] is not None
    ]
    axis = _few_labels(period)
    layers = [
        _line(line, axis, dashed=line.endswith(f" {half}"))
        for line in sorted({value["line"] for value in values})
    ]
    return safe_svg.draw(
        base_chart(values, THIRD, 140, title=title, layer=[_limit(poor_from), *layers]), title
    )


def _limit(poor_from: float) -> Spec:
    """A grey line with its meaning: never the colour of a vendor, and never dashed as a median is."""
    text = {
        "type": "text",
        "align": "left",
        "baseline": "bottom",
        "x": 2,
        "dy": -2,
        "fontSize": 10,
        "color": "var(--muted)",
        "aria": False,
    }
    return {
        "data": {"values": [{"limit": poor_from, "text": f"poor from {poor_from:g}"}]},
        "encoding": {"y": {"field": "limit", "type": "quantitative"}},
        "layer": [
            {"mark": {"type": "rule", "color": "var(--muted)", "strokeWidth": 1, "aria": False}},
            {"mark": text, "encoding": {"text": {"field": "text"}}},
        ],
    }


def _few_labels(period: Period) -> Spec:
    """The axis of a narrow chart."""
    axis = time_axis(period)
    form = "%b %Y" if period.bucket == "month" else "%-d %b"
    axis["axis"]["labelExpr"] = f"utcFormat(toDate(datum.value), '{form}')"
    axis["axis"]["values"] = axis["axis"]["values"][:: max(1, -(-len(axis["axis"]["values"]) // 5))]
    return axis


def _line(line: str, axis: Spec, *, dashed: bool) -> Spec:
    return {
        "transform": [{"filter": f"datum.line === {_text(line)}"}],
        "mark": {
            "type": "line",
            "strokeWidth": 1.2 if dashed else 2.2,
            "strokeDash": [5, 4] if dashed else [1, 0],
            "point": {"size": 14, "filled": True},
            "aria": False,
        },
        "encoding": {"x": axis, "y": quantity("value"), "color": raw("colour")},
    }


def _text(text: str) -> str:
    return json.dumps(text)


def dots(table: Table, labels: Sequence[str], mean: float) -> str:
    """Shares of poor sessions with their intervals; the dotted line is everyone."""
    rows = [
        {
            "key": f"{place:03d}",
            "share": row[2],
            "low": row[3],
            "high": row[4],
            "colour": "var(--poor)" if row[5] else "var(--dot)",
            "say": f"{label}: {row[2]:.1%}",
        }
        for place, (row, label) in enumerate(zip(table.rows, labels, strict=True))
    ]
    y = name_axis({row["key"]: label for row, label in zip(rows, labels, strict=True)})
    share = {**quantity("share", ".0%"), "scale": {"domainMin": 0}}
    interval = {"y": y, "x": {**share, "field": "low"}, "x2": {"field": "high"}, "color": raw("colour")}
    dot = {"y": y, "x": share, "color": raw("colour"), "description": {"field": "say"}}
    everyone = {
        "data": {"values": [{"mean": mean}]},
        "mark": {"type": "rule", "strokeDash": [2, 3], "color": "var(--text)", "aria": False},
        "encoding": {"x": {"field": "mean", "type": "quantitative"}},
    }
    layer = [
        {
            "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.5, "aria": False},
            "encoding": interval,
        },
        {"mark": {"type": "point", "filled": True, "size": 60, "opacity": 1}, "encoding": dot},
        everyone,
    ]
    return safe_svg.draw(
        base_chart(rows, HALF - 130, 24 * len(rows), layer=layer),
        f"Share of poor sessions by {next(iter(table.columns))}",
    )
