"""harvester/rooms/thing_updater.py: only changes are written, the newest state wins, a foreign change is corrected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.errors import Interrupted, Unreachable
from connectors.google_meet.room_events import RoomEvent
from harvester.rooms import thing_updater as module
from harvester.rooms.arduino_client import ArduinoClient, Property, Thing
from harvester.rooms.status import status, unknown_status
from harvester.rooms.status_json import RoomReading
from harvester.rooms.thing_updater import PROPERTY_NAMES, ThingUpdater, as_property, thing_values
from tests.unit.rooms.fake_calendars import at, event

ROME = ZoneInfo("Europe/Rome")
FOUR = ("busynow", "curevmsg", "nextevmsg", "nextevid")


def reading(now: datetime, *events: RoomEvent, room: str = "blue") -> RoomReading:
    return RoomReading(room=room, calendar="c", status=status(events, now, ROME), as_of=now)


class FakeArduino(ArduinoClient):
    """`values`: of each property of each Thing. `moment`: called before each write."""

    def __init__(self, *names: str, things: tuple[str, ...] = ("blue",)) -> None:
        self.values: dict[str, dict[str, Any]] = {
            thing: dict.fromkeys(names or PROPERTY_NAMES) for thing in things
        }
        self.writes: list[tuple[str, str, Any]] = []
        self.listings = 0
        self.error: Exception | None = None
        self.moment: Callable[[], object] = lambda: None

    def things(self) -> list[Thing]:
        self.listings += 1
        if self.error is not None:
            raise self.error
        return [
            Thing(
                id=name,
                name=name,
                properties={
                    key: Property(id=key, name=key, type="CHARSTRING", value=value)
                    for key, value in values.items()
                },
            )
            for name, values in self.values.items()
        ]

    def publish(self, thing: Thing, target: Property, value: Any) -> None:
        if self.error is not None:
            raise self.error
        self.moment()
        self.writes.append((thing.name, target.name, value))
        self.values[thing.name][target.name] = value


class Updating:
    """An updater on a clock that moves by a second whenever it looks whether to stop."""

    def __init__(self, client: FakeArduino, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        self.updater = ThingUpdater(client, lambda: self.seconds)
        monkeypatch.setattr(self.updater._condition, "wait", lambda _seconds: None)

    def run(self, seconds: float) -> None:
        until = self.seconds + seconds

        def check_stop() -> None:
            self.seconds += 1
            if self.seconds >= until:
                raise Interrupted(exit_code=130)

        with pytest.raises(Interrupted):
            self.updater.run(check_stop)


def test_the_13_values_of_a_busy_room() -> None:
    talk = replace(event("t", 10, 11), title="Talk", organizer="Ada")
    later = RoomEvent(id="n", title="Fair", start=date(2026, 12, 2), end=date(2026, 12, 4))
    assert thing_values(reading(at(10), talk, later)) == {
        "busynow": True,
        "curevmsg": "Talk",
        "curevstart": at(10),
        "curevend": at(11),
        "curevtm": "11:00-12:00",
        "curevorganizer": "Ada",
        "curevid": "t",
        "nextevmsg": "Fair",
        "nextevstart": at(47),
        "nextevend": at(95),
        "nextevtm": "Dec 2-Dec 3",
        "nextevorganizer": "",
        "nextevid": "n",
    }


def test_the_values_of_a_free_room_have_no_current_meeting() -> None:
    found = thing_values(reading(at(10), event("n", 34, 35)))
    assert (found["busynow"], found["curevmsg"], found["curevstart"], found["curevid"]) == (
        False,
        "Free all day",
        None,
        "",
    )
    assert found["nextevtm"] == "Tue 1 Dec 11:00-12:00"


def test_an_unknown_state_does_not_change_whether_the_room_is_busy() -> None:
    unknown = RoomReading(room="blue", calendar="c", status=unknown_status(at(10), ROME), as_of=None)
    found = thing_values(unknown)
    assert "busynow" not in found
    assert found["curevmsg"] == "Unknown"


def test_a_private_meeting_has_no_organizer() -> None:
    private = replace(event("t", 10, 11), title="Talk", organizer="Ada", private=True)
    found = thing_values(reading(at(10), private))
    assert (found["curevmsg"], found["curevorganizer"]) == ("Private meeting", "")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("INT", at(0), int(at(0).timestamp())),
        ("TIME", at(0), int(at(0).timestamp())),
        ("CHARSTRING", at(0), "2026-11-30T00:00:00Z"),
        ("INT", None, 0),
        ("CHARSTRING", None, ""),
        ("STATUS", True, True),
    ],
)
def test_instants_take_the_type_of_the_property(kind: str, value: Any, expected: Any) -> None:
    assert as_property(value, Property(id="p", name="p", type=kind, value=None)) == expected


def test_only_what_differs_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    arduino = FakeArduino(*FOUR)
    updating = Updating(arduino, monkeypatch)
    updating.updater.show(reading(at(10), event("t", 10, 11)))
    updating.run(60)
    assert arduino.writes == [
        ("blue", "busynow", True),
        ("blue", "curevmsg", "t"),
        ("blue", "nextevmsg", ""),
        ("blue", "nextevid", ""),
    ]
    updating.updater.show(reading(at(11), event("t", 10, 11)))
    updating.run(60)
    assert arduino.writes[4:] == [("blue", "busynow", False), ("blue", "curevmsg", "Free all day")]


def test_after_a_restart_right_values_are_not_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    arduino = FakeArduino(*FOUR)
    for _ in range(2):
        updating = Updating(arduino, monkeypatch)
        updating.updater.show(reading(at(10), event("t", 10, 11)))
        updating.run(60)
    assert len(arduino.writes) == 4


def test_a_value_changed_by_another_program_is_corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    arduino = FakeArduino(*FOUR)
    updating = Updating(arduino, monkeypatch)
    updating.updater.show(reading(at(10), event("t", 10, 11)))
    updating.run(60)
    arduino.values["blue"]["busynow"] = False
    updating.run(module.RECONCILE_SECONDS + 60)
    assert arduino.values["blue"]["busynow"] is True
    assert len(arduino.writes) == 5


def test_the_newest_state_wins_over_one_that_is_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    arduino = FakeArduino(*FOUR)
    updating = Updating(arduino, monkeypatch)

    def change() -> None:
        arduino.moment = lambda: None
        updating.updater.show(reading(at(11), event("t", 10, 11)))

    arduino.moment = change
    updating.updater.show(reading(at(10), event("t", 10, 11)))
    updating.run(60)
    assert ("blue", "curevmsg", "t") not in arduino.writes
    assert arduino.values["blue"]["curevmsg"] == "Free all day"
    assert arduino.values["blue"]["busynow"] is False


def test_the_names_of_the_description_are_written_too(monkeypatch: pytest.MonkeyPatch) -> None:
    arduino = FakeArduino("busynow", "curevmtg", "nextevmtg")
    updating = Updating(arduino, monkeypatch)
    updating.updater.show(reading(at(10), event("t", 10, 11), event("n", 12, 13)))
    updating.run(60)
    assert arduino.values["blue"] == {"busynow": True, "curevmtg": "t", "nextevmtg": "n"}


def test_missing_things_and_properties_are_named_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    arduino = FakeArduino("busynow", "curevmsg")
    updating = Updating(arduino, monkeypatch)
    with caplog.at_level("WARNING"):
        for hour in (10, 11):
            updating.updater.show(reading(at(hour), event("t", 10, 11)))
            updating.updater.show(reading(at(hour), event("t", 10, 11), room="red"))
            updating.run(60)
    words = [record.message for record in caplog.records]
    assert len(words) == 2
    assert "the Thing 'blue' has no property curevstart, curevend" in words[0]
    assert "there is no Thing 'red'" in words[1]


def test_a_failure_is_followed_by_a_new_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    arduino = FakeArduino(*FOUR)
    updating = Updating(arduino, monkeypatch)
    arduino.error = Unreachable("no connection")
    updating.updater.show(reading(at(10), event("t", 10, 11)))
    updating.run(30)
    assert arduino.writes == []
    arduino.error = None
    updating.run(module.RETRY_SECONDS + 60)
    assert arduino.values["blue"]["busynow"] is True
    assert timedelta(seconds=updating.seconds) < timedelta(minutes=5)


def test_a_failure_is_logged_once_and_its_end_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    arduino = FakeArduino(*FOUR)
    updating = Updating(arduino, monkeypatch)
    arduino.error = Unreachable("no connection")
    listings = 5

    def mend() -> list[Thing]:
        if arduino.listings == listings:
            arduino.error = None
        return FakeArduino.things(arduino)

    monkeypatch.setattr(arduino, "things", mend)
    updating.updater.show(reading(at(10), event("t", 10, 11)))
    updating.run((listings + 2) * module.RETRY_SECONDS)
    assert arduino.listings > listings
    assert [message for message in caplog.messages if "Things" in message] == [
        "rooms: the Things cannot be updated: no connection",
        "rooms: the Things can be updated again",
    ]
