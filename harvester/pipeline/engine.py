"""One run over one account: list, fetch, load, acknowledge.

    connector.meetings ─▶ reading.wants ─▶ connector.fetch (N at a time) ─▶ sink.load ─▶ reading.stored, Report

Everything is pulled from the right. One thread lists, N fetch, and the caller's own thread carries harvests into the
sink; what is in memory is a page of references, the meetings in flight, and what the sink holds. One failing meeting
stops nothing. What does stop a run is what would fail for every further meeting alike: refused credentials, a spent
budget, a full disk, a vendor that no longer answers, a signal.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import Semaphore
from typing import Final

from connectors.base import Connector
from connectors.errors import (
    BrokenResponse,
    Gone,
    HarvestError,
    Interrupted,
    NotReady,
    Unreachable,
    VendorError,
)
from connectors.models import MeetingRecord, MeetingRef, SkippedPartition
from harvester.pipeline.context import RunContext, StopSignal
from harvester.pipeline.planner import Slice
from harvester.pipeline.report import Report
from harvester.pipeline.tracker import LoadedMeeting, RunTracker
from harvester.sinks.base import Ack, Sink

AHEAD = 300
"""References that may wait for a free worker: a page, so that the next one is asked for while this one is fetched."""

UNANSWERED = 12
"""So many meetings in a row without any answer, each after all its retries, and the vendor counts as unreachable."""

GRACE_SECONDS = 10.0
"""After a signal, how long requests in flight may take to come in."""

_MEETING_ENDS: Final = (Gone, NotReady, VendorError, BrokenResponse, Unreachable)
"""What ends one meeting; any other error of ours ends the run."""


def harvest(
    connector: Connector,
    reading: RunTracker,
    sink: Sink,
    context: RunContext,
    *,
    stop: StopSignal,
    report: Report,
    concurrency: int | None = None,
) -> Report:
    """Harvest what the reading names (listings of at most `connector.span`, meetings that come first) into the sink.

    Counts into `report` while it runs, and returns it. Raises what stopped the run after all that was fetched by then
    has been loaded and counted. A bug met in one meeting costs that meeting, and the exit code is then 70.
    """
    began = context.stopwatch()
    run = _Run(connector, reading, context, stop, report, concurrency or connector.concurrency)
    try:
        for loaded in sink.load(run.harvests()):
            run.acknowledge(loaded)
        if run.stopped_by is not None:
            raise run.stopped_by
    except HarvestError as error:
        report.stopped_by(error)
        raise
    finally:
        run.close()
        report.unacknowledged = run.in_sink - report.cleanup_pending
        report.requests = context.request_stats.requests
        report.retries = context.request_stats.retries
        report.throttled_seconds = context.request_stats.throttled_seconds / context.speed
        report.seconds = context.stopwatch() - began
    return report


def survey(
    connector: Connector, reading: RunTracker, context: RunContext, *, stop: StopSignal, report: Report
) -> Iterator[MeetingRef]:
    """What a harvest would fetch: the listing alone."""
    return _Run(connector, reading, context, stop, report, 1).refs()


class _Run:
    """The threads of one run and what passes between them."""

    def __init__(
        self,
        connector: Connector,
        reading: RunTracker,
        context: RunContext,
        stop: StopSignal,
        report: Report,
        concurrency: int,
    ) -> None:
        self.stopped_by: HarvestError | None = None
        self._connector = connector
        self._reading = reading
        self._context = context
        self._stop = stop
        self._report = report
        self._concurrency = concurrency
        self._ended: SimpleQueue[tuple[MeetingRef, Future[MeetingRecord]] | None] = SimpleQueue()
        self._ahead = Semaphore(concurrency + AHEAD)
        self._in_flight = Semaphore(2 * concurrency)
        self._closing = False
        self._submitted = 0
        self._unanswered = 0
        self._in_sink: dict[str, LoadedMeeting] = {}
        self._lister = ThreadPoolExecutor(1, thread_name_prefix="list")
        self._workers = ThreadPoolExecutor(concurrency, thread_name_prefix="fetch")

    def acknowledge(self, loaded: Ack) -> None:
        """All documents of this meeting are safe."""
        if not loaded.complete:
            self._report.meeting_unsettled(loaded)
            return
        read = self._in_sink.pop(loaded.uuid)
        self._reading.stored(read)
        self._report.meeting_loaded(loaded, pending=read.pending)

    @property
    def in_sink(self) -> int:
        """How many meetings the sink was given and has not settled."""
        return len(self._in_sink)

    def refs(self) -> Iterator[MeetingRef]:
        """What the reading wants, each instance once: first what comes first, then the listings, oldest first. A
        listing that fails is reported; the others go on."""
        everywhere: set[str] = set()  # what any listing may show; all else belongs to one
        for ref in self._reading.first():
            everywhere.add(ref.uuid)
            self._report.resumed += 1
            yield ref
        complete = True
        for part in self._reading.parts:
            try:
                yield from self._listing(part, everywhere)
            except (VendorError, Unreachable) as error:
                complete = False
                self._report.listing_failed(part.window, error)
        self._report.listing_complete = complete

    def _listing(self, part: Slice, everywhere: set[str]) -> Iterator[MeetingRef]:
        seen = set(everywhere)
        self._reading.begins(part)
        for item in self._connector.meetings(part.window, part.partitions):
            if isinstance(item, SkippedPartition):
                self._report.skip(item)
                self._reading.skipped(item, part)
            elif item.uuid not in seen:
                seen.add(item.uuid)
                if item.start_time is None:
                    everywhere.add(item.uuid)
                self._report.listed += 1
                wanted = self._reading.wants(item)
                if wanted is None:
                    self._report.unchanged += 1
                else:
                    yield wanted
        for ref in self._reading.unseen(part):
            if ref.uuid not in seen:
                seen.add(ref.uuid)
                self._report.resumed += 1
                yield ref
        self._reading.listed(part)

    def harvests(self) -> Iterator[MeetingRecord]:
        """Harvests as they come in, until the listing has ended and every meeting of it has."""
        self._stop.add_callback(lambda: self._ended.put(None))
        listing = self._lister.submit(self._list)
        listing.add_done_callback(lambda _: self._ended.put(None))
        handled = 0
        while not (listing.done() and handled == self._submitted):
            try:
                entry = self._ended.get(timeout=GRACE_SECONDS if self._stop.is_set else None)
            except Empty:
                break  # whatever is still in the air will be asked for again
            if entry is None:
                self._look_for_a_stop(listing)
                continue
            handled += 1
            harvest = self._outcome(*entry)
            if harvest is not None:
                yield harvest
                del harvest
            self._in_flight.release()
        self._look_for_a_stop(listing)

    def close(self) -> None:
        """Let every thread come to its end; nothing waits for one that still has a request in the air."""
        self._halt()
        self._lister.shutdown(wait=False, cancel_futures=True)
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _list(self) -> None:
        for ref in self.refs():
            self._ahead.acquire()
            if self._closing:
                return
            self._submitted += 1
            self._submit(ref)

    def _submit(self, ref: MeetingRef) -> None:
        future = self._workers.submit(self._fetch, ref)
        future.add_done_callback(lambda ended: self._ended.put((ref, ended)))

    def _fetch(self, ref: MeetingRef) -> MeetingRecord:
        self._ahead.release()
        self._in_flight.acquire()
        if self._closing:
            raise Interrupted(exit_code=self._stop.exit_code)
        return self._connector.fetch(ref)

    def _outcome(self, ref: MeetingRef, ended: Future[MeetingRecord]) -> MeetingRecord | None:
        if ended.cancelled():
            return None
        error = ended.exception()
        if error is None:
            self._unanswered = 0
            return self._if_inside(ref, ended.result())
        if isinstance(error, _MEETING_ENDS):
            self._report.meeting_ended(ref.uuid, error)
            self._reading.ended(ref, error)
            self._count_unanswered(error)
        elif isinstance(error, HarvestError):
            self._halt(error)
        else:
            self._report.bug(ref.uuid, error)
            self._reading.ended(ref, error)
        return None

    def _if_inside(self, ref: MeetingRef, harvest: MeetingRecord) -> MeetingRecord | None:
        if not self._reading.holds(ref, harvest):
            self._report.out_of_range += 1
            return None
        self._report.meeting_fetched(harvest)
        if self._reading.poorer(ref, harvest):
            self._report.meeting_kept(harvest.pending)
            return None
        self._reading.loading(ref)
        self._in_sink[harvest.meeting.uuid] = LoadedMeeting.of(ref, harvest)
        return harvest

    def _count_unanswered(self, error: HarvestError) -> None:
        self._unanswered = self._unanswered + 1 if isinstance(error, Unreachable) else 0
        if self._unanswered >= UNANSWERED:
            self._halt(error)

    def _look_for_a_stop(self, listing: Future[None]) -> None:
        if self._stop.is_set:
            self._halt(Interrupted(exit_code=self._stop.exit_code))
        if listing.done() and not listing.cancelled():
            error = listing.exception()
            if isinstance(error, HarvestError):
                self._halt(error)
            elif error is not None:
                raise error

    def _halt(self, error: HarvestError | None = None) -> None:
        """Ask the vendor for nothing more. What is in flight comes in; the first error is the one that is told."""
        if error is not None and self.stopped_by is None:
            self.stopped_by = error
        self._closing = True
        self._ahead.release(AHEAD)
        self._in_flight.release(AHEAD)
