"""The comparison alone: a listing, a journal and an index that are dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.models import Detail, MeetingRef, Reason, Window
from harvester.documents import version
from harvester.sinks.elastic.account_documents import Deletion, IndexedDocument, IndexedMeeting, right_index
from harvester.sinks.elastic.config import Kind as DocumentKind
from harvester.state.journal_rows import JournalEntry, Outcome
from harvester.state.session_digest import SessionSummary
from harvester.verify.comparison import Comparison, chunks, is_missed
from harvester.verify.findings import EXPLAINED, Finding, Kind, count_by_kind, wrong
from harvester.verify.repair import removals, removed, to_harvest
from tests.invented_meetings import HARVESTED, START
from tests.unit.sinks.elastic.fake_elasticsearch import CLUSTER

DAY = Window(start=START - timedelta(hours=12), end=START + timedelta(hours=12))
NEW = version(Detail.basic, HARVESTED)
OLD = version(Detail.basic, HARVESTED - timedelta(days=1))
RICH = version(Detail.full, HARVESTED - timedelta(days=1))
NOW = HARVESTED + timedelta(hours=1)
LATER = version(Detail.basic, NOW + timedelta(days=10))
MEETINGS, SESSIONS = "harvester-meetings-2026", "harvester-sessions-2026"


def ref(uuid: str, row: Mapping[str, Any] | None = None) -> MeetingRef:
    return MeetingRef(uuid=uuid, start_time=START, digest="d", row=row)


def record(uuid: str, outcome: Outcome = "done", rank: int | None = 2) -> JournalEntry:
    return JournalEntry(
        uuid=uuid,
        outcome=outcome,
        start=START,
        digest="d",
        hint={"kind": "meeting"},
        extras=frozenset(),
        rank=rank,
        harvested_at=HARVESTED if rank is not None else None,
        due=None,
        reason=None,
        attempts=0,
        first_run=1,
    )


def meeting(
    uuid: str, sessions: int | None = 0, *, index: str = MEETINGS, number: int = NEW
) -> IndexedDocument:
    return IndexedDocument(
        index=index,
        document_id=f"zoom:main:{uuid}",
        version=number,
        timestamp=START,
        expected_sessions=sessions,
    )


def session(
    uuid: str, key: str, *, index: str = SESSIONS, number: int = NEW, stay: str = "meeting"
) -> IndexedDocument:
    name = f"zoom:main:{uuid}:{key}"
    return IndexedDocument(index=index, document_id=name, version=number, timestamp=START, stay=stay)


@dataclass
class Shelf:
    """An index, and the journal's records of it."""

    copies: dict[str, IndexedMeeting] = field(default_factory=dict)
    records: dict[str, JournalEntry] = field(default_factory=dict)
    rejects: dict[str, dict[str, str | None]] = field(default_factory=dict)
    vendor: str = "zoom"
    account: str = "main"

    def hold(self, uuid: str, *copies: IndexedDocument) -> Shelf:
        ordered = sorted(copies, key=lambda copy: (copy.document_id, copy.index))
        self.copies[uuid] = IndexedMeeting(
            uuid=uuid,
            meetings=[copy for copy in ordered if copy.stay is None],
            sessions=[copy for copy in ordered if copy.stay is not None],
        )
        return self

    def know(self, known: JournalEntry) -> Shelf:
        self.records[known.uuid] = known
        return self

    def uuids(self, _window: Window) -> Iterator[str]:
        return iter(sorted(self.copies))

    def read(self, uuids: Sequence[str]) -> Iterator[IndexedMeeting]:
        return (self.copies.get(uuid, IndexedMeeting(uuid=uuid)) for uuid in sorted(uuids))

    def right_index(self, kind: DocumentKind, at: datetime | None, indices: Iterable[str]) -> str | None:
        return right_index(CLUSTER, kind, at, indices)

    def meeting(self, uuid: str) -> JournalEntry | None:
        return self.records.get(uuid)

    def stored_in(self, _window: Window) -> Iterator[str]:
        return iter(sorted(u for u, r in self.records.items() if r.rank is not None and r.outcome != "gone"))

    def rejected_in(self, _window: Window) -> set[str]:
        return {name for names in self.rejects.values() for name in names}

    def rejected(self, uuid: str) -> Mapping[str, str | None]:
        return self.rejects.get(uuid, {})

    def found(self, *listed: MeetingRef) -> list[Finding]:
        return list(Comparison(self, self, NOW).of(listed, DAY))


