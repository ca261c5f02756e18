"""Decides which meetings a run fetches, and records what becomes of each.

A run into an index keeps a journal (`JournalTracker` in `journal_tracker.py`); a run into a pipe knows nothing but its plan
(`NullTracker`).
Questions write nothing; only events (`on_…`) do. Each `on_…` method is called just before or just after the step
that it names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connectors.models import (
    MeetingRecord,
    MeetingRef,
    Pending,
    Reason,
    SkippedPartition,
)
from harvester.pipeline.planner import RunPlan, Slice
from harvester.pipeline.value_counts import summarize
from harvester.sinks.base import Load
from harvester.state.session_digest import Doubt, SessionSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """A meeting to fetch."""

    ref: MeetingRef
    """With the extras of earlier harvests added."""
    stored_rank: int | None = None
    """The detail of what is stored; `None`: nothing is."""
    is_new: bool = False
    """The journal does not know the meeting."""
    is_recorded: bool = False
    """The journal already says that the meeting is to be fetched with these extras."""
    sessions: SessionSummary | None = None
    """The sessions that are stored; `None`: nothing is, or they were not counted."""
    doubt: Doubt | None = None
    """The last reading, if it was not believed."""
    same_source: bool = True
    """Whether the stored sessions came from the source that is asked now; another one makes other keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """The listing shows nothing new of the meeting. It is stored like that, or there is nothing to store."""

    gone: str | None = None
    """Why nothing is stored and the meeting is not read again; `None` otherwise."""
    waits: tuple[str, datetime] | None = None
    """Why nothing is stored yet, and when the meeting is read again; `None` otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepStored:
    """What is stored of the meeting is richer than the record, and stays."""

    pending: Pending | None = None
    """When to read the meeting again; `None`: what is stored stays for good."""
    doubt: Doubt | None = None
    """The record has so few sessions, or values, that it is not believed."""


@dataclass(frozen=True, slots=True)
class OutOfRange:
    """The meeting was listed without a start, and took place outside the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedMeeting:
    """What has to be remembered of a record while the sink has it."""

    ref: MeetingRef
    rank: int
    harvested_at: datetime
    pending: Pending | None
    replaces: Sequence[str] = ()
    sessions: SessionSummary | None = None
    began: datetime | None = None
    """The meeting's `@timestamp`; `None` if it is planned for later."""

    @classmethod
    def of(cls, ref: MeetingRef, record: MeetingRecord) -> LoadedMeeting:
        meeting, timestamp = record.meeting, record.timestamp
        return cls(
            ref=ref,
            rank=int(meeting.detail),
            harvested_at=meeting.harvested_at,
            pending=record.pending,
            replaces=record.replaces,
            sessions=summarize(record),
            began=timestamp if timestamp is not None and timestamp <= meeting.harvested_at else None,
        )

    @property
    def is_doubted(self) -> bool:
        """It has far fewer sessions than the vendor counts, and is read again."""
        return self.pending is not None and self.pending.reason is Reason.few_sessions


class RunTracker(Protocol):
    """Knows the meetings of one run. The listing thread asks `resume`, `should_fetch` and `missing_from_listing` and
    sends the events of slices and `on_fetching`; the thread that feeds the sink does the rest."""

    def resume(self) -> Iterator[Fetch]:
        """Meetings of earlier runs to fetch before anything is listed: they failed, or are due."""
        ...

    def look_up(self, uuids: Sequence[str]) -> None:
        """`should_fetch` will be asked for each of these meetings next: what is known of them can be read at once."""
        ...

    def should_fetch(self, ref: MeetingRef) -> Fetch | Unchanged:
        """What to do with a meeting that a listing shows."""
        ...

    def missing_from_listing(self, part: Slice) -> Iterator[Fetch]:
        """Meetings of this slice that wait to be fetched; the listing may no longer have shown them."""
        ...

    def decide(self, ref: MeetingRef, record: MeetingRecord) -> Load | KeepStored | OutOfRange:
        """What to do with a record that was fetched."""
        ...

    def on_slice_started(self, part: Slice) -> None:
        """Its first request is about to be made."""
        ...

    def on_partition_skipped(self, skipped: SkippedPartition, part: Slice) -> None: ...

    def on_fetching(self, fetch: Fetch) -> None:
        """The meeting is about to be fetched."""
        ...

    def on_slice_listed(self, part: Slice) -> None:
        """The listing reached its last page, and each of its meetings that is wanted was sent to `on_fetching`."""
        ...

    def on_loading(self, ref: MeetingRef) -> None:
        """The record is about to be given to the sink."""
        ...

    def on_kept(self, ref: MeetingRef, kept: KeepStored) -> None:
        """The record was dropped in favour of what is stored, for good or until it is read again."""
        ...

    def on_acknowledged(self, loaded: LoadedMeeting) -> None:
        """The sink has stored it."""
        ...

    def on_failed(self, ref: MeetingRef, error: BaseException) -> None:
        """The fetch brought nothing to store: the meeting is gone, not ready, or failed."""
        ...


class _Eventless:
    """A tracker that remembers nothing."""

    def on_slice_started(self, part: Slice) -> None:
        pass

    def on_partition_skipped(self, skipped: SkippedPartition, part: Slice) -> None:
        pass

    def on_fetching(self, fetch: Fetch) -> None:
        pass

    def on_slice_listed(self, part: Slice) -> None:
        pass

    def on_loading(self, ref: MeetingRef) -> None:
        pass

    def on_kept(self, ref: MeetingRef, kept: KeepStored) -> None:
        pass

    def on_acknowledged(self, loaded: LoadedMeeting) -> None:
        pass

    def on_failed(self, ref: MeetingRef, error: BaseException) -> None:
        pass


class NullTracker(_Eventless):
    """Fetches and loads every meeting of a plan, as if nothing had ever been read before."""

    def __init__(self, plan: RunPlan) -> None:
        self._plan = plan

    def resume(self) -> Iterator[Fetch]:
        return iter(())

    def look_up(self, uuids: Sequence[str]) -> None:
        pass

    def should_fetch(self, ref: MeetingRef) -> Fetch:
        return Fetch(ref=ref)

    def missing_from_listing(self, _part: Slice) -> Iterator[Fetch]:
        return iter(())

    def decide(self, ref: MeetingRef, record: MeetingRecord) -> Load | OutOfRange:
        at = record.timestamp
        if ref.start_time is None and not any(at in part.window for part in self._plan.slices if at):
            return OutOfRange()
        return Load(record=record)


class SilentTracker(_Eventless):
    """Answers as another tracker does, and passes no event on to it: for a run that only looks."""

    def __init__(self, tracker: RunTracker) -> None:
        self.resume = tracker.resume
        self.look_up = tracker.look_up
        self.should_fetch = tracker.should_fetch
        self.missing_from_listing = tracker.missing_from_listing
        self.decide = tracker.decide
