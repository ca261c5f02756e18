"""The rows of a journal as values, and their spelling: instants as microseconds since 1970, UTC; extras as words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

import orjson

from connectors.models import MeetingRef, Reason, RefusedPartition, Window
from harvester.state.intervals import Listing
from harvester.state.session_digest import Doubt, SessionSummary

Outcome = Literal["listed", "done", "pending", "gone", "failed"]
"""`listed`: to be read, and not read yet."""

RENAMED_COUNTS = {
    "poorer": "kept_richer",
    "kept": "kept_pending",
    "unready": "nothing_yet",
    "outside": "out_of_range",
    "unsettled": "cleanup_pending",
    "unanswered": "unacknowledged",
    "unlisted": "failed_listings",
    "left_out": "failed_partitions",
    "absent": "missing_partitions",
    "waits": "pending_by_reason",
}
"""Keys in the summaries of runs that earlier versions wrote, and their present names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """What the journal knows of one meeting."""

    uuid: str
    outcome: Outcome
    start: datetime | None
    digest: str
    hint: dict[str, Any]
    extras: frozenset[str]
    """The extras that each reading of it asks for."""
    rank: int | None
    """Detail of what is stored; `None` if nothing is."""
    harvested_at: datetime | None
    """When the stored one was read; `None` if nothing is stored."""
    due: datetime | None
    """When a pending meeting is to be read again."""
    reason: str | None
    attempts: int
    first_run: int
    sessions: SessionSummary | None = None
    """What is stored; `None` if nothing is, or if an earlier version stored it."""
    doubt: Doubt | None = None
    """The last reading, if it was not believed."""

    @property
    def ref(self) -> MeetingRef:
        """For `Connector.fetch`. It lacks the listing row, which is never stored."""
        return MeetingRef(
            uuid=self.uuid, start_time=self.start, digest=self.digest, hint=self.hint, extras=self.extras
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedPartition:
    """A part of a listing that could not be read and is asked for again."""

    partition: str
    window: Window
    extras: frozenset[str]
    """The extras of the run that listed it."""
    reason: str
    tried_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run. `ended`, `exit_code` and `summary` are `None` if it was killed or is under way."""

    id: int
    began: datetime
    ended: datetime | None
    what: str
    """The time that it was to read."""
    exit_code: int | None
    summary: dict[str, Any] | None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def from_microseconds(number: int) -> datetime:
    return _EPOCH + timedelta(microseconds=number)


def join_extras(extras: frozenset[str]) -> str:
    return " ".join(sorted(extras))


def split_extras(words: str) -> frozenset[str]:
    return frozenset(words.split())


def key_of(failed: FailedPartition) -> tuple[str, int, int, str]:
    start, stop = to_microseconds(failed.window.start), to_microseconds(failed.window.end)
    return failed.partition, start, stop, join_extras(failed.extras)


# Each of these raises ValueError, TypeError or OverflowError for a row that no journal ever wrote.


def parse_entry(row: Sequence[Any]) -> JournalEntry:
    uuid, outcome, start, digest, hint, asked, rank, harvested_at, due, reason, *rest = row
    attempts, first_run, *summaries = rest
    known: Sequence[Any] = summaries or (None, None, None)
    sessions, doubted, doubted_since = known
    if outcome not in get_args(Outcome):
        raise ValueError("unknown outcome")
    return JournalEntry(
        uuid=uuid,
        outcome=outcome,
        start=_instant(start),
        digest=digest,
        hint=orjson.loads(hint),
        extras=split_extras(asked),
        rank=rank,
        harvested_at=_instant(harvested_at),
        due=_instant(due),
        reason=reason,
        attempts=attempts,
        first_run=first_run,
        sessions=SessionSummary.parse(sessions) if sessions is not None else None,
        doubt=Doubt(sessions=SessionSummary.parse(doubted), since=from_microseconds(doubted_since))
        if doubted is not None
        else None,
    )


def parse_refused_partition(row: Sequence[Any]) -> RefusedPartition:
    partition, reason, refused_at, asked_at = row
    return RefusedPartition(
        partition=partition,
        reason=Reason(reason),
        refused_at=from_microseconds(refused_at),
        asked_at=from_microseconds(asked_at),
    )


def parse_failed_partition(row: Sequence[Any]) -> FailedPartition:
    partition, start, stop, asked, reason, tried_at = row
    return FailedPartition(
        partition=partition,
        window=Window(start=from_microseconds(start), end=from_microseconds(stop)),
        extras=split_extras(asked),
        reason=reason,
        tried_at=from_microseconds(tried_at),
    )


def parse_listing(row: Sequence[Any]) -> Listing:
    start, stop, listed_at, _ = row
    return Listing(
        window=Window(start=from_microseconds(start), end=from_microseconds(stop)),
        at=from_microseconds(listed_at),
    )


def parse_run(row: Sequence[Any]) -> Run:
    number, began, ended, what, exit_code, summary = row
    return Run(
        id=number,
        began=from_microseconds(began),
        ended=_instant(ended),
        what=what,
        exit_code=exit_code,
        summary=upgrade_summary(orjson.loads(summary)) if summary else None,
    )


def upgrade_summary(summary: dict[str, Any]) -> dict[str, Any]:
    """The summary of a run, with its keys renamed to those of this version."""
    return {RENAMED_COUNTS.get(name, name): value for name, value in summary.items()}


def _instant(number: int | None) -> datetime | None:
    return from_microseconds(number) if number is not None else None
