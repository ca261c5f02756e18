"""Harvests into a real Elasticsearch: stored, refused and never overwritten documents."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import orjson
import pytest

from connectors.attendance import to_record
from connectors.errors import Interrupted
from connectors.models import Detail, MeetingRecord
from harvester.documents import encode, to_documents
from harvester.sinks.base import Ack
from harvester.sinks.elastic.bulk_queue import BATCH_OPERATIONS
from tests.e2e.index_sandbox import IndexSandbox
from tests.invented_meetings import HARVESTED, full_harvest, many, plain, spoiled


def totals(loaded: list[Ack]) -> tuple[int, int, int]:
    return (
        sum(one.ok for one in loaded),
        sum(one.superseded for one in loaded),
        sum(one.rejected for one in loaded),
    )


def test_every_document_arrives_as_it_was_made(sandbox: IndexSandbox) -> None:
    records = [full_harvest(), *many(20)]
    loaded = list(sandbox.loader().load(records))
    made = [orjson.loads(encode(d)) for harvest in records for d in to_documents(harvest)]
    assert sorted(one.uuid for one in loaded) == sorted(h.meeting.uuid for h in records)
    assert totals(loaded) == (len(made), 0, 0)
    assert sandbox.stored() == {document["document_id"]: document for document in made}
    assert sandbox.indices() == [f"{sandbox.prefix}meetings-2026", f"{sandbox.prefix}sessions-2026"]


def test_the_same_load_twice_adds_nothing(sandbox: IndexSandbox) -> None:
    loader = sandbox.loader()
    first = totals(list(loader.load(many(10))))
    before = sandbox.hits()
    assert totals(list(loader.load(many(10)))) == (0, first[0], 0)
    assert sandbox.hits() == before


def test_a_newer_or_richer_harvest_wins_in_any_order(sandbox: IndexSandbox) -> None:
    loader = sandbox.loader()
    later = HARVESTED + timedelta(days=1)
    assert totals(list(loader.load([plain(1, when=later)]))) == (4, 0, 0)
    assert totals(list(loader.load([plain(1)]))) == (0, 4, 0), "older"
    assert totals(list(loader.load([plain(1, detail=Detail.full)]))) == (4, 0, 0), "richer"
    assert totals(list(loader.load([plain(1, when=later + timedelta(days=9))]))) == (0, 4, 0), "poorer"
    assert {document["detail"] for document in sandbox.stored().values()} == {"full"}


def test_a_meeting_is_filed_with_its_sessions_by_its_own_start(sandbox: IndexSandbox) -> None:
    late = plain(0)
    midnight = late.meeting.start_time
    assert midnight is not None
    over = spoiled(late, join_time=midnight + timedelta(days=60), leave_time=midnight + timedelta(days=60))
    list(sandbox.loader(period="month").load([over]))
    assert sandbox.indices() == [f"{sandbox.prefix}meetings-2026-11", f"{sandbox.prefix}sessions-2026-11"]


def test_a_refused_document_is_kept_and_the_rest_is_loaded(sandbox: IndexSandbox) -> None:
    rejects = sandbox.rejects()
    loader = sandbox.loader(rejects)
    records = [plain(1), spoiled(plain(2), duration=10**30), plain(3)]
    loaded = {one.uuid: one for one in loader.load(records)}
    assert loaded["meeting-2"] == Ack(uuid="meeting-2", ok=3, rejected=1)
    assert totals(list(loaded.values())) == (11, 0, 1)
    (kept,) = rejects.rows()
    assert kept.document_id.startswith("zoom:main:meeting-2:")
    assert kept.index == f"{sandbox.prefix}sessions-2026"
    assert "duration" in kept.reason
    assert totals(list(loader.load([plain(2)]))) == (1, 3, 0)
    assert list(rejects.rows()) == [], "stored now, and so no reject any more"


def test_an_id_that_would_refuse_the_whole_request_is_never_sent(sandbox: IndexSandbox) -> None:
    rejects = sandbox.rejects()
    long = plain(2)
    long = to_record(spoiled(long).meeting, [])
    object.__setattr__(long.meeting, "uuid", "ü" * 300)
    assert totals(list(sandbox.loader(rejects).load([plain(1), long]))) == (4, 0, 1)
    assert "512 bytes" in next(iter(rejects.rows())).reason


def test_a_meeting_larger_than_many_requests_is_one_acknowledgement(newest: IndexSandbox) -> None:
    (loaded,) = newest.loader().load([plain(1, sessions=5_000)])
    assert (loaded.ok, loaded.rejected) == (5_001, 0)


def test_an_interrupted_run_loads_the_records_that_it_has_fetched(newest: IndexSandbox) -> None:
    def interrupted() -> Iterator[MeetingRecord]:
        yield from many(3)
        raise Interrupted

    loaded = []
    with pytest.raises(Interrupted):
        loaded.extend(newest.loader().load(interrupted()))
    assert len(newest.stored()) == 12


def test_an_index_deleted_during_a_load_is_created_with_the_shipped_mappings(newest: IndexSandbox) -> None:
    name = f"{newest.prefix}sessions-2026"

    def deleting() -> Iterator[MeetingRecord]:
        yield plain(1, sessions=BATCH_OPERATIONS - 1)
        while len(newest.hits()) < BATCH_OPERATIONS:
            time.sleep(0.05)
        newest.ask("DELETE", f"/{name}")
        yield plain(2)

    assert totals(list(newest.loader().load(deleting()))) == (BATCH_OPERATIONS + 4, 0, 0)
    mapping = newest.ask("GET", f"/{name}/_mapping").body[name]["mappings"]
    assert mapping["dynamic"] == "false"
    assert mapping["_meta"]["made_by"] == "meeting-harvester"
