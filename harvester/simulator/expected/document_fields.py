"""Fields that all vendors' documents share: keys, numbered duplicates, counts of people and seconds."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

Fields = dict[str, Any]


def to_datetime(instant: int) -> datetime:
    """Convert milliseconds since 1970 to an aware datetime."""
    return _EPOCH + timedelta(milliseconds=instant)


def replace_surrogates(text: str | None) -> str | None:
    """Replace lone surrogates, which cannot be stored, by U+FFFD."""
    return None if text is None else _LONE_SURROGATE.sub("\ufffd", text)


def without_none(fields: Mapping[str, Any]) -> Fields:
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def session_key(*ids: str | None) -> str:
    """Return the 22-character key over the vendor's ids of one session, in their order."""
    digest = sha256("\x1f".join(part or "" for part in ids).encode()).digest()
    return urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def key_instant(instant: int) -> str:
    """Format an instant as it goes into a key: always with milliseconds."""
    return f"{to_datetime(instant):%Y-%m-%dT%H:%M:%S}.{instant % 1000:03}Z"


def period(start: datetime | None, end: datetime | None) -> Fields | None:
    if start is None or end is None or end < start:
        return None
    return {"gte": start, "lte": end}


def seconds(start: datetime | None, end: datetime | None) -> int | None:
    if start is None or end is None or end < start:
        return None
    return (end - start) // timedelta(seconds=1)


def number_duplicates(sessions: Iterable[tuple[str, Fields]]) -> list[tuple[str, Fields]]:
    """Drop equal sessions of one key and number different ones `-2`, `-3` by leave time, then name.

    A session without a leave time comes last.
    """
    by_key: dict[str, list[Fields]] = {}
    for name, fields in sessions:
        same = by_key.setdefault(name, [])
        if fields not in same:
            same.append(fields)
    numbered = []
    for name, same in by_key.items():
        same.sort(key=_by_end)
        numbered += [(f"{name}-{n}" if n > 1 else name, fields) for n, fields in enumerate(same, 1)]
    return numbered


def _by_end(fields: Fields) -> tuple[bool, datetime, str]:
    return "leave_time" not in fields, fields.get("leave_time", _EPOCH), fields.get("user_name", "")


def attendance_fields(sessions: Sequence[Fields]) -> Fields:
    """Return `participant_sessions`, `participants` and `participant_seconds` of a meeting."""
    inside = [session for session in sessions if session["stay"] != "waiting_room"]
    people: dict[tuple[str, object], list[Fields]] = {}
    for position, session in enumerate(inside):
        people.setdefault(_person(position, session), []).append(session)
    return {
        "participant_sessions": sum(session["stay"] == "meeting" for session in inside),
        "participants": len(people),
        "participant_seconds": sum(map(_seconds_present, people.values())),
    }


def _person(position: int, session: Fields) -> tuple[str, object]:
    for name in ("id", "user_name", "user_id"):
        if name in session:
            return name, session[name]
    return "place", position


def _seconds_present(sessions: Iterable[Fields]) -> int:
    """Return the seconds covered by at least one of these sessions, of those with a join and a leave time."""
    changes = []
    for session in sessions:
        if "join_time" in session and "leave_time" in session:
            changes += [(session["join_time"], 1), (session["leave_time"], -1)]
    total, inside, since = timedelta(), 0, _EPOCH
    for when, change in sorted(changes, key=_opening_first):
        if inside:
            total += when - since
        inside, since = inside + change, when
    return total // timedelta(seconds=1)


def _opening_first(change: tuple[datetime, int]) -> tuple[datetime, int]:
    return change[0], -change[1]
