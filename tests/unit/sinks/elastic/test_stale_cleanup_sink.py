"""Stale documents without a cluster: when they are searched for, which are deleted, and which meetings wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from connectors.attendance import to_record
from connectors.errors import ConfigurationError, CredentialsError, Interrupted, Unreachable
from connectors.models import Detail, MeetingRecord
from connectors.parsing import format_milliseconds
from harvester.sinks.base import Ack
from harvester.sinks.elastic import stale_cleanup_sink, stale_documents
from harvester.sinks.elastic.client import Client, Response
from harvester.sinks.elastic.stale_cleanup_sink import StaleCleanupSink
from harvester.sinks.elastic.stale_documents import CurrentDocuments
from tests.invented_meetings import HARVESTED, loads, many, plain
from tests.unit.sinks.elastic.fake_elasticsearch import CLUSTER, Item, Waits, refused

LATER = HARVESTED + timedelta(days=1)
Key = tuple[str, str]


@dataclass(frozen=True)
class Row:
    uuid: str
    harvested_at: str
    version: int


class Shelf(Client):
    """The few requests of the clean-up, answered from a dictionary. `first` may answer instead: it gets the end of the path and the number of earlier requests for it."""

    def __init__(self, first: Callable[[str, int], Response | None] = lambda what, before: None) -> None:
        self.config = CLUSTER
        self.rows: dict[Key, Row] = {}
        self.asked: list[str] = []
        self.deleted: list[Key] = []
        self.deletes: list[int] = []
        self.searched: list[int] = []
        self._first = first

    def store(self, record: MeetingRecord) -> None:
        current = CurrentDocuments.of(record, CLUSTER)
        row = Row(current.uuid, current.harvested_at, current.version)
        keys = [(current.session_index, f"{current.document_id}:{key}") for key in current.session_keys]
        for key in [(current.meeting_index, current.document_id), *keys]:
            if key not in self.rows or self.rows[key].version < row.version:
                self.rows[key] = row

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        content: str = "",
    ) -> Response:
        what = path.partition("?")[0].rpartition("/")[2].strip("_")
        before = self.asked.count(what)
        self.asked.append(what)
        if answer := self._first(what, before):
            return answer
        if what == "search":
            return Response(status=200, body={"hits": {"hits": self._hits(body)}})
        return self._bulk(body) if what == "bulk" else Response(status=200, body={})

    def _hits(self, body: Any) -> list[dict[str, Any]]:
        clauses = [clause["bool"] for clause in body["query"]["bool"]["should"]]
        self.searched.append(sum(len(clause["should"][0]["terms"]["uuid"]) for clause in clauses))
        found = sorted(
            (document_id, index)
            for (index, document_id), row in self.rows.items()
            if any(
                row.uuid in clause["should"][0]["terms"]["uuid"]
                and row.harvested_at < clause["filter"]["range"]["harvested_at"]["lt"]
                for clause in clauses
            )
            and (document_id, index) > tuple(body.get("search_after", ("", "")))
        )
        return [
            {
                "_index": index,
                "_id": document_id,
                "sort": [document_id, index],
                "fields": {
                    "meeting" if "sessions-" in index else "uuid": [self.rows[index, document_id].uuid],
                    "harvested_at": [self.rows[index, document_id].harvested_at],
                },
            }
            for document_id, index in found[: body["size"]]
        ]

    def _bulk(self, body: bytes) -> Response:
        actions = [orjson.loads(line)["delete"] for line in body.splitlines()]
        self.deletes.append(len(actions))
        return deletions([self._delete(action) for action in actions])

    def _delete(self, action: dict[str, Any]) -> Item:
        assert action["version_type"] == "external"
        key = action["_index"], action["_id"]
        if key not in self.rows:
            return {"status": 404}
        if self.rows[key].version >= action["version"]:
            return refused(409)
        del self.rows[key]
        self.deleted.append(key)
        return {"status": 200}


def deletions(result: list[Item]) -> Response:
    return Response(status=200, body={"items": [{"delete": item} for item in result]})


@dataclass
class Storing:
    """A loader that acknowledges in the order given by `order`, `ahead` harvests at a time."""

    shelf: Shelf
    ahead: int = 1
    order: Callable[[list[MeetingRecord]], Iterable[MeetingRecord]] = iter
    closed: bool = False

    def load(self, records: Iterable[MeetingRecord]) -> Iterator[Ack]:
        held: list[MeetingRecord] = []
        try:
            for record in records:
                held.append(record)
                if len(held) == self.ahead:
                    yield from self._stored(held)
                    held = []
            yield from self._stored(held)
        finally:
            self.closed = True

    def _stored(self, held: list[MeetingRecord]) -> Iterator[Ack]:
        for record in self.order(held):
            self.shelf.store(record)
            yield Ack(uuid=record.meeting.uuid, ok=1 + len(record.sessions))


@dataclass
class Scene:
    shelf: Shelf = field(default_factory=Shelf)
    waits: Waits = field(default_factory=Waits)
    loader: Storing | None = None

    def sink(self, **more: Any) -> StaleCleanupSink:
        loader = self.loader or Storing(self.shelf)
        retry = self.waits.policy()
        return StaleCleanupSink(loader, self.shelf, retry, **more)


def fewer(record: MeetingRecord, sessions: int) -> MeetingRecord:
    """The same read again a day later, with so many of its stays."""
    meeting = replace(record.meeting, harvested_at=LATER)
    return to_record(meeting, record.sessions[:sessions], replaces=record.replaces)


def test_stale_documents_are_deleted_and_counted() -> None:
    scene = Scene()
    scene.shelf.store(plain(1))
    scene.shelf.store(plain(2))
    assert list(scene.sink().load(loads([fewer(plain(1), 2)]))) == [Ack(uuid="meeting-1", ok=3, replaced=1)]
    merged = plain(1).sessions[2].key
    assert scene.shelf.deleted == [("harvester-sessions-2026", f"zoom:main:meeting-1:{merged}")]
    assert scene.shelf.asked == ["has_privileges", "refresh", "search", "bulk"]


def test_the_same_load_again_deletes_nothing() -> None:
    scene = Scene()
    sink = scene.sink()
    list(sink.load(loads([fewer(plain(1), 2)])))
    assert list(sink.load(loads([fewer(plain(1), 2)]))) == [Ack(uuid="meeting-1", ok=3)]
    assert scene.shelf.deleted == []
    assert scene.shelf.asked.count("has_privileges") == 1


def test_a_new_meeting_is_acknowledged_at_once_without_a_search() -> None:
    scene = Scene()
    acks = scene.sink().load(loads(many(3), new={"meeting-0", "meeting-2"}))
    assert [one.uuid for one in acks] == ["meeting-0", "meeting-2", "meeting-1"]
    assert scene.shelf.searched == [1]


def test_a_new_meeting_that_replaces_another_is_searched_for() -> None:
    scene = Scene()
    scene.shelf.store(plain(1))
    newer = replace(plain(2, when=LATER), replaces=["meeting-1"])
    assert list(scene.sink().load(loads([newer], new={"meeting-2"}))) == [
        Ack(uuid="meeting-2", ok=4, replaced=4)
    ]
    assert {row.uuid for row in scene.shelf.rows.values()} == {"meeting-2"}


def test_a_meeting_replaced_within_the_same_batch_loses_its_older_documents() -> None:
    scene = Scene()
    newer = replace(plain(2, when=LATER), replaces=["meeting-1"])
    loaded = {one.uuid: one.replaced for one in scene.sink().load(loads([plain(1), newer]))}
    assert loaded == {"meeting-1": 0, "meeting-2": 4}


def test_all_documents_follow_a_start_that_moved_into_another_period() -> None:
    scene = Scene()
    scene.shelf.store(plain(1))
    again = plain(1, when=LATER)
    start = plain(1).meeting.start_time
    assert start is not None
    moved = replace(again, meeting=replace(again.meeting, start_time=start + timedelta(days=60)))
    assert [one.replaced for one in scene.sink().load(loads([moved]))] == [4]
    assert {index for index, _ in scene.shelf.rows} == {"harvester-meetings-2027", "harvester-sessions-2027"}


def test_a_copy_of_an_index_is_not_touched() -> None:
    scene = Scene()
    scene.shelf.store(plain(1))
    copied = {(f"{index}-before-the-move", name): row for (index, name), row in scene.shelf.rows.items()}
    scene.shelf.rows = dict(copied)
    list(scene.sink().load(loads([fewer(plain(1), 1)])))
    assert scene.shelf.rows.items() >= copied.items()
    assert scene.shelf.deleted == []


def test_richer_documents_stay() -> None:
    scene = Scene()
    full = plain(1, detail=Detail.full)
    scene.shelf.store(full)
    new = [
        (CurrentDocuments.of(full, CLUSTER).session_index, f"{full.meeting.document_id}:{s.key}")
        for s in full.sessions
    ]
    assert [one.replaced for one in scene.sink().load(loads([fewer(plain(1), 0)]))] == [0]
    assert scene.shelf.rows.keys() >= set(new)


def test_a_full_queue_is_cleaned() -> None:
    scene = Scene()
    acks = scene.sink(meetings=4).load(loads(many(10)))
    assert len(list(acks)) == 10
    assert scene.shelf.searched == [4, 4, 2]
    scene = Scene()
    assert len(list(scene.sink(documents=8).load(loads(many(6))))) == 6
    assert scene.shelf.searched == [2, 2, 2]


def test_a_queue_is_cleaned_when_its_first_meeting_has_waited_long_enough() -> None:
    scene = Scene()

    def records() -> Iterator[MeetingRecord]:
        for record in many(6):
            yield record
            scene.waits.wait(1.0)

    assert len(list(scene.sink(seconds=2.0).load(loads(records())))) == 6
    assert scene.shelf.searched == [3, 3]


def test_a_meeting_that_comes_twice_is_cleaned_once_with_the_newer_record() -> None:
    scene = Scene()
    scene.loader = Storing(scene.shelf, ahead=3, order=reversed)
    sink = scene.sink(meetings=1)
    loaded = list(sink.load(loads([plain(1), fewer(plain(1), 1), plain(2)])))
    assert [(one.uuid, one.ok, one.replaced) for one in loaded] == [
        ("meeting-2", 4, 0),
        ("meeting-1", 2, 0),
        ("meeting-1", 4, 2),
    ]
    kept = [row.harvested_at for row in scene.shelf.rows.values() if row.uuid == "meeting-1"]
    assert kept == [format_milliseconds(LATER)] * 2


def test_a_waiting_meeting_that_comes_again_waits_for_its_second_record() -> None:
    scene = Scene()
    scene.shelf.store(plain(1, sessions=5, when=HARVESTED - timedelta(days=1)))
    loaded = list(scene.sink().load(loads([plain(1), plain(2), fewer(plain(1), 1)])))
    assert [(one.uuid, one.replaced) for one in loaded] == [
        ("meeting-2", 0),
        ("meeting-1", 0),
        ("meeting-1", 4),
    ]
    assert scene.shelf.searched == [2]


def test_a_new_meeting_that_comes_again_is_searched_for() -> None:
    scene = Scene()
    scene.loader = Storing(scene.shelf, ahead=2)
    loaded = list(scene.sink().load(loads([plain(1), fewer(plain(1), 2)], new={"meeting-1"})))
    assert [one.replaced for one in loaded] == [0, 1]


def test_every_page_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stale_documents, "PAGE", 10)
    scene = Scene()
    scene.shelf.store(plain(1, sessions=40))
    (loaded,) = scene.sink().load(loads([fewer(plain(1, sessions=40), 1)]))
    assert loaded.replaced == 39
    assert scene.shelf.deletes == [10, 10, 10, 9]
    assert scene.shelf.asked.count("refresh") == 1


def busy(status: int, times: int, what: str) -> Callable[[str, int], Response | None]:
    return lambda asked, before: Response(status=status) if asked == what and before < times else None


@pytest.mark.parametrize("what", ["refresh", "search", "bulk"])
@pytest.mark.parametrize("status", [0, 429, 503])
def test_a_busy_cluster_is_retried(what: str, status: int) -> None:
    scene = Scene(Shelf(busy(status, 3, what)))
    scene.shelf.store(plain(1))
    assert [one.replaced for one in scene.sink().load(loads([fewer(plain(1), 1)]))] == [2]
    assert len(scene.waits.seconds) == 3


def test_only_failed_deletions_are_retried() -> None:
    def first(what: str, before: int) -> Response | None:
        if what != "bulk" or before:
            return None
        return deletions([{"status": 200}, refused(429), {"status": 404}])

    scene = Scene(Shelf(first))
    scene.shelf.store(plain(1))
    assert [one.replaced for one in scene.sink().load(loads([fewer(plain(1), 0)]))] == [2]
    assert scene.shelf.deletes == [1]


def test_an_incomplete_answer_is_retried() -> None:
    scene = Scene(Shelf(lambda what, n: deletions([]) if what == "bulk" and not n else None))
    scene.shelf.store(plain(1))
    assert [one.replaced for one in scene.sink().load(loads([fewer(plain(1), 0)]))] == [3]


def test_a_request_that_is_too_large_is_halved() -> None:
    scene = Scene(Shelf(busy(413, 2, "bulk")))
    scene.shelf.store(plain(1, sessions=8))
    assert [one.replaced for one in scene.sink().load(loads([fewer(plain(1, sessions=8), 0)]))] == [8]
    assert scene.shelf.deletes == [2, 2, 4]


def test_an_unreachable_cluster_leaves_acknowledgements_incomplete() -> None:
    scene = Scene(Shelf(busy(503, 10**6, "search")))
    scene.loader = Storing(scene.shelf)
    acknowledged: list[Ack] = []
    with pytest.raises(Unreachable, match="HTTP 503"):
        for loaded in scene.sink(meetings=2).load(loads(many(5))):
            acknowledged.append(loaded)
    assert [(one.complete, one.ok) for one in acknowledged] == [(False, 4), (False, 4)]
    assert scene.loader.closed


@pytest.mark.parametrize("what", ["refresh", "search", "bulk"])
def test_a_missing_privilege_is_reported_once_and_meetings_no_longer_wait(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    forbidden = Response(status=403, body={"error": {"type": "security_exception", "reason": "somebody"}})
    scene = Scene(Shelf(lambda asked, n: forbidden if asked == what else None))
    scene.shelf.store(plain(1))
    sink = scene.sink()
    assert list(sink.load(loads([fewer(plain(1), 0)]))) == [Ack(uuid="meeting-1", ok=1)]
    asked = len(scene.shelf.asked)
    assert [one.uuid for one in sink.load(loads(many(3)))] == ["meeting-0", "meeting-1", "meeting-2"]
    assert len(scene.shelf.asked) == asked
    (message,) = caplog.messages
    assert "stay behind" in message
    assert message.endswith(f"{'write' if what == 'bulk' else 'read and maintenance'} on harvester-*")
    assert "somebody" not in message


def test_privileges_are_checked_because_a_search_without_them_finds_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    no = Response(status=200, body={"has_all_requested": False})
    scene = Scene(Shelf(lambda asked, n: no if asked == "has_privileges" else None))
    scene.shelf.store(plain(1))
    assert [one.replaced for one in scene.sink().load(loads([fewer(plain(1), 0)]))] == [0]
    assert scene.shelf.asked == ["has_privileges"]
    assert len(caplog.messages) == 1


def test_an_item_that_may_not_be_deleted_is_a_missing_privilege(caplog: pytest.LogCaptureFixture) -> None:
    def first(what: str, before: int) -> Response | None:
        return deletions([{"status": 200}, refused(403), {"status": 200}]) if what == "bulk" else None

    scene = Scene(Shelf(first))
    scene.shelf.store(plain(1))
    assert [one.replaced for one in scene.sink().load(loads([fewer(plain(1), 0)]))] == [1]
    assert len(caplog.messages) == 1


def error(status: int, kind: str) -> Response:
    return Response(status=status, body={"error": {"type": kind, "reason": "because"}})


@pytest.mark.parametrize(
    ("what", "answer", "expected"),
    [
        ("refresh", Response(status=401), CredentialsError),
        ("bulk", Response(status=401), CredentialsError),
        ("search", error(403, "cluster_block_exception"), Unreachable),
        ("bulk", error(403, "cluster_block_exception"), Unreachable),
        ("bulk", deletions([refused(403, "cluster_block_exception")] * 3), Unreachable),
        ("bulk", deletions([refused(400, "index_closed_exception")] * 3), Unreachable),
        ("search", error(400, "illegal_argument_exception"), ConfigurationError),
        ("bulk", deletions([refused(400, "illegal_argument_exception")] * 3), ConfigurationError),
    ],
)
def test_a_permanent_error_ends_the_load(
    what: str, answer: Response, expected: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene(Shelf(lambda asked, n: answer if asked == what else None))
    scene.shelf.store(plain(1))
    with pytest.raises(expected) as raised:
        list(scene.sink().load(loads([fewer(plain(1), 0)])))
    assert "because" not in str(raised.value)
    assert caplog.messages == []


def interrupted() -> Iterator[MeetingRecord]:
    yield from (fewer(plain(number), 2) for number in range(3))
    raise Interrupted


def test_meetings_loaded_before_an_error_are_cleaned_and_acknowledged_first() -> None:
    scene = Scene()
    for record in many(3):
        scene.shelf.store(record)
    acknowledged: list[Ack] = []
    with pytest.raises(Interrupted):
        for loaded in scene.sink().load(loads(interrupted())):
            acknowledged.append(loaded)
    assert [one.replaced for one in acknowledged] == [1, 1, 1]


def test_the_first_error_is_raised_and_the_last_clean_up_is_short() -> None:
    class Ending(Storing):
        def load(self, records: Iterable[MeetingRecord]) -> Iterator[Ack]:
            yield from self._stored([next(iter(records))])
            raise CredentialsError("first")

    scene = Scene(Shelf(busy(503, 10**6, "refresh")))
    scene.loader = Ending(scene.shelf)
    with pytest.raises(CredentialsError, match="first"):
        list(scene.sink().load(loads(many(3))))
    assert sum(scene.waits.seconds) <= stale_cleanup_sink.LAST_SECONDS


def test_closing_the_load_closes_the_loader() -> None:
    scene = Scene()
    scene.loader = Storing(scene.shelf)
    acks = scene.sink(meetings=1).load(loads(many(5)))
    next(iter(acks))
    acks.close()  # type: ignore[attr-defined]  # a generator
    assert scene.loader.closed


def test_only_the_meetings_of_one_queue_are_in_memory() -> None:
    scene = Scene()
    made = 0

    def counted() -> Iterator[MeetingRecord]:
        nonlocal made
        for record in many(300):
            made += 1
            yield record

    behind = [made - done for done, _ in enumerate(scene.sink(meetings=20).load(loads(counted())), 1)]
    assert max(behind) < 20
