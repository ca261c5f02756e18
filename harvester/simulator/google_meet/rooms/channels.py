"""Push channels: `events.watch`, and the messages to the addresses of programs on this machine.

Google delivers late, twice, out of order or not at all; `Delivery` decides which. Only loopback addresses get
messages, over http too. A message is repeated after 500, 502, 503 and 504.
"""

from __future__ import annotations

import http.client
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote, urlsplit

from harvester.simulator.google_meet import formats
from harvester.simulator.google_meet.error_responses import bad_request
from harvester.simulator.google_meet.rooms.room import Room

DEFAULT_TTL_SECONDS = 604_800
_ID = re.compile(r"[A-Za-z0-9\-_+/=]{1,64}")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_REPEATED = frozenset({500, 502, 503, 504})
_ATTEMPTS = 4


@dataclass(slots=True, kw_only=True)
class Delivery:
    """How messages are delivered.

    delay: seconds until a message is sent. twice: send every message again. reverse: hold back every other message
    until after the next one. drop: send no message, `sync` excepted, if the number is divisible by this; 0 drops none.
    ttl: the longest life of a channel in seconds. forward: the base URL on this machine that stands for every https
    address, as a proxy would.
    """

    delay: float = 0.0
    twice: bool = False
    reverse: bool = False
    drop: int = 0
    ttl: float = DEFAULT_TTL_SECONDS
    forward: str = ""


@dataclass(slots=True, kw_only=True)
class Channel:
    id: str
    room: Room
    resource_id: str
    resource_uri: str
    address: str
    token: str
    expiration: int
    """In milliseconds since 1970."""
    number: int = 0


@dataclass(slots=True)
class Channels:
    """Open channels. `now` returns the calendar's time in milliseconds; `log` has the messages, without tokens."""

    seed: int
    now: Callable[[], int]
    delivery: Delivery = field(default_factory=Delivery)
    log: list[dict[str, Any]] = field(default_factory=list)
    _open: dict[str, Channel] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)
    _held: list[Callable[[], None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, room: Room, body: Mapping[str, Any], instant: int) -> dict[str, Any]:
        """Open a channel and return Google's answer; ErrorResponse (400) if Google would refuse it."""
        channel_id, address, token = body.get("id"), str(body.get("address")), str(body.get("token") or "")
        if not isinstance(channel_id, str) or not _ID.fullmatch(channel_id):
            raise bad_request("Invalid channel id.", "required")
        if body.get("type") not in {"web_hook", "webhook"}:
            raise bad_request("Unknown channel type.", "channelUnknown")
        if len(token) > 256:
            raise bad_request("The channel token is too long.", "invalid")
        if not _may_be_called(address):
            raise bad_request(f"WebHook callback must be HTTPS: {address}", "push.webhookUrlNotHttps")
        with self._lock:
            if channel_id in self._used:
                raise bad_request(f"Channel id {channel_id} not unique", "channelIdNotUnique")
            self._used.add(channel_id)
        uri = f"https://www.googleapis.com/calendar/v3/calendars/{quote(room.email, safe='')}/events?alt=json"
        channel = Channel(
            id=channel_id,
            room=room,
            resource_id=formats.event(self.seed, "watched", room.email),
            resource_uri=uri,
            address=address,
            token=token,
            expiration=instant + round(self._ttl(body) * 1000),
        )
        self._open[channel_id] = channel
        self._send(channel, "sync")
        row = {
            "kind": "api#channel",
            "id": channel_id,
            "resourceId": channel.resource_id,
            "resourceUri": uri,
            "expiration": str(channel.expiration),
        }
        return row | ({"token": token} if token else {})

    def _ttl(self, body: Mapping[str, Any]) -> float:
        asked = (body.get("params") or {}).get("ttl", DEFAULT_TTL_SECONDS)
        try:
            return min(float(asked), self.delivery.ttl)
        except (TypeError, ValueError):
            raise bad_request("Invalid ttl.", "invalid") from None

    def close(self, channel_id: object, resource_id: object) -> bool:
        """Stop a channel; return False if it is unknown or the resource is another one."""
        channel = self._open.get(str(channel_id))
        if channel is None or channel.resource_id != resource_id:
            return False
        del self._open[channel.id]
        return True

    def forget(self) -> None:
        """Drop every channel without a word, as at their expiration."""
        self._open.clear()

    def rows(self) -> list[dict[str, Any]]:
        """Return the open channels, without tokens."""
        return [
            {"id": channel.id, "room": channel.room.name, "expiration": channel.expiration}
            for channel in list(self._open.values())
        ]

    def notify(self, room: Room) -> None:
        """Tell every live channel of a room that its events have changed."""
        for channel in list(self._open.values()):
            if channel.room is not room:
                continue
            if channel.expiration <= self.now():
                del self._open[channel.id]
                continue
            self._send(channel, "exists")

    def _send(self, channel: Channel, state: str) -> None:
        channel.number += 1 if state == "sync" else random.randint(1, 900)  # numbers grow, with gaps
        headers = _headers(channel, state)
        row: dict[str, Any] = {
            "room": channel.room.name,
            "channel": channel.id,
            "state": state,
            "number": channel.number,
            "instant": self.now(),
        }
        self.log.append(row)
        how = self.delivery
        if state != "sync" and how.drop and len(self.log) % how.drop == 0:
            row["outcome"] = "dropped"
            return
        copies = 2 if how.twice else 1
        address = channel.address
        if how.forward and address.startswith("https:"):
            address = how.forward + urlsplit(address).path

        def deliver() -> None:
            for _ in range(copies):
                row["outcome"] = _deliver(address, headers)

        if how.reverse and state != "sync" and not self._held:
            self._held.append(deliver)
            return
        held, self._held[:] = list(self._held), []
        threading.Thread(target=_run, args=(how.delay, [deliver, *held]), daemon=True).start()


def _may_be_called(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _headers(channel: Channel, state: str) -> dict[str, str]:
    expires = datetime.fromtimestamp(channel.expiration / 1000, UTC)
    headers = {
        "X-Goog-Channel-ID": channel.id,
        "X-Goog-Channel-Expiration": format_datetime(expires, usegmt=True),
        "X-Goog-Message-Number": str(channel.number),
        "X-Goog-Resource-ID": channel.resource_id,
        "X-Goog-Resource-State": state,
        "X-Goog-Resource-URI": channel.resource_uri,
        "Content-Length": "0",
        "User-Agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)",
    }
    return headers | ({"X-Goog-Channel-Token": channel.token} if channel.token else {})


def _run(delay: float, deliveries: list[Callable[[], None]]) -> None:
    time.sleep(delay)
    for deliver in deliveries:
        deliver()


def _deliver(address: str, headers: Mapping[str, str]) -> int | str:
    """Post a message and return the status of the last attempt, or why there is none."""
    parts = urlsplit(address)
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
        return "not delivered: not on this machine"
    outcome: int | str = "no answer"
    for attempt in range(_ATTEMPTS):
        connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=5)
        try:
            connection.request("POST", parts.path or "/", headers=dict(headers))
            outcome = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            outcome = "no answer"
        finally:
            connection.close()
        if outcome not in _REPEATED and outcome != "no answer":
            return outcome
        time.sleep(0.05 * 2**attempt)
    return outcome
