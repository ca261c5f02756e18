"""What one run reads: the time that it lists, the meetings of the journal that come first, and which of all those
that are listed it needs.

A run into an index keeps a journal (`JournalTracker`); one into a pipe knows nothing but its dates (`NullTracker`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from connectors.errors import Gone, HarvestError, NotReady
from connectors.models import MeetingRecord, MeetingRef, Pending, SkippedPartition, Window
from harvester.pipeline.planner import RunPlan, Slice, split_into_slices
from harvester.state.intervals import difference, intersection, union
from harvester.state.journal import Journal
from harvester.state.journal_rows import FailedPartition, JournalEntry

ASK_SKIPPED_AGAIN = timedelta(hours=20)
"""What a listing had to leave out is asked for again once a day: by the next nightly run, even one that begins early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedMeeting:
    """What has to be remembered of a harvest while the sink has it."""

    ref: MeetingRef
    rank: int
    harvested_at: datetime
    pending: Pending | None
    replaces: Sequence[str] = ()

    @classmethod
    def of(cls, ref: MeetingRef, harvest: MeetingRecord) -> LoadedMeeting:
        meeting = harvest.meeting
        return cls(
            ref=ref,
            rank=int(meeting.detail),
            harvested_at=meeting.harvested_at,
            pending=harvest.pending,
            replaces=harvest.replaces,
        )


class RunTracker(Protocol):
    """What the engine asks, and what it tells. `wants` and the listing's methods are called by the thread that lists,
    the others by the one that carries harvests into the sink."""

    @property
    def parts(self) -> Sequence[Slice]:
        """The listings to make, oldest first."""
        ...

    def first(self) -> Iterator[MeetingRef]:
        """Stored meetings to read again before anything is listed: those that failed, and those whose time has come."""
        ...

    def begins(self, part: Slice) -> None:
        """Its first request is about to be made."""
        ...

    def wants(self, ref: MeetingRef) -> MeetingRef | None:
        """The ref as it is to be fetched; `None` when what is stored is still what the listing shows."""
        ...

    def unseen(self, part: Slice) -> Iterator[MeetingRef]:
        """Meetings of this time that wait to be read, for those that its listing did not show any more."""
        ...

    def skipped(self, skipped: SkippedPartition, part: Slice) -> None: ...
    def listed(self, part: Slice) -> None:
        """Its last page was reached, every ref of it given to `wants`."""
        ...

    def holds(self, ref: MeetingRef, harvest: MeetingRecord) -> bool:
        """Whether this harvest was asked for: where the listing told no start, only now is it known."""
        ...

    def poorer(self, ref: MeetingRef, harvest: MeetingRecord) -> bool:
        """Whether what is stored of this meeting is richer than this harvest, which is then left alone."""
        ...

    def loading(self, ref: MeetingRef) -> None:
        """The sink is about to be given it."""
        ...

    def stored(self, read: LoadedMeeting) -> None:
        """The sink has acknowledged it."""
        ...

    def ended(self, ref: MeetingRef, error: BaseException) -> None:
        """It had nothing to store: gone, not ready, or failed."""
        ...


class NullTracker:
    """Every meeting of these windows, as if nothing had ever been read before."""

    def __init__(self, windows: Iterable[Window]) -> None:
        self.parts: Sequence[Slice] = [Slice(window=window) for window in windows]

    def first(self) -> Iterator[MeetingRef]:
        return iter(())

    def begins(self, _part: Slice) -> None:
        pass

    def wants(self, ref: MeetingRef) -> MeetingRef | None:
        return ref

    def unseen(self, _part: Slice) -> Iterator[MeetingRef]:
        return iter(())

    def skipped(self, _skipped: SkippedPartition, _part: Slice) -> None:
        pass

    def listed(self, _part: Slice) -> None:
        pass

    def holds(self, ref: MeetingRef, harvest: MeetingRecord) -> bool:
        at = harvest.timestamp
        return ref.start_time is not None or any(at in part.window for part in self.parts if at is not None)

    def poorer(self, _ref: MeetingRef, _harvest: MeetingRecord) -> bool:
        return False

    def loading(self, _ref: MeetingRef) -> None:
        pass

    def stored(self, _read: LoadedMeeting) -> None:
        pass

    def ended(self, _ref: MeetingRef, _error: BaseException) -> None:
        pass


