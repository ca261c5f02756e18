"""Tables of figures as Vega-Lite specifications, and those as SVG. Colours are variables of the page's style sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harvester.analysis import safe_svg
from harvester.analysis.figures.fact_tables import Bucket, Period
from harvester.analysis.figures.table import Table
from harvester.analysis.figures.usage import WEEKDAYS
from harvester.analysis.safe_text import vendor_class, vendor_title
from harvester.formatting import plural

Spec = dict[str, Any]
WIDTH = 880
HALF = 400
THIRD = 260
CONFIG: Spec = {
    "view": {"stroke": None},
    "font": "DejaVu Sans",  # wider than what browsers use, so that no label is cut
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "gridColor": "var(--grid)",
        "domain": False,
        "ticks": False,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "labelPadding": 6,
    },
    "title": {"color": "var(--text)", "fontSize": 12, "anchor": "start", "fontWeight": "bold"},
    "bar": {"discreteBandSize": {"band": 0.8}},
}
_STEP_FORMATS: Mapping[Bucket, str] = {"day": "%a %-d %b", "week": "%-d %b", "month": "%b %Y"}
RATING_COLOURS = {
    "good": "var(--good)",
    "fair": "var(--fair)",
    "poor": "var(--poor)",
    "not measured": "var(--unmeasured)",
}


def vendor_colour(vendor: str) -> str:
    return f"var(--{vendor_class(vendor)})"


def base_chart(values: Sequence[Mapping[str, Any]], width: int, height: int, **parts: Any) -> Spec:
    return {"data": {"values": list(values)}, "width": width, "height": height, "config": CONFIG, **parts}


def raw(field: str) -> Spec:
    """A field that holds a colour."""
    return {"field": field, "type": "nominal", "scale": None, "legend": None}


def time_axis(period: Period) -> Spec:
    """The axis of the days, weeks or months, with about ten labels."""
    steps = [day.isoformat() for day in period.buckets()]
    shown = steps
    if period.bucket == "day" and len(steps) > 10:
        shown = [day.isoformat() for day in period.buckets() if day.weekday() == 0]
    apart = -(-len(shown) // 10)
    return {
        "field": "step",
        "type": "ordinal",
        "scale": {"domain": steps},
        "axis": {
            "values": shown[::apart],
            "labelExpr": f"utcFormat(toDate(datum.value), '{_STEP_FORMATS[period.bucket]}')",
            "title": None,
            "labelAngle": 0,
            "grid": False,
        },
    }


def step_bar(period: Period) -> Spec:
    """A bar of a step: not wider than a bar looks, however few there are."""
    return {"type": "bar", "width": {"band": min(0.8, 64 * len(period.buckets()) / WIDTH)}}


def quantity(field: str, form: str = ",.0f", title: str | None = None, **more: Any) -> Spec:
    return {
        "field": field,
        "type": "quantitative",
        "axis": {"title": title, "format": form, "tickCount": 4},
        **more,
    }


def over_time(table: Table, period: Period, vendors: Sequence[str]) -> str:
    """Meetings, stacked by vendor."""
    order = {vendor: place for place, vendor in enumerate(vendors)}
    values = [
        {
            "step": step,
            "meetings": meetings,
            "order": order[vendor],
            "colour": vendor_colour(vendor),
            "opacity": 0.5 if partial else 1,
            "say": f"{step}, {vendor_title(vendor)}: {plural(meetings, 'meeting')}",
        }
        for step, vendor, meetings, _, partial in table.rows
    ]
    spec = base_chart(
        values,
        WIDTH,
        170,
        mark=step_bar(period),
        encoding={
            "x": time_axis(period),
            "y": quantity("meetings", stack="zero"),
            "order": {"field": "order", "type": "quantitative"},
            "color": raw("colour"),
            "opacity": {**raw("opacity"), "type": "quantitative"},
            "description": {"field": "say"},
        },
    )
    return safe_svg.draw(spec, f"Meetings per {period.bucket} and vendor")


HOURS = {
    "field": "hour",
    "type": "ordinal",
    "scale": {"domain": list(range(24)), "padding": 0.04},
    "axis": {
        "orient": "top",
        "title": None,
        "labelAngle": 0,
        "values": list(range(0, 24, 3)),
        "labelExpr": "(datum.value < 10 ? '0' : '') + datum.value + ':00'",
    },
}
"""The axis of the hours of a day."""


def heat(table: Table) -> str:
    most = max((row[2] for row in table.rows), default=0) or 1
    values = [
        {
            "weekday": weekday,
            "hour": hour,
            "text": _short(level),
            "say": f"{weekday} {hour:02d}:00: {level:.1f} meetings",
            "colour": f"var(--heat-{heat_step(level, most)})",
            "ink": f"var(--heat-ink-{heat_step(level, most)})",
        }
        for weekday, hour, level in table.rows
    ]
    days = [day for day in WEEKDAYS if any(row[0] == day for row in table.rows)]
    y = {
        "field": "weekday",
        "type": "ordinal",
        "scale": {"domain": days, "padding": 0.06},
        "axis": {"title": None},
    }
    spec = base_chart(
        values,
        WIDTH,
        26 * len(days),
        encoding={"x": HOURS, "y": y},
        layer=[
            {
                "mark": {"type": "rect"},
                "encoding": {"color": raw("colour"), "description": {"field": "say"}},
            },
            {
                "mark": {"type": "text", "fontSize": 11, "aria": False},
                "encoding": {"text": {"field": "text"}, "color": raw("ink")},
            },
        ],
    )
    return safe_svg.draw(spec, "Meetings running at once, by weekday and hour")


def heat_step(level: float, most: float) -> int:
    """The number of the colour, from 0 to 6."""
    return 0 if level < 0.05 else 1 + min(5, int(6 * level / most))


def _short(level: float) -> str:
    return "" if level < 0.05 else f"{level:.1f}" if level < 9.95 else f"{level:,.0f}"


def peaks(table: Table, period: Period, vendors: Sequence[str]) -> str:
    found = {(step, vendor): peak for step, vendor, peak in table.rows}
    values = [
        {
            "step": day.isoformat(),
            "vendor": vendor,
            "peak": found.get((day.isoformat(), vendor), 0),
            "colour": vendor_colour(vendor),
        }
        for day in period.buckets()
        for vendor in vendors
    ]
    x = time_axis(period)
    if period.bucket == "day":
        x["axis"]["labelExpr"] = "utcFormat(toDate(datum.value), '%-d %b')"
    spec = base_chart(
        values,
        HALF,
        180,
        mark={"type": "line", "point": {"size": 22, "filled": True}, "strokeWidth": 1.6},
        encoding={
            "x": x,
            "y": quantity("peak"),
            "color": raw("colour"),
            "detail": {"field": "vendor"},
            "description": {"value": ""},
        },
    )
    return safe_svg.draw(spec, f"Most meetings at once per {period.bucket}")


def columns(table: Table, width: int = HALF) -> str:
    """A vertical bar for each row, in the order of the rows."""
    head, value = list(table.columns)[:2]
    values = [{"label": row[0], "value": row[1], "say": f"{row[0]}: {row[1]:,}"} for row in table.rows]
    spec = base_chart(
        values,
        width,
        160,
        mark={"type": "bar", "color": "var(--bar)"},
        encoding={
            "x": {
                "field": "label",
                "type": "nominal",
                "sort": None,
                "axis": {"title": None, "labelAngle": -35, "labelLimit": 120},
            },
            "y": quantity("value"),
            "description": {"field": "say"},
        },
    )
    return safe_svg.draw(spec, f"{value.capitalize()} by {head}")


FIGURE_AT_END: Spec = {
    "mark": {
        "type": "text",
        "align": "left",
        "dx": 4,
        "fontSize": 11,
        "color": "var(--muted)",
        "aria": False,
    },
    "encoding": {"text": {"field": "text"}},
}
"""The layer of a bar chart that writes the figure of each bar behind it, from the field `text`."""


def bars(table: Table, value: str, labels: Sequence[str], colours: Sequence[str] | None = None) -> str:
    """A horizontal bar for each row, with its figure at its end."""
    rows: list[Spec] = [
        {
            "key": f"{place:03d}",
            "label": label,
            "value": row[value] or 0,
            "colour": colours[place] if colours else "var(--bar)",
        }
        for place, (row, label) in enumerate(zip(table.dicts(), labels, strict=True))
    ]
    names = {row["key"]: row["label"] for row in rows}
    for row in rows:
        row["text"] = (
            f"{row['value']:,.0f}"
            if row["value"] >= 10 or row["value"] == int(row["value"])
            else f"{row['value']:.1f}"
        )
    spec = base_chart(
        rows,
        HALF - 90,
        22 * len(rows),
        encoding={"y": name_axis(names), "x": {**quantity("value"), "axis": None}},
        layer=[
            {"mark": {"type": "bar", "height": 13, "aria": False}, "encoding": {"color": raw("colour")}},
            FIGURE_AT_END,
        ],
    )
    return safe_svg.draw(spec, f"{value.capitalize()} by {next(iter(table.columns))}")


def name_axis(names: Mapping[str, str]) -> Spec:
    """An axis of keys that shows names: two rows may have the same name."""
    return {
        "field": "key",
        "type": "nominal",
        "sort": None,
        "scale": {"domain": list(names)},
        "axis": {
            "title": None,
            "labelLimit": 200,  # "Microsoft Teams 1.7.00.26062" is shown whole
            "labelColor": "var(--text)",
            "labelExpr": f"{_literal(names)}[datum.value]",
        },
    }


def _literal(names: Mapping[str, str]) -> str:
    """An object of Vega's expression language, whose strings are those of JSON."""
    import json

    return json.dumps(dict(names))
