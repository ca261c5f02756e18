"""Tables of figures as Vega-Lite specifications, and those as SVG. Colours are variables of the page's style sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from harvester.analysis.figures.detail import Detail, Samples
from harvester.analysis.figures.facts import Bucket, Period
from harvester.analysis.figures.table import Table
from harvester.analysis.figures.use import WEEKDAYS
from harvester.analysis.names import vendor_class, vendor_title
from harvester.analysis.svg import draw

Spec = dict[str, Any]
WIDTH = 880
HALF = 400
THIRD = 260
_CONFIG: Spec = {
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
PERSON_COLOURS = ("var(--person-1)", "var(--person-2)", "var(--person-3)")


def vendor_colour(vendor: str) -> str:
    return f"var(--{vendor_class(vendor)})"


def _chart(values: Sequence[Mapping[str, Any]], width: int, height: int, **parts: Any) -> Spec:
    return {"data": {"values": list(values)}, "width": width, "height": height, "config": _CONFIG, **parts}


def _raw(field: str) -> Spec:
    """A field that holds a colour."""
    return {"field": field, "type": "nominal", "scale": None, "legend": None}


def _steps(period: Period) -> Spec:
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


def _bar(period: Period) -> Spec:
    """A bar of a step: not wider than a bar looks, however few there are."""
    return {"type": "bar", "width": {"band": min(0.8, 64 * len(period.buckets()) / WIDTH)}}


def _quantity(field: str, form: str = ",.0f", title: str | None = None, **more: Any) -> Spec:
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
            "say": f"{step}, {vendor_title(vendor)}: {meetings:,} meetings",
        }
        for step, vendor, meetings, _, partial in table.rows
    ]
    spec = _chart(
        values,
        WIDTH,
        170,
        mark=_bar(period),
        encoding={
            "x": _steps(period),
            "y": _quantity("meetings", stack="zero"),
            "order": {"field": "order", "type": "quantitative"},
            "color": _raw("colour"),
            "opacity": {**_raw("opacity"), "type": "quantitative"},
            "description": {"field": "say"},
        },
    )
    return draw(spec, f"Meetings per {period.bucket} and vendor")


def heat(table: Table) -> str:
    most = max((row[2] for row in table.rows), default=0) or 1
    values = [
        {
            "weekday": weekday,
            "hour": hour,
            "text": _short(level),
            "say": f"{weekday} {hour:02d}:00: {level:.1f} meetings",
            "colour": f"var(--heat-{_heat(level, most)})",
            "ink": f"var(--heat-ink-{_heat(level, most)})",
        }
        for weekday, hour, level in table.rows
    ]
    x = {
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
    days = [day for day in WEEKDAYS if any(row[0] == day for row in table.rows)]
    y = {
        "field": "weekday",
        "type": "ordinal",
        "scale": {"domain": days, "padding": 0.06},
        "axis": {"title": None},
    }
    spec = _chart(
        values,
        WIDTH,
        26 * len(days),
        encoding={"x": x, "y": y},
        layer=[
            {
                "mark": {"type": "rect"},
                "encoding": {"color": _raw("colour"), "description": {"field": "say"}},
            },
            {
                "mark": {"type": "text", "fontSize": 11, "aria": False},
                "encoding": {"text": {"field": "text"}, "color": _raw("ink")},
            },
        ],
    )
    return draw(spec, "Meetings running at once, by weekday and hour")


def _heat(level: float, most: float) -> int:
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
    x = _steps(period)
    if period.bucket == "day":
        x["axis"]["labelExpr"] = "utcFormat(toDate(datum.value), '%-d %b')"
    spec = _chart(
        values,
        HALF,
        180,
        mark={"type": "line", "point": {"size": 22, "filled": True}, "strokeWidth": 1.6},
        encoding={
            "x": x,
            "y": _quantity("peak"),
            "color": _raw("colour"),
            "detail": {"field": "vendor"},
            "description": {"value": ""},
        },
    )
    return draw(spec, f"Most meetings at once per {period.bucket}")


def columns(table: Table, width: int = HALF) -> str:
    """A vertical bar for each row, in the order of the rows."""
    head, value = list(table.columns)[:2]
    values = [{"label": row[0], "value": row[1], "say": f"{row[0]}: {row[1]:,}"} for row in table.rows]
    spec = _chart(
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
            "y": _quantity("value"),
            "description": {"field": "say"},
        },
    )
    return draw(spec, f"{value.capitalize()} by {head}")


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
    spec = _chart(
        rows,
        HALF - 90,
        22 * len(rows),
        encoding={"y": _labels(names), "x": {**_quantity("value"), "axis": None}},
        layer=[
            {"mark": {"type": "bar", "height": 13, "aria": False}, "encoding": {"color": _raw("colour")}},
            {
                "mark": {
                    "type": "text",
                    "align": "left",
                    "dx": 4,
                    "fontSize": 11,
                    "color": "var(--muted)",
                    "aria": False,
                },
                "encoding": {"text": {"field": "text"}},
            },
        ],
    )
    return draw(spec, f"{value.capitalize()} by {next(iter(table.columns))}")


def _labels(names: Mapping[str, str]) -> Spec:
    """An axis of keys that shows names: two rows may have the same name."""
    return {
        "field": "key",
        "type": "nominal",
        "sort": None,
        "scale": {"domain": list(names)},
        "axis": {
            "title": None,
            "labelLimit": 150,
            "labelColor": "var(--text)",
            "labelExpr": f"{_literal(names)}[datum.value]",
        },
    }


def _literal(names: Mapping[str, str]) -> str:
    """An object of Vega's expression language, whose strings are those of JSON."""
    import json

    return json.dumps(dict(names))


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
    spec = _chart(
        values,
        WIDTH,
        150,
        mark=_bar(period),
        encoding={
            "x": _steps(period),
            "y": _quantity("share", ".0%", stack="zero"),
            "order": {"field": "order", "type": "quantitative"},
            "color": _raw("colour"),
            "opacity": {**_raw("opacity"), "type": "quantitative"},
            "description": {"field": "say"},
        },
    )
    return draw(spec, f"Poor and fair sessions per {period.bucket}")


