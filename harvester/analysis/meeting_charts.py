"""One meeting as charts: who was there when, and every stream over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from harvester.analysis import safe_svg
from harvester.analysis.charts import CONFIG, RATING_COLOURS, WIDTH, Spec, base_chart, name_axis, raw
from harvester.analysis.figures.detail import Detail, Samples

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
                "spacing": 10,
                "bounds": "flush",
            }
        )
    return safe_svg.draw(
        {"vconcat": rows, "spacing": 14, "config": CONFIG},
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
        "axis": {
            "title": None,
            "format": "%H:%M",
            "tickCount": 2,
            "labels": last,
            "grid": True,
            "labelBound": True,
            "labelPadding": 4,
        },
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
