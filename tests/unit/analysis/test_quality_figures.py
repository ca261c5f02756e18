"""The figures of quality, each against a computation over the same documents that uses no database."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.quality import SERIES_MEASURES, STREAMS
from harvester.analysis.figures import quality
from harvester.analysis.figures.table import Table
from harvester.analysis.report_data import ReportData
from harvester.documents import encode
from tests.hypothesis_examples import one_in
from tests.unit.analysis.record_strategies import documents, several
from tests.unit.analysis.test_figures import figures

BERLIN = ZoneInfo("Europe/Berlin")
POOR = {"packet_loss_pct": 5, "jitter_ms": 50, "latency_ms": 300}
FAIR = {"packet_loss_pct": 2, "jitter_ms": 30, "latency_ms": 150}
Document = dict[str, Any]

means = st.sampled_from([0, 0.5, 2, 4.9, 5, 29, 30, 50, 149.5, 150, 299, 300, 900])
measures = st.fixed_dictionaries(
    {}, optional={name: st.fixed_dictionaries({"mean": means}) for name in SERIES_MEASURES}
)
qualities = st.none() | st.fixed_dictionaries({}, optional=dict.fromkeys(STREAMS, measures))


@st.composite
def measured_documents(draw: st.DrawFn) -> list[Document]:
    found = [json.loads(encode(document)) for document in documents(draw(several))]
    for document in found:
        if document["kind"] == "session":
            document |= {
                "quality": draw(qualities),
                "network_type": draw(
                    st.sampled_from(["wifi", "WIFI", "ethernet", "Wired", "mobile", "cellular", None])
                ),
                "country": draw(st.sampled_from(["DE", "US", None])),
            }
    return found


def worse(session: Document) -> dict[str, float]:
    """The measures of the worse direction of the sound; of the picture, if no sound was measured."""
    streams = session["quality"] or {}

    def of(kind: str) -> dict[str, float]:
        sides = [streams.get(f"{kind}_{way}", {}) for way in ("in", "out")]
        values = {name: [s[name]["mean"] for s in sides if name in s] for name in SERIES_MEASURES}
        return {name: max(found) for name, found in values.items() if found}

    return of("audio") or of("video")


def rating(session: Document) -> str | None:
    values = worse(session)
    if any(values[name] >= POOR[name] for name in values):
        return "poor"
    if any(values[name] >= FAIR[name] for name in values):
        return "fair"
    return "good" if values else None


def day_of(meeting: str, every: Sequence[Document]) -> str:
    """The day on which a meeting began: its start, else its first join, else its plan."""
    (head,) = [d for d in every if d["kind"] == "meeting" and d["uuid"] == meeting]
    joins = [
        datetime.fromisoformat(d["join_time"])
        for d in every
        if d["kind"] == "session" and d["meeting"] == meeting and counts(d) and "join_time" in d
    ]
    start = head.get("start_time")
    begun = datetime.fromisoformat(start) if start else min(joins, default=None)
    return (
        (begun or datetime.fromisoformat(head["scheduled_start_time"])).astimezone(BERLIN).date().isoformat()
    )


def counts(session: Document) -> bool:
    return session["kind"] == "session" and session["stay"] != "waiting_room"


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


@pytest.mark.slow
@one_in(10)
@given(measured_documents())
def test_rates_measures_and_groups_are_those_of_a_plain_count(found: list[Document]) -> None:
    with mock.patch.object(quality, "LEAST_STAYS", 1):
        data = figures(found)
    rated = [(d, rating(d)) for d in found if counts(d) and rating(d) is not None]
    ratings = [r for _, r in rated]
    assert (data.totals["measured"], data.totals["poor"]) == (len(rated), ratings.count("poor"))
    if data.period is None:
        return
    by_day = defaultdict(list)
    for session, each in rated:
        by_day[day_of(session["meeting"], found)].append((session, each))
    check_days(data, by_day)
    for name, table in zip(("network", "country"), data.groups, strict=False):
        check_group(
            table.dicts(),
            name,
            [(d, r) for d, r in rated if d[f"{name}_type" if name == "network" else name]],
        )


def check_days(data: ReportData, by_day: Mapping[str, list[tuple[Document, str | None]]]) -> None:
    assert [(row[0], row[1]) for row in data.rates.rows] == [
        (day, len(by_day[day])) for day in sorted(by_day)
    ]
    for row in data.rates.rows:
        ratings = [each for _, each in by_day[row[0]]]
        assert row[2] == pytest.approx(ratings.count("poor") / len(ratings))
        assert row[3] == pytest.approx(ratings.count("fair") / len(ratings))
    for row in data.measures.dicts():
        sessions = [d for d, _ in by_day[row["day"]] if d["vendor"] == row["vendor"]]
        for name, title in (
            ("latency_ms", "latency ms"),
            ("jitter_ms", "jitter ms"),
            ("packet_loss_pct", "loss %"),
        ):
            values = [worse(d)[name] for d in sessions if name in worse(d)]
            if not values:
                assert row[f"{title}, median"] is None
                continue
            assert row[f"{title}, median"] == pytest.approx(median(values), abs=0.006)
            assert row[f"{title}, 95 %"] == pytest.approx(quantile(values, 0.95), abs=0.006)


def check_group(
    rows: Sequence[Mapping[str, Any]], name: str, rated: Sequence[tuple[Document, str | None]]
) -> None:
    field = "network_type" if name == "network" else name
    wanted = defaultdict(list)
    for session, each in rated:
        label = session[field].lower()
        wanted[{"ethernet": "wired", "mobile": "cellular"}.get(label, label)].append(each)
    got = {row[name].lower(): (row["measured sessions"], row["poor"]) for row in rows}
    assert got == {
        label: (len(found), pytest.approx(found.count("poor") / len(found)))
        for label, found in wanted.items()
    }


def rates(*days: tuple[int, int]) -> Table:
    """The measured and the poor sessions of successive days."""
    rows = [
        (f"2026-11-{number:02d}", measured, poor / measured, 0.0, None)
        for number, (measured, poor) in enumerate(days, 1)
    ]
    return Table(name="rates", columns={}, rows=rows)


@pytest.mark.parametrize(
    ("days", "worst"),
    [
        ([(1000, 109), (1000, 110)], None),  # 11.0 % against 10.9 %: a difference that says nothing
        ([(1000, 100), (1000, 100), (1000, 200)], ("2026-11-03", 0.2)),
        ([(1000, 100), (29, 29)], None),  # too few
        ([(100, 0), (100, 0)], None),
        ([(1000, 500)], None),  # no other day
        ([], None),
    ],
)
def test_the_worst_day_is_named_only_if_it_is_really_worse(
    days: list[tuple[int, int]], worst: tuple[str, float] | None
) -> None:
    assert quality.worst_step(rates(*days)) == worst
