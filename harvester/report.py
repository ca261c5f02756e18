"""What a run did: counts, causes, and the one exit code that they come to."""

from __future__ import annotations

import traceback
from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from connectors.errors import BudgetSpent, Gone, HarvestError, NotReady, worst_exit
from connectors.model import Harvest, Pending, Reason, Skipped, Window
from harvester.sinks.base import Loaded

KEPT_FAILURES = 50
"""How many failures are kept word for word; all are counted."""

KEPT_TRACEBACKS = 3


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
    `outside`, when its time turned out to lie outside what was asked for; unless the run was stopped before.
    `waits`: the `pending` ones by reason, `next_due`: when the first of them may be read again.
    `left_out`: parts of listings that could not be had, by reason. `expired`: failed in earlier runs, and no longer kept by the vendor. `replaced`: documents of earlier harvests that the new ones no longer have, deleted.
    """

    vendor: str
    account: str
    listed: int = 0
    resumed: int = 0
    unchanged: int = 0
    fetched: int = 0
    done: int = 0
    pending: int = 0
    waits: Counter[str] = field(default_factory=Counter)
    next_due: datetime | None = None
    gone: int = 0
    failed: int = 0
    poorer: int = 0
    outside: int = 0
    expired: int = 0
    skipped: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
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
    failures: list[Failure] = field(default_factory=list)
    causes: set[int] = field(default_factory=set)
    tracebacks: list[str] = field(default_factory=list)

    @property
    def ended(self) -> int:
        """Of those that were listed or resumed, how many have come to their end."""
        return (
            self.done + self.pending + self.gone + self.failed + self.unchanged + self.poorer + self.outside
        )

    @property
    def exit_code(self) -> int:
        return worst_exit(self.causes | ({65} if self.rejected else set()))

    def skip(self, skipped: Skipped) -> None:
        self.skipped += 1
        reason = str(skipped.reason)
        self.left_out[reason] = self.left_out.get(reason, 0) + 1
        if not skipped.gone:
            self._fail(skipped.subject, str(skipped.reason), 75)

    def listing_failed(self, window: Window, error: HarvestError) -> None:
        self.stopped_by(error, f"listing {window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}")

    def stopped_by(self, error: HarvestError, what: str) -> None:
        if isinstance(error, BudgetSpent):
            self.until = error.until
        self._fail(what, str(error), error.exit_code)

    def meeting_ended(self, uuid: str, error: HarvestError) -> None:
        """A meeting without documents: gone, not there yet, or failed."""
        if isinstance(error, Gone):
            self.gone += 1
        elif isinstance(error, NotReady):
            self._wait(error.reason, error.until)
        else:
            self.failed += 1
            self._fail(uuid, str(error), error.exit_code)

    def bug(self, uuid: str, error: BaseException) -> None:
        """An exception that nobody foresaw, met in one meeting: its traceback is for whoever mends it."""
        self.failed += 1
        self._fail(uuid, f"a bug: {type(error).__name__}", 70)
        if len(self.tracebacks) < KEPT_TRACEBACKS:
            self.tracebacks.append("".join(traceback.format_exception(error)))

    def meeting_fetched(self, harvest: Harvest) -> None:
        self.fetched += 1
        self.collisions += harvest.collisions
        self.sessions += len(harvest.sessions)

    def meeting_kept(self, pending: Pending | None) -> None:
        """What is stored of it is richer, and stays: for good, or until the rest may be had again."""
        if pending is None:
            self.poorer += 1
        else:
            self._wait(pending.reason, pending.until)

    def meeting_loaded(self, loaded: Loaded, *, pending: Pending | None) -> None:
        if pending is None:
            self.done += 1
        else:
            self._wait(pending.reason, pending.until)
        self.documents += loaded.ok
        self.superseded += loaded.superseded
        self.replaced += loaded.replaced
        self.rejected += loaded.rejected

    def _wait(self, reason: Reason, until: datetime) -> None:
        self.pending += 1
        self.waits[str(reason)] += 1
        self.next_due = until if self.next_due is None else min(until, self.next_due)

    def _fail(self, what: str, why: str, exit_code: int) -> None:
        self.causes.add(exit_code)
        if len(self.failures) < KEPT_FAILURES:
            self.failures.append(Failure(what=what, why=why))

    def summary(self) -> dict[str, Any]:
        """For `--summary-json`: every count, the failures, the exit code."""
        counts = {
            f.name: getattr(self, f.name)
            for f in fields(self)
            if f.name not in {"causes", "failures", "tracebacks"}
        }
        counts["throttled_seconds"] = round(self.throttled_seconds, 1)
        counts["seconds"] = round(self.seconds, 1)
        counts["until"], counts["next_due"] = _spelled(self.until), _spelled(self.next_due)
        counts["failures"] = [{"what": f.what, "why": f.why} for f in self.failures]
        return {**counts, "exit_code": self.exit_code}

    def lines(self) -> list[str]:
        """The summary for people."""
        resumed = f", {self.resumed} resumed" if self.resumed else ""
        lines = [
            f"{self.vendor}: {self.listed} meetings listed{resumed}, {self.unchanged} unchanged, {self.done} done, "
            f"{self.pending} pending, {self.gone} gone, {self.failed} failed",
            f"{self.vendor}: {self.documents} documents stored, {self.superseded} already there newer or richer, "
            f"{self.rejected} rejected; {self.requests} requests, {self.retries} repeated, "
            f"{self.throttled_seconds:.0f} s held back by the vendor, {self.seconds:.1f} s in all",
        ]
        if self.next_due is not None:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.waits.most_common())
            lines.append(
                f"{self.vendor}: pending: {reasons}; a run after {self.next_due:%Y-%m-%d %H:%M} UTC reads the first again"
            )
        if self.skipped:
            reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.left_out.items()))
            lines.append(
                f"{self.vendor}: {self.skipped} parts of the listing could not be had and were left out: {reasons}"
            )
        if self.outside:
            lines.append(
                f"{self.vendor}: {self.outside} meetings, listed without a start, were held at another time than asked for"
            )
        if self.poorer:
            lines.append(
                f"{self.vendor}: {self.poorer} meetings have changed, but the vendor no longer tells all of them: what "
                "is stored is richer, and stays"
            )
        if self.replaced:
            lines.append(f"{self.vendor}: {self.replaced} documents of earlier harvests replaced and deleted")
        if self.collisions:
            lines.append(
                f"{self.vendor}: {self.collisions} stays had the key of another one and were numbered"
            )
        if self.rejected:
            lines.append(f"{self.vendor}: see `harvester rejects list` for what was rejected and why")
        lines += [f"{self.vendor}: {failure.what}: {failure.why}" for failure in self.failures[:10]]
        unsaid = self.failed + self.skipped - len(self.failures[:10])
        if len(self.failures) > 10:
            lines.append(f"{self.vendor}: … and {unsaid} more; --summary-json has the first {KEPT_FAILURES}")
        if self.until is not None:
            lines.append(f"{self.vendor}: go on at {self.until:%Y-%m-%d %H:%M} UTC with the same command")
        return lines


def _spelled(instant: datetime | None) -> str | None:
    return instant.isoformat().replace("+00:00", "Z") if instant is not None else None
