"""Single meetings: which went worst, who was there when, and how every stream went over time."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.parsing import parse_instant
from connectors.quality import SERIES_MEASURES, STREAMS
from harvester.analysis.duckdb_database import Database
from harvester.analysis.figures.table import Table

STEPS = 120
"""The most steps of a chart over time."""
MAX_SHOWN = 40
"""People in a chart of who was there when; the table has all of them."""
WORST_PEOPLE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    person: str
    name: str | None
    """As the document has it; whether it is shown is not decided here."""
    join: datetime | None
    leave: datetime | None
    """In the local time of the report, without a zone."""
    rating: str | None
    measures: Mapping[str, float | None]
    series: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    number: int
    vendor: str
    account: str
    uuid: str
    topic: str | None
    host: str | None
    started: datetime | None
    minutes: float | None
    people: int | None
    poor_people: int
    poor_minutes: float
    stays: Sequence[Stay]


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """One measure of one stream: a band that holds eight of ten participants, and the lines of some people."""

    stream: str
    measure: str
    band: Sequence[tuple[float, float, float]]
    """Minute, 10th and 90th percentile."""
    lines: Mapping[str, Sequence[tuple[float, float]]]
    """Minute and value, by person."""


def worst(database: Database, count: int) -> list[Detail]:
    numbers = database.rows(
        """
        SELECT number FROM rated WHERE rating = 'poor' AND us > 0 GROUP BY number
        ORDER BY sum(us) DESC, number LIMIT ?
        """,
        [count],
    )
    return [detail(database, number) for (number,) in numbers]


def chosen(database: Database, meetings: Sequence[str]) -> list[Detail]:
    """The meetings with these uuids or document ids."""
    numbers = database.rows(
        """
        SELECT number FROM fact
        WHERE uuid IN (SELECT unnest(?::VARCHAR[])) OR concat_ws(':', vendor, account, uuid) IN (SELECT unnest(?::VARCHAR[]))
        ORDER BY number
        """,
        [list(meetings), list(meetings)],
    )
    return [detail(database, number) for (number,) in numbers]


def detail(database: Database, number: int) -> Detail:
    columns = [f"{stream}_{measure}" for stream in STREAMS for measure in SERIES_MEASURES]
    series = [f"{stream}_series" for stream in STREAMS]
    (head,) = database.dicts(
        """
        SELECT vendor, account, uuid, topic, coalesce(host_name, host_email) AS host, local(started) AS started,
               length / 60 AS minutes, people FROM fact WHERE number = ?
        """,
        [number],
    )
    rows = database.dicts(
        f"""
        WITH stay AS (SELECT row, person, join_time, leave_time, rating, us FROM rated WHERE number = ?)
        SELECT person, line.user_name, local(stay.join_time) AS join_time, local(stay.leave_time) AS leave_time,
               rating, us, {", ".join(columns + series)}
        FROM stay JOIN line ON line.rowid = stay.row
        ORDER BY stay.join_time NULLS LAST, stay.leave_time NULLS LAST, user_name, person, document_id
        """,
        [number],
    )
    zone_minutes = database.row("SELECT ahead(started) FROM fact WHERE number = ?", [number])[0]
    poor = [row for row in rows if row["rating"] == "poor"]
    return Detail(
        number=number,
        **head,
        poor_people=len({row["person"] for row in poor}),
        poor_minutes=sum(row["us"] or 0 for row in poor) / 60e6,
        stays=[_stay(row, columns, zone_minutes or 0) for row in rows],
    )


def _stay(row: Mapping[str, Any], columns: Sequence[str], ahead: int) -> Stay:
    series = {}
    for stream in STREAMS:
        if (text := row[f"{stream}_series"]) is not None and (found := _series(text, ahead)):
            series[stream] = found
    return Stay(
        person=row["person"],
        name=row["user_name"],
        join=row["join_time"],
        leave=row["leave_time"],
        rating=row["rating"],
        measures={name: row[name] for name in columns},
        series=series,
    )


def _series(text: str, ahead: int) -> Mapping[str, Any] | None:
    """The start as epoch minutes of local time, the step in minutes, and the samples; `None` if it is not as documented."""
    try:
        found = json.loads(text)
        start, step = parse_instant(found["start"]), float(found["step_s"]) / 60
    except (ValueError, TypeError, KeyError):
        return None
    if start is None or not step > 0:
        return None
    return {
        "start": start.timestamp() / 60 + ahead,
        "step": step,
        **{
            name: [v if isinstance(v, int | float) and v >= 0 else None for v in found[name]]
            for name in SERIES_MEASURES
            if isinstance(found.get(name), list)
        },
    }


def minute_of(instant: datetime) -> float:
    """Epoch minutes of a local time."""
    return (instant - datetime(1970, 1, 1)).total_seconds() / 60  # noqa: DTZ001  # both are local


def worst_people(meeting: Detail) -> list[str]:
    """The people with the highest latency, jitter and loss, measured against where they are poor."""
    from harvester.analysis.figures.fact_tables import POOR

    scores: dict[str, float] = defaultdict(float)
    for stay in meeting.stays:
        for name, value in stay.measures.items():
            measure = name.split("_", 2)[2]
            if value is not None:
                scores[stay.person] = max(scores[stay.person], value / POOR[measure])
    return sorted(scores, key=lambda person: (-scores[person], person))[:WORST_PEOPLE]


def over_time(meeting: Detail) -> list[Samples]:
    """Every measure of every stream over time: samples if they were harvested, else each stay's average over its length."""
    times = [minute_of(t) for stay in meeting.stays for t in (stay.join, stay.leave) if t is not None]
    if not times:
        return []
    begin, step = min(times), max(1.0, (max(times) - min(times)) / STEPS)
    people = worst_people(meeting)
    found = []
    for stream in STREAMS:
        for measure in SERIES_MEASURES:
            points = _points(meeting, stream, measure, begin, step)
            if points:
                found.append(_samples(stream, measure, points, people, begin, step))
    return found


