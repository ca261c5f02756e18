"""Opens what the commands for meeting rooms need: the Google account, and a copy of each room's calendar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from connectors.concurrency import ordered_map
from connectors.errors import HarvestError
from connectors.google_meet.auth import GoogleTokens
from connectors.google_meet.conference_start import RoomConferences
from connectors.google_meet.http_client import GoogleClient
from connectors.google_meet.room_calendar_api import RoomCalendars
from connectors.retry import RetryLimits
from harvester.pipeline.account import AccountConfig, open_account
from harvester.pipeline.connector_context import RunContext
from harvester.pipeline.stop_signal import StopSignal
from harvester.rooms.calendar_copy import CalendarCopy
from harvester.rooms.rooms_file import Room, RoomsFile
from harvester.rooms.status_json import RoomReading

READERS = 8
"""Calendars that are read at the same time. With a tenth of a second for each, that is within Google's 600 a minute."""

RETRY_LIMITS = RetryLimits(first_seconds=1.0, cap_seconds=5.0, total_seconds=20.0, attempts=3)
"""A display is better served by the next reading, a minute later, than by a long wait for this one."""

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
SHORTEST_READ_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomsAccount:
    """The Google account that reads the calendars of the rooms."""

    calendars: RoomCalendars
    conferences: RoomConferences
    context: RunContext
    default_zone: ZoneInfo
    label: str

    def copy(self, room: Room, *, about: datetime | None = None) -> CalendarCopy:
        return CalendarCopy(room, self.calendars, self.context.now, self.default_zone, about=about)

    def read_all(
        self, file: RoomsFile, *, about: datetime | None = None
    ) -> Iterator[tuple[Room, RoomReading, HarvestError | None]]:
        """Each room with its state, as of `about` or now, and the error if its calendar could not be read."""
        copies = [self.copy(room, about=about) for room in file.rooms]
        errors = ordered_map(CalendarCopy.refresh, copies, workers=READERS, name="rooms")
        for copy, error in zip(copies, errors, strict=True):
            reading = RoomReading(
                room=copy.room.name,
                calendar=copy.room.calendar,
                status=copy.status(about or self.context.now()),
                as_of=copy.as_of,
                titles=file.titles,
            )
            yield copy.room, reading, error


@contextmanager
def open_rooms_account(
    config: AccountConfig,
    stop: StopSignal,
    *,
    rate_share: float,
    default_zone: ZoneInfo,
    booking: bool = False,
) -> Iterator[RoomsAccount]:
    """`booking`: ask for the right to change events. `default_zone`: of rooms whose calendar has no zone."""
    with open_account(config, stop, rate_share=rate_share) as account:
        # What runs now depends on the time, and a machine's clock may be wrong: then tokens are refused, and a reading begins
        # too late.
        account.ask_vendor_time()
        context = account.context()
        context.timeout = (CONNECT_SECONDS, max(SHORTEST_READ_SECONDS, READ_SECONDS / context.speed))
        tokens = GoogleTokens(account.settings, context, RETRY_LIMITS)
        client = GoogleClient(account.settings, tokens, context, RETRY_LIMITS)
        yield RoomsAccount(
            calendars=RoomCalendars(client, tokens, booking=booking),
            conferences=RoomConferences(client, tokens),
            context=context,
            default_zone=default_zone,
            label=config.label,
        )
