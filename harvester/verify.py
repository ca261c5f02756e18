"""Does the index hold what it should? The vendor's listing, the journal and the inventory, compared.

    missing      listed by the vendor, or stored as the journal has it, and no meeting document is there
    orphans      sessions whose meeting document is not there
    incomplete   fewer sessions than the meeting document tells of, those among the rejects apart
    outdated     the meeting document is older or poorer than sessions of it
    leftovers    documents of an earlier harvest of the meeting
    doubled      one id in several indices

Comparing asks, and changes nothing. What it takes to put things right is part of each finding: to harvest the meeting
again, or to delete documents, never one that is newer or richer than the meeting's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import merge
from itertools import groupby, islice
from typing import Any, Literal, Protocol, TypeVar

from connectors.errors import Gone, NotReady
from connectors.model import Harvest, MeetingRef, Window
from harvester.reading import Journaled, Part, Scheme
from harvester.sinks.elastic.cluster import Kind as DocumentKind
from harvester.sinks.elastic.inventory import Copy, Removal, Stored
from harvester.state.journal import Journal
from harvester.state.records import Record

AT_ONCE = 500
"""Meetings that the index is asked for at once."""

Kind = Literal["missing", "orphans", "incomplete", "outdated", "leftovers", "doubled"]
KINDS: tuple[Kind, ...] = ("missing", "orphans", "incomplete", "outdated", "leftovers", "doubled")
MEANINGS: Mapping[Kind, str] = {
    "missing": "meetings without their document",
    "orphans": "meetings with sessions alone",
    "incomplete": "meetings with fewer sessions than they had",
    "outdated": "meetings older or poorer than their sessions",
    "leftovers": "meetings with documents of earlier harvests",
    "doubled": "meetings with documents in two indices",
}

Element = TypeVar("Element")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with one meeting. `index` and `ids`: the documents it is about, where there are any;
    `lacking`: how many are not there; `repair`: what would put it right.

    `ref`: to harvest it by, the vendor's listing row in it where it was listed; `held`: the rank of what is stored of
    it, `None` for nothing; `version`: up to which documents may be deleted. After a repair `repaired`, or else `why`.
    """

    kind: Kind
    uuid: str
    repair: Literal["harvest", "delete"]
    index: str | None = None
    ids: tuple[str, ...] = ()
    lacking: int = 0
    ref: MeetingRef | None = None
    held: int | None = None
    version: int = 0
    repaired: bool | None = None
    why: str = ""

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        told: dict[str, Any] = {"kind": self.kind, "uuid": self.uuid, "repair": self.repair}
        if self.index is not None:
            told |= {"index": self.index, "ids": list(self.ids)}
        if self.lacking:
            told["lacking"] = self.lacking
        if self.repaired is not None:
            told["repaired"] = self.repaired
        if self.why:
            told["why"] = self.why
        return told

    def line(self) -> str:
        """For people."""
        count = f" {_counted(len(self.ids), 'document')}" if self.ids else ""
        count = f" {_counted(self.lacking, 'session')} short" if self.lacking else count
        where = f" in {self.index}" if self.index else ""
        first = f": {self.ids[0]}{' …' if len(self.ids) > 1 else ''}" if self.ids else ""
        then = self.why or ("repaired" if self.repaired else f"repair: {self.repair}")
        return f"{self.uuid}{count}{where}{first} ({then})"


class Memory(Protocol):
    """What the journal and the rejects know."""

    def meeting(self, uuid: str) -> Record | None: ...
    def stored_in(self, window: Window) -> Iterator[str]:
        """The meetings that started in the window and are stored, as the journal has it, in the order of their uuids."""
        ...

    def rejected(self, uuid: str) -> Mapping[str, str | None]:
        """The documents of this meeting among the rejects, by id, with their `stay`; `None`: a meeting, or unknown."""
        ...


class Index(Protocol):
    """What `harvester.sinks.elastic.inventory.Inventory` tells."""

    vendor: str
    account: str

    def uuids(self, window: Window) -> Iterator[str]: ...
    def stored(self, uuids: Sequence[str]) -> Iterator[Stored]: ...
    def right(self, kind: DocumentKind, at: datetime | None, indices: Iterable[str]) -> str | None: ...


@dataclass(slots=True, kw_only=True)
class Tally:
    """Grows while a comparison goes on: meetings `listed` by the vendor, `compared` in all; and documents among the
    `rejected` that are therefore not missed."""

    listed: int = 0
    compared: int = 0
    rejected: int = 0


