"""Group the rows of Reports into conferences, with few of them in memory.

Reports lists rows by the time at which the endpoint left, newest first. Once the listing is further back than the first
join of a conference, by a margin, no more of its rows can follow, and the conference is yielded. Correctness does not
depend on this: a later row of that conference is yielded as a `LateRow`, so that the conference is read again.
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
from connectors.parsing import as_text, parse_instant

Row = Mapping[str, Any]

MARGIN = timedelta(hours=2)
MAX_TIME_DIFFERENCE = timedelta(minutes=1)
"""How far apart Reports' and Meet's times of a conference may be. In samples it was a second."""

LONG_STAY = timedelta(hours=24)
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conference:
    """One conference as Reports has it."""

    id: str
    rows: Sequence[Row]
    """One for every endpoint that left."""

    @classmethod
    def from_rows(cls, conference: str, rows: Iterable[Row]) -> Conference:
        """Removes repeated rows and sorts them, so that a digest does not depend on the order of the listing."""
        distinct = {row_identity(row): row for row in rows}
        return cls(id=conference, rows=[row for _, row in sorted(distinct.items())])

    @property
    def start(self) -> datetime | None:
        """The first join; `None` if an endpoint whose join is unknown left before it."""
        first = min((at for row in self.rows if (at := join_time(row)) is not None), default=None)
        return first if first == self.first_known else None

    @property
    def first_known(self) -> datetime | None:
        """The first join or leave: the conference took place then, and may have begun earlier."""
        return min((at for row in self.rows if (at := join_time(row) or leave_time(row))), default=None)

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
        """The organizer's address, then those of the participants."""
        addresses = [self.organizer, *(email_address(row) for row in self.rows)]
        return list(dict.fromkeys(address.lower() for address in addresses if address and "*" not in address))


@dataclass(frozen=True, slots=True)
class LateRow:
    """A row of a conference that was already yielded without it."""

    conference: str


def group_by_conference(
    pages: Iterable[Sequence[Row]], margin: timedelta = MARGIN
) -> Iterator[Conference | LateRow]:
    """Every conference with all its rows, and a `LateRow` for each row that comes too late."""
    rows: dict[str, dict[tuple[str, str, str], Row]] = {}
    starts: dict[str, datetime] = {}
    yielded: set[str] = set()
    for page in pages:
        for row in page:
            conference = str(row["conference_id"])
            if conference in yielded:
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
            yielded.add(conference)
            del starts[conference]
            yield Conference.from_rows(conference, rows.pop(conference).values())
    for conference, remaining in rows.items():
        yield Conference.from_rows(conference, remaining.values())


def is_long_stay(row: Row) -> bool:
    """Whether the endpoint stayed for more than `LONG_STAY`."""
    start, end = join_time(row), leave_time(row)
    return start is not None and end is not None and end - start > LONG_STAY


def record_id(record: Row) -> str:
    """The id in a record's name; empty if it has none."""
    return (as_text(record.get("name")) or "").removeprefix("conferenceRecords/")


def is_live(record: Row) -> bool:
    return parse_instant(record.get("endTime")) is None


def overlap(conference: Conference, record: Row) -> timedelta | None:
    """How long both ran, if known; `None` if they cannot be the same conference."""
    start, end = conference.first_known, conference.end
    record_start, record_end = (
        parse_instant(record.get("startTime")),
        parse_instant(record.get("endTime")) or _LATEST,
    )
    if start is None or end is None or record_start is None:
        return None
    common_time = min(end, record_end) - max(start, record_start)
    return common_time if common_time >= -MAX_TIME_DIFFERENCE else None


def best_record(conference: Conference, records: Iterable[Row]) -> Row | None:
    """The record of a space that is this conference: by id, else the one that overlaps longest."""
    fitting: list[tuple[timedelta, str, Row]] = []
    for record in records:
        if record_id(record) == conference.id:
            return record
        common_time = overlap(conference, record)
        if common_time is not None:
            fitting.append((common_time, record_id(record), record))
    return max(fitting, key=lambda it: it[:2])[2] if fitting else None
