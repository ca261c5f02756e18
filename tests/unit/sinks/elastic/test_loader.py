"""The loader without a cluster: acknowledgements, backpressure, interrupted loads, and memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from threading import Event

import pytest

from connectors.errors import CredentialsError, Interrupted
from connectors.models import MeetingRecord
from harvester.documents import encode, to_documents
from harvester.sinks.base import Ack
from harvester.sinks.elastic import bulk_queue
from harvester.sinks.elastic.client import Response
from harvester.sinks.elastic.loader import Loader, Preparation
from harvester.state.rejects import Rejects
from tests.invented_meetings import many, plain, spoiled
from tests.unit.fake_context import NOW
from tests.unit.sinks.elastic.fake_elasticsearch import Scripted, Waits, items, refused, stored


@pytest.fixture
def rejects(tmp_path: Path) -> Iterator[Rejects]:
    kept = Rejects(tmp_path, lambda: NOW)
    yield kept
    kept.close()


def loader(client: Scripted, rejects: Rejects) -> Loader:
    return Loader(client, rejects, Waits().policy())


def test_every_record_is_acknowledged_once(rejects: Rejects) -> None:
    loaded = list(loader(Scripted(stored), rejects).load(many(50)))
    assert sorted(loaded, key=lambda one: one.uuid) == sorted(
        (Ack(uuid=f"meeting-{n}", ok=4) for n in range(50)), key=lambda one: one.uuid
    )


def test_a_record_is_acknowledged_only_after_its_last_request(
    rejects: Rejects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_queue, "BATCH_OPERATIONS", 3)
    held = Event()

    def slow_for_the_second_half(ids: list[str]) -> Response:
        if len(client.bulks) > 1:
            assert held.wait(60)
        return stored(ids)

    client = Scripted(slow_for_the_second_half)

    def records() -> Iterator[MeetingRecord]:
        yield plain(1)
        held.set()

    assert list(loader(client, rejects).load(records())) == [Ack(uuid="meeting-1", ok=4)]
    assert [len(ids) for ids in client.bulks] == [3, 1]


def test_rejects_are_saved_before_their_meeting_is_acknowledged(rejects: Rejects) -> None:
    client = Scripted(lambda ids: items([refused(400)] + [{"status": 201}] * (len(ids) - 1)))
    for loaded in loader(client, rejects).load([plain(1)]):
        assert loaded == Ack(uuid="meeting-1", ok=3, rejected=1)
        assert [row.document_id for row in rejects.rows()] == ["zoom:main:meeting-1"]


def test_a_later_success_clears_the_reject(rejects: Rejects) -> None:
    bad = Scripted(lambda ids: items([refused(400)] * len(ids)))
    list(loader(bad, rejects).load([plain(1)]))
    assert len(rejects) == 4
    list(loader(Scripted(stored), rejects).load([plain(2)]))
    assert len(rejects) == 4, "another meeting's"
    list(loader(Scripted(lambda ids: items([refused(409)] * len(ids))), rejects).load([plain(1)]))
    assert len(rejects) == 0, "superseded: there in this form or a later one"


def test_only_a_few_batches_are_in_memory(rejects: Rejects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_queue, "BATCH_OPERATIONS", 4)
    pulled = answered = most = 0

    def counting(ids: list[str]) -> Response:
        nonlocal answered
        answered += 1
        return stored(ids)

    def records() -> Iterator[MeetingRecord]:
        nonlocal pulled, most
        for record in many(500):
            pulled += 1
            most = max(most, pulled - answered)
            yield record

    assert len(list(loader(Scripted(counting), rejects).load(records()))) == 500
    assert most <= bulk_queue.REQUESTS_IN_FLIGHT + 2


def test_a_meeting_does_not_wait_long_for_its_batch_to_fill_up(rejects: Rejects) -> None:
    arrived = Event()

    def answer(ids: list[str]) -> Response:
        arrived.set()
        return stored(ids)

    def a_vendor_that_pauses() -> Iterator[MeetingRecord]:
        yield plain(1)
        assert arrived.wait(60), "the first meeting was held back"
        yield plain(2)

    sink = Loader(Scripted(answer), rejects, Waits().policy(), flush_seconds=0.01)
    assert len(list(sink.load(a_vendor_that_pauses()))) == 2


def test_a_fatal_answer_ends_the_load_and_pulls_no_more_records(rejects: Rejects) -> None:
    asked = 0

    def records() -> Iterator[MeetingRecord]:
        nonlocal asked
        for record in many(100_000):
            asked += 1
            yield record

    with pytest.raises(CredentialsError):
        list(loader(Scripted(lambda _: Response(status=401)), rejects).load(records()))
    assert asked < 10_000


def test_records_pulled_before_an_interruption_are_loaded(rejects: Rejects) -> None:
    def records() -> Iterator[MeetingRecord]:
        yield from many(3)
        raise Interrupted

    acknowledged: list[Ack] = []

    def run() -> None:
        for loaded in loader(Scripted(stored), rejects).load(records()):
            acknowledged.append(loaded)

    with pytest.raises(Interrupted):
        run()
    assert sorted(one.uuid for one in acknowledged) == ["meeting-0", "meeting-1", "meeting-2"]


def test_a_document_that_orjson_cannot_write_is_still_sent(rejects: Rejects) -> None:
    client = Scripted(stored)
    odd = spoiled(plain(1), user_name="\ud800", duration=2**70)
    assert list(loader(client, rejects).load([odd])) == [Ack(uuid="meeting-1", ok=4)]


def test_templates_that_may_not_be_installed_are_reported_once_and_loading_continues(
    rejects: Rejects, caplog: pytest.LogCaptureFixture
) -> None:
    client = Scripted(stored, lambda method, path: Response(status=403) if "_template" in path else None)
    sink = loader(client, rejects)
    assert len(list(sink.load([plain(1)]))) == 1
    assert len(list(sink.load([plain(2)]))) == 1
    (message,) = caplog.messages
    assert "harvester templates install" in message


def test_loaders_side_by_side_prepare_once(rejects: Rejects, caplog: pytest.LogCaptureFixture) -> None:
    client = Scripted(stored, lambda method, path: Response(status=403) if "_template" in path else None)
    preparation = Preparation()
    for _ in range(3):
        sink = Loader(client, rejects, Waits().policy(), preparation=preparation)
        assert len(list(sink.load([plain(1)]))) == 1
    assert len(caplog.messages) == 1


def test_no_record_is_pulled_before_the_credentials_are_accepted(rejects: Rejects) -> None:
    def records() -> Iterator[MeetingRecord]:
        raise AssertionError("asked for")
        yield

    client = Scripted(stored, lambda method, path: Response(status=401))
    with pytest.raises(CredentialsError):
        list(loader(client, rejects).load(records()))


def test_lines_and_rejected_lines_are_counted(rejects: Rejects) -> None:
    good = [encode(document) for document in to_documents(plain(1))]
    text = b"\n".join([good[0], b"nonsense", b"", *good[1:]])
    client = Scripted(
        lambda ids: items([refused(400, "document_parsing_exception")] + [{"status": 201}] * (len(ids) - 1))
    )
    progress = list(loader(client, rejects).load_lines(BytesIO(text)))
    assert (progress[-1].lines, progress[-1].ok, progress[-1].rejected) == (6, 3, 2)
    refusals = [refusal for one in progress for refusal in one.rejected_lines]
    assert {refusal.line: refusal.reason for refusal in refusals} == {
        2: "not JSON in UTF-8",
        1: "document_parsing_exception",
    }
    assert sorted((row.origin, row.reason) for row in rejects.rows()) == [
        ("line 1", "document_parsing_exception: because"),
        ("line 2", "not JSON in UTF-8"),
    ]


@pytest.mark.parametrize("year", [1, 1999, 2033, 9999])
def test_a_meeting_of_an_odd_year_creates_no_index_and_is_kept_among_the_rejects(
    rejects: Rejects, year: int
) -> None:
    client = Scripted(stored)
    record = plain(1)
    start = NOW.replace(year=year)
    odd = replace(record, meeting=replace(record.meeting, start_time=start))
    assert list(loader(client, rejects).load([odd])) == [Ack(uuid="meeting-1", rejected=4)]
    assert client.bulks == []
    assert "PUT" not in [method for method, path in client.requests if "_template" not in path]
    assert {row.reason for row in rejects.rows()} == {"the meeting is not between 2000 and 2032"}
