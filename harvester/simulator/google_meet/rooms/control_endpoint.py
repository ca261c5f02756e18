"""`/_simulator/rooms`: the complete state of the rooms, the truth at any instant, and changes behind a program's back.

It is not part of Google's API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import date, datetime
from typing import Any

from harvester.simulator.expected.room_status import expected_status
from harvester.simulator.google_meet import formats
from harvester.simulator.google_meet.rooms.channels import Channels
from harvester.simulator.google_meet.rooms.event_rows import event_row
from harvester.simulator.google_meet.rooms.planned_faults import PlannedFault, RoomRequests
from harvester.simulator.google_meet.rooms.room import RoomEvent
from harvester.simulator.google_meet.rooms.room_store import RoomStore
from harvester.simulator.organisation import milliseconds

PATH = "/_simulator/rooms"


class Control:
    def __init__(
        self, store: RoomStore, channels: Channels, requests: RoomRequests, now: Callable[[], int]
    ) -> None:
        self._store = store
        self._channels = channels
        self._requests = requests
        self._now = now

    def state(self, at: str = "") -> dict[str, Any]:
        """Return the rooms with their events, the truth at an instant (by default, now), requests and messages."""
        instant = milliseconds(datetime.fromisoformat(at)) if at else self._now()
        calendars = self._store.calendars.values()
        return {
            "rooms": {
                each.room.name: {
                    "calendar": each.room.email,
                    "zone": each.room.zone,
                    "events": [event_row(event, each.room) for event in each.events()],
                }
                for each in calendars
            },
            "truth": [expected_status(each.room, each.events(), instant) for each in calendars],
            "requests": list(self._requests.log),
            "channels": self._channels.rows(),
            "messages": list(self._channels.log),
        }

    def change(self, changes: Mapping[str, Any]) -> None:
        """Apply changes; each key is optional.

        put: rows with `room`, `start`, `end` (ISO 8601; a date for all-day events) and fields of RoomEvent; a row with
        the `id` of an event changes that event. cancel: rows with `room` and `id`. refuse: by room, the status of
        every answer, 0 for none. expire: rooms whose sync tokens expire. delivery: how messages are delivered, fields
        of Delivery. forget_channels: true drops every open channel. faults: planned faults, which replace earlier ones.

        Raises AttributeError, KeyError, TypeError or ValueError for changes of another form.
        """
        for row in changes.get("put", ()):
            self.put(**row)
        for row in changes.get("cancel", ()):
            calendar = self._store.named(row["room"])
            calendar.cancel(row["id"], self._now())
            self._channels.notify(calendar.room)
        for name, status in changes.get("refuse", {}).items():
            self._store.named(name).refused = status
        for name in changes.get("expire", ()):
            self._store.named(name).expire_tokens()
        for name, value in changes.get("delivery", {}).items():
            setattr(self._channels.delivery, name, value)
        if changes.get("forget_channels"):
            self._channels.forget()
        if "faults" in changes:
            self._requests.faults[:] = [PlannedFault(**row) for row in changes["faults"]]

    def put(self, *, room: str, start: str = "", end: str = "", **given: Any) -> RoomEvent:
        """Add or change an event and notify the room's channels."""
        calendar = self._store.named(room)
        unknown = set(given) - {each.name for each in fields(RoomEvent)}
        if unknown:
            raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
        now = self._now()
        times: dict[str, Any] = {
            name: _moment(text) for name, text in (("start", start), ("end", end)) if text
        }
        event_id = given.pop("id", "") or formats.event(self._store.seed, "put", self._store.next_number())
        known = calendar.find(event_id)
        event = (
            replace(known, **times, **given, updated=now)
            if known is not None
            else RoomEvent(
                id=event_id,
                **times,
                **{"zone": calendar.room.zone, "organizer": "put@example.org", **given},
                created=now,
                updated=now,
            )
        )
        calendar.put(event)
        self._channels.notify(calendar.room)
        return event


def _moment(text: str) -> int | date:
    if len(text) == 10:
        return date.fromisoformat(text)
    return milliseconds(datetime.fromisoformat(text)) // 1000 * 1000  # Google keeps whole seconds
