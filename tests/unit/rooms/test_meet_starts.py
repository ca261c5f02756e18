"""harvester/rooms/meet_starts.py: when a booked room counts as one without participants."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.errors import HarvestError, Interrupted, Unreachable
from connectors.google_meet.auth import UserUnavailable
from connectors.google_meet.errors import Forbidden
from connectors.google_meet.room_events import RoomEvent
from harvester.rooms import meet_starts as module
from harvester.rooms.meet_starts import MeetStarts
from harvester.rooms.status import status
from harvester.rooms.status_json import RoomReading
from tests.unit.rooms.fake_calendars import at, event

CODE, OTHER = "abc-mnop-xyz", "wkt-imxi-vuk"


class Office:
    """One room with events, Meet's answers, and a clock that the test moves."""

    speed = 1.0

    def __init__(self, *events: RoomEvent) -> None:
        self.events = list(events)
        self.seconds = 0.0
        self.begun: dict[str, bool | HarvestError | None] = {}
        self.asked: list[tuple[str, str, datetime]] = []
        self.changed = 0
        self.starts = MeetStarts(self, lambda: [self.reading()], self, self._change)

    def now(self) -> datetime:
        return at(10) + timedelta(seconds=self.seconds)

    def elapsed(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.seconds += seconds

    def has_begun(self, code: str, organizer: str, start: datetime) -> bool | None:
        self.asked.append((code, organizer, start))
        answer = self.begun.get(code, False)
        if isinstance(answer, HarvestError):
            raise answer
        return answer

    def reading(self) -> RoomReading:
        found = status(self.events, self.now(), ZoneInfo("UTC"))
        return RoomReading(room="Blue", calendar="blue", status=found, as_of=self.now())

    def _change(self, reading: RoomReading) -> None:
        assert reading.room == "Blue"
        self.changed += 1

    def look(self, seconds: float = 0.0) -> bool:
        """Some seconds later; whether no one has joined."""
        self.seconds += seconds
        self.starts.look()
        return self.starts.no_one_joined(self.reading())


def meeting(name: str = "talk", start: float = 10, end: float = 11, code: str | None = CODE, **more: Any) -> RoomEvent:  # fmt: skip
    return replace(event(name, start, end), meet_code=code, **{"organizer_email": "ada@example.org", **more})


def test_until_its_meet_begins_no_one_joined_and_each_change_is_passed_on() -> None:
    office = Office(meeting())
    assert not office.starts.no_one_joined(office.reading())  # not asked yet, so not known
    assert office.look()
    assert (office.asked, office.changed) == ([(CODE, "ada@example.org", at(10))], 1)
    office.begun[CODE] = True
    assert office.look(30)  # asked once a minute
    assert not office.look(30)
    assert office.changed == 2
    for _ in range(5):
        assert not office.look(60)
    assert len(office.asked) == 2


def test_a_meeting_is_asked_about_from_its_start_only() -> None:
    office = Office(meeting(start=10.5))
    assert not office.look()
    assert office.asked == []
    assert office.look(1800)


@pytest.mark.parametrize("unknown", [{"code": None}, {"organizer_email": None}])
def test_a_meeting_without_a_code_or_an_organizer_counts_as_held(unknown: dict[str, Any]) -> None:
    office = Office(meeting(**unknown))
    assert not office.look()
    assert office.asked == []


def test_of_several_meetings_one_that_has_begun_or_is_not_known_suffices() -> None:
    office = Office(meeting(), meeting("other", 9.5, 12, OTHER))
    assert office.look()
    office.begun[OTHER] = True
    assert not office.look(60)
    office = Office(meeting(), meeting("no code", 9.5, 12, None))
    assert not office.look()


@pytest.mark.parametrize("refusal", [UserUnavailable("no such user"), Forbidden("no licence", status=403)])
def test_an_organizer_who_may_not_be_asked_is_asked_once_per_meeting(
    refusal: HarvestError, caplog: pytest.LogCaptureFixture
) -> None:
    office = Office(meeting())
    office.begun[CODE] = refusal
    for _ in range(5):
        assert not office.look(60)
    assert len(office.asked) == 1
    assert [record.message for record in caplog.records] == [
        f"rooms: whether a Meet has begun is not known: {refusal}"
    ]
    office.events = [meeting(start=10.25)]
    office.begun.clear()
    assert office.look(900)


def test_after_a_failure_it_is_not_known_and_asked_again() -> None:
    office = Office(meeting())
    assert office.look()
    office.begun[CODE] = Unreachable("no connection")
    assert not office.look(60)
    office.begun[CODE] = False
    assert office.look(60)
    assert office.changed == 3


def test_a_moved_meeting_is_another_one() -> None:
    office = Office(meeting())
    office.begun[CODE] = True
    assert not office.look()
    office.begun[CODE] = False
    office.events = [meeting(start=9.75)]
    assert office.look()


def test_it_looks_every_few_seconds_until_it_is_stopped() -> None:
    office = Office(meeting())

    def check_stop() -> None:
        if office.seconds >= 300:
            raise Interrupted(exit_code=130)

    with pytest.raises(Interrupted):
        office.starts.run(check_stop)
    assert office.seconds == 300
    assert len(office.asked) == 300 / module.ASK_SECONDS
