"""One meeting as charts: who was there when, and every stream over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from harvester.analysis import safe_svg
from harvester.analysis.charts import CONFIG, RATING_COLOURS, WIDTH, Spec, base_chart, name_axis, raw
from harvester.analysis.figures.single_meetings import Detail, Samples

PERSON_COLOURS = ("var(--person-1)", "var(--person-2)", "var(--person-3)")


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
    spec = base_chart(
        bars,
        WIDTH - 140,
        17 * len(keys),
        mark={"type": "bar", "height": 10},
        encoding={
            "y": name_axis({keys[person]: names[person] for person in shown}),
            "x": x,
            "x2": {"field": "to"},
            "color": raw("colour"),
            "description": {"field": "say"},
        },
    )
    return safe_svg.draw(spec, "Who was there when")


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
    rows: list[Spec] = []
    for measure, label in _MEASURES.items():
        y = {"scale": {"domain": [0, _top(samples, measure) or 1], "nice": 3}, "type": "quantitative"}
        panels = [
            {
                **_panel(by_panel.get((stream, measure)), colours),
                "encoding": {
                    "x": _time(span, labels=measure == list(_MEASURES)[-1]),
                    "y": {**y, "axis": _values(label if stream == shown[0] else None)},
                },
                **(
                    {"title": {"text": _STREAMS[stream], "fontSize": 11, "frame": "group", "offset": 6}}
                    if not rows
                    else {}
                ),
            }
            for stream in shown
        ]
        rows.append({"hconcat": panels, "spacing": 10, "bounds": "flush"})
    return safe_svg.draw(
        {"vconcat": rows, "spacing": 14, "config": CONFIG},
        "Latency, jitter and loss of each stream over time",
    )


def _top(samples: Sequence[Samples], measure: str) -> float:
    chosen = [each for each in samples if each.measure == measure]
    highs = [high for each in chosen for *_, high in each.band]
    return max(
        [*highs, *(value for each in chosen for line in each.lines.values() for _, value in line)], default=0
    )


def _time(span: Sequence[float], *, labels: bool) -> Spec:
    axis = {
        "title": None,
        "format": "%H:%M",
        "tickCount": 2,
        "labels": labels,
        "grid": True,
        "labelBound": True,
        "labelPadding": 4,
    }
    return {
        "field": "at",
        "type": "temporal",
        "scale": {"type": "utc", "domain": list(span)},
        "axis": axis,
    }


def _values(title: str | None) -> Spec:
    """The axis of a measure: with labels if it has a title."""
    first = title is not None
    return {
        "title": title,
        "tickCount": 3,
        "format": ",.0f",
        "labels": first,
        "minExtent": 44 if first else 0,
    }


def _panel(samples: Samples | None, colours: Mapping[str, str]) -> Spec:
    """The band and the lines of one measure of one stream. All lines are one layer: each layer takes time to draw."""
    band = [
        {"at": round(at * 60_000), "low": _round(low), "high": _round(high)}
        for at, low, high in (samples.band if samples else ())
    ]
    lines = [
        {"at": round(at * 60_000), "value": _round(value), "colour": colour}
        for person, colour in colours.items()
        for at, value in (samples.lines.get(person, ()) if samples else ())
    ]
    area = {
        "data": {"values": band},
        "mark": {"type": "area", "color": "var(--band)", "aria": False},
        "encoding": {"y": {"field": "low"}, "y2": {"field": "high"}},
    }
    line = {
        "data": {"values": lines},
        "mark": {"type": "line", "strokeWidth": 1.3, "aria": False},
        "encoding": {"y": {"field": "value"}, "color": raw("colour")},
    }
    return {"width": 126, "height": 62, "layer": [area, line]}


def _round(value: float) -> float:
    return round(value, 2)
