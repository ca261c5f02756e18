"""Read the IETF datatracker: groups, meetings, sessions, planned times, and attendance.

https://datatracker.ietf.org/api/ and `ietf/meeting/resources.py` of ietf-tools/datatracker (read in 2026). Filtered
results are checked again here. No registrations and no addresses of people are requested.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from typing import Any, TypeVar

from cachetools import LRUCache

from connectors.errors import BrokenResponse, VendorError
from connectors.meetecho.datatracker_http_client import DatatrackerClient, Row
from connectors.meetecho.endpoints import (
    ASSIGNMENTS,
    ATTENDED,
    DATES_AFTER,
    DATES_BEFORE,
    GROUPS,
    MEETINGS,
    PEOPLE,
    SESSIONS,
    STATUSES,
    TIMESLOTS,
    VENDOR,
    call_name,
)
from connectors.models import Window
from connectors.parsing import parse_clock_seconds, parse_instant

CANCELED_STATUSES = frozenset({"canceled", "canceledpa", "notmeet", "deleted", "disappr", "resched"})
"""The slugs of `ietf/name` for sessions that do not take place: canceled, canceled before the announcement, not meeting,
deleted, disapproved, and rescheduled to another session."""

MAX_CACHED_NAMES, MAX_CACHED_MEETINGS = 20_000, 2_000

NAMES_PER_REQUEST = 50

Value = TypeVar("Value")

_LAST = re.compile(r"([^/]+)/?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTime:
    """When a session is scheduled."""

    start: datetime
    end: datetime | None = None


class Datatracker:
    """Thread-safe. Names and meetings are cached."""

    def __init__(self, client: DatatrackerClient) -> None:
        self.api = client
        self._names: LRUCache[str, str] = LRUCache(MAX_CACHED_NAMES)
        self._meetings: LRUCache[str, Row] = LRUCache(MAX_CACHED_MEETINGS)
        self._lock = Lock()
        self._several_at_once = True

    def group(self, acronym: str) -> str | None:
        """The id of the group with this acronym; `None` if there is none."""
        rows = self.api.all_rows(GROUPS, acronym=acronym)
        return next((id_from_uri(row.get("id")) for row in rows if row.get("acronym") == acronym), None)

    def sessions(self, group: str) -> list[Row]:
        """Every session that the group with this id ever requested."""
        rows = _rows_of("group", group, self.api.all_rows(SESSIONS, group=group), SESSIONS)
        if not all(id_from_uri(row.get("meeting")) for row in rows):
            raise _unreadable(SESSIONS, "meeting")
        return rows

    def session(self, number: str) -> Row | None:
        return self.api.get(SESSIONS, number)

    def meetings(self, window: Window) -> frozenset[str]:
        """The ids of the meetings that may have a session in the window, interim meetings included."""
        first, last = (window.start - DATES_BEFORE).date(), (window.end + DATES_AFTER).date()
        rows = self.api.all_rows(MEETINGS, date__gte=first.isoformat(), date__lte=last.isoformat())
        ids = set()
        for row in rows:
            number, day = id_from_uri(row.get("id")), _day(row.get("date"))
            if number is None:
                raise _unreadable(MEETINGS, "id")
            if day is None or first <= day <= last:
                self._remember(self._meetings, number, row)
                ids.add(number)
        return frozenset(ids)

    def meeting(self, session: Row) -> Row | None:
        """The meeting that a session belongs to."""
        number = id_from_uri(session.get("meeting"))
        meeting = self._recall(self._meetings, number) if number is not None else None
        if meeting is None and number is not None:
            meeting = self.api.get(MEETINGS, number)
            if meeting is not None:
                self._remember(self._meetings, number, meeting)
        return meeting

    def planned_time(self, session: str, meeting: Row) -> PlannedTime | None:
        """The session's time in the meeting's own schedule: from the first of its timeslots to the last."""
        schedule = id_from_uri(meeting.get("schedule"))
        if schedule is None:
            return None
        rows = self.api.all_rows(ASSIGNMENTS, schedule=schedule, session=session)
        rows = _rows_of("session", session, rows, ASSIGNMENTS)
        rows = _rows_of("schedule", schedule, rows, ASSIGNMENTS)
        numbers = {id_from_uri(row.get("timeslot")) for row in rows}
        slots = [self.api.get(TIMESLOTS, number) for number in sorted(filter(None, numbers))]
        times = [to_planned_time(slot) for slot in slots if slot is not None]
        if None in times:
            raise _unreadable(TIMESLOTS, "time")
        return merge_times(times)

    def status(self, session: str) -> str | None:
        """The slug of a session's latest status."""
        rows = _rows_of("session", session, self.api.all_rows(STATUSES, session=session), STATUSES)
        events = [
            (parse_instant(row.get("time")) or datetime.min.replace(tzinfo=UTC), _order(row.get("id")), row)
            for row in rows
        ]
        return id_from_uri(max(events, key=lambda event: event[:2])[2].get("status")) if events else None

    def attendance(self, session: str) -> list[Row]:
        """One record for each person who attended."""
        return _rows_of("session", session, self.api.all_rows(ATTENDED, session=session), ATTENDED)

    def attendance_count(self, session: str) -> int | None:
        return self.api.count(ATTENDED, session=session)

    def names(self, people: Iterable[str]) -> dict[str, str]:
        """The names of people by id, if the datatracker has them."""
        wanted = list(dict.fromkeys(people))
        names = {number: name for number in wanted if (name := self._recall(self._names, number)) is not None}
        missing = [number for number in wanted if number not in names]
        for at in range(0, len(missing), NAMES_PER_REQUEST):
            names |= self._read_names(missing[at : at + NAMES_PER_REQUEST])
        return {number: name for number, name in names.items() if name}

    def _read_names(self, wanted: Sequence[str]) -> dict[str, str]:
        """Reads several people per request if the datatracker permits it, and the missing ones one by one."""
        rows = list(self._read_people(wanted)) if self._several_at_once and len(wanted) > 1 else []
        by_id = {number: row for row in rows if (number := id_from_uri(row.get("id"))) in set(wanted)}
        names = {}
        for number in wanted:
            row = by_id.get(number) or self.api.get(PEOPLE, number) or {}
            name = row.get("name")
            names[number] = name if isinstance(name, str) else ""
            self._remember(self._names, number, names[number])
        return names

    def _recall(self, cache: LRUCache[str, Value], key: str) -> Value | None:
        with self._lock:  # reading reorders the cache
            return cache.get(key)

    def _remember(self, cache: LRUCache[str, Value], key: str, value: Value) -> None:
        with self._lock:
            cache[key] = value

    def _read_people(self, wanted: Sequence[str]) -> list[Row]:
        try:
            return self.api.first_page(PEOPLE, id__in=",".join(wanted))
        except VendorError as error:
            if error.status not in {400, 404}:
                raise
            self._several_at_once = (
                error.status == 404
            )  # 400: refused as such; 404: one of them cannot be shown
            return []