def measure(table: Table, period: Period, title: str, half: str, most: str, poor_from: float) -> str:
    """Median (dashed) and 95th percentile (solid) of one measure, per vendor."""
    values = [
        {
            "step": row[period.bucket],
            "vendor": row["vendor"],
            "value": row[column],
            "dash": dash,
            "colour": vendor_colour(row["vendor"]),
        }
        for row in table.dicts()
        for column, dash in ((half, [3, 2]), (most, [1, 0]))
        if row[column] is not None
    ]
    for value in values:
        value["line"] = f"{value['vendor']} {value['dash']}"
    x = _steps(period)
    x["axis"]["labelExpr"] = (
        f"utcFormat(toDate(datum.value), '{'%b %Y' if period.bucket == 'month' else '%-d %b'}')"
    )
    x["axis"]["values"] = x["axis"]["values"][:: max(1, -(-len(x["axis"]["values"]) // 5))]
    layers = [
        {
            "transform": [{"filter": f"datum.line === {_text(line)}"}],
            "mark": {
                "type": "line",
                "strokeWidth": 1.6,
                "strokeDash": dash,
                "point": {"size": 14, "filled": True},
                "aria": False,
            },
            "encoding": {"x": x, "y": _quantity("value"), "color": _raw("colour")},
        }
        for line, dash in sorted({(v["line"], tuple(v["dash"])) for v in values})
    ]
    rule = {
        "data": {"values": [{"limit": poor_from}]},
        "mark": {"type": "rule", "strokeDash": [3, 3], "color": "var(--poor)", "aria": False},
        "encoding": {"y": {"field": "limit", "type": "quantitative"}},
    }
    return draw(_chart(values, THIRD, 140, title=title, layer=[*layers, rule]), title)


def _text(text: str) -> str:
    import json

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
    y = _labels({row["key"]: label for row, label in zip(rows, labels, strict=True)})
    rule = {
        "data": {"values": [{"mean": mean}]},
        "mark": {"type": "rule", "strokeDash": [2, 3], "color": "var(--text)", "aria": False},
        "encoding": {"x": {"field": "mean", "type": "quantitative"}},
    }
    share = {**_quantity("share", ".0%"), "scale": {"domainMin": 0}}
    layer = [
        {
            "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.5, "aria": False},
            "encoding": {
                "y": y,
                "x": {**share, "field": "low"},
                "x2": {"field": "high"},
                "color": _raw("colour"),
            },
        },
        {
            "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
            "encoding": {"y": y, "x": share, "color": _raw("colour"), "description": {"field": "say"}},
        },
        rule,
    ]
    return draw(
        _chart(rows, HALF - 130, 24 * len(rows), layer=layer),
        f"Share of poor sessions by {next(iter(table.columns))}",
    )


def who_was_there(meeting: Detail, names: Mapping[str, str], shown: Sequence[str]) -> str:
    """A row for each person, a bar for each stay, coloured by quality."""
    keys = {person: f"{place:04d}" for place, person in enumerate(shown)}
    bars: list[Spec] = [
        {
            "key": keys[stay.person],
            "from": _ms(stay.join),
            "to": _ms(max(stay.leave, stay.join + timedelta(seconds=1))),
            "colour": RATING_COLOURS[stay.rating or "not measured"],
            "say": f"{names[stay.person]}: {stay.join:%H:%M} to {stay.leave:%H:%M}, {stay.rating or 'not measured'}",
        }
        for stay in meeting.stays
        if stay.person in keys
        and stay.join is not None
        and stay.leave is not None
        and stay.leave >= stay.join
    ]
    times = [bar["from"] for bar in bars] + [bar["to"] for bar in bars]
    long = bool(times) and max(times) - min(times) > 86_400_000
    x = {
        "field": "from",
        "type": "temporal",
        "scale": {"type": "utc"},
        "axis": {
            "orient": "top",
            "title": None,
            "format": "%-d %b %H:%M" if long else "%H:%M",
            "tickCount": 6,
        },
    }
    spec = _chart(
        bars,
        WIDTH - 140,
        17 * len(keys),
        mark={"type": "bar", "height": 10},
        encoding={
            "y": _labels({keys[person]: names[person] for person in shown}),
            "x": x,
            "x2": {"field": "to"},
            "color": _raw("colour"),
            "description": {"field": "say"},
        },
    )
    return draw(spec, "Who was there when")


def _ms(instant: datetime) -> int:
    return int((instant - datetime(1970, 1, 1)).total_seconds() * 1000)  # noqa: DTZ001  # local times, shown as they are


_STREAMS = {
    "audio_in": "audio in",
    "audio_out": "audio out",
    "video_in": "video in",
    "video_out": "video out",
    "share_in": "share in",
    "share_out": "share out",
}
_MEASURES = {"latency_ms": "Latency, ms", "jitter_ms": "Jitter, ms", "packet_loss_pct": "Loss, %"}


def streams(samples: Sequence[Samples]) -> str:
    """Six streams by three measures, on one time axis: a band of eight of ten participants, and lines of some."""
    by_panel = {(each.stream, each.measure): each for each in samples}
    shown = [stream for stream in _STREAMS if any(each.stream == stream for each in samples)]
    people = list(dict.fromkeys(person for each in samples for person in each.lines))
    colours = dict(zip(people, PERSON_COLOURS, strict=False))
    minutes = [at for each in samples for at, *_ in each.band]
    span = [min(minutes) * 60_000, max(minutes) * 60_000 + 60_000]
    rows = []
    for place, measure in enumerate(_MEASURES):
        top = max((high for each in samples if each.measure == measure for *_, high in each.band), default=0)
        top = max(
            [top, *(v for s in samples if s.measure == measure for line in s.lines.values() for _, v in line)]
        )
        rows.append(
            {
                "hconcat": [
                    _panel(
                        by_panel.get((stream, measure)),
                        colours,
                        span,
                        top or 1,
                        title=_STREAMS[stream] if place == 0 else None,
                        axis=_MEASURES[measure] if stream == shown[0] else None,
                        first=stream == shown[0],
                        last=place == len(_MEASURES) - 1,
                    )
                    for stream in shown
                ],
                "spacing": 8,
            }
        )
    return draw(
        {"vconcat": rows, "spacing": 12, "config": _CONFIG},
        "Latency, jitter and loss of each stream over time",
    )


def _panel(
    samples: Samples | None,
    colours: Mapping[str, str],
    span: Sequence[float],
    top: float,
    *,
    title: str | None,
    axis: str | None,
    first: bool,
    last: bool,
) -> Spec:
    x = {
        "field": "at",
        "type": "temporal",
        "scale": {"type": "utc", "domain": list(span)},
        "axis": {"title": None, "format": "%H:%M", "tickCount": 2, "labels": last, "grid": True},
    }
    y_axis = {
        "title": axis,
        "tickCount": 3,
        "format": ",.0f",
        "labels": first,
        "minExtent": 44 if first else 0,
    }
    scale = {"domain": [0, top]}
    layers: list[Spec] = [
        {
            "data": {
                "values": [
                    {"at": round(at * 60_000), "low": _round(low), "high": _round(high)}
                    for at, low, high in samples.band
                ]
                if samples
                else []
            },
            "mark": {"type": "area", "color": "var(--band)", "aria": False},
            "encoding": {
                "x": x,
                "y": {"field": "low", "type": "quantitative", "axis": y_axis, "scale": scale},
                "y2": {"field": "high"},
            },
        }
    ]
    for person, colour in colours.items():
        line = samples.lines.get(person, []) if samples else []
        layers.append(
            {
                "data": {
                    "values": [{"at": round(at * 60_000), "value": _round(value)} for at, value in line]
                },
                "mark": {"type": "line", "strokeWidth": 1.3, "color": colour, "aria": False},
                "encoding": {
                    "x": x,
                    "y": {"field": "value", "type": "quantitative", "axis": y_axis, "scale": scale},
                },
            }
        )
    return {
        "width": 126,
        "height": 62,
        "layer": layers,
        **({"title": {"text": title, "fontSize": 11}} if title else {}),
    }


def _round(value: float) -> float:
    return round(value, 2)
