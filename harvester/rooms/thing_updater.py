"""Keeps Arduino Things in step with the states of the rooms of the same names.

The properties are the 13 of the code of arduino-iotcloud-gcal-sync; its description named two of them differently. Only
what differs is written, the newest state wins, and a change by another program is corrected when the Things are listed again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import Condition
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from connectors.errors import HarvestError, Interrupted
from connectors.parsing import format_seconds
from harvester.rooms.arduino_client import ArduinoClient, Property, Thing
from harvester.rooms.status import RoomMeeting
from harvester.rooms.status_json import RoomReading, clock_time, display_text, display_title, is_hidden

RECONCILE_SECONDS = 3600.0
RETRY_SECONDS = 60.0
"""After a failure, the Things are listed again this much later."""

OTHER_NAMES = {"curevmsg": "curevmtg", "nextevmsg": "nextevmtg"}
"""The names in the original's description."""

logger = logging.getLogger(__name__)


def thing_values(reading: RoomReading) -> dict[str, Any]:
    """The value of each of the 13 properties. A missing text is empty; a missing instant is None.

    If the state is unknown, `busynow` is left out, so that it keeps its value.
    """
    status = reading.status
    now, later = status.current, status.next
    busy = {} if status.busy is None else {"busynow": status.busy}
    return {
        **busy,
        "curevmsg": display_text(status, reading.titles),
        "curevstart": None if now is None else now.start,
        "curevend": None if now is None else now.end,
        "curevtm": _times(now, status.at, status.zone),
        "curevorganizer": _organizer(now, reading),
        "curevid": "" if now is None else now.event.id,
        "nextevmsg": "" if later is None else display_title(later.event, reading.titles),
        "nextevstart": None if later is None else later.start,
        "nextevend": None if later is None else later.end,
        "nextevtm": _times(later, status.at, status.zone),
        "nextevorganizer": _organizer(later, reading),
        "nextevid": "" if later is None else later.event.id,
    }


PROPERTY_NAMES = (
    *("busynow", "curevmsg", "curevstart", "curevend", "curevtm", "curevorganizer", "curevid"),
    *("nextevmsg", "nextevstart", "nextevend", "nextevtm", "nextevorganizer", "nextevid"),
)


def find_property(thing: Thing, name: str) -> Property | None:
    """The property of this name, or of its other name."""
    return thing.properties.get(name) or thing.properties.get(OTHER_NAMES.get(name, ""))


def as_property(value: Any, target: Property) -> Any:
    """The value in the property's type: instants are seconds since 1970 for numbers and times, else text in UTC."""
    if value is None or isinstance(value, datetime):
        if target.type.upper() in {"INT", "FLOAT", "TIME", "TIMESTAMP"}:
            return 0 if value is None else int(value.timestamp())
        return "" if value is None else format_seconds(value)
    return value


