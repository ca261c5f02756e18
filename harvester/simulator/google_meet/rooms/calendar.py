"""The calendar of a room: its events, and the changes since any sync token."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b

from harvester.simulator.google_meet.error_responses import ErrorResponse, bad_request
from harvester.simulator.google_meet.rooms.room import Room, RoomEvent


class RoomCalendar:
    """`refused` is the status with which every request for this calendar is answered, 0 for none."""

    def __init__(self, room: Room, events: Iterable[RoomEvent]) -> None:
        self.room = room
        self.refused = 0
        self._events = {event.id: event for event in events}
        self._changes: list[str] = []
        self._generation = 0

    def events(self) -> Sequence[RoomEvent]:
        """Return every event, cancelled ones included, in the order of their start."""
        return sorted(self._events.values(), key=lambda event: (*event.interval(self.room.zone), event.id))

    def find(self, event_id: str) -> RoomEvent | None:
        return self._events.get(event_id)

    def put(self, event: RoomEvent) -> None:
        """Add or replace an event."""
        self._events[event.id] = event
        self._changes.append(event.id)

    def cancel(self, event_id: str, instant: int) -> RoomEvent:
        """Cancel an event; KeyError if there is none."""
        cancelled = replace(self._events[event_id], status="cancelled", updated=instant)
        self.put(cancelled)
        return cancelled

    def expire_tokens(self) -> None:
        """Let every sync token issued so far be too old."""
        self._generation += 1

    def sync_token(self, parameters: str) -> str:
        """Return a token for the changes from now on; `parameters` are those of the first sync."""
        body = json.dumps([len(self._changes), self._generation, _digest(self.room.email, parameters)])
        return urlsafe_b64encode(body.encode()).decode()

    def changed_since(self, token: str, parameters: str) -> list[RoomEvent]:
        """Return the events changed since a sync token, each once.

        Raises ErrorResponse: 400 for a token of another calendar or other parameters, 410 for one that is too old.
        """
        try:
            position, generation, digest = json.loads(urlsafe_b64decode(token))
        except ValueError:
            raise bad_request("Invalid sync token value.") from None
        if digest != _digest(self.room.email, parameters):
            raise bad_request("The sync token does not belong to these parameters.")
        if generation != self._generation:
            raise ErrorResponse(
                410,
                "Sync token is no longer valid, a full sync is required.",
                reason="fullSyncRequired",
                domain="calendar",
            )
        return [self._events[event_id] for event_id in dict.fromkeys(self._changes[position:])]


def _digest(email: str, parameters: str) -> str:
    return blake2b(f"{email} {parameters}".encode(), digest_size=8).hexdigest()