def kinds(findings: Iterable[Finding]) -> list[tuple[Kind, str]]:
    return [(finding.kind, finding.uuid) for finding in findings]


def test_a_complete_meeting_is_no_finding() -> None:
    shelf = Shelf().hold("a", meeting("a", 2), session("a", "1"), session("a", "2")).know(record("a"))
    assert shelf.found(ref("a")) == []
    assert shelf.hold("a", meeting("a", None)).found(ref("a")) == [], "one without a number"


def test_documents_of_a_harvest_in_the_future_are_one_finding_beside_any_other() -> None:
    shelf = Shelf().hold(
        "a", meeting("a", 5, number=LATER), session("a", "1", number=LATER), session("a", "2", number=OLD)
    )
    findings = shelf.found(ref("a"))
    assert [(f.kind, f.index, f.ids, f.repair) for f in findings] == [
        ("future", MEETINGS, ("zoom:main:a",), "harvest"),
        ("future", SESSIONS, ("zoom:main:a:1",), "harvest"),
    ]
    assert [f.held for f in findings] == [Detail.basic, Detail.basic]
    only = Shelf().hold("a", session("a", "1", number=LATER)).found()
    assert kinds(only) == [("future", "a")]
    assert only[0].held is None


def test_a_harvest_of_this_moment_is_not_of_the_future() -> None:
    just_now = version(Detail.basic, NOW + timedelta(seconds=30))
    assert Shelf().hold("a", meeting("a", number=just_now)).found(ref("a")) == []


def test_waiting_rooms_are_not_counted() -> None:
    shelf = Shelf().hold("a", meeting("a", 1), session("a", "1"), session("a", "2", stay="waiting_room"))
    assert shelf.found(ref("a")) == []
    shelf.hold("a", meeting("a", 2), session("a", "1"), session("a", "2", stay="waiting_room"))
    assert [(f.kind, f.lacking) for f in shelf.found()] == [("incomplete", 1)]


@pytest.mark.parametrize(
    ("outcome", "rank", "listed", "missed"),
    [
        (None, None, True, True),
        (None, None, False, False),
        ("done", 2, False, True),
        ("pending", 1, False, True),
        ("pending", None, True, False),
        ("gone", None, True, False),
        ("gone", 2, True, False),
        ("failed", None, True, True),
        ("failed", None, False, False),
        ("listed", None, True, True),
        ("failed", 3, False, True),
    ],
)
def test_missing_documents_are_found(
    outcome: Outcome | None, rank: int | None, listed: bool, missed: bool
) -> None:
    known = record("a", outcome, rank) if outcome is not None else None
    assert is_missed(ref("a") if listed else None, known) is missed
    shelf = Shelf().know(known) if known is not None else Shelf()
    refs = [ref("a")] if listed else []
    found = shelf.found(*refs)
    assert kinds(wrong(found)) == ([("missing", "a")] if missed else [])
    explained = [(outcome, "a")] if outcome in {"pending", "gone"} and listed else []
    assert kinds([finding for finding in found if finding.kind in EXPLAINED]) == explained


def test_a_pending_meeting_says_when_it_is_read_again_and_a_gone_one_why() -> None:
    waiting = replace(record("a", "pending", None), reason="not ended", due=NOW)
    gone = replace(record("b", "gone", None), reason="deleted")
    replaced = replace(record("c", "gone", None), reason=str(Reason.replaced))
    shelf = Shelf().know(waiting).know(gone).know(replaced)
    first, second = shelf.found(ref("a"), ref("b"), ref("c"))
    assert (first.kind, first.repair) == ("pending", "none")
    assert first.why == f"not ended; a run after {NOW:%Y-%m-%d %H:%M} UTC reads it again"
    assert (second.kind, second.why) == ("gone", "deleted")


