"""Conferences out of rows that come one by one, newest first: each with all its rows, and few of them in memory.

Reports lists what endpoints left, by the time of leaving, backwards. Once the listing is further back than the first
join of a conference, by a margin, no row of it is to come: it is passed on, and its rows are forgotten. Nothing relies
on the order: where a row comes for a conference that has been passed on, that is said, so that it is read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.google_meet.reports_rows import (
    email_address,
    first_text,
    join_time,
    leave_time,
    normalize_code,
    row_identity,
)
from connectors.parsing import parse_instant

Row = Mapping[str, Any]

MARGIN = timedelta(hours=2)
MAX_TIME_DIFFERENCE = timedelta(minutes=1)
"""How far the two APIs' times of one conference may be apart: in samples it was a second."""

LONG_STAY = timedelta(hours=24)
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conference:
    """What Reports knows of one conference: a row for every endpoint that has left."""

    id: str
    rows: Sequence[Row]

    @classmethod
    def from_rows(cls, conference: str, rows: Iterable[Row]) -> Conference:
        """Each row once, in an order of their own: a digest is not to depend on the listing's."""
        distinct = {row_identity(row): row for row in rows}
        return cls(id=conference, rows=[row for _, row in sorted(distinct.items())])

    @property
    def start(self) -> datetime | None:
        return min((at for row in self.rows if (at := join_time(row)) is not None), default=None)

    @property
    def end(self) -> datetime | None:
        return max((at for row in self.rows if (at := leave_time(row)) is not None), default=None)

    @property
    def code(self) -> str | None:
        return normalize_code(first_text(self.rows, "meeting_code"))

    @property
    def organizer(self) -> str | None:
        return first_text(self.rows, "organizer_email")

    @property
    def event_id(self) -> str | None:
        return first_text(self.rows, "calendar_event_id")

    @property
    def addresses(self) -> list[str]:
        """The organizer's address, then those of who was there."""
        told = [self.organizer, *(email_address(row) for row in self.rows)]
        return list(dict.fromkeys(address.lower() for address in told if address and "*" not in address))


@dataclass(frozen=True, slots=True)
class LateRow:
    """A row of a conference that had been passed on without it."""

    conference: str


def group_by_conference(
    pages: Iterable[Sequence[Row]], margin: timedelta = MARGIN
) -> Iterator[Conference | LateRow]:
    """Every conference with all its rows."""
    rows: dict[str, dict[tuple[str, str, str], Row]] = {}
    starts: dict[str, datetime] = {}
    passed: set[str] = set()
    for page in pages:
        for row in page:
            conference = str(row["conference_id"])
            if conference in passed:
                yield LateRow(conference)
                continue
            rows.setdefault(conference, {})[row_identity(row)] = row
            starts[conference] = min(starts.get(conference, _LATEST), join_time(row) or _LATEST)
        reached = min((at for row in page if (at := leave_time(row)) is not None), default=_LATEST)
        if reached == _LATEST:
            continue
        for conference in [
            key for key, start in starts.items() if start != _LATEST and reached < start - margin
        ]:
            passed.add(conference)
            del starts[conference]
            yield Conference.from_rows(conference, rows.pop(conference).values())
    for conference, told in rows.items():
        yield Conference.from_rows(conference, told.values())


def is_long_stay(row: Row) -> bool:
    start, end = join_time(row), leave_time(row)
    return start is not None and end is not None and end - start > LONG_STAY


def record_id(record: Row) -> str:
    return str(record.get("name") or "").removeprefix("conferenceRecords/")


def is_live(record: Row) -> bool:
    return parse_instant(record.get("endTime")) is None


def overlap(conference: Conference, record: Row) -> timedelta | None:
    """How long both ran, as far as is known; `None` where they cannot be one."""
    start, end = conference.start, conference.end
    record_start, record_end = (
        parse_instant(record.get("startTime")),
        parse_instant(record.get("endTime")) or _LATEST,
    )
    if start is None or end is None or record_start is None:
        return None
    common_time = min(end, record_end) - max(start, record_start)
    return common_time if common_time >= -MAX_TIME_DIFFERENCE else None


def best_record(conference: Conference, records: Iterable[Row]) -> Row | None:
    """Of the records of one space, the one that is this conference: by id, else the one that it overlaps longest."""
    fitting: list[tuple[timedelta, str, Row]] = []
    for record in records:
        if record_id(record) == conference.id:
            return record
        common_time = overlap(conference, record)
        if common_time is not None:
            fitting.append((common_time, record_id(record), record))
    return max(fitting, key=lambda it: it[:2])[2] if fitting else None