@dataclass(slots=True)
class Comparison:
    """The meetings of one account, each compared once, whatever number of windows it is met in."""

    memory: Memory
    index: Index
    tally: Tally = field(default_factory=Tally)
    _found: set[str] = field(default_factory=set)

    def of(self, listing: Iterable[MeetingRef], window: Window) -> Iterator[Finding]:
        """What is wrong in a window of time. The listing may come in any order; in memory are its uuids."""
        seen: set[str] = set()
        for refs in chunks(listing, AT_ONCE):
            listed = {ref.uuid: ref for ref in refs if ref.uuid not in seen}
            seen.update(listed)
            self.tally.listed += len(listed)
            yield from self.among(listed)
        known = merge(self.index.uuids(window), self.memory.stored_in(window))
        unlisted = (uuid for uuid, _ in groupby(known) if uuid not in seen)
        for uuids in chunks(unlisted, AT_ONCE):
            yield from self.among(dict.fromkeys(uuids))

    def among(self, refs: Mapping[str, MeetingRef | None]) -> Iterator[Finding]:
        """What is wrong with these meetings, whatever their time."""
        wanted = [uuid for uuid in refs if uuid not in self._found]
        self.tally.compared += len(wanted)
        for stored in self.index.stored(wanted):
            findings = list(self._judged(stored, refs[stored.uuid]))
            if findings:
                self._found.add(stored.uuid)
            yield from findings

    def _judged(self, stored: Stored, listed: MeetingRef | None) -> Iterator[Finding]:
        record = self.memory.meeting(stored.uuid)
        ref = listed or (record.ref if record is not None else None)
        if stored.meetings:
            found = judged(stored, self.index, self._rejected)
        else:
            found = self._without_meeting(stored, listed, record)
        for finding in found:
            yield replace(finding, ref=ref or MeetingRef(uuid=stored.uuid, start_time=_at(stored), digest=""))

    def _without_meeting(
        self, stored: Stored, listed: MeetingRef | None, record: Record | None
    ) -> Iterator[Finding]:
        if not stored.sessions and not is_missed(listed, record):
            return
        meeting_id = f"{self.index.vendor}:{self.index.account}:{stored.uuid}"
        if meeting_id in self.memory.rejected(stored.uuid):
            self.tally.rejected += 1
        elif stored.sessions:
            held = max(copy.rank for copy in stored.sessions)
            for index, ids in by_index(stored.sessions):
                yield Finding(
                    kind="orphans", uuid=stored.uuid, repair="harvest", index=index, ids=ids, held=held
                )
        else:
            yield Finding(kind="missing", uuid=stored.uuid, repair="harvest")

    def _rejected(self, uuid: str) -> Mapping[str, str | None]:
        rejected = self.memory.rejected(uuid)
        self.tally.rejected += len(rejected)
        return rejected


def is_missed(listed: MeetingRef | None, record: Record | None) -> bool:
    """Whether a meeting of which nothing is in the index should be there: the journal has it as stored; or the vendor
    lists it, and it is neither gone nor has it still to wait for something to store."""
    if record is None:
        return listed is not None
    if record.outcome == "gone":
        return False
    return record.rank is not None or (listed is not None and record.outcome != "pending")


def judged(
    stored: Stored, index: Index, rejected: Callable[[str], Mapping[str, str | None]]
) -> Iterator[Finding]:
    """What is wrong with a meeting that has a document. `rejected`: asked only where something looks wrong."""
    head = chosen(stored.meetings, index)
    suspects = [copy for copy in stored.sessions if copy.version != head.version]
    current = {copy.document_id: copy for copy in stored.sessions if copy.version == head.version}
    lacking = (head.told or 0) - sum(copy.stay == "meeting" for copy in current.values())
    plain = not suspects and lacking <= 0 and len(stored.meetings) == 1
    if plain and len(current) == len(stored.sessions):
        return
    apart = rejected(stored.uuid)
    common: dict[str, Any] = {"uuid": stored.uuid, "held": head.rank, "version": head.version}
    newer = [copy for copy in suspects if copy.version > head.version]
    for name, ids in by_index(newer):
        yield Finding(kind="outdated", repair="harvest", index=name, ids=ids, **common)
    lacking -= sum(stay == "meeting" for name, stay in apart.items() if name not in current)
    if lacking > 0 and not newer:
        yield Finding(kind="incomplete", repair="harvest", lacking=lacking, **common)
    older = [copy for copy in suspects if copy.version < head.version and copy.document_id not in apart]
    yield from _surplus(stored, head, older, index, common)


def _surplus(
    stored: Stored, head: Copy, older: Sequence[Copy], index: Index, common: Mapping[str, Any]
) -> Iterator[Finding]:
    """Leftovers, and ids that stand in several indices: those in the wrong one."""
    doubled: list[Copy] = []
    undecided: list[Copy] = []
    twice: set[str] = set()
    old = set(older)
    kinds: tuple[tuple[DocumentKind, Sequence[Copy]], ...] = (
        ("meeting", stored.meetings),
        ("session", stored.sessions),
    )
    for kind, documents in kinds:
        for name, group in groupby(documents, key=lambda copy: copy.document_id):
            copies = list(group)
            if len(copies) < 2 or old.issuperset(copies):
                continue
            twice.add(name)
            right = index.right(kind, head.at, (copy.index for copy in copies))
            newest = max(copy.version for copy in copies)
            wrong = [copy for copy in copies if copy.index != right]
            keeps = any(copy.index == right and copy.version == newest for copy in copies)
            (doubled if keeps and newest <= head.version else undecided).extend(wrong)
    for index_name, ids in by_index(doubled):
        yield Finding(kind="doubled", repair="delete", index=index_name, ids=ids, **common)
    for index_name, ids in by_index(undecided):
        yield Finding(kind="doubled", repair="harvest", index=index_name, ids=ids, **common)
    left = [copy for copy in older if copy.document_id not in twice]
    for index_name, ids in by_index(copy for copy in left if copy.version):
        yield Finding(kind="leftovers", repair="delete", index=index_name, ids=ids, **common)
    # What does not tell which harvest it came with may have been all that there is: it is replaced, or stays.
    for index_name, ids in by_index(copy for copy in left if not copy.version):
        yield Finding(kind="leftovers", repair="harvest", index=index_name, ids=ids, **common)


