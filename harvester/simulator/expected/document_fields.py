"""What all vendors' documents share: keys, numbered twins, who counts as one person, how long they were there."""

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


def moment(instant: int) -> datetime:
    """Milliseconds since 1970 as an aware instant."""
    return _EPOCH + timedelta(milliseconds=instant)


def whole(text: str | None) -> str | None:
    """Half of a cut-off character cannot be stored: U+FFFD stands in for it."""
    return None if text is None else _LONE_SURROGATE.sub("\ufffd", text)


def told(fields: Mapping[str, Any]) -> Fields:
    """Without what nobody told."""
    return {name: value for name, value in fields.items() if value is not None}


def key(*ids: str | None) -> str:
    """22 letters out of the vendor's ids of one stay, in their order."""
    digest = sha256("\x1f".join(part or "" for part in ids).encode()).digest()
    return urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def hashed_instant(instant: int) -> str:
    """As instants are spelled inside a key: always with milliseconds."""
    return f"{moment(instant):%Y-%m-%dT%H:%M:%S}.{instant % 1000:03}Z"


def period(start: datetime | None, end: datetime | None) -> Fields | None:
    if start is None or end is None or end < start:
        return None
    return {"gte": start, "lte": end}


def seconds(start: datetime | None, end: datetime | None) -> int | None:
    if start is None or end is None or end < start:
        return None
    return (end - start) // timedelta(seconds=1)


def distinct(stays: Iterable[tuple[str, Fields]]) -> list[tuple[str, Fields]]:
    """Equal stays of one key once; others numbered `-2`, `-3` by their end, then by name. An end unknown comes last."""
    by_key: dict[str, list[Fields]] = {}
    for name, fields in stays:
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


def figures(stays: Sequence[Fields]) -> Fields:
    """`participant_sessions`, `participants` and `participant_seconds` of a meeting's stays."""
    inside = [stay for stay in stays if stay["stay"] != "waiting_room"]
    people: dict[tuple[str, object], list[Fields]] = {}
    for place, stay in enumerate(inside):
        people.setdefault(_person(place, stay), []).append(stay)
    return {
        "participant_sessions": sum(stay["stay"] == "meeting" for stay in inside),
        "participants": len(people),
        "participant_seconds": sum(map(_presence, people.values())),
    }


def _person(place: int, stay: Fields) -> tuple[str, object]:
    for name in ("id", "user_name", "user_id"):
        if name in stay:
            return name, stay[name]
    return "place", place


def _presence(stays: Iterable[Fields]) -> int:
    """Seconds with at least one of these stays, of those whose both ends are known."""
    changes = []
    for stay in stays:
        if "join_time" in stay and "leave_time" in stay:
            changes += [(stay["join_time"], 1), (stay["leave_time"], -1)]
    total, inside, since = timedelta(), 0, _EPOCH
    for when, change in sorted(changes, key=_opening_first):
        if inside:
            total += when - since
        inside, since = inside + change, when
    return total // timedelta(seconds=1)


def _opening_first(change: tuple[datetime, int]) -> tuple[datetime, int]:
    return change[0], -change[1]