def _rows_of(field: str, number: str, rows: Iterable[Row], path: str) -> list[Row]:
    """The rows whose field refers to this id. Raises BrokenResponse if the field of a row cannot be read: it may be one of
    them."""
    numbers = [(id_from_uri(row.get(field)), row) for row in rows]
    if any(found is None for found, _ in numbers):
        raise _unreadable(path, field)
    return [row for found, row in numbers if found == number]


def _unreadable(path: str, field: str) -> BrokenResponse:
    return BrokenResponse(f"{VENDOR}: {call_name(path)}: a record without a readable `{field}`")


def id_from_uri(value: Any) -> str | None:
    """The id or slug at the end of a URI (`/api/v1/person/person/20209/`), or an id as it is."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    match = _LAST.search(value) if isinstance(value, str) else None
    return match.group(1) if match else None


def to_planned_time(row: Row) -> PlannedTime | None:
    start, seconds = parse_instant(row.get("time")), parse_clock_seconds(row.get("duration"))
    if start is None:
        return None
    return PlannedTime(start=start, end=start + timedelta(seconds=seconds) if seconds else None)


def merge_times(times: Iterable[PlannedTime | None]) -> PlannedTime | None:
    """From the earliest start to the latest end; `None` if there are no times."""
    known = [time for time in times if time is not None]
    if not known:
        return None
    ends = [time.end for time in known if time.end is not None]
    return PlannedTime(start=min(time.start for time in known), end=max(ends, default=None))


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def _order(value: Any) -> int:
    number = id_from_uri(value)
    return int(number) if number is not None and number.isdecimal() and len(number) < 20 else 0
