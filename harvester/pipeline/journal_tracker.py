"""The tracker of a run into an index: decides by the journal, and writes into it what becomes of each meeting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from connectors.errors import Gone, HarvestError, NotReady
from connectors.models import (
    ONCE_A_DAY,
    REFUSALS,
    Detail,
    MeetingRecord,
    MeetingRef,
    Pending,
    Reason,
    RefusedPartition,
    SkippedPartition,
    Window,
)
from harvester.pipeline.planner import RunPlan, Slice, is_due, meetings_to_resume, needs_listing
from harvester.pipeline.poor_readings import (
    doubted_since,
    is_confirmed,
    is_far_below,
    lacks_sessions,
    lost_values,
)
from harvester.pipeline.tracker import Fetch, KeepStored, LoadedMeeting, Unchanged
from harvester.pipeline.value_counts import summarize
from harvester.sinks.base import Load
from harvester.state.journal import Journal
from harvester.state.journal_rows import FailedPartition, JournalEntry
from harvester.state.session_digest import Doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetching:
    """What is known of a meeting that is being fetched. `intent`: the number that `Journal.flush_to` takes."""

    fetch: Fetch
    intent: int

    @property
    def stored_rank(self) -> int | None:
        return self.fetch.stored_rank


class JournalTracker:
    """Decides by the journal of an account and an index, and writes into it what becomes of each meeting."""

    def __init__(
        self,
        journal: Journal,
        plan: RunPlan,
        *,
        extras: frozenset[str],
        run: int,
        now: Callable[[], datetime],
        was_empty: bool,
        drops_personal: bool = False,
    ) -> None:
        """`extras`: those of this run; `run`: its number in the journal; `was_empty`: the index was empty when the
        journal began; `drops_personal`: the run stores nothing personal."""
        self._journal = journal
        self._plan = plan
        self._extras = extras
        self._run = run
        self._now = now
        self._was_empty = was_empty
        self._drops_personal = drops_personal
        self._started: dict[Slice, datetime] = {}
        self._looked_up: dict[str, JournalEntry | None] = {}
        self._fetching: dict[str, _Fetching] = {}
        self._failed = [] if plan.filtered else journal.failed_partitions()
        self._refused = {} if plan.filtered else journal.refused_partitions()
        self._refused_now: set[str] = set()

    # Questions

    def resume(self) -> Iterator[Fetch]:
        if self._plan.forced_since is None and not self._plan.filtered:
            for record in meetings_to_resume(self._journal, self._plan.within, self._now()):
                if not needs_listing(record):
                    yield self._again(record)

    def look_up(self, uuids: Sequence[str]) -> None:
        self._looked_up = {**dict.fromkeys(uuids), **self._journal.meetings(uuids)}

    def should_fetch(self, ref: MeetingRef) -> Fetch | Unchanged:
        try:
            record = self._looked_up.pop(ref.uuid)
        except KeyError:
            record = self._journal.meeting(ref.uuid)
        if record is None:
            return Fetch(ref=_with_extras(ref, self._extras), is_new=True)
        if not self._has_changed(record, ref):
            return _unchanged(record)
        return Fetch(
            ref=_with_extras(ref, self._extras | record.extras),
            stored_rank=record.rank,
            sessions=record.sessions,
            doubt=record.doubt,
            same_source=record.hint.get("source") == ref.hint.get("source"),
        )

    def missing_from_listing(self, part: Slice) -> Iterator[Fetch]:
        if not part.partitions and not self._plan.filtered:
            for record in meetings_to_resume(self._journal, self._plan.within, self._now()):
                if needs_listing(record) and record.start is not None and record.start in part.window:
                    yield self._again(record)

    def decide(self, ref: MeetingRef, record: MeetingRecord) -> Load | KeepStored:
        fetching = self._fetching.get(ref.uuid)
        if fetching is None:
            return Load(record=record)
        # A record without sessions replaces none that was read after the meeting's end.
        rank = record.meeting.detail - 1 if record.listed_only else record.meeting.detail
        if fetching.stored_rank is not None and fetching.stored_rank > rank:
            return KeepStored(pending=record.pending)
        is_new = fetching.fetch.is_new and self._was_empty and record.meeting.uuid == ref.uuid
        if fetching.stored_rank is None and record.expected_sessions is None:
            return Load(record=record, is_new=is_new)  # there is nothing to compare it with
        return self._unless_doubted(fetching.fetch, Load(record=record, is_new=is_new))

    def _unless_doubted(self, fetch: Fetch, load: Load) -> Load | KeepStored:
        """The load; what is stored, if the record has far fewer sessions, or a row has lost its values; or the record as
        pending, if the vendor counts far more."""
        record = load.record
        reason, lost = self._why_poor(fetch, record)
        is_short = not record.listed_only and is_far_below(len(record.sessions), record.expected_sessions)
        if lost and reason is None:
            load = replace(load, has_lost_values=True)
        if not (reason or is_short):
            return load
        found, now = summarize(record), self._now()
        if record.pending is None and is_confirmed(found, fetch.doubt, now):
            return replace(load, is_confirmed=True)
        doubt = Doubt(sessions=found, since=doubted_since(found, fetch.doubt, now))
        due = max(doubt.since + ONCE_A_DAY, now)
        pending = record.pending or Pending(until=due, reason=reason or Reason.few_sessions)
        if reason:
            return KeepStored(pending=pending, doubt=doubt)
        return replace(load, record=replace(record, pending=pending))

    def _why_poor(self, fetch: Fetch, record: MeetingRecord) -> tuple[Reason | None, bool]:
        """Why what is stored is richer, if it is; and whether any values of it are lost."""
        stored, rank = fetch.sessions, fetch.stored_rank
        if rank is None:
            return None, False
        keys = [session.key for session in record.sessions]
        expected, same_source = record.expected_sessions, fetch.same_source
        if lacks_sessions(keys, stored, rank, expected=expected, same_source=same_source):
            return Reason.few_sessions, True
        if stored is None or not same_source or rank < Detail.basic:
            return None, False  # other sources, and live meetings, have other fields
        lost = lost_values(stored, summarize(record), drops_personal=self._drops_personal)
        return (Reason.few_values if lost == "most" else None), lost is not None

    def _again(self, record: JournalEntry) -> Fetch:
        extras = record.extras | self._extras
        return Fetch(
            ref=replace(record.ref, extras=extras),
            stored_rank=record.rank,
            is_recorded=extras == record.extras,
            sessions=record.sessions,
            doubt=record.doubt,
        )

    def _has_changed(self, record: JournalEntry, ref: MeetingRef) -> bool:
        if record.outcome in {"listed", "failed"} or is_due(record, self._now()):
            return True
        since = self._plan.forced_since
        if since is not None and (record.harvested_at is None or record.harvested_at < since):
            return True
        if record.outcome != "gone" and not self._extras <= record.extras:
            return True
        return record.digest != ref.digest

    # Events

    def on_slice_started(self, part: Slice) -> None:
        self._started[part] = self._now()

    def on_partition_skipped(self, skipped: SkippedPartition, part: Slice) -> None:
        if self._plan.filtered:
            return
        if skipped.permanent:
            self._refuse(skipped)
        else:
            self._skip(
                FailedPartition(
                    partition=skipped.partition,
                    window=part.window,
                    extras=self._extras,
                    reason=str(skipped.reason),
                    tried_at=self._now(),
                )
            )

    def _refuse(self, skipped: SkippedPartition) -> None:
        if skipped.reason not in REFUSALS:
            return
        known = self._refused.get(skipped.partition)
        self._refused_now.add(skipped.partition)
        if known is None or not known.is_recent(self._now()):
            at = self._now()
            self._journal.add_refused(skipped.partition, skipped.reason, at)
            self._refused[skipped.partition] = RefusedPartition(
                partition=skipped.partition,
                reason=skipped.reason,
                refused_at=known.refused_at if known is not None else at,
                asked_at=at,
            )

    def on_fetching(self, fetch: Fetch) -> None:
        ref = fetch.ref
        intent = 0 if fetch.is_recorded else self._journal.record_intent(ref, ref.extras, self._run)
        self._fetching[ref.uuid] = _Fetching(fetch=fetch, intent=intent)

    def on_slice_listed(self, part: Slice) -> None:
        at = self._started.pop(part)
        if self._plan.filtered:
            return
        for failed in tuple(self._failed):
            was_asked = not part.partitions or failed.partition in part.partitions
            if was_asked and failed.tried_at < at and failed.window.intersection(part.window):
                self._listed_after_all(failed, part.window, at)
        if not part.partitions:
            self._clear_refused(at)
            self._journal.add_listing(part.window, self._extras, at)

    def _clear_refused(self, at: datetime) -> None:
        """Partitions that the listing which began at `at` asked for, and the vendor did not refuse."""
        for partition, refused in tuple(self._refused.items()):
            if partition not in self._refused_now and not refused.is_recent(at):
                self._journal.clear_refused(partition)
                del self._refused[partition]

    def _listed_after_all(self, failed: FailedPartition, window: Window, at: datetime) -> None:
        """A partition is listed now, within the window; a listing with fewer extras counts as an attempt only.
        In this order a kill in between leaves too much to list, never too little."""
        if not failed.extras <= self._extras:
            self._skip(replace(failed, tried_at=at))
            return
        for rest in failed.window.difference([window]):
            self._skip(replace(failed, window=rest))
        self._journal.clear_failed(failed)
        self._failed.remove(failed)

    def _skip(self, failed: FailedPartition) -> None:
        self._journal.add_failed(failed)
        key = (failed.partition, failed.window, failed.extras)
        self._failed = [
            other for other in self._failed if (other.partition, other.window, other.extras) != key
        ]
        self._failed.append(failed)

    def on_loading(self, ref: MeetingRef) -> None:
        """The intent must be on disk first: a later run has to know what this one may have left behind."""
        fetching = self._fetching.get(ref.uuid)
        self._journal.flush_to(fetching.intent if fetching is not None else 0)

    def on_kept(self, ref: MeetingRef, kept: KeepStored) -> None:
        self._fetching.pop(ref.uuid, None)
        if kept.pending is None:
            self._journal.keep(ref)
        else:
            self._journal.keep(ref, due=kept.pending.until, reason=kept.pending.reason, doubt=kept.doubt)

    def on_acknowledged(self, loaded: LoadedMeeting) -> None:
        fetching = self._fetching.pop(loaded.ref.uuid, None)
        pending = loaded.pending
        doubt = None
        if loaded.is_doubted and loaded.sessions is not None:
            earlier = fetching.fetch.doubt if fetching is not None else None
            since = doubted_since(loaded.sessions, earlier, loaded.harvested_at)
            doubt = Doubt(sessions=loaded.sessions, since=since)
        self._journal.mark_stored(
            loaded.ref,
            rank=loaded.rank,
            harvested_at=loaded.harvested_at,
            due=pending.until if pending is not None else None,
            reason=pending.reason if pending is not None else None,
            sessions=loaded.sessions,
            doubt=doubt,
        )
        for uuid in loaded.replaces:
            self._journal.mark_replaced(uuid)
            self._looked_up.pop(uuid, None)

    def on_failed(self, ref: MeetingRef, error: BaseException) -> None:
        fetching = self._fetching.pop(ref.uuid, None)
        if isinstance(error, Gone):
            if fetching is None or fetching.stored_rank is None:
                self._journal.set_outcome(ref, "gone", reason=str(error.reason))
            else:
                self._journal.keep(ref)  # what is stored stays, whatever the vendor has done since
        elif isinstance(error, NotReady):
            self._journal.set_outcome(ref, "pending", due=error.until, reason=str(error.reason))
        else:
            reason = str(error) if isinstance(error, HarvestError) else f"a bug: {type(error).__name__}"
            self._journal.set_outcome(ref, "failed", reason=reason)


def _unchanged(record: JournalEntry) -> Unchanged:
    reason = record.reason or ""
    if record.outcome == "gone" and reason != Reason.replaced:
        return Unchanged(gone=reason)
    if record.outcome == "pending" and record.rank is None and record.due is not None:
        return Unchanged(waits=(reason, record.due))
    return Unchanged()


def _with_extras(ref: MeetingRef, extras: frozenset[str]) -> MeetingRef:
    return ref if extras == ref.extras else replace(ref, extras=extras)
