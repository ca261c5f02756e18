"""Who attended, and for how long: duplicate sessions, distinct people, participant seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec

from connectors.models import NOT_COMPARED, Meeting, MeetingRecord, Pending, Session
from connectors.quality import Quality

_identity: Callable[[Session], tuple[Any, ...]] = attrgetter(
    *(name for name in Session.__struct_fields__ if name not in NOT_COMPARED | {"key"})
)


def to_record(
    meeting: Meeting,
    sessions: Iterable[Session],
    *,
    pending: Pending | None = None,
    replaces: Sequence[str] = (),
) -> MeetingRecord:
    """The meeting with its sessions: equal sessions merged, keys made unique, the meeting's counts taken from them."""
    distinct, collisions = unique_sessions(sessions)
    return MeetingRecord(
        meeting=with_counts(meeting, distinct),
        sessions=distinct,
        pending=pending,
        replaces=replaces,
        collisions=collisions,
    )


def unique_sessions(sessions: Iterable[Session]) -> tuple[list[Session], int]:
    """Each session once, and how many had the key of a different one.

    Equal sessions become one. Different sessions with one key get `-2`, `-3` … after it, in the order of leave time, then
    name, so that every harvest gives them the same ids.
    """
    by_key: dict[str, list[Session]] = {}
    for session in sessions:
        same_key = by_key.setdefault(session.key, [])
        if session not in same_key:
            same_key.append(session)
    unique: list[Session] = []
    collisions = 0
    for key, same_key in by_key.items():
        if len(same_key) > 1:
            same_key.sort(key=_collision_order)
            collisions += len(same_key) - 1
        unique.append(same_key[0])
        unique.extend(
            msgspec.structs.replace(session, key=f"{key}-{n}") for n, session in enumerate(same_key[1:], 2)
        )
    return unique, collisions


def _collision_order(session: Session) -> tuple[datetime, str, str]:
    leave = session.leave_time or datetime.max.replace(tzinfo=UTC)
    return leave, session.user_name or "", repr(_identity(session))


def with_counts(meeting: Meeting, sessions: Sequence[Session]) -> Meeting:
    """The meeting with participants, their sessions and seconds, and its quality. Waiting rooms do not count."""
    attended = [session for session in sessions if session.stay != "waiting_room"]
    people = group_by_person(attended)
    qualities = [session.quality for session in attended if session.quality is not None]
    return replace(
        meeting,
        participant_sessions=sum(session.stay == "meeting" for session in attended),
        participants=len(people),
        participant_seconds=sum(map(union_seconds, people)),
        quality=Quality.merge(qualities) if qualities else meeting.quality,
    )


PERSON_FIELDS = ("id", "user_name", "user_id")
"""The fields of a session that tell the people of one meeting apart: the first that is present counts."""


def group_by_person(sessions: Sequence[Session]) -> list[list[Session]]:
    """The sessions of each distinct person.

    People are distinguished by `id`, else by name, else by the id of the single session; a session without any of them is
    a person of its own.
    """
    ordered = sorted(enumerate(sessions), key=_person)
    return [[session for _, session in group] for _, group in groupby(ordered, key=_person)]


def _person(numbered: tuple[int, Session]) -> tuple[str, str]:
    place, session = numbered
    for name in PERSON_FIELDS:
        value = getattr(session, name)
        if value is not None:
            return name, value
    return "session", str(place)


def union_seconds(sessions: Iterable[Session]) -> int:
    """Seconds during which at least one of the sessions ran.

    A session without both ends, or with a leave before its join, adds nothing and takes nothing away.
    """
    ends = ((s.join_time, s.leave_time) for s in sessions)
    spans = sorted((join, leave) for join, leave in ends if join and leave and join < leave)
    total, reached = timedelta(), datetime.min.replace(tzinfo=UTC)
    for join, leave in spans:
        if leave > reached:
            total += leave - max(join, reached)
            reached = leave
    return int(total.total_seconds())
