"""What one run reads: the time that it lists, the meetings of the journal that come first, and which of all those
that are listed it needs.

A run into an index keeps a journal (`Journaled`); one into a pipe knows nothing but its dates (`Once`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from connectors.errors import Gone, HarvestError, NotReady
from connectors.model import Harvest, MeetingRef, Pending, Skipped, Window
from harvester.state.coverage import known, missing, union
from harvester.state.journal import Journal, Record, Unlisted

ASK_SKIPPED_AGAIN = timedelta(hours=20)
"""What a listing had to leave out is asked for again once a day: by the next nightly run, even one that begins early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One listing. `subjects`: only what an earlier one had to leave out, by the names in its `Skipped`."""

    window: Window
    subjects: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What has to be remembered of a harvest while the sink has it."""

    ref: MeetingRef
    rank: int
    harvested_at: datetime
    pending: Pending | None

    @classmethod
    def of(cls, ref: MeetingRef, harvest: Harvest) -> Read:
        meeting = harvest.meeting
        return cls(
            ref=ref, rank=int(meeting.detail), harvested_at=meeting.harvested_at, pending=harvest.pending
        )


class Reading(Protocol):
    """What the engine asks, and what it tells. `wants` and the listing's methods are called by the thread that lists,
    the others by the one that carries harvests into the sink."""

    @property
    def parts(self) -> Sequence[Part]:
        """The listings to make, oldest first."""
        ...

    def first(self) -> Iterator[MeetingRef]:
        """Meetings to read before anything is listed: those that failed, and those whose time has come."""
        ...

    def begins(self, part: Part) -> None:
        """Its first request is about to be made."""
        ...

    def wants(self, ref: MeetingRef) -> MeetingRef | None:
        """The ref as it is to be fetched; `None` when what is stored is still what the listing shows."""
        ...

    def skipped(self, skipped: Skipped, part: Part) -> None: ...
    def listed(self, part: Part) -> None:
        """Its last page was reached, every ref of it given to `wants`."""
        ...

    def holds(self, ref: MeetingRef, harvest: Harvest) -> bool:
        """Whether this harvest was asked for: where the listing told no start, only now is it known."""
        ...

    def poorer(self, ref: MeetingRef, harvest: Harvest) -> bool:
        """Whether what is stored of this meeting is richer than this harvest, which is then left alone."""
        ...

    def stored(self, read: Read) -> None:
        """The sink has acknowledged it."""
        ...

    def ended(self, ref: MeetingRef, error: BaseException) -> None:
        """It had nothing to store: gone, not ready, or failed."""
        ...


class Once:
    """Every meeting of these windows, as if nothing had ever been read before."""

    def __init__(self, windows: Iterable[Window]) -> None:
        self.parts: Sequence[Part] = [Part(window=window) for window in windows]

    def first(self) -> Iterator[MeetingRef]:
        return iter(())

    def begins(self, _part: Part) -> None:
        pass

    def wants(self, ref: MeetingRef) -> MeetingRef | None:
        return ref

    def skipped(self, _skipped: Skipped, _part: Part) -> None:
        pass

    def listed(self, _part: Part) -> None:
        pass

    def holds(self, ref: MeetingRef, harvest: Harvest) -> bool:
        at = harvest.timestamp
        return ref.start_time is not None or any(at in part.window for part in self.parts if at is not None)

    def poorer(self, _ref: MeetingRef, _harvest: Harvest) -> bool:
        return False

    def stored(self, _read: Read) -> None:
        pass

    def ended(self, _ref: MeetingRef, _error: BaseException) -> None:
        pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """How a run reads. `within`: only meetings that started there come out of the journal, `None` for all of them.
    `forced_since`: everything that was harvested before is read again."""

    parts: Sequence[Part]
    within: Window | None = None
    forced_since: datetime | None = None


def nightly(
    journal: Journal, wanted: Window, asked: frozenset[str], lookback: timedelta, span: timedelta
) -> Scheme:
    """All that is not final yet, and everything that failed or is due."""
    gaps = missing(wanted, known(journal.listings(asked), margin=lookback))
    return Scheme(parts=_parts(gaps, span))


def backfill(journal: Journal, wanted: Window, asked: frozenset[str], span: timedelta) -> Scheme:
    """All that was never listed, and of the rest what failed or is due."""
    gaps = missing(wanted, known(journal.listings(asked)))
    return Scheme(parts=_parts(gaps, span), within=wanted)


def forced(journal: Journal, wanted: Window, asked: frozenset[str], span: timedelta, now: datetime) -> Scheme:
    """All of it, whatever is known; but an unfinished reading of the same goes on where it stopped."""
    since = journal.begin_reading(wanted, asked, now)
    return Scheme(parts=_parts([wanted], span), within=wanted, forced_since=since)


def _parts(windows: Iterable[Window], span: timedelta) -> list[Part]:
    return [Part(window=part) for window in windows for part in window.split(span)]


