"""Rooms and sessions as meetings, with their attendance."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.errors import BrokenResponse, Gone, NotReady
from connectors.meetecho import Meetecho
from connectors.meetecho.endpoints import SESSIONS
from connectors.meetecho.listing import match_rooms
from connectors.meetecho.room_rows import to_rooms
from connectors.models import Detail, MeetingRecord, MeetingRef, Reason, SkippedPartition, Window, session_key
from harvester.documents import to_documents
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.meetecho.fake_api import DAY, Account, room, uri

Build = Callable[..., Meetecho]
URL = "https://meetecho.example.org/interim/?short="
WEEK = Window(start=NOW, end=NOW + timedelta(days=7))


def refs(connector: Meetecho, window: Window = DAY) -> list[MeetingRef]:
    return [one for one in connector.meetings(window) if isinstance(one, MeetingRef)]


def without_times(record: MeetingRecord) -> list[dict[str, Any]]:
    return [{**document, "harvested_at": None} for document in to_documents(record)]


def at(hour: int, minute: int = 0, day: int = 20) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def test_session_is_a_meeting_with_its_attendees(alone: Build, account: Account) -> None:
    account.session()
    account.attends(20209)
    account.attends(20210, time=None)
    connector = alone()
    (ref,) = refs(connector)
    record = connector.fetch(ref)
    meeting = record.meeting
    assert (ref.uuid, ref.start_time) == ("18", at(10))
    assert (meeting.meeting_series_id, meeting.topic) == ("acro", "interim-2026-acro-01")
    assert (meeting.scheduled_start_time, meeting.scheduled_end_time) == (at(10), at(11, 30))
    assert (meeting.start_time, meeting.end_time, meeting.duration, meeting.state) == (None,) * 4
    assert (meeting.detail, meeting.participants, meeting.participant_seconds) == (Detail.full, 2, None)
    first, second = record.sessions
    assert (first.key, first.id, first.user_name) == (session_key("1"), "20209", "Person 20209")
    assert (first.join_time, first.leave_time, first.duration) == (at(10, 2), None, None)
    assert (second.join_time, first.user_type, first.email) == (None, None, None)
    assert (record.pending, list(record.replaces)) == (None, [])
    assert without_times(connector.fetch(replace(ref, row=None))) == without_times(record)


def test_room_of_a_session_has_the_planned_time_and_is_replaced(meetecho: Build, account: Account) -> None:
    account.session(name="a session's name")
    account.rooms["acro"] = {"r-1": room(18, "2026-11-20 10:15:00", URL + "r-1", description="The topic")}
    connector = meetecho()
    (ref,) = refs(connector)
    record = connector.fetch(ref)
    assert (ref.uuid, record.meeting.topic, list(record.replaces)) == ("18", "The topic", ["r-1"])
    assert (record.meeting.scheduled_start_time, record.meeting.scheduled_end_time) == (
        at(10, 15),
        at(11, 15),
    )
    assert record.meeting.participants == 0
    assert without_times(connector.fetch(replace(ref, row=None))) == without_times(record)


def test_rooms_of_one_session_are_one_meeting_and_the_linked_room_leads(
    meetecho: Build, account: Account
) -> None:
    account.session(remote_instructions=f"join at {URL}old-number now")
    account.rooms["acro"] = {
        "r-1": room(18, "2026-11-20 12:00:00", URL + "r-1", description="left over"),
        "old-number": room(4711, "2026-11-20 10:00:00", URL + "old-number", description="current"),
    }
    connector = meetecho()
    (ref,) = refs(connector)
    record = connector.fetch(ref)
    assert record.meeting.topic == "current"
    assert sorted(record.replaces) == ["old-number", "r-1"]


def test_room_number_does_not_match_a_session_of_another_group() -> None:
    rooms = to_rooms({"rooms": {"r": {**room(18, "2026-11-20 10:00:00", URL), "group": "beta"}}}, "acro")
    joined, alone = match_rooms({"18": {"id": 18, "remote_instructions": None}}, rooms, "acro")
    assert (joined, [one.uuid for one in alone]) == ({}, ["r"])


def test_room_without_a_session_is_a_meeting_with_its_own_id(meetecho: Build, account: Account) -> None:
    account.rooms["acro"] = {"r-1": room(99, "2026-11-20 10:00:00", URL + "r-1")}
    connector = meetecho()
    (ref,) = refs(connector)
    record = connector.fetch(ref)
    assert (ref.uuid, record.meeting.detail, record.meeting.participants) == ("r-1", Detail.basic, None)
    account.session(99)
    with pytest.raises(Gone) as known:
        meetecho().fetch(replace(ref, row=None))
    assert known.value.reason == Reason.replaced
    account.rooms["acro"] = {}
    with pytest.raises(Gone):
        meetecho().fetch(replace(ref, row=None))


def test_planned_meeting_is_scheduled_and_pending_until_its_end(
    meetecho: Build, account: Account, context: FakeContext
) -> None:
    account.session(at="2026-11-24T10:00:00Z")
    account.rooms["acro"] = {"r-9": room(999, "2026-11-23 10:00:00", URL + "r-9")}
    account.session(19, at="2026-11-20T10:00:00Z")
    connector = meetecho(given={"upcoming": ("7",)})
    found = {ref.uuid: ref for ref in refs(connector, WEEK)}
    assert set(found) == {"18", "r-9"}
    record = connector.fetch(found["18"])
    assert (record.meeting.detail, record.meeting.state) == (Detail.scheduled, "scheduled")
    assert record.pending is not None
    assert (record.pending.until, record.pending.reason) == (at(11, 30, 24), Reason.planned)
    assert record.meeting.participants is None
    assert not account.asked("/attended/")
    context.seconds += timedelta(days=4).total_seconds()
    account.attends(1)
    later = meetecho().fetch(replace(found["18"], row=None))
    assert (later.meeting.detail, later.meeting.state, later.meeting.participants) == (Detail.full, None, 1)


def test_only_late_attendance_changes_the_digest(alone: Build, account: Account) -> None:
    account.session()
    first, same = refs(alone())[0].digest, refs(alone())[0].digest
    account.attends(1)
    assert first == same != refs(alone())[0].digest


@pytest.mark.parametrize("status", ["canceled", "canceledpa", "notmeet", "deleted"])
def test_canceled_session_is_listed_only_if_attended(status: str, alone: Build, account: Account) -> None:
    account.session(status=status)
    assert refs(alone()) == []
    account.attends(1)
    (ref,) = refs(alone())
    assert alone().fetch(ref).meeting.participants == 1
    account.tables["/api/v1/meeting/attended/"].clear()
    with pytest.raises(Gone) as gone:
        alone().fetch(replace(ref, row=None))
    assert gone.value.reason == Reason.deleted


def test_unscheduled_session_is_listed_only_if_attended(alone: Build, account: Account) -> None:
    account.session(at=None)
    assert refs(alone()) == []
    account.attends(1, time=None)
    (ref,) = refs(alone())
    assert ref.start_time is None
    with pytest.raises(NotReady):
        alone().fetch(ref)
    with pytest.raises(Gone):
        alone().fetch(replace(ref, hint={**ref.hint, "listed": "2026-11-01T00:00:00Z"}))
    account.attends(2)
    assert alone().fetch(ref).timestamp == at(10, 2)


def test_the_latest_status_and_the_meetings_own_schedule_count(alone: Build, account: Account) -> None:
    account.session(status="canceled")
    this = uri("meeting/session", 18)
    later = {"time": "2026-10-02T00:00:00-07:00", "status": uri("name/sessionstatusname", "sched")}
    account.add("meeting/schedulingevent", 900, session=this, **later)
    draft = {"schedule": uri("meeting/schedule", 4), "timeslot": uri("meeting/timeslot", 901)}
    account.add("meeting/schedtimesessassignment", 901, session=this, **draft)
    account.add("meeting/timeslot", 901, time="2026-11-20T20:00:00Z", duration="1:00:00")
    assert [ref.start_time for ref in refs(alone())] == [at(10)]


def test_meeting_is_in_one_of_two_windows(alone: Build, account: Account) -> None:
    account.session(at="2026-11-19T17:00:00-07:00")
    before = Window(start=DAY.start - timedelta(days=1), end=DAY.start)
    assert (refs(alone(), before), [ref.start_time for ref in refs(alone())]) == ([], [at(0)])


@pytest.mark.parametrize(
    "reply",
    [
        (403, {}, "marked"),
        (404, {}, ""),
        (200, {"Content-Type": "text/html"}, "<html>"),
        (204, {}, ""),
        (201, {}, "{}"),
    ],
)
def test_refused_group_is_skipped_and_does_not_stop_others(
    reply: tuple[int, dict[str, str], str], meetecho: Build, account: Account
) -> None:
    account.rooms["beta"] = {}
    account.add("group/group", 8, acronym="beta")
    account.session()
    account.session(19, group=uri("group/group", 8))
    good = (200, {}, json.dumps({"rooms": {}}))
    again = [reply] * (3 if reply[0] == 200 else 1)
    account.refused["/fetchRooms"] = [*again, good]
    found = list(meetecho(MEETECHO_GROUPS="acro,beta").meetings(DAY))
    assert [one.partition for one in found if isinstance(one, SkippedPartition)] == ["group acro"]
    assert [one.uuid for one in found if isinstance(one, MeetingRef)] == ["19"]
    account.refused.clear()
    made_up = list(meetecho(MEETECHO_GROUPS="acro,beta").meetings(DAY, ["group acro"]))
    assert [one.uuid for one in made_up if isinstance(one, MeetingRef)] == ["18"]


def test_unknown_group_is_reported_and_skipped(alone: Build, account: Account, context: FakeContext) -> None:
    found = list(alone(MEETECHO_GROUPS="acro,typo").meetings(DAY))
    (skipped,) = [one for one in found if isinstance(one, SkippedPartition)]
    assert (skipped.partition, skipped.reason) == ("group typo", Reason.unknown_group)
    assert any("no group typo: correct or remove it" in notice for notice in context.notices)


def test_a_group_that_neither_side_knows_is_unknown_and_not_refused(
    meetecho: Build, account: Account
) -> None:
    account.refused["/fetchRooms"] = [(403, {}, "{}")]
    found = list(meetecho(MEETECHO_GROUPS="typo").meetings(DAY))
    assert [one.reason for one in found if isinstance(one, SkippedPartition)] == [Reason.unknown_group]


def test_groups_option_filters(alone: Build, account: Account) -> None:
    account.session()
    connector = alone(MEETECHO_GROUPS="beta,acro", given={"groups": ("acro",)})
    assert [ref.uuid for ref in refs(connector)] == ["18"]
    assert [query["acronym"] for query in account.asked("/group/group/")] == ["acro"]


@pytest.mark.parametrize("number", [None, 19, []])
def test_an_answer_about_no_session_or_another_one_replaces_none(
    alone: Build, account: Account, number: object
) -> None:
    account.session()
    (ref,) = refs(alone())
    account.tables[SESSIONS] = {}
    account.refused[f"{SESSIONS}18/"] = [(200, {}, json.dumps({"id": number}))]
    with pytest.raises(BrokenResponse, match="another session"):
        alone().fetch(replace(ref, row=None))
