"""Rooms and slide decks as they should be, read from rows of a file and validated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from connectors.meetecho.room_rows import Room
from connectors.parsing import is_loopback

MAX_MINUTES = 24 * 60
"""A longer room is a mistake in the unit. Meetecho's own limit is not documented."""

_ACRONYM = re.compile(r"[a-z0-9][a-z0-9-]*")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredRoom:
    """A room that a group should have."""

    group: str
    session_id: int
    """The id of the datatracker's session, which becomes the room's id (ietf-tools/datatracker#7263)."""
    description: str
    start: datetime
    """Aware, in UTC, in whole seconds: Meetecho keeps no more."""
    minutes: int
    extrainfo: str = ""
    """A note to Meetecho's staff. It cannot be read back, so a change of it alone changes nothing."""

    @property
    def end(self) -> datetime:
        return self.start + timedelta(minutes=self.minutes)

    def fits(self, room: Room) -> bool:
        """Whether the room is as desired."""
        return (
            room.number == str(self.session_id)
            and room.start == self.start
            and room.end == self.end
            and (room.description or "") == self.description
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deck:
    """A slide deck of a session."""

    id: int
    """The id of the datatracker's document."""
    title: str
    url: str
    """Where Meetecho fetches the deck; it contains the revision."""
    rev: str
    order: int
    """The place in the session, from 1, without gaps."""


def to_desired_room(row: Mapping[str, Any]) -> DesiredRoom:
    """Raises ValueError with the field and what is wrong with it."""
    _refuse_unknown(row, ("group", "session_id", "description", "start", "minutes", "extrainfo"))
    return DesiredRoom(
        group=to_acronym(row.get("group")),
        session_id=_positive("session_id", row.get("session_id")),
        description=_line("description", row.get("description")),
        start=_start(row.get("start")),
        minutes=_minutes(row.get("minutes")),
        extrainfo=_text("extrainfo", row.get("extrainfo") or ""),
    )


def to_deck(row: Mapping[str, Any], order: int) -> Deck:
    """Raises ValueError with the field and what is wrong with it. Fields that are not a deck's are ignored: the
    datatracker's own list has more."""
    return Deck(
        id=_positive("id", row.get("id")),
        title=_line("title", row.get("title")),
        url=_url(row.get("url")),
        rev=_line("rev", row.get("rev")),
        order=order,
    )


def to_decks(rows: Iterable[Mapping[str, Any]]) -> tuple[Deck, ...]:
    """The decks in their order, numbered from 1 without gaps. Rows without an `order` keep their place.

    Raises ValueError with the deck for one that is listed twice, and as `to_deck` does.
    """
    listed = [(_order(row, place), place, row) for place, row in enumerate(rows, start=1)]
    decks = tuple(
        _named_deck(row, number)
        for number, (_, _, row) in enumerate(sorted(listed, key=lambda e: e[:2]), start=1)
    )
    seen: set[int] = set()
    for deck in decks:
        if deck.id in seen:
            raise ValueError(f"deck {deck.id} is listed twice")
        seen.add(deck.id)
    return decks


def _named_deck(row: Mapping[str, Any], order: int) -> Deck:
    try:
        return to_deck(row, order)
    except ValueError as error:
        number = _whole(row.get("id"))
        name = f"deck {number}" if number is not None else f"deck at place {order}"
        raise ValueError(f"{name}: {error}") from None


def check_unique(desired_rooms: Sequence[DesiredRoom]) -> None:
    """Raises ValueError if two rows are about the same room."""
    seen: set[tuple[str, int]] = set()
    for desired in desired_rooms:
        key = (desired.group, desired.session_id)
        if key in seen:
            raise ValueError(f"session {desired.session_id} of {desired.group} is listed twice")
        seen.add(key)


def to_acronym(value: Any) -> str:
    """A group's acronym in lower case. Raises ValueError if it cannot be one."""
    text = str(value or "").strip().lower()
    if not _ACRONYM.fullmatch(text):
        raise ValueError("group must be the acronym of a working group, such as quic")
    return text


def _start(value: Any) -> datetime:
    try:
        start = value if isinstance(value, datetime) else datetime.fromisoformat(str(value or "").strip())
    except ValueError:
        raise ValueError("start must be a time with its offset, such as 2026-12-01T15:00:00Z") from None
    if start.tzinfo is None:
        raise ValueError("start has no time zone: add Z for UTC, or an offset such as +01:00")
    if start.microsecond:
        raise ValueError("start has fractions of a second, which Meetecho does not keep")
    try:
        return start.astimezone(UTC)
    except OverflowError:
        raise ValueError("start is outside the calendar") from None


def _minutes(value: Any) -> int:
    minutes = _whole(value)
    if minutes is None or not 0 < minutes <= MAX_MINUTES:
        raise ValueError(f"minutes must be a whole number from 1 to {MAX_MINUTES}")
    return minutes


def _positive(field: str, value: Any) -> int:
    number = _whole(value)
    if number is None or number < 1:
        raise ValueError(f"{field} must be a whole number above 0")
    return number


def _order(row: Mapping[str, Any], place: int) -> int:
    value = row.get("order")
    if value in (None, ""):
        return place
    number = _whole(value)
    if number is None:
        raise ValueError("order must be a whole number")
    return number


def _whole(value: Any) -> int | None:
    """An integer, or the text of one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _line(field: str, value: Any) -> str:
    text = _text(field, value).strip()
    if not text:
        raise ValueError(f"{field} is missing")
    if _UNPRINTABLE.search(text):
        raise ValueError(f"{field} contains a control character")
    return text


def _text(field: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    number = _whole(value)
    if number is None:
        raise ValueError(f"{field} must be text")
    return str(number)


def _url(value: Any) -> str:
    text = _line("url", value)
    parts = urlsplit(text)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("url must begin with https://")
    if parts.scheme == "http" and not is_loopback(text):
        raise ValueError(
            "url must begin with https://: decks are public, but their reader must get the right ones"
        )
    if parts.username or parts.password:
        raise ValueError("url contains a user name or password, which would be sent to Meetecho")
    return text


def _refuse_unknown(row: Mapping[str, Any], known: Sequence[str]) -> None:
    unknown = [str(name) for name in row if name not in known]
    if unknown:
        raise ValueError(f"unknown field {unknown[0]}: the fields are {', '.join(known)}")