def test_fewer_sessions_than_the_journal_has_stored_are_missing() -> None:
    summary = SessionSummary.of([f"s{number}" for number in range(5)])
    entry = replace(record("a"), sessions=summary)
    shelf = Shelf().hold("a", meeting("a", 1), session("a", "s0")).know(entry)
    (finding,) = shelf.found(ref("a"))
    assert (finding.kind, finding.lacking, finding.repair) == ("incomplete", 4, "harvest")
    shelf.rejects["a"] = {"zoom:main:a:s1": "meeting"}
    (finding,) = shelf.found(ref("a"))
    assert finding.lacking == 3
    newer = version(Detail.full, HARVESTED)
    shelf.hold("a", meeting("a", 1, number=newer), session("a", "s0", number=newer))
    assert shelf.found(ref("a")) == [], "a richer harvest of another run"


def test_a_finding_has_the_listing_row_or_else_the_journals_ref() -> None:
    row = {"uuid": "a"}
    shelf = Shelf().know(record("a")).know(record("b"))
    first, second = shelf.found(ref("a", row))
    assert first.ref is not None
    assert first.ref.row is row
    assert second.ref == record("b").ref


def test_sessions_alone_are_orphans_by_index_and_hold_their_rank() -> None:
    elsewhere = session("a", "2", index="harvester-sessions-2025", number=RICH)
    one, two = Shelf().hold("a", session("a", "1"), elsewhere).found()
    assert (one.kind, one.repair, one.index, one.ids) == (
        "orphans",
        "harvest",
        elsewhere.index,
        (elsewhere.document_id,),
    )
    assert two.index == SESSIONS
    assert one.held == two.held == Detail.full
    assert one.ref == MeetingRef(uuid="a", start_time=START, digest="")


def test_a_rejected_document_is_counted_where_its_meeting_looks_whole() -> None:
    shelf = Shelf().hold("a", meeting("a", 1), session("a", "1"))
    shelf.rejects = {"a": {"zoom:main:a:1": "meeting"}}
    comparison = Comparison(shelf, shelf, NOW)
    assert list(comparison.of([ref("a")], DAY)) == []
    assert comparison.tally.rejected == {"zoom:main:a:1"}


def test_orphans_of_a_gone_meeting_are_not_fetched_again() -> None:
    shelf = Shelf().hold("a", session("a", "1"), session("a", "2")).know(record("a", "gone"))
    (finding,) = shelf.found()
    assert (finding.kind, finding.repair) == ("orphans", "delete-orphans")
    assert (to_harvest([finding]), list(removals([finding]))) == ({}, [])
    assert [removal.version for removal in removed([finding])] == [NEW, NEW]
    (finding,) = shelf.found(ref("a"))
    assert finding.repair == "harvest", "the vendor lists it once more"


def test_more_sessions_than_the_meeting_had_are_a_surplus() -> None:
    shelf = Shelf().hold("a", meeting("a", 1), session("a", "1"), session("a", "2"), session("a", "3"))
    (finding,) = shelf.found(ref("a"))
    assert (finding.kind, finding.surplus, finding.repair) == ("surplus", 2, "harvest")
    shelf.hold("a", meeting("a", 0), session("a", "1"))
    assert kinds(shelf.found()) == [("surplus", "a")], "none is a number too"
    shelf.hold("a", meeting("a", None), session("a", "1"))
    assert shelf.found() == []
    shelf.hold(
        "a", meeting("a", 0), session("a", "1", stay="waiting_room"), session("a", "2", stay="breakout")
    )
    assert shelf.found() == [], "the meeting has no number of these"
    shelf.hold("a", meeting("a", 1), session("a", "1"))
    shelf.rejects = {"a": {"zoom:main:a:old": "meeting"}}
    assert shelf.found() == [], "what is rejected is not there"


