"""The engine of a run: lists, fetches, loads and acknowledges the meetings of one account, concurrently.

    connector.meetings ─▶ tracker.should_fetch ─▶ connector.fetch (N at a time) ─▶ tracker.decide ─▶ sink.load ─▶ tracker, Report

The sink pulls. One thread lists, N fetch, and the caller's own thread carries records into the
sink; in memory are a page of references, the meetings in flight, and what the sink holds. One failing meeting stops
nothing. Only what would fail for every further meeting alike stops a run: refused credentials, a spent quota, a full
disk, a vendor that no longer answers, a signal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import count
from queue import Empty, SimpleQueue
from threading import Semaphore
from typing import Final

from connectors.base import Connector
from connectors.errors import (
    Gone,
    HarvestError,
    NotReady,
    Unreachable,
    VendorError,
)
from connectors.exhausted import exhausted
from connectors.models import MeetingRecord, MeetingRef, SkippedPartition
from harvester.documents import check_depth
from harvester.pipeline.connector_context import RunContext
from harvester.pipeline.growing_batches import growing_batches
from harvester.pipeline.planner import Slice
from harvester.pipeline.report import Report
from harvester.pipeline.stop_signal import StopSignal
from harvester.pipeline.tracker import (
    Fetch,
    KeepStored,
    LoadedMeeting,
    OutOfRange,
    RunTracker,
    SilentTracker,
    Unchanged,
)
from harvester.sinks.base import Ack, Load, Sink

AHEAD = 300
"""References that may wait for a free worker: a page, so that the next one is asked for while this one is fetched."""

BATCH = 32
"""How many listed meetings are looked up and given to the workers together, at most."""

MAX_UNANSWERED = 12
"""After this many meetings in a row without an answer, each after all its retries, the vendor counts as unreachable."""

GRACE_SECONDS = 10.0
"""After a signal, how long to wait for requests in flight."""

_MEETING_ENDS: Final = (Gone, NotReady, VendorError, Unreachable)
"""Errors that end one meeting; any other HarvestError ends the run."""


def harvest(
    connector: Connector,
    slices: Sequence[Slice],
    tracker: RunTracker,
    sink: Sink,
    context: RunContext,
    *,
    stop: StopSignal,
    report: Report,
    concurrency: int | None = None,
) -> Report:
    """Harvest what the tracker wants of these slices, each at most `connector.max_window` long, into the sink.

    Counts into `report` while it runs, and returns it. After loading everything that was fetched, raises
    the error that stopped the run. A bug in one meeting costs that meeting only, and the exit code is then 70.
    """
    began = context.stopwatch()
    run = _Run(connector, slices, tracker, context, stop, report, concurrency or connector.concurrency)
    try:
        for ack in sink.load(run.loads()):
            run.acknowledge(ack)
        if run.stopped_by is not None:
            raise run.stopped_by
        if run.in_sink > report.cleanup_pending:  # exit code 0 would say that they are stored
            raise RuntimeError("the sink has not acknowledged every meeting")
    except HarvestError as error:
        report.record_stop(error)
        raise
    finally:
        run.close()
        report.unacknowledged = run.in_sink - report.cleanup_pending
        report.requests = context.request_stats.requests
        report.retries = context.request_stats.retries
        report.responses = context.request_stats.responses
        report.throttled_seconds = context.request_stats.throttled_seconds / context.speed
        report.seconds = context.stopwatch() - began
    return report


def survey(
    connector: Connector,
    slices: Sequence[Slice],
    tracker: RunTracker,
    context: RunContext,
    *,
    stop: StopSignal,
    report: Report,
) -> Iterator[MeetingRef]:
    """List what a harvest would fetch. The tracker is asked, and gets no events."""
    report.only_lists = True
    return _Run(connector, slices, SilentTracker(tracker), context, stop, report, 1).refs()


class _Run:
    """The threads of one run and what passes between them."""

    def __init__(
        self,
        connector: Connector,
        slices: Sequence[Slice],
        tracker: RunTracker,
        context: RunContext,
        stop: StopSignal,
        report: Report,
        concurrency: int,
    ) -> None:
        self.stopped_by: HarvestError | None = None
        self._connector = connector
        self._slices = slices
        self._tracker = tracker
        self._context = context
        self._stop = stop
        self._report = report
        self._ended: SimpleQueue[tuple[MeetingRef, Future[MeetingRecord]] | None] = SimpleQueue()
        self._ahead = Semaphore((concurrency + AHEAD) // BATCH)
        """Batches of references that may be given to the workers. One is added when that many fetches have begun."""
        self._begun = count(1)
        self._in_flight = Semaphore(2 * concurrency)
        self._closing = False
        self._submitted = 0
        self._unanswered = 0
        self._in_sink: dict[str, LoadedMeeting] = {}
        self._lister = ThreadPoolExecutor(1, thread_name_prefix="list")
        self._workers = ThreadPoolExecutor(concurrency, thread_name_prefix="fetch")

    def acknowledge(self, ack: Ack) -> None:
        """All documents of this meeting are safe."""
        if not ack.complete:
            self._report.meeting_cleanup_pending(ack)
            return
        loaded = self._in_sink.pop(ack.uuid)
        self._tracker.on_acknowledged(loaded)
        self._report.meeting_loaded(ack, pending=loaded.pending, timestamp=loaded.began)

    @property
    def in_sink(self) -> int:
        """How many meetings the sink has been given and has not acknowledged."""
        return len(self._in_sink)

    def refs(self) -> Iterator[MeetingRef]:
        """What the tracker wants, each instance once: first meetings of earlier runs, then the listings, oldest first. A
        listing that fails is reported; the others go on."""
        seen_in_any_slice: set[str] = (
            set()
        )  # meetings that any slice may list; all others belong to one slice
        for fetch in self._tracker.resume():
            seen_in_any_slice.add(fetch.ref.uuid)
            self._report.resumed += 1
            yield self._fetching(fetch)
        complete = True
        if not self._report.seconds_to_list:
            self._report.seconds_to_list = sum(part.seconds for part in self._slices)
        for part in self._slices:
            try:
                yield from self._listing(part, seen_in_any_slice)
                self._report.seconds_listed += part.seconds
            except (VendorError, Unreachable) as error:
                complete = False
                self._report.listing_failed(part.window, error)
        self._report.listing_complete = complete

    def _listing(self, part: Slice, seen_in_any_slice: set[str]) -> Iterator[MeetingRef]:
        seen = set(seen_in_any_slice)
        self._tracker.on_slice_started(part)
        for batch in growing_batches(self._connector.meetings(part.window, part.partitions), BATCH):
            refs = []
            for item in batch:
                if isinstance(item, SkippedPartition):
                    self._report.skip(item)
                    self._tracker.on_partition_skipped(item, part)
                elif item.uuid not in seen:
                    seen.add(item.uuid)
                    refs.append(item)
            self._report.listed += len(refs)
            seen_in_any_slice.update(ref.uuid for ref in refs if ref.start_time is None)
            yield from self._to_fetch(refs)
        for fetch in self._tracker.missing_from_listing(part):
            if fetch.ref.uuid not in seen:
                seen.add(fetch.ref.uuid)
                self._report.resumed += 1
                yield self._fetching(fetch)
        self._tracker.on_slice_listed(part)

    def _to_fetch(self, refs: Sequence[MeetingRef]) -> Iterator[MeetingRef]:
        """Those of a batch to fetch. All are decided on and recorded before the first is fetched."""
        self._tracker.look_up([ref.uuid for ref in refs])
        decisions = [self._tracker.should_fetch(ref) for ref in refs]
        fetches = [fetch for fetch in decisions if isinstance(fetch, Fetch)]
        for fetch in decisions:
            if isinstance(fetch, Unchanged):
                self._report.meeting_unchanged(fetch)
        for fetch in fetches:
            self._tracker.on_fetching(fetch)
        yield from (fetch.ref for fetch in fetches)

    def _fetching(self, fetch: Fetch) -> MeetingRef:
        self._tracker.on_fetching(fetch)
        return fetch.ref

    def loads(self) -> Iterator[Load]:
        """Records for the sink as they come in, until the listing and every meeting of it have ended."""
        self._stop.add_callback(lambda: self._ended.put(None))
        listing = self._lister.submit(copy_context().run, self._list)
        listing.add_done_callback(lambda _: self._ended.put(None))
        handled = 0
        while not (listing.done() and handled == self._submitted):
            try:
                entry = self._ended.get(timeout=GRACE_SECONDS if self._stop.is_set else None)
            except Empty:
                break  # the next run requests again whatever has not arrived by now
            if entry is None:
                self._check_for_stop(listing)
                continue
            handled += 1
            load = self._outcome(*entry)
            if load is not None:
                yield load
                del load
            self._in_flight.release()
        self._check_for_stop(listing)

    def close(self) -> None:
        """End every thread, without waiting for one that is still in a request."""
        self._halt()
        self._lister.shutdown(wait=False, cancel_futures=True)
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _list(self) -> None:
        for number, ref in enumerate(self.refs()):
            if number % BATCH == 0:
                self._ahead.acquire()
            if self._closing:
                return
            self._submitted += 1
            self._submit(ref)

    def _submit(self, ref: MeetingRef) -> None:
        future = self._workers.submit(copy_context().run, self._fetch, ref)
        future.add_done_callback(lambda ended: self._ended.put((ref, ended)))

    def _fetch(self, ref: MeetingRef) -> MeetingRecord:
        if next(self._begun) % BATCH == 0:
            self._ahead.release()
        self._in_flight.acquire()
        if self._closing:
            raise self._stop.interruption()
        record = self._connector.fetch(ref)
        if self._context.request_stats.too_deep:
            check_depth(record)
        return record

    def _outcome(self, ref: MeetingRef, ended: Future[MeetingRecord]) -> Load | None:
        if ended.cancelled():
            return None
        error = ended.exception()
        if error is None:
            self._unanswered = 0
            return self._decide(ref, ended.result())
        if isinstance(error, _MEETING_ENDS):
            self._report.meeting_ended(ref.uuid, error)
            self._tracker.on_failed(ref, error)
            self._count_unanswered(error)
        elif isinstance(error, HarvestError):
            self._halt(error)
        elif (lack := exhausted(error)) is not None:
            self._report.meeting_ended(ref.uuid, lack)
            self._tracker.on_failed(ref, lack)
        else:
            self._report.bug(ref.uuid, error)
            self._tracker.on_failed(ref, error)
        return None

    def _decide(self, ref: MeetingRef, record: MeetingRecord) -> Load | None:
        decision = self._tracker.decide(ref, record)
        if isinstance(decision, OutOfRange):
            self._report.out_of_range += 1
            return None
        self._report.meeting_fetched(record)
        if isinstance(decision, KeepStored):
            self._tracker.on_kept(ref, decision)
            self._report.meeting_kept(decision.pending, is_doubted=decision.doubt is not None)
            return None
        self._report.confirmed_fewer += decision.is_confirmed
        self._report.fewer_values += decision.has_lost_values
        self._tracker.on_loading(ref)
        self._in_sink[record.meeting.uuid] = LoadedMeeting.of(ref, decision.record)
        return decision

    def _count_unanswered(self, error: HarvestError) -> None:
        self._unanswered = self._unanswered + 1 if isinstance(error, Unreachable) else 0
        if self._unanswered >= MAX_UNANSWERED:
            self._halt(error)

    def _check_for_stop(self, listing: Future[None]) -> None:
        if self._stop.is_set:
            self._halt(self._stop.interruption())
        if listing.done() and not listing.cancelled():
            error = listing.exception()
            if isinstance(error, HarvestError):
                self._halt(error)
            elif error is not None:
                raise exhausted(error) or error

    def _halt(self, error: HarvestError | None = None) -> None:
        """Stop making requests. What is in flight comes in; the first error is the one that is raised."""
        if error is not None and self.stopped_by is None:
            self.stopped_by = error
        self._closing = True
        self._ahead.release(AHEAD)
        self._in_flight.release(AHEAD)
