"""Who attended, and for how long: duplicate sessions, distinct people, participant seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from msgspec import structs

from connectors.models import NOT_COMPARED, Meeting, MeetingRecord, Pending, Session
from connectors.quality import Quality

_identity: Callable[[Session], tuple[Any, ...]] = attrgetter(
    *(name for name in Session.__struct_fields__ if name not in NOT_COMPARED | {"key"})
)


TIME_AROUND = timedelta(days=1)
"""A stay may begin before the meeting, in a waiting room or with the host alone, and end after it; but not by more than this."""


def to_record(
    meeting: Meeting,
    sessions: Iterable[Session],
    *,
    pending: Pending | None = None,
    replaces: Sequence[str] = (),
) -> MeetingRecord:
    """The meeting with its sessions: equal sessions merged, keys made unique, times that cannot belong to the meeting
    removed, the meeting's counts taken from the sessions."""
    distinct, collisions = unique_sessions(sessions)
    distinct = without_foreign_times(meeting, distinct)
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
        unique.extend(structs.replace(session, key=f"{key}-{n}") for n, session in enumerate(same_key[1:], 2))
    return unique, collisions


def _collision_order(session: Session) -> tuple[datetime, str, str]:
    leave = session.leave_time or datetime.max.replace(tzinfo=UTC)
    return leave, session.user_name or "", repr(_identity(session))


def without_foreign_times(meeting: Meeting, sessions: list[Session]) -> list[Session]:
    """The sessions; a join or leave more than TIME_AROUND before the meeting's start, or after its end, is absent.

    The vendor listed the meeting by its start, so a stay years before is the mistake. Without an end, or with one in the
    future, nothing is later than the harvest. A meeting whose start is unknown, or only planned, has no bounds.
    """
    if meeting.start_time is None:
        return sessions
    first, last = _bounds(meeting, meeting.start_time)
    found = [
        place
        for place, session in enumerate(sessions)
        if ((join := session.join_time) is not None and not first <= join <= last)
        or ((leave := session.leave_time) is not None and not first <= leave <= last)
    ]
    if not found:
        return sessions
    kept = list(sessions)
    for place in found:
        kept[place] = _with_times_between(first, last, sessions[place])
    return kept


def _bounds(meeting: Meeting, start: datetime) -> tuple[datetime, datetime]:
    end = meeting.end_time
    if end is None or not start <= end <= meeting.harvested_at:
        end = max(meeting.harvested_at, start)
    return start - TIME_AROUND, end + TIME_AROUND


def _with_times_between(first: datetime, last: datetime, session: Session) -> Session:
    join, leave = session.join_time, session.leave_time
    return structs.replace(
        session,
        join_time=join if join is not None and first <= join <= last else None,
        leave_time=leave if leave is not None and first <= leave <= last else None,
        duration=None,
    )


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
