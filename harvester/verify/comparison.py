"""The comparison of listing, journal and index, meeting by meeting: it asks, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import merge
from itertools import groupby, islice
from typing import Any, Protocol, TypeVar

from connectors.models import MeetingRef, Window
from harvester.sinks.elastic.config import Kind as DocumentKind
from harvester.sinks.elastic.inventory import IndexedDocument, IndexedMeeting
from harvester.state.journal_rows import JournalEntry
from harvester.verify.findings import Finding

AT_ONCE = 500
"""Meetings that the index is asked for at once."""

Element = TypeVar("Element")


class Memory(Protocol):
    """What the journal and the rejects know."""

    def meeting(self, uuid: str) -> JournalEntry | None: ...
    def stored_in(self, window: Window) -> Iterator[str]:
        """The meetings that started in the window and are stored, as the journal has it, in the order of their uuids."""
        ...

    def rejected(self, uuid: str) -> Mapping[str, str | None]:
        """The documents of this meeting among the rejects, by id, with their `stay`; `None`: a meeting, or unknown."""
        ...

    def rejected_in(self, window: Window) -> Iterable[str]:
        """The ids of the documents among the rejects whose meeting is filed under this time, or under none."""
        ...


class Index(Protocol):
    """What `harvester.sinks.elastic.inventory.Inventory` tells."""

    vendor: str
    account: str

    def uuids(self, window: Window) -> Iterator[str]: ...
    def read(self, uuids: Sequence[str]) -> Iterator[IndexedMeeting]: ...
    def right_index(self, kind: DocumentKind, at: datetime | None, indices: Iterable[str]) -> str | None: ...


@dataclass(slots=True, kw_only=True)
class Tally:
    """Grows while a comparison goes on: meetings `listed` by the vendor, `compared` in all; and the ids of the documents
    that are among the rejects instead of in the index."""

    listed: int = 0
    compared: int = 0
    rejected: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Comparison:
    """The meetings of one account, each compared once, whatever number of windows it is met in."""

    memory: Memory
    index: Index
    tally: Tally = field(default_factory=Tally)
    _found: set[str] = field(default_factory=set)

    def of(self, listing: Iterable[MeetingRef], window: Window) -> Iterator[Finding]:
        """What is wrong in a window of time. The listing may come in any order; in memory are its uuids."""
        self.tally.rejected.update(self.memory.rejected_in(window))
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
        for stored in self.index.read(wanted):
            findings = list(self._judged(stored, refs[stored.uuid]))
            if findings:
                self._found.add(stored.uuid)
            yield from findings

    def _judged(self, stored: IndexedMeeting, listed: MeetingRef | None) -> Iterator[Finding]:
        record = self.memory.meeting(stored.uuid)
        ref = listed or (record.ref if record is not None else None)
        if stored.meetings:
            found = judged(stored, self.index, self._rejected)
        else:
            found = self._without_meeting(stored, listed, record)
        ref = ref or MeetingRef(uuid=stored.uuid, start_time=_at(stored), digest="")
        for finding in found:
            yield replace(finding, ref=ref, record=record)

    def _without_meeting(
        self, stored: IndexedMeeting, listed: MeetingRef | None, record: JournalEntry | None
    ) -> Iterator[Finding]:
        if not stored.sessions and not is_missed(listed, record):
            return
        meeting_id = f"{self.index.vendor}:{self.index.account}:{stored.uuid}"
        if meeting_id in self.memory.rejected(stored.uuid):
            self.tally.rejected.add(meeting_id)
        elif stored.sessions:
            yield from _orphans(
                stored, given_up=listed is None and record is not None and record.outcome == "gone"
            )
        else:
            yield Finding(kind="missing", uuid=stored.uuid, repair="harvest")

    def _rejected(self, uuid: str) -> Mapping[str, str | None]:
        rejected = self.memory.rejected(uuid)
        self.tally.rejected.update(rejected)
        return rejected


def is_missed(listed: MeetingRef | None, record: JournalEntry | None) -> bool:
    """Whether a meeting of which nothing is in the index should be there: the journal has it as stored; or the vendor
    lists it, and it is neither gone nor has it still to wait for something to store."""
    if record is None:
        return listed is not None
    if record.outcome == "gone":
        return False
    return record.rank is not None or (listed is not None and record.outcome != "pending")


def _orphans(stored: IndexedMeeting, *, given_up: bool) -> Iterator[Finding]:
    """`given_up`: the vendor has said that it no longer has this meeting."""
    for index, ids in by_index(stored.sessions):
        yield Finding(
            kind="orphans",
            uuid=stored.uuid,
            repair="delete-orphans" if given_up else "harvest",
            index=index,
            ids=ids,
            held=max(copy.rank for copy in stored.sessions),
            version=max(copy.version for copy in stored.sessions),
        )


def judged(
    stored: IndexedMeeting, index: Index, rejected: Callable[[str], Mapping[str, str | None]]
) -> Iterator[Finding]:
    """What is wrong with a meeting that has a document. `rejected`: asked only where something looks wrong."""
    head = chosen(stored.meetings, index)
    suspects = [copy for copy in stored.sessions if copy.version != head.version]
    current = {copy.document_id: copy for copy in stored.sessions if copy.version == head.version}
    there = sum(copy.stay == "meeting" for copy in current.values())
    lacking = head.expected_sessions - there if head.expected_sessions is not None else 0
    plain = not suspects and not lacking and len(stored.meetings) == 1
    if plain and len(current) == len(stored.sessions):
        return
    apart = rejected(stored.uuid)
    common: dict[str, Any] = {"uuid": stored.uuid, "held": head.rank, "version": head.version}
    newer = [copy for copy in suspects if copy.version > head.version]
    for name, ids in by_index(newer):
        yield Finding(kind="outdated", repair="harvest", index=name, ids=ids, **common)
    if lacking < 0 and not newer:
        yield Finding(kind="surplus", repair="harvest", surplus=-lacking, **common)
    lacking -= sum(stay == "meeting" for name, stay in apart.items() if name not in current)
    if lacking > 0 and not newer:
        yield Finding(kind="incomplete", repair="harvest", lacking=lacking, **common)
    older = [copy for copy in suspects if copy.version < head.version and copy.document_id not in apart]
    yield from _surplus(stored, head, older, index, common)


def _surplus(
    stored: IndexedMeeting,
    head: IndexedDocument,
    older: Sequence[IndexedDocument],
    index: Index,
    common: Mapping[str, Any],
) -> Iterator[Finding]:
    """Leftovers, and ids that stand in several indices: those in the wrong one."""
    doubled: list[IndexedDocument] = []
    undecided: list[IndexedDocument] = []
    twice: set[str] = set()
    old = set(older)
    kinds: tuple[tuple[DocumentKind, Sequence[IndexedDocument]], ...] = (
        ("meeting", stored.meetings),
        ("session", stored.sessions),
    )
    for kind, documents in kinds:
        for name, group in groupby(documents, key=lambda copy: copy.document_id):
            copies = list(group)
            if len(copies) < 2 or old.issuperset(copies):
                continue
            twice.add(name)
            right = index.right_index(kind, head.timestamp, (copy.index for copy in copies))
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


def chosen(meetings: Sequence[IndexedDocument], index: Index) -> IndexedDocument:
    """The meeting document: the richest and newest copy, of equal ones that in the index of its `@timestamp`."""
    return max(
        meetings,
        key=lambda copy: (
            copy.version,
            index.right_index("meeting", copy.timestamp, [copy.index]) is not None,
        ),
    )


def by_index(copies: Iterable[IndexedDocument]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The ids, index by index."""
    ordered = sorted((copy.index, copy.document_id) for copy in copies)
    for index, group in groupby(ordered, key=lambda pair: pair[0]):
        yield index, tuple(name for _, name in group)


def chunks(elements: Iterable[Element], size: int) -> Iterator[list[Element]]:
    """Lists of so many, the last one shorter."""
    source = iter(elements)
    while chunk := list(islice(source, size)):
        yield chunk


def _at(stored: IndexedMeeting) -> datetime | None:
    copies = [*stored.meetings, *stored.sessions]
    return copies[0].timestamp if copies else None
