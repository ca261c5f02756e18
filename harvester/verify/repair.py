"""Repairs findings: which documents to delete, which meetings to harvest again, and what is left afterwards."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from connectors.errors import Gone, NotReady
from connectors.models import MeetingRef, Reason
from harvester.formatting import format_instant
from harvester.pipeline.journal_tracker import JournalTracker
from harvester.pipeline.planner import RunPlan
from harvester.pipeline.tracker import Fetch, KeepStored, Unchanged
from harvester.sinks.elastic.deletion import Deletion
from harvester.state.journal import Journal
from harvester.verify.findings import EXPLAINED, KEPT_ORPHANS, Finding, Kind, wrong


def removals(findings: Iterable[Finding]) -> Iterator[Deletion]:
    """The documents that a repair deletes without `--delete-orphans`."""
    return removed(finding for finding in findings if finding.repair == "delete")


def removed(findings: Iterable[Finding]) -> Iterator[Deletion]:
    """The documents of these findings, for deletion."""
    for finding in findings:
        if finding.index is not None:
            for name in finding.ids:
                yield Deletion(finding.index, name, finding.version)


def orphans(findings: Iterable[Finding], gone: Collection[str]) -> list[Finding]:
    """The findings about sessions that exist nowhere else: the vendor answered, now (`gone`, by uuid) or in an earlier
    run, that it no longer has their meeting."""
    return [
        finding
        for finding in findings
        if finding.kind == "orphans" and (finding.repair == "delete-orphans" or finding.uuid in gone)
    ]


def to_harvest(findings: Iterable[Finding], blocked: Collection[str] = ()) -> dict[str, Finding]:
    """The meetings that a repair harvests again, by uuid, without those that are `blocked`."""
    return {
        finding.uuid: finding
        for finding in findings
        if finding.repair == "harvest" and finding.uuid not in blocked
    }


class RepairTracker:
    """Fetches exactly the meetings of these findings, each recorded in the journal before its first request.

    What counts as stored is what was found in the index, whatever the journal says: if nothing is there, a record poorer
    than the lost one is welcome, and a meeting that the vendor no longer has is gone.
    """

    def __init__(
        self,
        journal: Journal,
        findings: Mapping[str, Finding],
        *,
        run: int,
        now: Callable[[], datetime],
        drops_personal: bool = False,
    ) -> None:
        """`run`: its number in the journal; `drops_personal`: the run stores nothing personal."""
        tracker = JournalTracker(
            journal,
            RunPlan(forced_since=now()),
            extras=frozenset(),
            run=run,
            now=now,
            was_empty=False,
            drops_personal=drops_personal,
        )
        self.reasons: dict[str, str] = {}
        """Why a meeting was not stored, by uuid."""
        self.lost: set[str] = set()
        """Meetings that failed, and meetings that were stored once and are gone."""
        self.gone: set[str] = set()
        """Meetings that the vendor no longer has."""
        self.waiting: set[str] = set()
        """Meetings that have nothing to store yet."""
        self._findings = findings
        self._stored_once: set[str] = set()
        self._tracker = tracker
        self.look_up = tracker.look_up
        self.should_fetch = tracker.should_fetch
        self.missing_from_listing = tracker.missing_from_listing
        self.decide = tracker.decide
        self.on_slice_started = tracker.on_slice_started
        self.on_partition_skipped = tracker.on_partition_skipped
        self.on_fetching = tracker.on_fetching
        self.on_slice_listed = tracker.on_slice_listed
        self.on_loading = tracker.on_loading
        self.on_acknowledged = tracker.on_acknowledged

    @property
    def has_findings(self) -> bool:
        """Whether there is anything to fetch."""
        return bool(self._findings)

    def resume(self) -> Iterator[Fetch]:
        for finding in self._findings.values():
            fetch = self.should_fetch(finding.ref) if finding.ref is not None else Unchanged()
            if isinstance(fetch, Fetch):
                if fetch.stored_rank is not None:
                    self._stored_once.add(finding.uuid)
                yield replace(fetch, stored_rank=finding.held)

    def on_kept(self, ref: MeetingRef, kept: KeepStored) -> None:
        self._tracker.on_kept(ref, kept)
        self.reasons[ref.uuid] = _why_kept(kept)

    def on_failed(self, ref: MeetingRef, error: BaseException) -> None:
        if isinstance(error, Gone):
            self.gone.add(ref.uuid)
            if self._findings[ref.uuid].kind == "orphans":
                # No meeting document is stored: the meeting is gone, whatever sessions are left of it.
                self._tracker.on_fetching(Fetch(ref=ref, is_recorded=True))
        self._tracker.on_failed(ref, error)
        if isinstance(error, NotReady):
            self.waiting.add(ref.uuid)
        self.reasons[ref.uuid] = str(error) or type(error).__name__
        was_never_stored = isinstance(error, Gone) and ref.uuid not in self._stored_once
        if not was_never_stored and not isinstance(error, NotReady):
            self.lost.add(ref.uuid)


def _why_kept(kept: KeepStored) -> str:
    if kept.pending is None:
        return "the vendor now returns less detail; kept the stored version"
    until = f"{format_instant(kept.pending.until)} UTC"
    if kept.doubt is not None:
        what = "values" if kept.pending.reason is Reason.few_values else "sessions"
        return f"the vendor returned far fewer {what}; kept the stored version; a run after {until} reads it again"
    return f"the vendor will have the rest from {until}; a run after that reads it"


def after_repair(
    findings: Sequence[Finding],
    remaining: Iterable[Finding],
    tracker: RepairTracker,
    deleted: Collection[str] = (),
) -> list[Finding]:
    """The findings, each marked as repaired or with the reason why not. A missing meeting counts as repaired
    only if it was stored: one that the vendor no longer has, or not yet, is gone or pending.

    `remaining`: what a comparison after the repair still finds of these meetings, which may be something else than before;
    `deleted`: meetings whose orphaned sessions were deleted.
    """
    still: dict[tuple[str, Kind], list[Finding]] = {}
    for finding in wrong(remaining):
        still.setdefault((finding.uuid, finding.kind), []).append(finding)
    known = {(finding.uuid, finding.kind) for finding in findings}
    new = (finding for key, group in still.items() if key not in known for finding in group)
    marked = [
        _marked(finding, tracker, remains=(finding.uuid, finding.kind) in still, deleted=deleted)
        for finding in findings
    ]
    return [*marked, *(replace(finding, repaired=False) for finding in new)]


def _marked(finding: Finding, tracker: RepairTracker, *, remains: bool, deleted: Collection[str]) -> Finding:
    if finding.kind in EXPLAINED:
        return finding
    if finding.uuid in deleted and not remains:
        return replace(finding, repaired=True, why="deleted: the vendor no longer has this meeting")
    # A document of the future is mended when it has another time, whatever the vendor answers.
    if finding.kind == "missing" and not remains and finding.uuid not in tracker.lost:
        kind: Kind | None = (
            "gone" if finding.uuid in tracker.gone else "pending" if finding.uuid in tracker.waiting else None
        )
        if kind is not None:
            return replace(finding, kind=kind, repair="none", why=tracker.reasons.get(finding.uuid, ""))
    remains = remains or (finding.kind != "future" and finding.uuid in tracker.lost)
    return replace(finding, repaired=not remains, why=_why(finding, tracker, remains=remains))


def _why(finding: Finding, tracker: RepairTracker, *, remains: bool) -> str:
    reason = tracker.reasons.get(finding.uuid, "")
    if remains and orphans([finding], tracker.gone):
        return f"{reason}; {KEPT_ORPHANS}" if reason else KEPT_ORPHANS
    return reason or ("still there; run this again" if remains else "")