class ThingUpdater:
    """`run` blocks; `show` is safe for all threads and returns at once."""

    def __init__(self, client: ArduinoClient, elapsed: Callable[[], float], *, speed: float = 1.0) -> None:
        """`elapsed`: the seconds of the context; `speed`: how many of them fit into a real one."""
        self._client = client
        self._elapsed = elapsed
        self._speed = speed
        self._condition = Condition()
        self._wanted: dict[str, dict[str, Any]] = {}
        """The newest values for each room."""
        self._changed: dict[str, None] = {}
        """Rooms whose Thing may differ, in the order of their changes."""
        self._things: dict[str, Thing] = {}
        self._written: dict[str, dict[str, Any]] = {}
        """The last value of each property of each room, if known."""
        self._warned: set[str] = set()

    def show(self, reading: RoomReading) -> None:
        """The state that the room's Thing has to have."""
        with self._condition:
            self._wanted[reading.room] = thing_values(reading)
            self._changed[reading.room] = None
            self._condition.notify()

    def run(self, check_stop: Callable[[], None]) -> NoReturn:
        """Write until `check_stop`, which is called often, raises."""
        due = self._elapsed()
        failed = ""
        while True:
            check_stop()
            try:
                if self._elapsed() >= due:
                    self._reconcile()
                    due = self._elapsed() + RECONCILE_SECONDS
                self._write_changes(check_stop)
                if failed:
                    logger.info("rooms: the Things can be updated again")
                    failed = ""
            except Interrupted:
                raise
            except HarvestError as error:
                if str(error) != failed:
                    failed = str(error)
                    logger.warning("rooms: the Things cannot be updated: %s", error)
                due = self._elapsed() + RETRY_SECONDS
                self._wait(due, wake_for_changes=False, check_stop=check_stop)
            self._wait(due, wake_for_changes=True, check_stop=check_stop)

    def _reconcile(self) -> None:
        """List the Things, and look at every room again."""
        things = {thing.name: thing for thing in self._client.things()}
        with self._condition:
            self._things = things
            self._written = {
                name: {key: each.value for key, each in thing.properties.items()}
                for name, thing in things.items()
            }
            self._changed |= dict.fromkeys(self._wanted)

    def _write_changes(self, check_stop: Callable[[], None]) -> None:
        """Write property by property. A newer state of the same room takes the place of what is not yet written."""
        while True:
            check_stop()
            with self._condition:
                room = next(iter(self._changed), None)
                if room is None:
                    return
                thing, wanted = self._things.get(room), self._wanted[room]
                written = self._written.get(room, {})
                change = None if thing is None else self._next_change(room, thing, wanted, written)
                if thing is None:
                    self._warn(room, f"there is no Thing {room!r}: create one, or rename the room")
                if thing is None or change is None:
                    del self._changed[room]
                    continue
            target, value = change
            self._client.publish(thing, target, value)
            with self._condition:
                self._written.setdefault(room, {})[target.name.lower()] = value

    def _next_change(
        self, room: str, thing: Thing, wanted: Mapping[str, Any], written: Mapping[str, Any]
    ) -> tuple[Property, Any] | None:
        missing = [name for name in PROPERTY_NAMES if find_property(thing, name) is None]
        if missing:
            self._warn(room, f"the Thing {room!r} has no property {', '.join(missing)}")
        for name in PROPERTY_NAMES:
            target = find_property(thing, name)
            if target is None or name not in wanted:
                continue
            value = as_property(wanted[name], target)
            if written.get(target.name.lower()) != value:
                return target, value
        return None

    def _warn(self, room: str, message: str) -> None:
        if room not in self._warned:
            self._warned.add(room)
            logger.warning("rooms: %s", message)

    def _wait(self, until: float, *, wake_for_changes: bool, check_stop: Callable[[], None]) -> None:
        """Until then, or until a state changes; looks twice a second whether to stop."""
        while (left := until - self._elapsed()) > 0:
            check_stop()
            with self._condition:
                if wake_for_changes and self._changed:
                    return
                self._condition.wait(min(0.5, left / self._speed))


def _organizer(meeting: RoomMeeting | None, reading: RoomReading) -> str:
    if meeting is None or is_hidden(meeting.event, reading.titles):
        return ""
    return meeting.event.organizer or ""


def _times(meeting: RoomMeeting | None, now: datetime, zone: ZoneInfo) -> str:
    """`17:00-18:00` today, `Wed 20 Mar 17:00-18:00` later, `Mar 20-Mar 22` over several days."""
    if meeting is None:
        return ""
    start = meeting.start.astimezone(zone)
    last = (meeting.end - timedelta(microseconds=1)).astimezone(zone)
    if meeting.event.all_day or start.date() != last.date():
        return f"{start:%b} {start.day}-{last:%b} {last.day}"
    times = f"{clock_time(meeting.start, zone)}-{clock_time(meeting.end, zone)}"
    return (
        times if start.date() == now.astimezone(zone).date() else f"{start:%a} {start.day} {start:%b} {times}"
    )
