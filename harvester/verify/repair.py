"""What puts findings right: documents deleted, meetings harvested again, and what came of it told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.errors import Gone, NotReady
from connectors.models import MeetingRecord, MeetingRef
from harvester.formatting import format_instant
from harvester.pipeline.planner import RunPlan, Slice
from harvester.pipeline.tracker import JournalTracker
from harvester.sinks.elastic.deletion import Deletion
from harvester.state.journal import Journal
from harvester.verify.findings import REPAIRS, Finding, Kind


def removals(findings: Iterable[Finding]) -> Iterator[Deletion]:
    """The documents that a repair deletes without being asked for them by name."""
    return removed(finding for finding in findings if finding.repair == "delete")


def removed(findings: Iterable[Finding]) -> Iterator[Deletion]:
    """The documents of these findings, to be deleted."""
    for finding in findings:
        if finding.index is not None:
            for name in finding.ids:
                yield Deletion(finding.index, name, finding.version)


def orphans(findings: Iterable[Finding], given_up: Collection[str]) -> list[Finding]:
    """Those of sessions that exist nowhere else: the vendor has said, now (`given_up`, by uuid) or before, that it no
    longer has their meeting."""
    return [
        finding
        for finding in findings
        if finding.kind == "orphans" and (finding.repair == "delete-orphans" or finding.uuid in given_up)
    ]


def to_harvest(findings: Iterable[Finding]) -> dict[str, Finding]:
    """The meetings that a repair reads again."""
    return {finding.uuid: finding for finding in findings if finding.repair == "harvest"}


class Mending(JournalTracker):
    """A reading of exactly the meetings of these findings, each written down before it is asked for.

    What counts as stored of them is what was found in the index, not what the journal has it: where nothing is there,
    a poorer harvest than the lost one is welcome, and a meeting that the vendor no longer has is gone. `said`: why a
    meeting was not stored; `lost`: those that failed, and those that were stored once and are gone; `given_up`: those
    that the vendor no longer has.
    """

    def __init__(
        self,
        journal: Journal,
        findings: Mapping[str, Finding],
        *,
        asked: frozenset[str],
        run: int,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(
            journal,
            RunPlan(slices=(), forced_since=now()),
            asked=asked,
            run=run,
            now=now,
            span=timedelta(days=1),
            empty=False,
        )
        self.parts: Sequence[Slice] = ()
        self.said: dict[str, str] = {}
        self.lost: set[str] = set()
        self.given_up: set[str] = set()
        self._once: set[str] = set()
        self._findings = findings

    def first(self) -> Iterator[MeetingRef]:
        for finding in self._findings.values():
            wanted = self.wants(finding.ref) if finding.ref is not None else None
            if wanted is not None:
                if self._ranks[wanted.uuid] is not None:
                    self._once.add(wanted.uuid)
                self._ranks[wanted.uuid] = finding.held
                yield wanted

    def poorer(self, ref: MeetingRef, harvest: MeetingRecord) -> bool:
        if not super().poorer(ref, harvest):
            return False
        self.said[ref.uuid] = (
            "the vendor no longer tells all of it: what is stored is richer, and stays"
            if harvest.pending is None
            else f"the rest of it may be had from {format_instant(harvest.pending.until)} UTC on: a run after that reads it"
        )
        return True

    def ended(self, ref: MeetingRef, error: BaseException) -> None:
        if isinstance(error, Gone):
            self.given_up.add(ref.uuid)
            if self._findings[ref.uuid].kind == "orphans":
                self._ranks[ref.uuid] = None  # no meeting is stored: it is gone, whatever is left of it
        super().ended(ref, error)
        self.said[ref.uuid] = str(error) or type(error).__name__
        never = isinstance(error, Gone) and ref.uuid not in self._once
        if not never and not isinstance(error, NotReady):
            self.lost.add(ref.uuid)


def after_repair(
    findings: Sequence[Finding], left: Iterable[Finding], mending: Mending, deleted: Collection[str] = ()
) -> list[Finding]:
    """The findings, each told to be repaired, or why not. `left`: what a comparison after the repair still finds of
    these meetings, which may be something else than before. `deleted`: meetings whose orphans were."""
    still: dict[tuple[str, Kind], list[Finding]] = {}
    for finding in left:
        still.setdefault((finding.uuid, finding.kind), []).append(finding)
    told = []
    for finding in findings:
        remains = (finding.uuid, finding.kind) in still
        if finding.uuid in deleted and not remains:
            told.append(replace(finding, repaired=True, why="deleted: the vendor no longer has this meeting"))
            continue
        remains = remains or finding.uuid in mending.lost
        told.append(replace(finding, repaired=not remains, why=_why(finding, mending, remains=remains)))
    known = {(finding.uuid, finding.kind) for finding in findings}
    new = (finding for key, group in still.items() if key not in known for finding in group)
    return [*told, *(replace(finding, repaired=False) for finding in new)]


def _why(finding: Finding, mending: Mending, *, remains: bool) -> str:
    said = mending.said.get(finding.uuid, "")
    if remains and orphans([finding], mending.given_up):
        return f"{said}; {REPAIRS['delete-orphans']}" if said else REPAIRS["delete-orphans"]
    return said or ("still there: run this again" if remains else "")