def test_rejected_documents_are_counted_apart() -> None:
    shelf = Shelf().hold("a", meeting("a", 2), session("a", "1")).hold("b", session("b", "1"))
    shelf.rejects = {"a": {"zoom:main:a:2": "meeting"}, "b": {"zoom:main:b": None}}
    comparison = Comparison(shelf, shelf, NOW)
    assert list(comparison.of([ref("a")], DAY)) == []
    assert (comparison.tally.listed, comparison.tally.compared) == (1, 2)
    assert comparison.tally.rejected == {"zoom:main:a:2", "zoom:main:b"}
    shelf.rejects["a"] = {"zoom:main:a:2": "waiting_room"}
    assert kinds(shelf.found()) == [("incomplete", "a")]


def test_the_older_version_of_a_rejected_document_is_no_leftover() -> None:
    shelf = Shelf().hold("a", meeting("a", 2), session("a", "1"), session("a", "2", number=OLD))
    assert kinds(shelf.found()) == [("incomplete", "a"), ("leftovers", "a")]
    shelf.rejects = {"a": {"zoom:main:a:2": "meeting"}}
    assert shelf.found() == []


def test_leftovers_are_deleted_up_to_the_version_of_the_meeting() -> None:
    left = session("a", "9", number=OLD, stay="waiting_room")
    (finding,) = Shelf().hold("a", meeting("a", 1), session("a", "1"), left).found()
    assert (finding.kind, finding.repair) == ("leftovers", "delete")
    assert list(removals([finding])) == [Deletion(SESSIONS, left.document_id, NEW)]
    assert to_harvest([finding]) == {}


def test_newer_or_richer_documents_are_never_deleted() -> None:
    (finding,) = Shelf().hold("a", meeting("a", 1), session("a", "1", number=RICH)).found()
    assert (finding.kind, finding.repair) == ("outdated", "harvest")
    assert list(removals([finding])) == []


def test_documents_without_harvested_at_are_not_deleted() -> None:
    nameless = session("a", "9", number=0)
    (finding,) = Shelf().hold("a", meeting("a", 1), session("a", "1"), nameless).found()
    assert (finding.kind, finding.repair, finding.ids) == ("leftovers", "harvest", (nameless.document_id,))


def test_the_copy_in_the_wrong_index_goes() -> None:
    wrong = meeting("a", 1, index="harvester-meetings-2025")
    astray = session("a", "1", index="harvester-sessions-2025", number=OLD)
    shelf = Shelf().hold("a", meeting("a", 1), wrong, session("a", "1"), astray)
    found = shelf.found()
    assert [(f.kind, f.repair, f.index) for f in found] == [
        ("doubled", "delete", "harvester-meetings-2025"),
        ("doubled", "delete", "harvester-sessions-2025"),
    ]


def test_months_and_years_are_distinguished_by_index_names() -> None:
    month = "harvester-meetings-2026-11"
    shelf = Shelf()
    assert shelf.right_index("meeting", START, [month, "harvester-meetings-2026-12"]) == month
    assert shelf.right_index("meeting", None, [month]) is None
    assert shelf.right_index("session", START, [month]) is None


def test_a_meeting_is_fetched_again_if_the_right_copy_is_older() -> None:
    newer = meeting("a", 0, index="harvester-meetings-2025")
    (finding,) = Shelf().hold("a", meeting("a", 0, number=OLD), newer).found()
    assert (finding.kind, finding.repair) == ("doubled", "harvest")
    both = [meeting("a", 0, index=f"harvester-meetings-{year}") for year in (2024, 2025)]
    assert [f.repair for f in Shelf().hold("a", *both).found()] == ["harvest", "harvest"]


def test_a_meeting_is_compared_once() -> None:
    comparison = Comparison(shelf := Shelf(), shelf, NOW)
    assert len(list(comparison.of([ref("a"), ref("a")], DAY))) == 1
    assert list(comparison.of([ref("a")], DAY)) == []


NEXT_DAY = Window(start=DAY.end, end=DAY.end + timedelta(days=1))


