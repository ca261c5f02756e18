"""People across meetings, as a register and as a list: against a computation over the same sessions that uses no database."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.attendance import union_seconds
from connectors.models import MeetingRecord, Session
from harvester.analysis import document_source
from harvester.analysis.aliases import Alias, AliasTable, Known
from harvester.analysis.attendance import By, Threshold, create_attendance, query
from harvester.analysis.document_tables import read_documents
from harvester.analysis.duckdb_database import open_database
from harvester.analysis.register import FIRST_COLUMNS, to_register
from harvester.analysis.roster import Expected, Roster
from harvester.analysis.selection import Selection
from tests.hypothesis_examples import one_in
from tests.invented_meetings import plain
from tests.unit.analysis.record_strategies import documents, several, write

BERLIN = ZoneInfo("Europe/Berlin")
ENOUGH = Threshold(minutes=60)

aliases = st.lists(
    st.builds(
        Alias,
        pattern=st.sampled_from(["Ada", "a*", "u1", "ada@example.org", "=1+1", "*", "say*"]),
        person=st.sampled_from(["Ada Lovelace", "bob@example.org", "A,B"]),
    ),
    max_size=3,
)
rosters = st.lists(
    st.builds(
        Expected,
        email=st.sampled_from(["ada@example.org", "new@example.org", None]),
        name=st.sampled_from(["Ada", "A,B", "Nobody"]),
    ),
    max_size=3,
    unique=True,
)

Stay = tuple[MeetingRecord, Session, str | None, int | None]
Attended = dict[int, list[Session]]
"""The sessions of one person, by the place of the meeting."""


def known(session: Session) -> Known:
    return session.user_name, session.email, session.id


def stays(records: Sequence[MeetingRecord], names: Iterable[Alias], roster: Sequence[Expected]) -> list[Stay]:
    """Every session that counts, with its alias and its place on the roster."""
    counted = [(r, s) for r in records for s in r.sessions if s.stay != "waiting_room"]
    every = sorted({known(s) for r in records for s in r.sessions}, key=repr)
    persons = AliasTable(names).resolve(every)
    places = Roster(roster).resolve(every, persons)
    return [(r, s, persons.get(known(s)), places.get(known(s))) for r, s in counted]


def least(values: Iterable[Any]) -> Any:
    return min((value for value in values if value is not None), default=None)


def people(found: Sequence[Stay], meetings: Sequence[MeetingRecord]) -> dict[Any, Attended]:
    """The sessions of each person: first distinguished within a meeting, then merged across meetings."""
    within: dict[Any, list[Stay]] = defaultdict(list)
    for place, stay in enumerate(found):
        record, session, alias, _ = stay
        number = meetings.index(record)
        person = (
            ("alias", alias)
            if alias is not None
            else next(
                (
                    (name, v)
                    for name in ("id", "user_name", "user_id")
                    if (v := getattr(session, name)) is not None
                ),
                ("session", place),
            )
        )
        within[number, person].append(stay)
    emails: dict[Any, set[str]] = defaultdict(set)
    for (number, _), each in within.items():
        vendor_id, email = least(s.id for _, s, *_ in each), least(s.email for _, s, *_ in each)
        if vendor_id is not None and email is not None:
            emails[meetings[number].meeting.vendor, vendor_id].add(email)
    merged: dict[Any, Attended] = defaultdict(dict)
    for (number, person), each in within.items():
        vendor = meetings[number].meeting.vendor
        whole = _whole(each, vendor, emails) or ("meeting", number, person)
        merged[whole].setdefault(number, []).extend(session for _, session, *_ in each)
    return merged


def _whole(each: Sequence[Stay], vendor: str, emails: dict[Any, set[str]]) -> Any:
    place, alias = least(p for *_, p in each), least(a for _, _, a, _ in each)
    vendor_id = least(s.id for _, s, *_ in each)
    email = least(s.email for _, s, *_ in each) or least(emails.get((vendor, vendor_id), ()))
    name = least(s.user_name for _, s, *_ in each)
    for kind, value in (("roster", place), ("alias", alias), ("email", email)):
        if value is not None:
            return kind, value
    if vendor_id is not None:
        return "id", vendor, vendor_id
    return ("name", name.lower()) if name is not None else None


def seconds(sessions: Sequence[Session]) -> int | None:
    return union_seconds(sessions) if any(s.join_time and s.leave_time for s in sessions) else None


def local(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(BERLIN).replace(microsecond=0).isoformat()


def ordered(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=repr)


def computed(
    records: Sequence[MeetingRecord], by: By, names: Any, roster: Any
) -> tuple[list[str], list[Any]]:
    with tempfile.TemporaryDirectory() as folder, open_database("128MB", in_file=False) as database:
        path = write(Path(folder) / "documents.ndjson", documents(records))
        read_documents(database, document_source.files([path]), Selection(zone=BERLIN), quality=False)
        create_attendance(
            database, zone=BERLIN.key, by=by, threshold=ENOUGH, aliases=names, roster=roster or None
        )
        if by == "series":
            register = to_register(database, marks=False, roster=bool(roster))
            return list(register.columns), list(register.rows)
        chosen = query("person", roster=bool(roster))
        return list(chosen.columns), list(chosen.rows(database))


@pytest.mark.slow
@one_in(10)
@given(several, aliases, rosters)
def test_a_row_per_person_is_that_of_a_plain_count(
    records: tuple[MeetingRecord, ...], names: list[Alias], roster: list[Expected]
) -> None:
    columns, rows = computed(records, "person", names, roster)
    wanted = []
    found = people(stays(records, names, roster), records)
    for sessions in found.values():
        each = [seconds(of_meeting) for of_meeting in sessions.values()]
        timed = [value for value in each if value is not None]
        every = [session for of_meeting in sessions.values() for session in of_meeting]
        wanted.append(
            (
                len(sessions),
                sum(value >= 3600 for value in timed) if timed else None,
                sum(timed) if timed else None,
                local(least(s.join_time for s in every)),
                local(max((s.leave_time for s in every if s.leave_time), default=None)),
            )
        )
    there = {whole[1] for whole in found if whole[0] == "roster"}
    absent = [(0, 0, None, None, None)] * (len(roster) - len(there) if records else 0)
    places = [columns.index(name) for name in ("meetings", "present", "first_join", "last_leave")]
    got = [tuple(row[place] for place in places) for row in rows]
    assert ordered(got) == ordered((w[0], w[1], w[3], w[4]) for w in [*wanted, *absent])
    minutes = sorted(row[columns.index("minutes")] or 0 for row in rows)
    assert minutes == pytest.approx(sorted((w[2] or 0) / 60 for w in [*wanted, *absent]), abs=0.051)
    if roster:
        expected = [row[columns.index("expected")] for row in rows]
        assert expected.count("yes") == (len(roster) if records else 0)


@pytest.mark.slow
@one_in(10)
@given(several, aliases, rosters)
def test_a_register_is_that_of_a_plain_count(
    records: tuple[MeetingRecord, ...], names: list[Alias], roster: list[Expected]
) -> None:
    columns, rows = computed(records, "series", names, roster)
    series = [(r.meeting.vendor, r.meeting.meeting_series_id or r.meeting.uuid) for r in records]
    wanted: dict[Any, list[float | str]] = defaultdict(list)
    for whole, sessions in people(stays(records, names, roster), records).items():
        for number, of_meeting in sessions.items():
            found = seconds(of_meeting)
            wanted[series[number], whole].append("yes" if found is None else round(found / 60, 1))
    for place in range(len(roster)):
        for each in set(series):
            wanted.setdefault((each, ("roster", place)), [])
    first, last = len(FIRST_COLUMNS), columns.index("meetings")
    got = [
        (
            row[0],
            row[2],
            sorted(map(str, (c for c in row[first:last] if c is not None))),
            row[last],
            row[last + 2],
        )
        for row in rows
    ]
    assert ordered(got) == ordered(
        (vendor, name, sorted(map(str, cells)), len(cells), series.count((vendor, name)))
        for ((vendor, name), _), cells in wanted.items()
    )


def test_all_columns_have_the_time_if_a_series_met_twice_in_a_day() -> None:
    def held(uuid: str, series: str, start: str) -> MeetingRecord:
        begin = datetime.fromisoformat(start)
        record = plain(1)
        return replace(
            record,
            meeting=replace(
                record.meeting,
                uuid=uuid,
                meeting_series_id=series,
                start_time=begin,
                end_time=begin + timedelta(hours=1),
            ),
        )

    once = [held("a", "one", "2026-11-20T08:14:00+01:00"), held("b", "two", "2026-11-21T09:00:00+01:00")]
    twice = [*once, held("c", "one", "2026-11-20T15:00:00+01:00")]
    assert dates(once) == ["2026-11-20", "2026-11-21"]
    assert dates(twice) == ["2026-11-20 08:14", "2026-11-20 15:00", "2026-11-21 09:00"]


def dates(records: Sequence[MeetingRecord]) -> list[str]:
    columns, _ = computed(records, "series", [], [])
    return [column for column in columns if column.startswith("2026-")]
