"""Conferences out of a stream of rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.google_meet.conference_grouping import Conference, LateRow, best_record, group_by_conference
from connectors.google_meet.reports_rows import (
    flatten,
    row_identity,
)
from tests.unit.google_meet.fake_api import activity, row

START = 1_795_000_000


@st.composite
def listings(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows of several conferences, each without a gap longer than the margin."""
    rows = []
    for number in range(draw(st.integers(1, 6))):
        begin = START + draw(st.integers(0, 200_000))
        for endpoint in range(draw(st.integers(1, 5))):
            join = begin + draw(st.integers(0, 3000))
            begin_end = join + draw(st.integers(0, 90_000))
            at = datetime.fromtimestamp(begin_end, UTC).isoformat()
            rows.append(
                {
                    "conference_id": f"c{number}",
                    "@time": at,
                    "@qualifier": str(endpoint),
                    "start_timestamp_seconds": join,
                    "duration_seconds": begin_end - join,
                }
            )
    return rows


def whole(rows: list[dict[str, Any]]) -> dict[str, list[tuple[str, str, str]]]:
    found: dict[str, list[tuple[str, str, str]]] = {}
    for each in rows:
        found.setdefault(each["conference_id"], []).append(row_identity(each))
    return {key: sorted(set(value)) for key, value in found.items()}


@given(listings(), st.integers(1, 4))
def test_every_conference_is_yielded_once_with_all_its_rows(rows: list[dict[str, Any]], size: int) -> None:
    newest_first = sorted(rows, key=lambda each: each["@time"], reverse=True)
    pages = [newest_first[at : at + size] for at in range(0, len(newest_first), size)]
    found = list(group_by_conference(pages))
    assert not [one for one in found if isinstance(one, LateRow)]
    conferences = {
        one.id: sorted(map(row_identity, one.rows)) for one in found if isinstance(one, Conference)
    }
    assert len(found) == len(conferences)
    assert conferences == whole(rows)


@given(st.permutations(range(12)), st.data())
def test_late_rows_are_reported(order: list[int], data: st.DataObject) -> None:
    rows = data.draw(listings())
    shuffled = [rows[place % len(rows)] for place in order] + rows
    conferences: dict[str, set[tuple[str, str, str]]] = {}
    late: set[str] = set()
    for found in group_by_conference([[one] for one in shuffled]):
        if isinstance(found, LateRow):
            late.add(found.conference)
        else:
            assert found.id not in conferences
            conferences[found.id] = set(map(row_identity, found.rows))
    for conference, identities in whole(rows).items():
        assert conference in late or conferences[conference] == set(identities)


def test_few_rows_are_in_memory() -> None:
    held: list[int] = []

    def pages() -> Any:
        for hour in range(200, 0, -1):
            at = START + hour * 3600
            yield [
                {
                    "conference_id": f"c{hour}",
                    "@time": datetime.fromtimestamp(at, UTC).isoformat(),
                    "@qualifier": "1",
                    "start_timestamp_seconds": at - 1800,
                }
            ]
            held.append(hour)

    for found in group_by_conference(pages()):
        assert isinstance(found, Conference)
        if held[-1:] != [1]:
            assert int(found.id[1:]) - (held[-1] if held else 200) <= 4


def test_best_record_is_found_by_id_or_time() -> None:
    conference = Conference.from_rows("conf1", [row()])
    early = {
        "name": "conferenceRecords/a",
        "startTime": "2026-11-20T07:00:00Z",
        "endTime": "2026-11-20T08:00:00Z",
    }
    right = {
        "name": "conferenceRecords/b",
        "startTime": "2026-11-20T09:19:59Z",
        "endTime": "2026-11-20T09:30:01Z",
    }
    live = {"name": "conferenceRecords/c", "startTime": "2026-11-20T09:29:00Z"}
    named = {"name": "conferenceRecords/conf1"}
    assert best_record(conference, [early, right, live]) is right
    assert best_record(conference, [early, right, named]) is named
    assert best_record(conference, [live]) is live
    assert best_record(conference, [early]) is None


@pytest.mark.parametrize(
    ("joined", "start", "first_known"),
    [("09:05", "09:05", "09:05"), ("09:35", None, "09:30"), (None, None, "09:30")],
)
def test_start_of_a_conference_is_absent_if_an_earlier_join_may_be_missing(
    joined: str | None, start: str | None, first_known: str
) -> None:
    def at(clock: str | None) -> datetime | None:
        return None if clock is None else datetime.fromisoformat(f"2026-11-20T{clock}:00Z")

    (unknown,) = flatten(
        activity("c", "2026-11-20T09:30:00Z", start_timestamp_seconds=None, duration_seconds=None)
    )
    (known,) = flatten(activity("c", "2026-11-20T09:40:00Z"))
    begins = at(joined)
    if begins is not None:
        known["start_timestamp_seconds"] = int(begins.timestamp())
    conference = Conference.from_rows("c", [unknown] if begins is None else [unknown, known])
    assert (conference.start, conference.first_known) == (at(start), at(first_known))