@pytest.mark.parametrize("start", [None, NEXT_DAY.end, DAY.start - timedelta(minutes=1)])
@pytest.mark.parametrize("is_missing", [True, False])
def test_a_meeting_that_several_windows_show_is_counted_once(
    start: datetime | None, is_missing: bool
) -> None:
    """A listing without times is the same for each window."""
    shelf = Shelf() if is_missing else Shelf().hold("a", meeting("a"))
    comparison = Comparison(shelf, shelf, NOW)
    shown = [replace(ref("a"), start_time=start), ref("b")]
    findings = [*comparison.of(shown, DAY), *comparison.of(shown[:1], NEXT_DAY)]
    assert kinds(findings) == [("missing", uuid) for uuid in ("a", "b") if is_missing or uuid == "b"]
    assert (comparison.tally.listed, comparison.tally.unlisted, comparison.tally.compared) == (2, 0, 2)


def test_meetings_that_are_no_longer_listed_are_counted_apart() -> None:
    shelf = Shelf().hold("a", meeting("a")).hold("b", meeting("b")).know(record("c"))
    comparison = Comparison(shelf, shelf, NOW)
    assert kinds(comparison.of([ref("a")], DAY)) == [("missing", "c")]
    assert (comparison.tally.listed, comparison.tally.unlisted, comparison.tally.compared) == (1, 2, 3)


uuids = st.text("abc", min_size=1, max_size=3)
copies = st.tuples(
    st.sampled_from(["1", "2", "3"]),
    st.sampled_from([SESSIONS, "harvester-sessions-2025"]),
    st.sampled_from([OLD, NEW, RICH]),
    st.sampled_from(["meeting", "waiting_room"]),
)


@given(
    heads=st.lists(
        st.tuples(st.sampled_from([MEETINGS, "harvester-meetings-2025"]), st.sampled_from([OLD, NEW]))
    ),
    sessions=st.lists(copies, max_size=6),
    promised=st.integers(0, 4),
    listed=st.booleans(),
)
def test_after_the_deletions_nothing_is_left_to_delete(
    heads: list[tuple[str, int]], sessions: list[tuple[str, str, int, str]], promised: int, listed: bool
) -> None:
    places: dict[tuple[str, str], IndexedDocument] = {}
    for index, number in heads:
        one = meeting("a", promised, index=index, number=number)
        places[one.document_id, index] = one
    for key, index, number, stay in sessions:
        one = session("a", key, index=index, number=number, stay=stay)
        places[one.document_id, index] = one
    shelf = Shelf().hold("a", *places.values())
    before = shelf.found(*[ref("a")] * listed)
    head = max((copy.version for copy in places.values() if copy.stay is None), default=None)
    for place, name, up_to, _ in removals(before):
        gone = places.pop((name, place))
        assert head is not None
        assert gone.version <= up_to == head, "nothing newer or richer than the meeting's own"
    assert {copy.document_id for copy in places.values() if copy.version == head} == {
        copy.document_id
        for copy in [*shelf.copies["a"].meetings, *shelf.copies["a"].sessions]
        if copy.version == head
    }, "no id of the meeting's own harvest is lost"
    after = shelf.hold("a", *places.values()).found(*[ref("a")] * listed)
    assert list(removals(after)) == []
    assert {f.kind for f in after} <= {f.kind for f in before}


@given(there=st.sets(uuids), known=st.sets(uuids), listed=st.lists(uuids))
def test_listed_or_known_meetings_without_documents_are_missing(
    there: set[str], known: set[str], listed: list[str]
) -> None:
    shelf = Shelf()
    for uuid in there:
        shelf.hold(uuid, meeting(uuid))
    for uuid in known:
        shelf.know(record(uuid))
    found = shelf.found(*map(ref, listed))
    assert sorted(f.uuid for f in found) == sorted((known | set(listed)) - there)
    assert count_by_kind(found)["missing"] == len(found)


def test_chunks_lose_nothing() -> None:
    assert list(chunks(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(chunks([], 3)) == []