Points = dict[int, dict[str, list[float]]]


def _points(meeting: Detail, stream: str, measure: str, begin: float, step: float) -> Points:
    """Values by step and person."""
    points: Points = defaultdict(lambda: defaultdict(list))
    for stay in meeting.stays:
        series = stay.series.get(stream, {})
        mean = stay.measures[f"{stream}_{measure}"]
        if series.get(measure):
            for place, value in enumerate(series[measure]):
                if value is not None:
                    points[int((series["start"] + place * series["step"] - begin) // step)][
                        stay.person
                    ].append(value)
        elif mean is not None and stay.join is not None and stay.leave is not None:
            first, last = ((minute_of(t) - begin) // step for t in (stay.join, stay.leave))
            for place in range(int(first), int(last) + 1):
                points[place][stay.person].append(mean)
    return points


def _samples(
    stream: str, measure: str, points: Points, people: Sequence[str], begin: float, step: float
) -> Samples:
    lines: dict[str, list[tuple[float, float]]] = {person: [] for person in people}
    spread: list[tuple[float, float, float]] = []
    for place in sorted(points):
        at = begin + place * step
        means = {person: sum(values) / len(values) for person, values in points[place].items()}
        ordered = sorted(means.values())
        spread.append((at, _quantile(ordered, 0.1), _quantile(ordered, 0.9)))
        for person in people:
            if person in means:
                lines[person].append((at, means[person]))
    return Samples(
        stream=stream, measure=measure, band=spread, lines={p: line for p, line in lines.items() if line}
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def worst_table(meetings: Sequence[Detail]) -> Table:
    return Table(
        name="worst-meetings",
        columns={
            "start": "instant",
            "vendor": "text",
            "meeting": "text",
            "people": "count",
            "poor people": "count",
            "poor participant-minutes": "minutes",
        },
        rows=[
            (
                m.started.isoformat(timespec="minutes") if m.started else None,
                m.vendor,
                m.uuid,
                m.people,
                m.poor_people,
                m.poor_minutes,
            )
            for m in meetings
        ],
    )
