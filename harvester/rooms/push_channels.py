"""Push channels: Calendar sends a message when a calendar changes, which is a reason to read it now.

Messages get lost, and channels are not renewed by Google (developers.google.com/workspace/calendar/api/guides/push), so
calendars are read every minute as well, and each channel is replaced when 80 % of its time is over: the new one is opened
before the old one is stopped. Channels are kept in the state, so that a restart stops those of the run before.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, NoReturn

import orjson

from connectors.base import Context
from connectors.errors import HarvestError, Interrupted
from connectors.google_meet.room_calendar_api import Channel, RoomCalendars
from connectors.parsing import format_seconds, parse_instant
from harvester.rooms.rooms_file import Room

LIFE_IF_UNSAID = timedelta(hours=1)
RENEW_AFTER = 0.8
"""The part of a channel's life after which it is replaced."""
RETRY_AFTER = timedelta(minutes=5)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    channel: Channel
    renew_at: datetime


class PushChannels:
    """One channel for each room. `run` blocks; the other methods are safe for all threads."""

    def __init__(
        self,
        rooms: Sequence[Room],
        calendars: RoomCalendars,
        context: Context,
        address: str,
        *,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        new_token: Callable[[], str] = lambda: secrets.token_urlsafe(32),
    ) -> None:
        """`address`: the public URL of `/webhook`, with HTTPS and a certificate that Google trusts."""
        self._rooms = {room.calendar: room for room in rooms}
        self._calendars = calendars
        self._context = context
        self._address = address
        self._new_id = new_id
        self._new_token = new_token
        self._lock = Lock()
        self._open: dict[str, _Open] = {}
        self._retry_at: dict[str, datetime] = {}
        self._failed: set[str] = set()

    def is_open(self, calendar: str) -> bool:
        with self._lock:
            return calendar in self._open

    def room_of(self, channel_id: str | None, token: str | None) -> str | None:
        """The room whose channel this is, if the token is right. Every channel is compared, each in constant time."""
        found = None
        with self._lock:
            for calendar, each in self._open.items():
                same_id = hmac.compare_digest((channel_id or "").encode(), each.channel.id.encode())
                same_token = hmac.compare_digest((token or "").encode(), each.channel.token.encode())
                if same_id and same_token:
                    found = self._rooms[calendar].name
        return found

    def run(self, check_stop: Callable[[], None]) -> NoReturn:
        """Open and renew channels until `check_stop` raises; then stop them."""
        try:
            self._stop_earlier()
            while True:
                for calendar in self._rooms:
                    check_stop()
                    if self._is_due(calendar):
                        self._renew(calendar)
                check_stop()
                self._context.wait(1.0)
        finally:
            self._stop_all()

    def _is_due(self, calendar: str) -> bool:
        now = self._context.now()
        with self._lock:
            known = self._open.get(calendar)
            if self._retry_at.get(calendar, now) > now:
                return False
            return known is None or now >= known.renew_at

    def _renew(self, calendar: str) -> None:
        channel_id, token = self._new_id(), self._new_token()
        now = self._context.now()
        try:
            channel = self._calendars.watch(calendar, channel=channel_id, token=token, address=self._address)
        except Interrupted:
            raise
        except HarvestError as error:
            if calendar not in self._failed:
                self._failed.add(calendar)
                logger.warning(
                    "rooms: no push channel for %s, which is read every minute: %s",
                    self._rooms[calendar].name,
                    error,
                )
            with self._lock:
                self._retry_at[calendar] = now + RETRY_AFTER
            return
        self._failed.discard(calendar)
        earlier = self.remember(calendar, channel, now)
        self._store(calendar, channel)
        if earlier is not None:
            self._stop(earlier)

    def remember(self, calendar: str, channel: Channel, now: datetime) -> Channel | None:
        """Use a channel that was opened; returns the one that it replaces."""
        life = (channel.expires_at or now + LIFE_IF_UNSAID) - now
        with self._lock:
            earlier = self._open.get(calendar)
            self._open[calendar] = _Open(channel=channel, renew_at=now + life * RENEW_AFTER)
            self._retry_at.pop(calendar, None)
        return None if earlier is None else earlier.channel

    def _stop_earlier(self) -> None:
        """Stop the channels of an earlier run, which would send messages until they expire."""
        for calendar in self._rooms:
            if (channel := self._stored(calendar)) is not None:
                self._stop(channel)
                self._store(calendar, None)

    def _stop_all(self) -> None:
        with self._lock:
            channels = {calendar: each.channel for calendar, each in self._open.items()}
            self._open.clear()
        for calendar, channel in channels.items():
            if self._stop(channel):
                self._store(calendar, None)

    def _stop(self, channel: Channel) -> bool:
        """Whether the channel is stopped; if not, it expires by itself."""
        try:
            self._calendars.stop(channel)
        except HarvestError as error:
            logger.debug("rooms: a channel could not be stopped, and will expire: %s", error)
            return False
        return True

    def _fact(self, calendar: str) -> str:
        return f"rooms channel {calendar}"

    def _store(self, calendar: str, channel: Channel | None) -> None:
        stored: dict[str, Any] = {}
        if channel is not None:
            expires = None if channel.expires_at is None else format_seconds(channel.expires_at)
            stored = {"id": channel.id, "resource": channel.resource_id, "expires": expires}
        self._context.set_fact(self._fact(calendar), orjson.dumps(stored).decode())

    def _stored(self, calendar: str) -> Channel | None:
        """The channel of an earlier run, if it has not expired."""
        stored = orjson.loads(self._context.get_fact(self._fact(calendar)) or "{}")
        if not stored:
            return None
        expires = parse_instant(stored["expires"])
        if expires is not None and expires <= self._context.now():
            return None
        return Channel(id=stored["id"], resource_id=stored["resource"], expires_at=expires, token="")
