"""The comparison of listing, journal and index, meeting by meeting. It changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import merge
from itertools import groupby, islice
from typing import Any, Protocol, TypeVar

from connectors.models import Detail, MeetingRef, Reason, Window
from harvester.documents import version
from harvester.formatting import format_instant
from harvester.sinks.elastic.account_documents import IndexedDocument, IndexedMeeting
from harvester.sinks.elastic.config import Kind as DocumentKind
from harvester.state.journal_rows import JournalEntry
from harvester.state.wrong_times import TOLERANCE
from harvester.verify.findings import Finding, Kind, Repair

AT_ONCE = 500
"""How many meetings one request to the index is about."""

Element = TypeVar("Element")


class State(Protocol):
    """What the journal and the rejects know: `harvester.state.reader.KnownState`."""

    def meeting(self, uuid: str) -> JournalEntry | None: ...
    def stored_in(self, window: Window) -> Iterator[str]:
        """The uuids, in order, of the meetings that started in the window and that the journal has as stored."""
        ...

    def rejected(self, uuid: str) -> Mapping[str, str | None]:
        """The rejected documents of this meeting: their `stay` by id; `None` for a meeting document, or if unknown."""
        ...

    def rejected_in(self, window: Window) -> Iterable[str]:
        """The ids of the rejected documents whose meeting took place in the window, or at an unknown time."""
        ...


class Index(Protocol):
    """What the index holds: `harvester.sinks.elastic.account_documents.AccountDocuments`."""

    vendor: str
    account: str

    def uuids(self, window: Window) -> Iterator[str]: ...
    def read(self, uuids: Sequence[str]) -> Iterator[IndexedMeeting]: ...
    def right_index(self, kind: DocumentKind, at: datetime | None, indices: Iterable[str]) -> str | None: ...


@dataclass(slots=True, kw_only=True)
class Tally:
    """Filled while a comparison goes on."""

    listed: int = 0
    """Meetings that the vendor listed."""
    unlisted: int = 0
    """Meetings that only the index or the journal has."""
    rejected: set[str] = field(default_factory=set)
    """Ids of documents that are among the rejects instead of in the index."""

    @property
    def compared(self) -> int:
        """All meetings that were compared."""
        return self.listed + self.unlisted


@dataclass(slots=True)
class Comparison:
    """Compares the meetings of one account, each once, even if several windows show it."""

    state: State
    index: Index
    now: datetime
    tally: Tally = field(default_factory=Tally)
    _found: set[str] = field(default_factory=set)
    _elsewhere: set[str] = field(default_factory=set)
    """Meetings that are compared, and that another window may show again: those without a start in the window that listed
    them. All others are in one window only, and are not kept."""

    def of(self, listing: Iterable[MeetingRef], window: Window) -> Iterator[Finding]:
        """What is wrong in a window. The listing may come in any order; only its uuids are kept in memory."""
        self.tally.rejected.update(self.state.rejected_in(window))
        seen: set[str] = set()
        for refs in chunks(listing, AT_ONCE):
            listed = {
                ref.uuid: ref for ref in refs if ref.uuid not in seen and ref.uuid not in self._elsewhere
            }
            seen.update(listed)
            self.tally.listed += len(listed)
            yield from self.among(listed)
            self._elsewhere.update(
                ref.uuid for ref in listed.values() if ref.start_time is None or ref.start_time not in window
            )
        known = merge(self.index.uuids(window), self.state.stored_in(window))
        unlisted = (uuid for uuid, _ in groupby(known) if uuid not in seen and uuid not in self._elsewhere)
        for uuids in chunks(unlisted, AT_ONCE):
            self.tally.unlisted += len(uuids)
            yield from self.among(dict.fromkeys(uuids))

    def among(self, refs: Mapping[str, MeetingRef | None]) -> Iterator[Finding]:
        """What is wrong with these meetings, at whatever time they took place."""
        wanted = [uuid for uuid in refs if uuid not in self._found]
        for stored in self.index.read(wanted):
            findings = list(self._judge(stored, refs[stored.uuid]))
            if findings:
                self._found.add(stored.uuid)
            yield from findings

    def _judge(self, stored: IndexedMeeting, listed: MeetingRef | None) -> Iterator[Finding]:
        entry = self.state.meeting(stored.uuid)
        ref = listed or (entry.ref if entry is not None else None)
        future = [
            copy for copy in (*stored.meetings, *stored.sessions) if copy.is_newer_than(self.now + TOLERANCE)
        ]
        findings: Iterable[Finding]
        if future:  # what else is wrong shows when these are replaced
            findings = _of_the_future(stored, future)
        elif stored.meetings:
            findings = (
                judge(stored, self.index, self._rejected)
                if entry is None
                else self._with_entry(stored, entry)
            )
        else:
            findings = self._without_meeting(stored, listed, entry)
        ref = ref or MeetingRef(uuid=stored.uuid, start_time=_at(stored), digest="")
        for finding in findings:
            yield replace(finding, ref=ref, entry=entry)

    def _with_entry(self, stored: IndexedMeeting, entry: JournalEntry) -> Iterator[Finding]:
        """What is wrong by itself, or else fewer sessions than the journal has stored."""
        findings = list(judge(stored, self.index, self._rejected))
        yield from findings
        head = choose_head(stored.meetings, self.index)
        if findings or entry.sessions is None or entry.rank is None or entry.harvested_at is None:
            return
        if entry.outcome == "gone" or head.version > version(Detail(entry.rank), entry.harvested_at):
            return  # another harvest, newer or richer, knows better
        lacking = entry.sessions.count - len(stored.sessions)
        if lacking > 0:
            present = {copy.document_id for copy in stored.sessions}
            lacking -= sum(
                name not in present and name != head.document_id for name in self._rejected(stored.uuid)
            )
        if lacking > 0:
            yield Finding(
                kind="incomplete",
                uuid=stored.uuid,
                repair="harvest",
                lacking=lacking,
                held=head.rank,
                version=head.version,
            )

    def _without_meeting(
        self, stored: IndexedMeeting, listed: MeetingRef | None, entry: JournalEntry | None
    ) -> Iterator[Finding]:
        if not stored.sessions and not is_missed(listed, entry):
            if listed is not None and entry is not None and entry.reason != Reason.replaced:
                yield _explained(entry)
            return
        meeting_id = f"{self.index.vendor}:{self.index.account}:{stored.uuid}"
        if meeting_id in self.state.rejected(stored.uuid):
            self.tally.rejected.add(meeting_id)
        elif stored.sessions:
            yield from _orphans(
                stored, is_gone=listed is None and entry is not None and entry.outcome == "gone"
            )
        else:
            yield Finding(kind="missing", uuid=stored.uuid, repair="harvest")

    def _rejected(self, uuid: str) -> Mapping[str, str | None]:
        rejected = self.state.rejected(uuid)
        self.tally.rejected.update(rejected)
        return rejected


def _of_the_future(stored: IndexedMeeting, future: Sequence[IndexedDocument]) -> Iterator[Finding]:
    held = max((copy.rank for copy in stored.meetings), default=None)
    for index, ids in by_index(future):
        yield Finding(kind="future", uuid=stored.uuid, repair="harvest", index=index, ids=ids, held=held)


def _explained(entry: JournalEntry) -> Finding:
    """Why a listed meeting is not in the index, by the journal: it is gone, or pending with nothing to store yet."""
    if entry.outcome == "gone":
        return Finding(kind="gone", uuid=entry.uuid, repair="none", why=entry.reason or "")
    due = f"; a run after {format_instant(entry.due)} UTC reads it again" if entry.due is not None else ""
    return Finding(kind="pending", uuid=entry.uuid, repair="none", why=f"{entry.reason or 'not ready'}{due}")


def is_missed(listed: MeetingRef | None, entry: JournalEntry | None) -> bool:
    """Whether a meeting that is not in the index should be: the journal has it as stored, or the vendor lists it and it
    is neither gone nor pending with nothing to store yet."""
    if entry is None:
        return listed is not None
    if entry.outcome == "gone":
        return False
    return entry.rank is not None or (listed is not None and entry.outcome != "pending")


def _orphans(stored: IndexedMeeting, *, is_gone: bool) -> Iterator[Finding]:
    """`is_gone`: the vendor answered that it no longer has this meeting."""
    for index, ids in by_index(stored.sessions):
        yield Finding(
            kind="orphans",
            uuid=stored.uuid,
            repair="delete-orphans" if is_gone else "harvest",
            index=index,
            ids=ids,
            held=max(copy.rank for copy in stored.sessions),
            version=max(copy.version for copy in stored.sessions),
        )


def judge(
    meeting: IndexedMeeting, index: Index, rejected: Callable[[str], Mapping[str, str | None]]
) -> Iterator[Finding]:
    """What is wrong with a meeting that has a document. `rejected`: asked only if something looks wrong."""
    judgement = _Judgement(meeting, index, choose_head(meeting.meetings, index))
    if not judgement.looks_right:
        yield from judgement.findings(rejected(meeting.uuid))


class _Judgement:
    """One meeting, its sessions compared with `head`, its meeting document."""

    def __init__(self, meeting: IndexedMeeting, index: Index, head: IndexedDocument) -> None:
        self._meeting = meeting
        self._index = index
        self._head = head
        sessions = meeting.sessions
        self._current = {copy.document_id: copy for copy in sessions if copy.version == head.version}
        self._newer = [copy for copy in sessions if copy.version > head.version]
        self._older = [copy for copy in sessions if copy.version < head.version]
        counted = sum(copy.stay == "meeting" for copy in self._current.values())
        self._lacking = head.expected_sessions - counted if head.expected_sessions is not None else 0

    @property
    def looks_right(self) -> bool:
        """One meeting document, and exactly its sessions, each once."""
        meeting = self._meeting
        is_single = len(meeting.meetings) == 1 and len(self._current) == len(meeting.sessions)
        return is_single and not self._lacking

    def findings(self, rejects: Mapping[str, str | None]) -> Iterator[Finding]:
        """`rejects`: documents of the meeting that Elasticsearch refused; they are not missing, and what is stored of them
        is not stale."""
        yield from self._about("outdated", "harvest", self._newer)
        if not self._newer:
            yield from self._miscounted(rejects)
        older = [copy for copy in self._older if copy.document_id not in rejects]
        doubled = self._doubled(older)
        yield from doubled
        several = {name for finding in doubled for name in finding.ids}
        stale = [copy for copy in older if copy.document_id not in several]
        yield from self._about("leftovers", "delete", [copy for copy in stale if copy.version])
        # Without a version it may be all that there is of the meeting: it is replaced, or stays.
        yield from self._about("leftovers", "harvest", [copy for copy in stale if not copy.version])

    def _miscounted(self, rejects: Mapping[str, str | None]) -> Iterator[Finding]:
        """More or fewer sessions than the meeting document counts."""
        if self._lacking < 0:
            yield self._finding("surplus", "harvest", surplus=-self._lacking)
        refused = sum(stay == "meeting" for name, stay in rejects.items() if name not in self._current)
        if self._lacking > refused:
            yield self._finding("incomplete", "harvest", lacking=self._lacking - refused)

    def _doubled(self, older: Sequence[IndexedDocument]) -> list[Finding]:
        """Documents of one id in several indices: those in the wrong one. If all copies are old,
        they are reported as stale."""
        delete: list[IndexedDocument] = []
        harvest: list[IndexedDocument] = []
        for kind, copies in self._copies():
            if len(copies) < 2 or set(older).issuperset(copies):
                continue
            right = self._index.right_index(kind, self._head.timestamp, (copy.index for copy in copies))
            newest = max(copy.version for copy in copies)
            is_kept = any(copy.index == right and copy.version == newest for copy in copies)
            wrong = [copy for copy in copies if copy.index != right]
            (delete if is_kept and newest <= self._head.version else harvest).extend(wrong)
        return [*self._about("doubled", "delete", delete), *self._about("doubled", "harvest", harvest)]

    def _copies(self) -> Iterator[tuple[DocumentKind, list[IndexedDocument]]]:
        """The documents of each id."""
        kinds: tuple[tuple[DocumentKind, Sequence[IndexedDocument]], ...] = (
            ("meeting", self._meeting.meetings),
            ("session", self._meeting.sessions),
        )
        for kind, documents in kinds:
            for _, copies in groupby(documents, key=lambda copy: copy.document_id):
                yield kind, list(copies)

    def _about(self, kind: Kind, repair: Repair, copies: Iterable[IndexedDocument]) -> Iterator[Finding]:
        """A finding for each index with such documents."""
        for index, ids in by_index(copies):
            yield self._finding(kind, repair, index=index, ids=ids)

    def _finding(self, kind: Kind, repair: Repair, **values: Any) -> Finding:
        head = self._head
        return Finding(
            kind=kind,
            uuid=self._meeting.uuid,
            repair=repair,
            held=head.rank,
            version=head.version,
            **values,
        )


def choose_head(meetings: Sequence[IndexedDocument], index: Index) -> IndexedDocument:
    """The meeting document: its richest and newest copy; of equal ones, the one in the index of its `@timestamp`."""
    return max(
        meetings,
        key=lambda copy: (
            copy.version,
            index.right_index("meeting", copy.timestamp, [copy.index]) is not None,
        ),
    )


def by_index(copies: Iterable[IndexedDocument]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each index with its ids."""
    ordered = sorted((copy.index, copy.document_id) for copy in copies)
    for index, group in groupby(ordered, key=lambda pair: pair[0]):
        yield index, tuple(name for _, name in group)


def chunks(elements: Iterable[Element], size: int) -> Iterator[list[Element]]:
    """Lists of this size; the last one may be shorter."""
    source = iter(elements)
    while chunk := list(islice(source, size)):
        yield chunk


def _at(stored: IndexedMeeting) -> datetime | None:
    copies = [*stored.meetings, *stored.sessions]
    return copies[0].timestamp if copies else None
