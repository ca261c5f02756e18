"""The figures of rooms, each against a count of minutes over the same bookings that uses no database."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.attendance import to_record
from connectors.models import Detail, Host, Meeting, MeetingRecord, Session, session_key
from harvester.analysis.figures.usage import WEEKDAYS
from harvester.analysis.report_data import ReportData
from harvester.analysis.selection import Selection
from tests.examples import one_in
from tests.unit.analysis.record_strategies import CLOCK_CHANGE, HARVESTED, documents
from tests.unit.analysis.test_figures import figures

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)
CODES = ["abc-mnop-xyz", "wkt-imxi-vuk"]


@dataclass(frozen=True, kw_only=True)
class Booked:
    number: int
    room: str
    start: datetime
    end: datetime
    code: str | None = None
    organizer: str | None = "ada@example.org"
    read_at: datetime = HARVESTED

    def document(self) -> dict[str, Any]:
        found = {
            "document_id": f"booking:main:{self.room}@example.org:{self.number}",
            "kind": "booking",
            "account": "main",
            "@timestamp": self.start.isoformat(),
            "harvested_at": self.read_at.isoformat(),
            "room": self.room,
            "calendar": f"{self.room}@example.org",
            "topic": "Secret plans",
            "host": {"name": "Ada", "email": self.organizer} if self.organizer else None,
            "start_time": self.start.isoformat(),
            "end_time": self.end.isoformat(),
            "meeting_code": self.code,
        }
        return {name: value for name, value in found.items() if value is not None}


def conference(
    number: int, start: datetime, end: datetime | None, code: str | None, host: str | None = "Bob@Example.org"
) -> MeetingRecord:
    meeting = Meeting(
        vendor="google-meet",
        account="main",
        uuid=f"conference-{number}",
        detail=Detail.full if end else Detail.live,
        harvested_at=HARVESTED,
        meeting_code=code,
        host=(host and Host(email=host)) or None,
        start_time=start,
        end_time=end,
        state="ended" if end else "live",
    )
    return to_record(meeting, [])


ADDRESSES = st.none() | st.sampled_from(["ada@example.org", "bob@example.org", "eve@partner.example"])
minutes = st.integers(0, 40 * 60).map(lambda count: CLOCK_CHANGE + count * MINUTE)
lengths = st.integers(1, 9 * 60).map(lambda count: count * MINUTE)


@st.composite
def bookings(draw: st.DrawFn, number: int) -> Booked:
    start = draw(minutes)
    return Booked(
        number=number,
        room=draw(st.sampled_from(["Aurora", "Birch", "Cedar"])),
        start=start,
        end=start + draw(lengths),
        code=draw(st.none() | st.sampled_from(CODES)),
        organizer=draw(ADDRESSES),
    )


@st.composite
def conferences(draw: st.DrawFn, number: int) -> MeetingRecord:
    start = draw(minutes)
    length = draw(st.none() | st.just(timedelta(0)) | lengths)
    code = draw(st.none() | st.sampled_from(CODES))
    return conference(number, start, None if length is None else start + length, code, draw(ADDRESSES))


some_bookings = st.integers(0, 6).flatmap(
    lambda count: st.tuples(*(bookings(number) for number in range(count)))
)
some_conferences = st.integers(0, 5).flatmap(
    lambda count: st.tuples(*(conferences(number) for number in range(count)))
)


def day_of(instant: datetime) -> date:
    return instant.astimezone(BERLIN).date()


def minutes_between(start: datetime, end: datetime) -> list[datetime]:
    return [start + number * MINUTE for number in range(int((end - start) / MINUTE))]


def period_of(booked: Sequence[Booked], held: Sequence[MeetingRecord]) -> tuple[date, date]:
    """The days of the conferences; without any, those of the bookings."""
    days = [day_of(record.meeting.start_time) for record in held if record.meeting.start_time]
    days = days or [day_of(each.start) for each in booked] + [day_of(each.end - MINUTE) for each in booked]
    return min(days), max(days)


def outcome(booking: Booked, held: Sequence[MeetingRecord]) -> str:
    spans = [
        (meeting.start_time, meeting.end_time or HARVESTED, meeting.meeting_code)
        for meeting in (record.meeting for record in held)
        if meeting.start_time is not None and meeting.meeting_code is not None
    ]
    for start, end, code in spans:
        instants = minutes_between(start, max(end, start + MINUTE))
        if code == booking.code and any(booking.start <= instant < booking.end for instant in instants):
            return "held"
    if booking.code is None:
        return "no Meet code"
    begins = [start for start, _, _ in spans]
    if not begins or booking.start < min(begins) or max(begins) < booking.end:
        return "not known"
    hosts = [record.meeting.host for record in held if record.meeting.meeting_code is not None]
    companies = {(host.email or "").lower().partition("@")[2] for host in hosts if host is not None}
    company = (booking.organizer or "").partition("@")[2]
    return "not known" if companies and company and company not in companies else "never held"


@pytest.mark.slow
@one_in(10)
@given(some_bookings, some_conferences)
def test_use_and_outcomes_are_those_of_a_count_of_minutes(
    booked: tuple[Booked, ...], held: tuple[MeetingRecord, ...]
) -> None:
    data = figures([*(each.document() for each in booked), *documents(held)])
    assert (data.read.bookings, data.read.unreadable) == (len(booked), 0)
    if not booked:
        assert data.room_use is None
        return
    first, last = period_of(booked, held)
    within = [
        (each.room, instant)
        for each in booked
        for instant in minutes_between(each.start, each.end)
        if first <= day_of(instant) <= last
    ]
    if not within:
        assert data.room_use is None
        return
    taken = set(within)
    check_shares(data, taken, first, last)
    check_rooms(data, booked, held, taken, first, last)
    check_conferences(data, booked, held, first, last)


def check_shares(data: ReportData, taken: set[tuple[str, datetime]], first: date, last: date) -> None:
    assert data.room_use is not None
    begin = datetime.combine(first, datetime.min.time(), BERLIN).astimezone(UTC)
    end = datetime.combine(last + timedelta(days=1), datetime.min.time(), BERLIN).astimezone(UTC)
    available: Counter[tuple[int, int]] = Counter()
    for instant in minutes_between(begin, end):
        local = instant.astimezone(BERLIN)
        available[local.weekday(), local.hour] += 1
    used: Counter[tuple[str, int, int]] = Counter()
    for room, instant in taken:
        local = instant.astimezone(BERLIN)
        used[room, local.weekday(), local.hour] += 1
    rooms = sorted({room for room, _ in taken})
    expected = {
        (room, WEEKDAYS[weekday], hour): pytest.approx(used[room, weekday, hour] / count, abs=1e-4)
        for room in rooms
        for (weekday, hour), count in available.items()
    }
    found = {row[:3]: row[3] for row in data.room_use.hours_of_the_week.rows}
    assert found == expected
    for weekday, hour, share in data.room_use.by_hour.rows:
        key = WEEKDAYS.index(weekday), hour
        whole = sum(used[room, *key] for room in rooms) / available[key] / len(rooms)
        assert share == pytest.approx(whole, abs=1e-4)
    for room, hour, share in data.room_use.by_room_and_hour.rows:
        days = [key for key in available if key[1] == hour and key[0] < 5]
        whole = sum(used[room, *key] for key in days) / sum(available[key] for key in days)
        assert share == pytest.approx(whole, abs=1e-4)


def check_rooms(
    data: ReportData,
    booked: Sequence[Booked],
    held: Sequence[MeetingRecord],
    taken: set[tuple[str, datetime]],
    first: date,
    last: date,
) -> None:
    assert data.room_use is not None
    chosen = [each for each in booked if first <= day_of(each.start) <= last]
    outcomes = Counter(outcome(each, held) for each in chosen)
    rows = {row[0]: row[1] for row in data.room_use.outcomes.rows}
    assert rows["booked and held"] == outcomes["held"]
    assert rows["booked, never held"] == outcomes["never held"] == len(data.room_use.never_held.rows)
    assert rows["booked, no Meet code"] == outcomes["no Meet code"]
    assert rows["booked, not known"] == outcomes["not known"]
    by_room = defaultdict(Counter[str])
    for each in chosen:
        by_room[each.room][outcome(each, held)] += 1
    hours = Counter(room for room, _ in taken)
    working = Counter(
        room
        for room, instant in taken
        if (local := instant.astimezone(BERLIN)).weekday() < 5 and 8 <= local.hour < 18
    )
    weekdays = sum((first + timedelta(days=n)).weekday() < 5 for n in range((last - first).days + 1))
    assert {row[0] for row in data.room_use.rooms.rows} == set(hours)
    for row in data.room_use.rooms.dicts():
        room = row["room"]
        assert row["booked hours"] == pytest.approx(hours[room] / 60)
        share = row["working hours booked"]
        assert share == (pytest.approx(working[room] / (weekdays * 600)) if weekdays else None)
        assert {name: row[name] for name in ("held", "never held", "no Meet code", "not known")} == {
            name: by_room[room][name] for name in ("held", "never held", "no Meet code", "not known")
        }


def check_conferences(
    data: ReportData, booked: Sequence[Booked], held: Sequence[MeetingRecord], first: date, last: date
) -> None:
    assert data.room_use is not None
    begin, end = min(each.start for each in booked), max(each.end for each in booked)
    judged = [
        record
        for record in held
        if record.meeting.start_time is not None
        and record.meeting.meeting_code is not None
        and begin <= record.meeting.start_time < end
        and first <= day_of(record.meeting.start_time) <= last
    ]
    alone = [record for record in judged if not any(outcome(each, [record]) == "held" for each in booked)]
    assert (data.room_use.conferences, data.room_use.not_booked) == (len(judged), len(alone))
    assert data.room_use.outcomes.rows[-1] == ("held, not booked", len(alone))


MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
WEEK = Selection(zone=BERLIN, first=date(2026, 11, 16), last=date(2026, 11, 20))


def booked_at(hours: float, code: str | None = CODES[0], number: int = 1, **more: Any) -> Booked:
    start = MONDAY + timedelta(hours=hours)
    return Booked(
        number=number, room="Aurora", start=start, end=start + timedelta(hours=1), code=code, **more
    )


def held_at(hours: float, code: str = CODES[0], number: int = 1) -> MeetingRecord:
    start = MONDAY + timedelta(hours=hours)
    return conference(number, start, start + timedelta(minutes=50), code)


def test_the_newest_reading_of_a_booking_counts_and_copies_are_left_out() -> None:
    moved = replace(booked_at(3), read_at=HARVESTED + timedelta(days=1))
    data = figures([booked_at(0).document(), moved.document(), moved.document()], selection=WEEK)
    assert data.room_use is not None
    assert (data.read.bookings, data.read.superseded, data.read.unreadable) == (1, 2, 0)
    assert [row[1] for row in data.room_use.rooms.rows] == [1]
    assert [(day, hour) for day, hour, share in data.room_use.by_hour.rows if share] == [("Mon", 13)]


def test_codes_are_compared_without_hyphens_and_in_small_letters() -> None:
    written = [booked_at(0, "ABCMNOPXYZ").document(), *documents([held_at(0)])]
    data = figures(written, selection=WEEK)
    assert data.room_use is not None
    assert data.room_use.outcomes.rows[0] == ("booked and held", 1)


def test_another_occurrence_of_the_series_does_not_count() -> None:
    """The code is that of all occurrences: the one of the next day is no sign that this one was held."""
    found = [
        booked_at(0).document(),
        *documents([held_at(-1, CODES[1], 1), held_at(24, CODES[0], 2)]),
    ]
    data = figures(found, selection=WEEK)
    assert data.room_use is not None
    assert [row[:2] for row in data.room_use.never_held.rows] == [("Aurora", "2026-11-16T10:00:00+01:00")]
    assert data.room_use.not_booked == 0  # both began while no booking was read


@pytest.mark.slow
def test_a_booking_before_the_first_or_after_the_last_known_conference_is_not_judged() -> None:
    records = documents([held_at(10, CODES[1], 1), held_at(30, CODES[1], 2)])
    for hours, expected in ((0, 0), (9.5, 0), (12, 1), (29.5, 0), (40, 0)):
        data = figures([booked_at(hours).document(), *records], selection=WEEK)
        assert data.room_use is not None
        assert len(data.room_use.never_held.rows) == expected


@pytest.mark.slow
def test_a_booking_of_another_company_is_not_judged() -> None:
    """Meet does not list conferences whose organizer belongs to another company."""
    records = documents([held_at(-1, CODES[1], 1), held_at(24, CODES[1], 2)])
    for organizer, expected in (("ada@EXAMPLE.org", 1), (None, 1), ("eve@partner.example", 0)):
        data = figures([booked_at(0, organizer=organizer).document(), *records], selection=WEEK)
        assert data.room_use is not None
        assert len(data.room_use.never_held.rows) == expected


def test_a_room_of_a_report_without_meet_is_not_judged() -> None:
    records = documents([held_at(-1, CODES[1], 1), held_at(0), held_at(24, CODES[1], 2)])
    only_zoom = replace(WEEK, vendors=("zoom",))
    data = figures(
        [booked_at(0).document(), booked_at(3, number=2).document(), *records], selection=only_zoom
    )
    assert data.room_use is not None
    assert [count for _, count in data.room_use.outcomes.rows] == [0, 0, 0, 2, 0]
    assert data.room_use.conferences == 0


def test_a_device_of_a_room_in_a_conference_without_a_booking_is_counted() -> None:
    stay = Session(
        key=session_key("1"), stay="meeting", id="device", user_type="room", join_time=MONDAY, leave_time=MONDAY + MINUTE
    )  # fmt: skip
    used = to_record(replace(held_at(0, CODES[1]).meeting), [stay])
    found = [booked_at(-2, number=1).document(), booked_at(2, number=2).document(), *documents([used])]
    data = figures(found, selection=WEEK)
    assert data.room_use is not None
    assert (data.room_use.not_booked, data.room_use.not_booked_with_room) == (1, 1)


def test_two_rooms_of_the_same_name_are_two_rooms() -> None:
    second = booked_at(0, number=2).document() | {"calendar": "other@example.org"}
    data = figures([booked_at(0).document(), second], selection=WEEK)
    assert data.room_use is not None
    assert sorted(row[0] for row in data.room_use.rooms.rows) == [
        "Aurora Aurora@example.org",
        "Aurora other@example.org",
    ]


@pytest.mark.parametrize("broken", [{"start_time": "soon"}, {"end_time": "2026-11-16T09:00:00Z"}])
def test_a_booking_without_usable_times_is_no_document(broken: dict[str, str]) -> None:
    data = figures([booked_at(0).document() | broken])
    assert (data.read.bookings, data.read.unreadable, data.room_use) == (0, 1, None)


def test_topics_and_organizers_are_in_the_tables_only_if_people_are_shown() -> None:
    records = documents([held_at(-1, CODES[1], 1), held_at(24, CODES[1], 2)])
    for shows_people in (True, False):
        data = figures([booked_at(0).document(), *records], selection=WEEK, shows_people=shows_people)
        assert data.room_use is not None
        assert ("Secret plans" in str(data.tables())) is shows_people
        assert ("'Ada'" in str(data.tables())) is shows_people
