"""What a run did: counts, causes, and the exit code that they add up to."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import cast

from connectors.errors import Gone, HarvestError, LeaseHeld, NotReady, QuotaExhausted, TimeIsUp
from connectors.exit_codes import ExitCode
from connectors.models import MISTAKES, MeetingRecord, Pending, Reason, SkippedPartition, Window
from harvester.formatting import plural
from harvester.pipeline.run_clock import Clock
from harvester.pipeline.run_summary import DestinationKind, FailureSummary, RunSummary
from harvester.pipeline.tracker import Unchanged
from harvester.sinks.base import Ack

MAX_FAILURES = 50
"""The most failures that are kept with their reason; all are counted."""

MAX_TRACEBACKS = 3

NEXT_NIGHT = timedelta(days=1)

NORMAL_ENDS = frozenset({ExitCode.OK, ExitCode.INTERRUPTED, ExitCode.TERMINATED})
"""Exit codes of runs that were stopped without a failure: the reader closed the pipe; Ctrl-C; SIGTERM or SIGHUP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What failed (a meeting's uuid, a partition, a window of the listing) and why."""

    what: str
    why: str


@dataclass(slots=True, kw_only=True)
class Report:
    """Filled while a run goes on, and read by whatever shows the progress. Numbers count meetings unless they say
    otherwise.

    Every meeting that was `listed` or `resumed` ends as exactly one of `done`, `pending`, `gone`, `failed`, `unchanged`,
    `kept_richer` and `out_of_range`; if the run was stopped, also as `cleanup_pending`, `unacknowledged` or `unread`.
    """

    vendor: str
    account: str
    name: str = ""
    """How messages call the account; by default, by its vendor."""
    destination: DestinationKind = "index"
    started: bool = False
    """The run came so far as to list or fetch."""
    listed: int = 0
    """Shown by a listing."""
    resumed: int = 0
    """Taken from the journal: failed, pending or unread in earlier runs."""
    unchanged: int = 0
    """Stored as the listing shows them, and not fetched."""
    fetched: int = 0
    listed_only: int = 0
    """Of the fetched ones: the vendor refuses their details for good, so only the listing row is stored."""
    done: int = 0
    """Stored for good."""
    pending: int = 0
    """To be read again later."""
    nothing_yet: int = 0
    """Of the pending ones: nothing could be stored yet."""
    kept_pending: int = 0
    """Of the pending ones: what is stored is richer, and stays until then."""
    doubted: int = 0
    """Of the pending ones: the vendor returned far fewer sessions than are stored, or than it counts, or rows without most of
    their values. What is stored stays, and only a second equal answer much later replaces it."""
    confirmed_fewer: int = 0
    """Loaded with far fewer sessions or values than before, or than the vendor counts, since a second reading was equal."""
    fewer_values: int = 0
    """Loaded with fewer values in the meeting or a session than before, but with most of them."""
    pending_by_reason: Counter[str] = field(default_factory=Counter)
    next_due: datetime | None = None
    """When the first of the pending ones may be read again."""
    gone: int = 0
    """No longer at the vendor, or not storable for good; nothing of them is stored."""
    gone_by_reason: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    kept_richer: int = 0
    """Fetched with less detail than what is stored, which stays."""
    out_of_range: int = 0
    """Listed without a start, and held outside the window."""
    cleanup_pending: int = 0
    """Stored, but stale documents could not be looked for; the next run reads them again."""
    unacknowledged: int = 0
    """Given to the sink, which did not acknowledge them."""
    expired: int = 0
    """Failed in earlier runs, and no longer retained by the vendor."""
    skipped: int = 0
    """Partitions of the listing that could not be listed."""
    failed_partitions: Counter[str] = field(default_factory=Counter)
    """Of these, by reason: partitions that a later run asks for again."""
    missing_partitions: Counter[str] = field(default_factory=Counter)
    """Of these, by reason: partitions that the vendor says do not exist."""
    missing: set[str] = field(default_factory=set)
    """Their names."""
    failed_listings: int = 0
    """Slices whose listing failed."""
    sessions: int = 0
    """Sessions fetched."""
    documents: int = 0
    """Documents stored."""
    superseded: int = 0
    """Documents that the index had in a newer or richer form."""
    replaced: int = 0
    """Stale documents deleted."""
    rejected: int = 0
    """Documents that Elasticsearch refused."""
    future_documents: int = 0
    """Documents in the index that were harvested in the future, by a clock that was ahead: counted if some documents of this
    run could not replace others."""
    lost_indices: int = 0
    """Indices that were deleted or replaced during the run."""
    collisions: int = 0
    """Sessions with the key of another one."""
    requests: int = 0
    retries: int = 0
    """Requests that were made again."""
    responses: Counter[str] = field(default_factory=Counter)
    """Requests by the class of the status, such as `2xx`; those without a whole response are `none`."""
    quota_left: int | None = None
    """How many of today's calls are left, at the end of the run; `None` if the vendor has no daily quota."""
    unfinished: Mapping[str, int] | None = None
    """How many meetings of all runs are to be read again, by outcome; `None` if the run keeps no journal."""
    newest: datetime | None = None
    """When the newest of the stored meetings began."""
    throttled_seconds: float = 0.0
    """Seconds waited because the vendor asked for it; as all seconds here, those of this machine."""
    seconds: float = 0.0
    listing_complete: bool = False
    """Every listing reached its last page."""
    only_lists: bool = False
    """Nothing is fetched: the run estimates, compares or counts."""
    seconds_to_list: float = 0.0
    """Length of the time that is to be listed."""
    seconds_listed: float = 0.0
    """Of this, what has been listed."""
    until: datetime | None = None
    """When the vendor's quota that stopped the run refills."""
    resume_after: timedelta | None = None
    """From the end of the run, by the vendor's clock: when there will be something to do before the next night."""
    resume_at: datetime | None = None
    """The same as an instant of this machine."""
    stopped: str | None = None
    """The message of the error that stopped the run."""
    stopped_with: int | None = None
    """Its exit code."""
    failures: list[Failure] = field(default_factory=list)
    causes: set[int] = field(default_factory=set)
    """The exit code of every failure."""
    tracebacks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = self.name or self.vendor

    @property
    def ended(self) -> int:
        """How many of the listed and resumed meetings have an outcome."""
        return (
            self.done
            + self.pending
            + self.gone
            + self.failed
            + self.unchanged
            + self.kept_richer
            + self.out_of_range
        )

    @property
    def unread(self) -> int:
        """How many of the listed and resumed meetings the run did not reach."""
        return max(0, self.listed + self.resumed - self.ended - self.cleanup_pending - self.unacknowledged)

    @property
    def stored(self) -> int:
        """How many meetings' documents this run stored, apart from rejected ones."""
        return self.done + self.pending - self.nothing_yet - self.kept_pending

    @property
    def exit_code(self) -> int:
        if self.stopped_with is not None and self.stopped_with in NORMAL_ENDS:
            return self.stopped_with
        return ExitCode.worst(
            self.causes | ({ExitCode.DATAERR} if self.rejected or self.future_documents else set())
        )

    @property
    def reason(self) -> str | None:
        """Why the exit code is not 0, with the reason of the first failure; `None` if it is."""
        if self.stopped is not None or not self.failures:
            return self.stopped or self.problems or None
        return f"{self.problems}: {self.failures[0].why}"

    @property
    def problems(self) -> str:
        """What failed, in numbers; empty if nothing did."""
        problems = [
            f"{plural(self.failed, 'meeting')} failed" if self.failed else "",
            f"{plural(self.failed_listings, 'listing')} failed" if self.failed_listings else "",
            f"{plural(self.failed_partitions.total(), 'part')} of listings could not be read"
            if self.failed_partitions
            else "",
            f"{plural(self.rejected, 'document')} rejected" if self.rejected else "",
            f"{plural(self.future_documents, 'document')} in the index harvested in the future"
            if self.future_documents
            else "",
            f"indices lost during the run: {self.lost_indices}" if self.lost_indices else "",
        ]
        return ", ".join(filter(None, problems))

    def skip(self, skipped: SkippedPartition) -> None:
        reason = str(skipped.reason)
        if skipped.permanent and skipped.partition in self.missing:
            return  # another slice has skipped it
        self.skipped += 1
        if skipped.permanent:
            self.missing.add(skipped.partition)
            self.missing_partitions[reason] += 1
        else:
            self.failed_partitions[reason] += 1
            is_mistake = skipped.reason in MISTAKES
            self._fail(skipped.partition, reason, ExitCode.CONFIG if is_mistake else ExitCode.TEMPFAIL)

    def listing_failed(self, window: Window, error: HarvestError) -> None:
        self.failed_listings += 1
        self._fail(f"listing {window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}", str(error), error.exit_code)

    def record_stop(self, error: HarvestError) -> None:
        """The run ended early. Only the first call counts: it is the nearest to the cause."""
        if self.stopped is not None:
            return
        self.stopped, self.stopped_with = str(error), error.exit_code
        if isinstance(error, QuotaExhausted):
            self.until = error.until
        elif isinstance(error, LeaseHeld):
            self.may_resume(timedelta(seconds=error.seconds))
        elif isinstance(error, TimeIsUp):
            self.may_resume(timedelta(0))
        if error.exit_code not in NORMAL_ENDS:
            self._fail("the run", str(error), error.exit_code)

    def may_resume(self, after: timedelta) -> None:
        """There will be something to do after this time. What the next nightly run finds anyway does not count."""
        if after < NEXT_NIGHT and (self.resume_after is None or after < self.resume_after):
            self.resume_after = max(after, timedelta(0))

    def set_resume_at(self, clock: Clock) -> None:
        """Called at the end of the run. `clock`: the vendor's may run faster than this machine's."""
        if self.resume_after is not None:
            self.resume_at = clock.machine.now() + self.resume_after / clock.speed

    def crashed(self, error: BaseException) -> None:
        """The run met an unexpected exception."""
        self.causes.add(ExitCode.SOFTWARE)
        self.stopped = self.stopped or f"a bug: {type(error).__name__}; its traceback is on stderr"

    def indices_lost(self, names: Sequence[str], meetings: int) -> None:
        """Indices were deleted or replaced during the run; this number of meetings is to be read again."""
        why = f"deleted or replaced during the run; {plural(meetings, 'meeting')} to be read again: run the same command again"
        for name in names:
            self._fail(f"index {name}", why, ExitCode.TEMPFAIL)
        self.lost_indices += len(names)

    def meeting_ended(self, uuid: str, error: HarvestError) -> None:
        """A meeting has nothing to store: it is gone, not ready, or failed."""
        if isinstance(error, Gone):
            self._count_gone(str(error.reason))
        elif isinstance(error, NotReady):
            self.nothing_yet += 1
            self._wait(str(error.reason), error.until)
        else:
            self.failed += 1
            self._fail(uuid, str(error), error.exit_code)

    def meeting_unchanged(self, meeting: Unchanged) -> None:
        """A listing shows nothing new of a meeting. One of which nothing is stored counts as it did when it was read."""
        if meeting.gone is not None:
            self._count_gone(meeting.gone)
        elif meeting.waits is not None:
            self.nothing_yet += 1
            self._wait(*meeting.waits)
        else:
            self.unchanged += 1

    def _count_gone(self, reason: str) -> None:
        self.gone += 1
        self.gone_by_reason[reason] += 1

    def bug(self, uuid: str, error: BaseException) -> None:
        """A meeting met an unexpected exception, whose traceback is kept."""
        self.failed += 1
        self._fail(uuid, f"a bug: {type(error).__name__}", ExitCode.SOFTWARE)
        if len(self.tracebacks) < MAX_TRACEBACKS:
            self.tracebacks.append("".join(traceback.format_exception(error)))

    def meeting_fetched(self, record: MeetingRecord) -> None:
        self.fetched += 1
        self.listed_only += record.listed_only
        self.collisions += record.collisions
        self.sessions += len(record.sessions)

    def meeting_kept(self, pending: Pending | None, *, is_doubted: bool = False) -> None:
        """What is stored of it is richer and stays: for good, or until it is read again.

        `is_doubted`: the vendor returned far fewer sessions.
        """
        self.doubted += is_doubted
        if pending is None:
            self.kept_richer += 1
        else:
            self.kept_pending += 1
            self._wait(str(pending.reason), pending.until)

    def meeting_loaded(self, ack: Ack, *, pending: Pending | None, timestamp: datetime | None = None) -> None:
        """`timestamp`: when the meeting began, if it has begun."""
        if timestamp is not None:
            self.newest = timestamp if self.newest is None else max(self.newest, timestamp)
        if pending is None:
            self.done += 1
        else:
            self.doubted += pending.reason is Reason.few_sessions
            self._wait(str(pending.reason), pending.until)
        self._count_documents(ack)

    def meeting_cleanup_pending(self, ack: Ack) -> None:
        """Its documents are stored; whether stale ones are left is not known."""
        self.cleanup_pending += 1
        self._count_documents(ack)

    def _count_documents(self, ack: Ack) -> None:
        self.documents += ack.ok
        self.superseded += ack.superseded
        self.replaced += ack.replaced
        self.rejected += ack.rejected

    def _wait(self, reason: str, until: datetime) -> None:
        self.pending += 1
        self.pending_by_reason[reason] += 1
        self.next_due = until if self.next_due is None else min(until, self.next_due)

    def _fail(self, what: str, why: str, exit_code: int) -> None:
        self.causes.add(exit_code)
        if len(self.failures) < MAX_FAILURES:
            self.failures.append(Failure(what=what, why=why))

    def summary(self) -> RunSummary:
        internal = {
            "name",
            "started",
            "missing",
            "unfinished",
            "resume_after",
            "newest",
            "only_lists",
            "seconds_to_list",
            "seconds_listed",
            "causes",
            "failures",
            "tracebacks",
            "stopped",
            "stopped_with",
        }
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in internal}
        values |= {
            "unread": self.unread,
            "stored": self.stored,
            "throttled_seconds": round(self.throttled_seconds, 1),
            "seconds": round(self.seconds, 1),
            "until": format_utc(self.until),
            "next_due": format_utc(self.next_due),
            "resume_at": format_utc(self.resume_at),
            "failures": [FailureSummary(what=f.what, why=f.why) for f in self.failures],
            "exit_code": self.exit_code,
            "reason": self.reason,
        }
        return cast(RunSummary, values)


def format_utc(instant: datetime | None) -> str | None:
    """As summaries have it."""
    return instant.isoformat().replace("+00:00", "Z") if instant is not None else None
