"""Tests the invented organisation: reproducible, with every special case, and quiet for an hour."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from ipaddress import ip_address

import pytest

from harvester.simulator.organisation import (
    DAY,
    HOUR,
    MINUTE,
    QUIET,
    SECOND,
    Case,
    Guest,
    Organisation,
    Person,
    Session,
)
from harvester.simulator.organisation.names import ODD
from harvester.simulator.webex.account import YOUNG
from tests.unit.simulator.clients import NOW, organisation

SMALL = organisation(size=40)
MEETINGS = SMALL.meetings("zoom")
STAYS = {meeting.seed: SMALL.sessions(meeting) for meeting in MEETINGS}


def every_stay() -> list[Session]:
    return [session for sessions in STAYS.values() for session in sessions]


def test_the_same_seed_makes_the_same_organisation() -> None:
    again = Organisation(seed=7, size=40, days=8, now=NOW)
    assert again.people == SMALL.people
    assert again.meetings("zoom") == MEETINGS
    assert [again.sessions(meeting) for meeting in MEETINGS] == list(STAYS.values())


def test_sessions_do_not_depend_on_the_order_of_requests() -> None:
    again = Organisation(seed=7, size=40, days=8, now=NOW)
    assert {m.seed: again.sessions(m) for m in reversed(again.meetings("zoom"))} == STAYS


def test_another_seed_or_another_platform_has_other_meetings() -> None:
    assert organisation(size=40, seed=8).meetings("zoom") != MEETINGS
    assert {m.seed for m in SMALL.meetings("webex")}.isdisjoint(m.seed for m in MEETINGS)


@pytest.mark.parametrize("size", [1, 5, 40, 41, 777])
def test_there_are_as_many_meetings_as_requested(size: int) -> None:
    assert len(organisation(size=size).meetings("zoom")) == size


@pytest.mark.parametrize("seed", [1, 2, 7])
def test_forty_meetings_contain_every_special_case(seed: int) -> None:
    made = organisation(size=40, seed=seed)
    assert {meeting.case for meeting in made.meetings("zoom")} == set(Case) - set(YOUNG)
    assert {meeting.case for meeting in made.meetings("webex", YOUNG)} == set(Case)


def test_young_meetings_started_minutes_ago_and_are_over_or_live() -> None:
    young = [meeting for meeting in SMALL.meetings("webex", YOUNG) if meeting.case in YOUNG]
    assert len(young) == len(YOUNG)
    for meeting in young:
        assert 0 < SMALL.now - meeting.start < 6 * MINUTE
        assert (meeting.end > SMALL.now) is (meeting.case is Case.young_live)
        assert SMALL.sessions(meeting)


def test_a_small_organisation_has_few_sessions_and_one_large_meeting() -> None:
    counts = sorted(len(sessions) for sessions in STAYS.values())
    assert 300 < counts[-1] < 1000
    assert sum(counts[:-1]) / len(counts) < 10


def test_a_large_organisation_is_mostly_ordinary() -> None:
    cases = Counter(meeting.case for meeting in organisation(size=2000, days=30).meetings("zoom"))
    assert cases[Case.plain] + cases[Case.recurring] > 1200
    assert min(cases[case] for case in Case if case not in {Case.early, *YOUNG}) >= 1


@pytest.mark.parametrize("days", [1, 3, 30])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_happens_in_the_hour_after_now(days: int, seed: int) -> None:
    quiet = organisation(size=60, days=days, seed=seed)
    hush, wake = quiet.now, quiet.now + QUIET
    for meeting in quiet.meetings("zoom") + quiet.meetings("webex", YOUNG):
        happens = [meeting.start, meeting.end, meeting.records_at]
        for session in quiet.sessions(meeting):
            happens += [session.join, session.leave, session.known_at]
        assert not [instant for instant in happens if hush - 60 * SECOND < instant <= wake], meeting.case


@pytest.mark.parametrize("days", [1, 3, 30])
@pytest.mark.parametrize("hours", [0, 9, 23])
def test_meetings_are_within_the_days_and_sessions_within_their_meetings(days: int, hours: int) -> None:
    made = Organisation(seed=3, size=80, days=days, now=NOW.replace(hour=hours) + timedelta(minutes=5))
    for meeting in made.meetings("zoom"):
        assert meeting.start < meeting.end
        assert (meeting.start < made.first) is (meeting.case is Case.early)
        assert (meeting.end > made.now) is (meeting.case in {Case.live, Case.live_crowd})
        for session in made.sessions(meeting):
            assert meeting.start <= session.join < session.leave
            assert session.leave <= meeting.end or meeting.end > made.now


def test_some_meetings_cross_midnight_and_one_is_longer_than_a_day() -> None:
    by_case = {meeting.case: meeting for meeting in MEETINGS}
    midnight, day_long = by_case[Case.midnight], by_case[Case.day_long]
    assert midnight.start // DAY + 1 == midnight.end // DAY
    assert day_long.end - day_long.start > 24 * HOUR


def test_a_dropped_host_returns_to_another_instance_of_the_series() -> None:
    big = organisation(size=2000, days=30).meetings("zoom")
    dropped = {m.series + str(m.end): m for m in big if m.case is Case.drop}
    gaps = []
    for rest in (m for m in big if m.case is Case.resumed):
        before = max(
            (m for m in dropped.values() if m.series == rest.series and m.end < rest.start),
            key=lambda m: m.end,
        )
        gaps.append((rest.start - before.end) // SECOND)
    assert gaps
    assert all(11 <= gap <= 147 for gap in gaps)


def test_live_meetings_have_people_who_left_and_people_who_are_present() -> None:
    live = next(m for m in MEETINGS if m.case is Case.live_crowd)
    left = [session.leave <= SMALL.now for session in STAYS[live.seed] if session.join <= SMALL.now]
    assert set(left) == {True, False}


def test_people_rejoin_and_use_two_devices() -> None:
    overlaps = rejoins = 0
    for meeting in MEETINGS:
        mains = [session for session in STAYS[meeting.seed] if session.kind == "meeting"]
        for one in mains:
            for other in mains:
                if (
                    one.visitor is other.visitor
                    and one.connection < other.connection
                    and isinstance(one.visitor, Person)
                ):
                    overlaps += one.join < other.leave and other.join < one.leave
                    rejoins += one.leave < other.join
    assert overlaps
    assert rejoins


def test_waiting_rooms_and_breakouts_belong_to_a_connection() -> None:
    assert {session.kind for session in every_stay()} == {"meeting", "waiting_room", "breakout"}
    for sessions in STAYS.values():
        connections = {session.connection for session in sessions if session.kind == "meeting"}
        assert {session.connection for session in sessions} == connections


def test_there_are_guests_callers_rooms_and_unnamed_participants() -> None:
    visitors = [session.visitor for session in every_stay() if isinstance(session.visitor, Guest)]
    assert {guest.joined_by for guest in visitors} == {"guest", "phone", "room"}
    assert any(guest.name is None for guest in visitors)
    assert {guest.email is None for guest in visitors} == {True, False}


def test_every_odd_name_occurs_in_a_large_organisation() -> None:
    big = organisation(size=500, days=20)
    seen = {session.visitor.name for meeting in big.meetings("zoom") for session in big.sessions(meeting)}
    assert set(ODD) <= seen


def test_addresses_are_unique_and_in_reserved_domains() -> None:
    people = organisation(size=20_000).people
    assert len({person.email for person in people}) == len(people)
    assert all(person.email.endswith("@example.org") and person.email.isascii() for person in people)


def test_quality_is_drawn_for_every_whole_minute() -> None:
    session = max(every_stay(), key=lambda session: session.leave - session.join)
    drawn = SMALL.quality_minutes(session)
    assert len(drawn) == (session.leave - session.join) // (60 * SECOND)
    assert set(drawn) <= set(range(len(SMALL.minutes)))
    assert drawn == SMALL.quality_minutes(session)


def test_some_addresses_of_zoom_are_no_addresses() -> None:
    devices = [session.device for session in every_stay()]
    assert {device.ip for device in devices if device.ip != device.valid_ip} == {"120.000.000"}
    for device in devices:
        assert device.valid_ip is None or ip_address(device.valid_ip)