class JournalTracker:
    """A reading that is written down. `asked`: the options of this run; `run`: its number in the journal; `empty`:
    whether the index was when the journal began."""

    def __init__(
        self,
        journal: Journal,
        scheme: RunPlan,
        *,
        asked: frozenset[str],
        run: int,
        now: Callable[[], datetime],
        span: timedelta,
        empty: bool,
    ) -> None:
        self._journal = journal
        self._scheme = scheme
        self._asked = asked
        self._run = run
        self._now = now
        self._empty = empty
        self._began: dict[Slice, datetime] = {}
        self._ranks: dict[str, int | None] = {}
        self._new: set[str] = set()
        self._intents: dict[str, int] = {}
        self._left = [] if scheme.filtered else journal.failed_partitions()
        unread = [] if scheme.filtered else self._unread(span)
        self.parts: Sequence[Slice] = [*unread, *self._left_out(unread, span), *scheme.slices]

    def first(self) -> Iterator[MeetingRef]:
        if (
            self._scheme.forced_since is None and not self._scheme.filtered
        ):  # else the listing brings them, with their rows
            yield from map(self._again, (open_ for open_ in self._open() if not _wants_its_row(open_)))

    def unseen(self, part: Slice) -> Iterator[MeetingRef]:
        if not part.partitions and not self._scheme.filtered:
            waiting = (open_ for open_ in self._open() if _wants_its_row(open_))
            yield from map(
                self._again,
                (open_ for open_ in waiting if open_.start is not None and open_.start in part.window),
            )

    def begins(self, part: Slice) -> None:
        self._began[part] = self._now()

    def wants(self, ref: MeetingRef) -> MeetingRef | None:
        record = self._journal.meeting(ref.uuid)
        if record is None:
            self._new.add(ref.uuid)
        elif not self._needs(record, ref):
            return None
        asked = self._asked | (record.extras if record is not None else frozenset())
        self._intents[ref.uuid] = self._journal.record_intent(ref, asked, self._run)
        self._ranks[ref.uuid] = record.rank if record is not None else None
        return ref if asked == ref.extras else replace(ref, extras=asked)

    def skipped(self, skipped: SkippedPartition, part: Slice) -> None:
        if not skipped.permanent and not self._scheme.filtered:
            self._skip(
                FailedPartition(
                    partition=skipped.partition,
                    window=part.window,
                    extras=self._asked,
                    reason=str(skipped.reason),
                    tried_at=self._now(),
                )
            )

    def listed(self, part: Slice) -> None:
        at = self._began.pop(part)
        if self._scheme.filtered:
            return
        for left in tuple(self._left):
            asked_for = not part.partitions or left.partition in part.partitions
            if asked_for and left.tried_at < at and left.window.intersection(part.window):
                self._made_up_for(left, part.window, at)
        if not part.partitions:
            self._journal.add_listing(part.window, self._asked, at)

    def _made_up_for(self, left: FailedPartition, window: Window, at: datetime) -> None:
        """What had been left out is listed now, as far as this window goes; a listing that asked for less has only been
        tried. In this order a kill in between leaves too much on the list, never too little."""
        if not left.extras <= self._asked:
            self._skip(replace(left, tried_at=at))
            return
        for rest in left.window.difference([window]):
            self._skip(replace(left, window=rest))
        self._journal.clear_failed(left)
        self._left.remove(left)

    def _skip(self, left: FailedPartition) -> None:
        self._journal.add_failed(left)
        same = (left.partition, left.window, left.extras)
        self._left = [other for other in self._left if (other.partition, other.window, other.extras) != same]
        self._left.append(left)

    def holds(self, _ref: MeetingRef, _harvest: MeetingRecord) -> bool:
        return True  # it is the account's, wherever it lies: stored now, it need not be remembered for later

    def poorer(self, ref: MeetingRef, harvest: MeetingRecord) -> bool:
        rank = self._ranks.get(ref.uuid)
        if rank is None or rank <= harvest.meeting.detail:
            return False
        self._forget(ref.uuid)
        pending = harvest.pending
        if pending is None:
            self._journal.keep(ref)
        else:
            self._journal.keep(ref, due=pending.until, reason=pending.reason)
        return True

    def loading(self, ref: MeetingRef) -> None:
        """What was intended must be on the disk first: a later run has to know what this one may have left behind."""
        self._journal.flush_to(self._intents.get(ref.uuid, 0))

    def stored(self, read: LoadedMeeting) -> None:
        self._forget(read.ref.uuid)
        pending = read.pending
        self._journal.mark_stored(
            read.ref,
            rank=read.rank,
            harvested_at=read.harvested_at,
            due=pending.until if pending is not None else None,
            reason=pending.reason if pending is not None else None,
        )
        for uuid in read.replaces:
            self._journal.mark_replaced(uuid)

    def ended(self, ref: MeetingRef, error: BaseException) -> None:
        rank = self._ranks.get(ref.uuid)
        self._forget(ref.uuid)
        if isinstance(error, Gone):
            if rank is None:
                self._journal.set_outcome(ref, "gone", reason=str(error.reason))
            else:
                self._journal.keep(ref)  # what is stored stays, whatever the vendor has done since
        elif isinstance(error, NotReady):
            self._journal.set_outcome(ref, "pending", due=error.until, reason=str(error.reason))
        else:
            said = str(error) if isinstance(error, HarvestError) else f"a bug: {type(error).__name__}"
            self._journal.set_outcome(ref, "failed", reason=said)

    def is_new(self, uuid: str) -> bool:
        """Whether nothing of it can be in the index yet: the index was empty when the journal began, and this run was
        the first to record it."""
        return self._empty and uuid in self._new

    def _forget(self, uuid: str) -> None:
        self._ranks.pop(uuid, None)
        self._intents.pop(uuid, None)
        self._new.discard(uuid)

    def _open(self) -> Iterator[JournalEntry]:
        """Of the meetings that this run is about, those that failed, that were never come to, or whose time has come."""
        within = self._scheme.within
        for record in self._journal.open_meetings():
            if within is not None and record.start is not None and record.start not in within:
                continue
            if record.outcome != "pending" or self._is_due(record):
                yield record

    def _is_due(self, record: JournalEntry) -> bool:
        return record.outcome == "pending" and (record.due is None or record.due <= self._now())

    def _again(self, record: JournalEntry) -> MeetingRef:
        asked = record.extras | self._asked
        if asked != record.extras:
            self._intents[record.uuid] = self._journal.record_intent(record.ref, asked, self._run)
        self._ranks[record.uuid] = record.rank
        return replace(record.ref, extras=asked)

    def _unread(self, span: timedelta) -> list[Slice]:
        """The days of meetings that were listed and never stored, as far as they are not listed anyway: a listing of a
        day costs less than asking for the heads of a few meetings, and may tell more."""
        days = union(
            _day(open_.start) for open_ in self._open() if _wants_its_row(open_) and open_.start is not None
        )
        within = self._scheme.within
        wanted = intersection(days, within) if within is not None else days
        anyway = union(part.window for part in self._scheme.slices)
        return split_into_slices(difference(wanted, anyway), span)

    def _needs(self, record: JournalEntry, ref: MeetingRef) -> bool:
        if record.outcome in {"listed", "failed"} or self._is_due(record):
            return True
        since = self._scheme.forced_since
        if since is not None and (record.harvested_at is None or record.harvested_at < since):
            return True
        if record.outcome != "gone" and not self._asked <= record.extras:
            return True
        return record.digest != ref.digest

    def _left_out(self, unread: Iterable[Slice], span: timedelta) -> list[Slice]:
        """What earlier listings had to leave out, as far as it is not listed anyway."""
        before, within = self._now() - ASK_SKIPPED_AGAIN, self._scheme.within
        anyway = union(part.window for part in (*unread, *self._scheme.slices))
        gaps = [
            (left.partition, gap)
            for left in self._left
            if left.tried_at <= before
            for ours in (intersection([left.window], within) if within is not None else [left.window])
            for gap in ours.difference(anyway)
        ]
        return [
            Slice(
                window=part,
                partitions=frozenset(subject for subject, gap in gaps if gap.intersection(part)),
            )
            for window in union(gap for _, gap in gaps)
            for part in window.split(span)
        ]


def _wants_its_row(record: JournalEntry) -> bool:
    """Whether the vendor's listing has to show it again: nothing of it is stored, and its details alone may not do."""
    return record.rank is None and record.start is not None


def _day(instant: datetime) -> Window:
    midnight = instant.replace(hour=0, minute=0, second=0, microsecond=0)
    return Window(start=midnight, end=midnight + timedelta(days=1))