class Journaled:
    """A reading that is written down. `asked`: the options of this run; `run`: its number in the journal; `empty`:
    whether the index was when the journal began."""

    def __init__(
        self,
        journal: Journal,
        scheme: Scheme,
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
        self._began: dict[Part, datetime] = {}
        self._ranks: dict[str, int | None] = {}
        self._new: set[str] = set()
        self.parts: Sequence[Part] = [*self._left_out(span), *scheme.parts]

    def first(self) -> Iterator[MeetingRef]:
        now = self._now()
        for record in self._journal.open_meetings():
            if self._is_first(record, now):
                asked = record.asked | self._asked
                if asked != record.asked:
                    self._journal.record(record.ref, asked, self._run)
                self._ranks[record.uuid] = record.rank
                yield replace(record.ref, asked=asked)

    def begins(self, part: Part) -> None:
        self._began[part] = self._now()

    def wants(self, ref: MeetingRef) -> MeetingRef | None:
        record = self._journal.meeting(ref.uuid)
        if record is None:
            self._new.add(ref.uuid)
        elif not self._needs(record, ref):
            return None
        asked = self._asked | (record.asked if record is not None else frozenset())
        self._journal.record(ref, asked, self._run)
        self._ranks[ref.uuid] = record.rank if record is not None else None
        return replace(ref, asked=asked)

    def skipped(self, skipped: Skipped, part: Part) -> None:
        if not skipped.gone:
            self._skip(skipped.subject, part.window, str(skipped.reason), self._now())

    def listed(self, part: Part) -> None:
        at = self._began.pop(part)
        if not part.subjects:
            self._journal.listed(part.window, self._asked, at)
        for left in self._journal.unlisted():
            if left.tried_at < at and (not part.subjects or left.subject in part.subjects):
                self._journal.listed_after_all(left)
                for rest in missing(left.window, [part.window]):
                    self._skip(left.subject, rest, left.reason, left.tried_at)

    def _skip(self, subject: str, window: Window, reason: str, tried_at: datetime) -> None:
        self._journal.skip(Unlisted(subject=subject, window=window, reason=reason, tried_at=tried_at))

    def holds(self, _ref: MeetingRef, _harvest: Harvest) -> bool:
        return True  # it is the account's, wherever it lies: stored now, it need not be remembered for later

    def poorer(self, ref: MeetingRef, harvest: Harvest) -> bool:
        rank = self._ranks.get(ref.uuid)
        if rank is None or rank <= harvest.meeting.detail:
            return False
        self._forget(ref.uuid)
        self._journal.kept(ref)
        return True

    def stored(self, read: Read) -> None:
        self._forget(read.ref.uuid)
        pending = read.pending
        self._journal.stored(
            read.ref,
            rank=read.rank,
            harvested_at=read.harvested_at,
            due=pending.until if pending is not None else None,
            reason=pending.reason if pending is not None else None,
        )

    def ended(self, ref: MeetingRef, error: BaseException) -> None:
        rank = self._ranks.get(ref.uuid)
        self._forget(ref.uuid)
        if isinstance(error, Gone):
            if rank is None:
                self._journal.ended(ref, "gone", reason=str(error.reason))
            else:
                self._journal.kept(ref)  # what is stored stays, whatever the vendor has done since
        elif isinstance(error, NotReady):
            self._journal.ended(ref, "pending", due=error.until, reason=str(error.reason))
        else:
            said = str(error) if isinstance(error, HarvestError) else f"a bug: {type(error).__name__}"
            self._journal.ended(ref, "failed", reason=said)

    def is_new(self, uuid: str) -> bool:
        """Whether nothing of it can be in the index yet: the index was empty when the journal began, and this run was
        the first to record it."""
        return self._empty and uuid in self._new

    def _forget(self, uuid: str) -> None:
        self._ranks.pop(uuid, None)
        self._new.discard(uuid)

    def _is_first(self, record: Record, now: datetime) -> bool:
        within = self._scheme.within
        if within is not None and (record.start is None or record.start not in within):
            return False
        if self._scheme.forced_since is not None:
            return False  # the listing brings it, with its row
        if record.outcome == "pending":
            return record.due is None or record.due <= now
        return record.outcome == "failed" or not self._will_be_listed(record)

    def _will_be_listed(self, record: Record) -> bool:
        start = record.start
        return start is not None and any(start in part.window for part in self._scheme.parts)

    def _needs(self, record: Record, ref: MeetingRef) -> bool:
        if record.outcome in {"listed", "failed"}:
            return True
        since = self._scheme.forced_since
        if since is not None:
            return record.harvested_at is None or record.harvested_at < since
        if record.outcome != "gone" and not self._asked <= record.asked:
            return True
        return record.digest != ref.digest

    def _left_out(self, span: timedelta) -> list[Part]:
        """What earlier listings had to leave out, as far as it is not listed anyway."""
        before = self._now() - ASK_SKIPPED_AGAIN
        within = self._scheme.within
        old = [
            left
            for left in self._journal.unlisted()
            if left.tried_at <= before
            and (within is None or (within.start <= left.window.start and left.window.end <= within.end))
            and missing(left.window, [part.window for part in self._scheme.parts])
        ]
        return [
            Part(
                window=part,
                subjects=frozenset(
                    left.subject
                    for left in old
                    if left.window.start < part.end and part.start < left.window.end
                ),
            )
            for window in union(left.window for left in old)
            for part in window.split(span)
        ]