def chosen(meetings: Sequence[Copy], index: Index) -> Copy:
    """The meeting document: the richest and newest copy, of equal ones that in the index of its `@timestamp`."""
    return max(
        meetings,
        key=lambda copy: (copy.version, index.right("meeting", copy.at, [copy.index]) is not None),
    )


def by_index(copies: Iterable[Copy]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The ids, index by index."""
    ordered = sorted((copy.index, copy.document_id) for copy in copies)
    for index, group in groupby(ordered, key=lambda pair: pair[0]):
        yield index, tuple(name for _, name in group)


def removals(findings: Iterable[Finding]) -> Iterator[Removal]:
    """The documents that a repair deletes."""
    for finding in findings:
        if finding.repair == "delete" and finding.index is not None:
            for name in finding.ids:
                yield Removal(finding.index, name, finding.version)


def to_harvest(findings: Iterable[Finding]) -> dict[str, Finding]:
    """The meetings that a repair reads again."""
    return {finding.uuid: finding for finding in findings if finding.repair == "harvest"}


class Mending(Journaled):
    """A reading of exactly the meetings of these findings, each written down before it is asked for.

    What counts as stored of them is what was found in the index, not what the journal has it: where nothing is there,
    a poorer harvest than the lost one is welcome, and a meeting that the vendor no longer has is gone. `said`: why a
    meeting was not stored; `lost`: those that failed, and those that were stored once and are gone.
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
            Scheme(parts=(), forced_since=now()),
            asked=asked,
            run=run,
            now=now,
            span=timedelta(days=1),
            empty=False,
        )
        self.parts: Sequence[Part] = ()
        self.said: dict[str, str] = {}
        self.lost: set[str] = set()
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

    def poorer(self, ref: MeetingRef, harvest: Harvest) -> bool:
        if not super().poorer(ref, harvest):
            return False
        self.said[ref.uuid] = (
            "the vendor no longer tells all of it: what is stored is richer, and stays"
            if harvest.pending is None
            else f"the rest of it may be had from {harvest.pending.until:%Y-%m-%d %H:%M} UTC on: a run after that reads it"
        )
        return True

    def ended(self, ref: MeetingRef, error: BaseException) -> None:
        super().ended(ref, error)
        self.said[ref.uuid] = str(error) or type(error).__name__
        never = isinstance(error, Gone) and ref.uuid not in self._once
        if not never and not isinstance(error, NotReady):
            self.lost.add(ref.uuid)


def after_repair(findings: Sequence[Finding], left: Iterable[Finding], mending: Mending) -> list[Finding]:
    """The findings, each told to be repaired, or why not. `left`: what a comparison after the repair still finds of
    these meetings, which may be something else than before."""
    still: dict[tuple[str, Kind], list[Finding]] = {}
    for finding in left:
        still.setdefault((finding.uuid, finding.kind), []).append(finding)
    told = []
    for finding in findings:
        remains = (finding.uuid, finding.kind) in still or finding.uuid in mending.lost
        told.append(replace(finding, repaired=not remains, why=_why(finding, mending, remains=remains)))
    known = {(finding.uuid, finding.kind) for finding in findings}
    new = (finding for key, group in still.items() if key not in known for finding in group)
    return [*told, *(replace(finding, repaired=False) for finding in new)]


def _why(finding: Finding, mending: Mending, *, remains: bool) -> str:
    said = mending.said.get(finding.uuid, "")
    if finding.kind == "orphans" and said and remains:
        return f"{said}; its sessions exist nowhere else, and stay"
    return said or ("still there: run this again" if remains else "")


def counts(findings: Iterable[Finding]) -> Counter[Kind]:
    """How many meetings there are of each kind."""
    return Counter(kind for kind, _ in {(finding.kind, finding.uuid) for finding in findings})


def chunks(elements: Iterable[Element], size: int) -> Iterator[list[Element]]:
    """Lists of so many, the last one shorter."""
    source = iter(elements)
    while chunk := list(islice(source, size)):
        yield chunk


def _at(stored: Stored) -> datetime | None:
    copies = [*stored.meetings, *stored.sessions]
    return copies[0].at if copies else None


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
