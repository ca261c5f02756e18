"""What a journal holds, and how its rows spell it: instants are microseconds since 1970, UTC; options words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

import orjson

from connectors.models import MeetingRef, Window

Outcome = Literal["listed", "done", "pending", "gone", "failed"]
"""`listed`: to be read, and not read yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """What is known of one meeting. `rank`, `harvested_at`: of what is stored, `None` where nothing is; `due`: when a
    pending one is to be read again; `asked`: the options that its readings have."""

    uuid: str
    outcome: Outcome
    start: datetime | None
    digest: str
    hint: dict[str, Any]
    extras: frozenset[str]
    rank: int | None
    harvested_at: datetime | None
    due: datetime | None
    reason: str | None
    attempts: int
    first_run: int

    @property
    def ref(self) -> MeetingRef:
        """For `Connector.fetch`: without the listing row, which is never written down."""
        return MeetingRef(
            uuid=self.uuid, start_time=self.start, digest=self.digest, hint=self.hint, extras=self.extras
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedPartition:
    """A part of a listing that could not be had, to be asked for again. `asked`: the options that it was listed for."""

    partition: str
    window: Window
    extras: frozenset[str]
    reason: str
    tried_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """`what`: which time it was to read; `ended`, `exit_code` and `summary` are `None` for one that was killed."""

    id: int
    began: datetime
    ended: datetime | None
    what: str
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
    return (
        failed.partition,
        to_microseconds(failed.window.start),
        to_microseconds(failed.window.end),
        join_extras(failed.extras),
    )


def parse_entry(row: Sequence[Any]) -> JournalEntry:
    uuid, outcome, start, digest, hint, asked, rank, harvested_at, due, reason, attempts, first_run = row
    if outcome not in get_args(Outcome):
        raise ValueError("no outcome of ours")
    return JournalEntry(
        uuid=uuid,
        outcome=outcome,
        start=from_microseconds(start) if start is not None else None,
        digest=digest,
        hint=orjson.loads(hint),
        extras=split_extras(asked),
        rank=rank,
        harvested_at=from_microseconds(harvested_at) if harvested_at is not None else None,
        due=from_microseconds(due) if due is not None else None,
        reason=reason,
        attempts=attempts,
        first_run=first_run,
    )
