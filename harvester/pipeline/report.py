"""What a run did: counts, causes, and the one exit code that they come to."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal

from connectors.errors import ExitCode, Gone, HarvestError, NotReady, QuotaExhausted
from connectors.models import MeetingRecord, Pending, Reason, SkippedPartition, Window
from harvester.formatting import format_instant, plural, without_prefix
from harvester.sinks.base import Ack

KEPT_FAILURES = 50
"""How many failures are kept word for word; all are counted."""

KEPT_TRACEBACKS = 3
SHOWN = 10
"""How many failures are printed."""

QUIET_ENDS = frozenset({ExitCode.OK, ExitCode.INTERRUPTED, ExitCode.TERMINATED})
"""Exit codes of ends that are nobody's failure: whoever read our output wanted no more; Ctrl-C, SIGTERM."""

VERBS = {"index": "stored", "stdout": "printed", "file": "written"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What failed (a meeting's uuid, a user, a window of the listing) and why."""

    what: str
    why: str


@dataclass(slots=True, kw_only=True)
class Report:
    """Grows while a run goes on; read by whoever shows the progress. Numbers count meetings where nothing else is said.

    Every meeting that was `listed`, or `resumed` out of the journal, ends in exactly one of `done`, `pending`, `gone`,
    `failed`; `unchanged`, when what is stored is still what the listing shows; `poorer`, when what is stored is richer;
    `outside`, when its time turned out to lie outside what was asked for; unless the run was stopped before: then
    `unsettled` are stored, but what earlier harvests left of them could not be looked for, `unanswered` were given to
    the sink, which did not acknowledge them, and the rest is `unread`. Of the `pending` ones `unready` had nothing to
    store yet, and of `kept` ones what is stored is richer, and stays. `left_out`: parts of listings that could not be had and are asked for again, by reason; `absent`: those
    that the vendor says are not there. `expired`: failed in earlier runs, and no longer kept by the vendor. `replaced`:
    documents of earlier harvests that the new ones no longer have, deleted. Seconds are this machine's.

    `began`: it came so far as to read something. `stopped`: the words of what ended it early, `stopped_with` its exit
    code, `until` when to go on. `waits`: the `pending` ones by reason, `next_due`: when the first of them may be read
    again.
    """

    vendor: str
    account: str
    destination: Literal["index", "stdout", "file"] = "index"
    started: bool = False
    listed: int = 0
    resumed: int = 0
    unchanged: int = 0
    fetched: int = 0
    done: int = 0
    pending: int = 0
    nothing_yet: int = 0
    kept_pending: int = 0
    pending_by_reason: Counter[str] = field(default_factory=Counter)
    next_due: datetime | None = None
    gone: int = 0
    failed: int = 0
    kept_richer: int = 0
    out_of_range: int = 0
    cleanup_pending: int = 0
    unacknowledged: int = 0
    expired: int = 0
    skipped: int = 0
    failed_partitions: Counter[str] = field(default_factory=Counter)
    missing_partitions: Counter[str] = field(default_factory=Counter)
    failed_listings: int = 0
    sessions: int = 0
    documents: int = 0
    superseded: int = 0
    replaced: int = 0
    rejected: int = 0
    collisions: int = 0
    requests: int = 0
    retries: int = 0
    throttled_seconds: float = 0.0
    seconds: float = 0.0
    listing_complete: bool = False
    until: datetime | None = None
    stopped: str | None = None
    stopped_with: int | None = None
    failures: list[Failure] = field(default_factory=list)
    causes: set[int] = field(default_factory=set)
    tracebacks: list[str] = field(default_factory=list)

    @property
    def ended(self) -> int:
        """Of those that were listed or resumed, how many have come to their end."""
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
        """Of those that were listed or resumed, how many the run did not come to."""
        return max(0, self.listed + self.resumed - self.ended - self.cleanup_pending - self.unacknowledged)

    @property
    def stored(self) -> int:
        """Of how many meetings this run stored the documents, rejected ones apart."""
        return self.done + self.pending - self.nothing_yet - self.kept_pending

    @property
    def exit_code(self) -> int:
        if self.stopped_with is not None and self.stopped_with in QUIET_ENDS:
            return self.stopped_with
        return ExitCode.worst(self.causes | ({ExitCode.DATAERR} if self.rejected else set()))

    @property
    def reason(self) -> str | None:
        """Why it did not end with 0, in words, those of the first failure among them; `None` where it did."""
        if self.stopped is not None or not self.failures:
            return self.stopped or self._amiss or None
        return f"{self._amiss}: {self.failures[0].why}"

    @property
    def _amiss(self) -> str:
        told = [
            f"{plural(self.failed, 'meeting')} failed" if self.failed else "",
            f"{plural(self.failed_listings, 'listing')} failed" if self.failed_listings else "",
            f"{plural(self.failed_partitions.total(), 'part')} of the listing could not be had"
            if self.failed_partitions
            else "",
            f"{plural(self.rejected, 'document')} rejected" if self.rejected else "",
        ]
        return ", ".join(filter(None, told))

    def skip(self, skipped: SkippedPartition) -> None:
        self.skipped += 1
        reason = str(skipped.reason)
        if skipped.permanent:
            self.missing_partitions[reason] += 1
        else:
            self.failed_partitions[reason] += 1
            self._fail(skipped.partition, reason, ExitCode.TEMPFAIL)

    def listing_failed(self, window: Window, error: HarvestError) -> None:
        self.failed_listings += 1
        self._fail(f"listing {window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}", str(error), error.exit_code)

    def stopped_by(self, error: HarvestError) -> None:
        """The run ended early. Whoever is nearest to the cause says so first; what others say after is the same."""
        if self.stopped is not None:
            return
        self.stopped, self.stopped_with = str(error), error.exit_code
        if isinstance(error, QuotaExhausted):
            self.until = error.until
        if error.exit_code not in QUIET_ENDS:
            self._fail("the run", str(error), error.exit_code)

    def meeting_ended(self, uuid: str, error: HarvestError) -> None:
        """A meeting without documents: gone, not there yet, or failed."""
        if isinstance(error, Gone):
            self.gone += 1
        elif isinstance(error, NotReady):
            self.nothing_yet += 1
            self._wait(error.reason, error.until)
        else:
            self.failed += 1
            self._fail(uuid, str(error), error.exit_code)

    def bug(self, uuid: str, error: BaseException) -> None:
        """An exception that nobody foresaw, met in one meeting: its traceback is for whoever mends it."""
        self.failed += 1
        self._fail(uuid, f"a bug: {type(error).__name__}", ExitCode.SOFTWARE)
        if len(self.tracebacks) < KEPT_TRACEBACKS:
            self.tracebacks.append("".join(traceback.format_exception(error)))

    def meeting_fetched(self, harvest: MeetingRecord) -> None:
        self.fetched += 1
        self.collisions += harvest.collisions
        self.sessions += len(harvest.sessions)

    def meeting_kept(self, pending: Pending | None) -> None:
        """What is stored of it is richer, and stays: for good, or until the rest may be had again."""
        if pending is None:
            self.kept_richer += 1
        else:
            self.kept_pending += 1
            self._wait(pending.reason, pending.until)

    def meeting_loaded(self, loaded: Ack, *, pending: Pending | None) -> None:
        if pending is None:
            self.done += 1
        else:
            self._wait(pending.reason, pending.until)
        self._count_documents(loaded)

    def meeting_unsettled(self, loaded: Ack) -> None:
        """Its documents are safe; that nothing else is left of it is not known."""
        self.cleanup_pending += 1
        self._count_documents(loaded)

    def _count_documents(self, loaded: Ack) -> None:
        self.documents += loaded.ok
        self.superseded += loaded.superseded
        self.replaced += loaded.replaced
        self.rejected += loaded.rejected

    def _wait(self, reason: Reason, until: datetime) -> None:
        self.pending += 1
        self.pending_by_reason[str(reason)] += 1
        self.next_due = until if self.next_due is None else min(until, self.next_due)

    def _fail(self, what: str, why: str, exit_code: int) -> None:
        self.causes.add(exit_code)
        if len(self.failures) < KEPT_FAILURES:
            self.failures.append(Failure(what=what, why=why))

    def summary(self) -> dict[str, Any]:
        """For `--summary-json`: every count, the failures, the exit code and why."""
        inner = {"began", "causes", "failures", "tracebacks", "stopped", "stopped_with"}
        counts = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in inner}
        counts["stored"], counts["unread"] = self.stored, self.unread
        counts["throttled_seconds"] = round(self.throttled_seconds, 1)
        counts["seconds"] = round(self.seconds, 1)
        counts["until"], counts["next_due"] = _spelled(self.until), _spelled(self.next_due)
        counts["failures"] = [{"what": f.what, "why": f.why} for f in self.failures]
        return {**counts, "exit_code": self.exit_code, "reason": self.reason}

    def lines(self, *, dry_run: bool = False) -> list[str]:
        """The summary for people: what went wrong first, then what was done, then what is worth a word."""
        counts = [self._surveyed()] if dry_run else self._counts()
        lines = [*self.troubles(), *counts, *self._open_ends(), *self._left_out(), *self._notes()]
        return [f"{self.vendor}: {line}" for line in lines]

    def troubles(self) -> Iterator[str]:
        """What went wrong, the cause of it all first."""
        if self.stopped_with in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}:
            goes_on = "resumes" if self.destination == "index" else "begins again"
            yield f"{self.stopped}; the same command {goes_on}"
        elif self.stopped_with != 0 and (said := self.stopped or self._amiss):
            yield without_prefix(said, self.vendor)
        if self.until is not None:
            yield f"go on at {format_instant(self.until)} UTC with the same command"
        told = [failure for failure in self.failures if failure.why != self.stopped]
        yield from (f"{failure.what}: {without_prefix(failure.why, self.vendor)}" for failure in told[:SHOWN])
        more = self.failed + self.failed_listings + self.failed_partitions.total() - SHOWN
        if len(told) > SHOWN:
            yield f"… and {more:,} more; --summary-json has the first {KEPT_FAILURES}"

    def _surveyed(self) -> str:
        return f"{plural(self.listed, 'meeting')} listed; --dry-run fetched and stored nothing"

    def _counts(self) -> Iterator[str]:
        if self.stopped is not None and not (self.listed or self.resumed):
            return  # it did not come so far
        if not (self.listed or self.resumed or self.requests):
            yield "nothing is left to do: nothing that failed or is due"
            return
        yield f"{plural(self.listed, 'meeting')} listed{self._resumed()}: {', '.join(self._outcomes())}"
        yield f"{', '.join(self._documents())}; {', '.join(self._effort())}"

    def _resumed(self) -> str:
        return f", {self.resumed:,} resumed" if self.resumed else ""

    def _outcomes(self) -> Iterator[str]:
        if self.unchanged:
            yield f"{self.unchanged:,} unchanged"
        yield f"{self.done:,} done"
        unready = f" ({self.nothing_yet:,} of them with nothing to store yet)" if self.nothing_yet else ""
        yield f"{self.pending:,} pending{unready}"
        yield from (
            f"{number:,} {word}"
            for number, word in (
                (self.gone, "gone"),
                (self.kept_richer, "poorer"),
                (self.out_of_range, "outside"),
                (self.cleanup_pending + self.unacknowledged, "not acknowledged"),
                (self.unread, "not read"),
            )
            if number
        )
        yield f"{self.failed:,} failed"

    def _documents(self) -> Iterator[str]:
        yield f"{plural(self.documents, 'document')} {VERBS[self.destination]}"
        if self.superseded:
            yield f"{self.superseded:,} already there newer or richer"
        if self.rejected:
            yield f"{self.rejected:,} rejected (see `harvester rejects list`)"

    def _effort(self) -> Iterator[str]:
        yield plural(self.requests, "request")
        if self.retries:
            yield f"{self.retries:,} repeated"
        if self.throttled_seconds >= 0.5:
            yield f"{self.throttled_seconds:.0f} s held back by the vendor"
        yield f"{self.seconds:.1f} s in all"

    def _open_ends(self) -> Iterator[str]:
        if self.stopped_with == 0:
            yield "whoever reads the output wanted no more of it: the rest was not asked for"
            return
        if self.cleanup_pending:
            yield (
                f"{plural(self.cleanup_pending, 'meeting')} loaded and not yet acknowledged, for what earlier harvests left "
                "of them could not be looked for: read again by the next run"
            )
        if self.unacknowledged:
            yield (
                f"{plural(self.unacknowledged, 'meeting')} fetched, whose loading nobody acknowledged: read again by the "
                "next run"
            )

    def _left_out(self) -> Iterator[str]:
        if self.missing_partitions:
            yield (
                f"{plural(self.missing_partitions.total(), 'part')} of the listing left out, which the vendor says is not there "
                f"(a user deleted since, say: this is normal): {_by_reason(self.missing_partitions)}"
            )
        if self.failed_partitions:
            yield (
                f"{plural(self.failed_partitions.total(), 'part')} of the listing could not be had and left out; a later run "
                f"asks again: {_by_reason(self.failed_partitions)}"
            )

    def _notes(self) -> Iterator[str]:
        verb = VERBS[self.destination]
        if self.next_due is not None:
            yield f"pending: {_by_reason(self.pending_by_reason)}; a run after {format_instant(self.next_due)} UTC reads the first again"
        if self.out_of_range:
            yield (
                f"{plural(self.out_of_range, 'meeting')}, listed without a start, held at another time than asked for: "
                f"not {verb}"
            )
        if self.kept_richer:
            yield (
                f"{plural(self.kept_richer, 'meeting')} changed, but the vendor no longer tells all: what is stored is "
                "richer, and stays"
            )
        if self.replaced:
            yield f"{plural(self.replaced, 'document')} of earlier harvests replaced and deleted"
        if self.collisions:
            yield f"{plural(self.collisions, 'stay')} with the key of another one: numbered apart"


def _by_reason(parts: Counter[str]) -> str:
    return ", ".join(f"{number:,} {reason}" for reason, number in sorted(parts.items()))


def _spelled(instant: datetime | None) -> str | None:
    return instant.isoformat().replace("+00:00", "Z") if instant is not None else None
