"""Re-reading replaces documents in a real Elasticsearch: which are deleted, which stay, and the warning if privileges are missing."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest

from connectors.attendance import to_record
from connectors.errors import CredentialsError, Unreachable
from connectors.models import Detail, MeetingRecord
from harvester.documents import to_documents
from harvester.sinks.base import Ack
from harvester.sinks.elastic import stale_documents
from harvester.sinks.elastic.client import Client, Response
from harvester.sinks.elastic.config import Period
from harvester.sinks.elastic.stale_cleanup_sink import StaleCleanupSink
from harvester.sinks.elastic.stale_documents import StaleDocuments
from tests.e2e.index_sandbox import RETRY, IndexSandbox, login
from tests.invented_meetings import HARVESTED, loads, many, plain, spoiled

EARLIER = HARVESTED - timedelta(days=1)
LATER = HARVESTED + timedelta(days=1)


def replacing(
    sandbox: IndexSandbox,
    *,
    period: Period = "year",
    account: Mapping[str, str] = MappingProxyType({}),
) -> StaleCleanupSink:
    """`account`: credentials for `ElasticConfig`, if not the administrator's."""
    more: dict[str, Any] = {"period": period, **account}
    return StaleCleanupSink(sandbox.loader(**more), sandbox.client(**more), RETRY)


def load(
    sandbox: IndexSandbox, records: Iterable[MeetingRecord], *, new: Container[str] = (), **more: Any
) -> dict[str, Ack]:
    return {ack.uuid: ack for ack in replacing(sandbox, **more).load(loads(records, new=new))}


def again(harvest: MeetingRecord, sessions: int, **changes: Any) -> MeetingRecord:
    """The same meeting read a day later, with so many of its stays."""
    changed = {"harvested_at": LATER, **changes}
    return to_record(replace(harvest.meeting, **changed), harvest.sessions[:sessions])


def ids(*records: MeetingRecord) -> set[str]:
    return {document["document_id"] for harvest in records for document in to_documents(harvest)}


def where(sandbox: IndexSandbox) -> set[tuple[str, str]]:
    return {(hit["_index"].removeprefix(sandbox.prefix), hit["_id"]) for hit in sandbox.hits()}


def test_a_live_meeting_that_ended_keeps_only_its_final_documents(sandbox: IndexSandbox) -> None:
    live = plain(1, sessions=5, detail=Detail.live)
    untouched = [plain(2), plain(3, detail=Detail.live)]
    load(sandbox, [live, *untouched])
    ended = again(live, 2, detail=Detail.full)
    assert load(sandbox, [ended]) == {"meeting-1": Ack(uuid="meeting-1", ok=3, replaced=3)}
    assert sandbox.stored().keys() == ids(ended, *untouched)
    assert {document["detail"] for document in sandbox.stored().values()} == {"full", "basic", "live"}


def test_a_merged_session_is_deleted_and_a_second_run_changes_nothing(sandbox: IndexSandbox) -> None:
    before = list(many(5))
    load(sandbox, before)
    after = [again(harvest, 2) for harvest in before]
    assert [one.replaced for one in load(sandbox, after).values()] == [1] * 5
    hits = sandbox.hits()
    assert {hit["_id"] for hit in hits} == ids(*after)
    repeated = load(sandbox, after)
    assert [(one.ok, one.superseded, one.replaced) for one in repeated.values()] == [(0, 3, 0)] * 5
    assert sandbox.hits() == hits


def test_a_start_that_moved_into_another_year_leaves_nothing_in_the_old_one(sandbox: IndexSandbox) -> None:
    old = plain(1)
    start = old.meeting.start_time
    assert start is not None
    moved = again(old, 3, start_time=start + timedelta(days=60), end_time=None)
    load(sandbox, [old])
    assert load(sandbox, [moved])["meeting-1"] == Ack(uuid="meeting-1", ok=4, replaced=4)
    assert {index for index, _ in where(sandbox)} == {"meetings-2027", "sessions-2027"}
    back = again(old, 3, harvested_at=LATER + timedelta(days=1))
    assert load(sandbox, [back])["meeting-1"] == Ack(uuid="meeting-1", ok=4, replaced=4)
    assert {index for index, _ in where(sandbox)} == {"meetings-2026", "sessions-2026"}


def test_months_are_searched_as_well_as_years(newest: IndexSandbox) -> None:
    old = plain(1)
    start = old.meeting.start_time
    assert start is not None
    load(newest, [old], period="month")
    moved = again(old, 1, start_time=start + timedelta(days=20), end_time=None)
    assert load(newest, [moved], period="month")["meeting-1"].replaced == 4
    assert {index for index, _ in where(newest)} == {"meetings-2026-12", "sessions-2026-12"}


def test_a_meeting_that_replaces_others_takes_their_documents_away(sandbox: IndexSandbox) -> None:
    load(sandbox, many(4))
    newer = replace(plain(9, when=LATER), replaces=["meeting-1", "meeting-2", "never stored"])
    assert load(sandbox, [newer], new={"meeting-9"})["meeting-9"].replaced == 8
    assert sandbox.stored().keys() == ids(plain(0), plain(3), newer)


def test_another_account_and_another_vendor_keep_their_documents(sandbox: IndexSandbox) -> None:
    record = plain(1)
    of_another_account = replace(record, meeting=replace(record.meeting, account="other"))
    of_another_vendor = replace(record, meeting=replace(record.meeting, vendor="webex"))
    load(sandbox, [record])
    load(sandbox, [of_another_account])
    load(sandbox, [of_another_vendor])
    after = again(record, 0)
    assert load(sandbox, [after])["meeting-1"].replaced == 3
    assert sandbox.stored().keys() == ids(after, of_another_account, of_another_vendor)


def test_the_stored_version_of_a_rejected_document_is_kept(sandbox: IndexSandbox) -> None:
    old = plain(1)
    load(sandbox, [old])
    newer = spoiled(again(old, 2), duration=10**30)
    assert load(sandbox, [newer])["meeting-1"] == Ack(uuid="meeting-1", ok=2, rejected=1, replaced=1)
    stored = sandbox.stored()
    assert stored.keys() == ids(newer)
    dates = sorted(document["harvested_at"] for document in stored.values())
    assert [date[:10] for date in dates] == ["2026-11-21", "2026-11-22", "2026-11-22"]


def test_a_poorer_later_harvest_deletes_nothing_richer(sandbox: IndexSandbox) -> None:
    full = plain(1, detail=Detail.full)
    load(sandbox, [full])
    hits = sandbox.hits()
    poorer = again(full, 1, detail=Detail.basic)
    assert load(sandbox, [poorer])["meeting-1"] == Ack(uuid="meeting-1", superseded=2)
    assert sandbox.hits() == hits


def test_an_older_load_restores_no_deleted_document(sandbox: IndexSandbox) -> None:
    old = plain(1)
    load(sandbox, [old])
    after = again(old, 1)
    load(sandbox, [after])
    load(sandbox, [old])
    assert sandbox.stored().keys() == ids(after)


def test_one_load_with_two_harvests_of_a_meeting_leaves_the_newer(sandbox: IndexSandbox) -> None:
    old = plain(1, sessions=4)
    load(sandbox, [plain(1, sessions=6, when=EARLIER)])
    loaded = list(replacing(sandbox).load(loads([again(old, 1), *many(1), old])))
    assert sum(one.replaced for one in loaded) == 5
    assert sandbox.stored().keys() == ids(again(old, 1), plain(0))


def test_more_leftovers_than_a_search_may_return(newest: IndexSandbox) -> None:
    many_stays = plain(1, sessions=10_500)
    load(newest, [many_stays, plain(2)], new={"meeting-1", "meeting-2"})
    after = again(many_stays, 100)
    assert load(newest, [after])["meeting-1"] == Ack(uuid="meeting-1", ok=101, replaced=10_400)
    assert newest.stored().keys() == ids(after, plain(2))


def test_pages_end_where_a_document_stands_in_two_indices(
    newest: IndexSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = plain(1, sessions=7)
    start = old.meeting.start_time
    assert start is not None
    moved = again(old, 7, start_time=start + timedelta(days=60), end_time=None)
    list(newest.loader().load([old, moved]))
    assert len(where(newest)) == 16
    monkeypatch.setattr(stale_documents, "PAGE", 3)
    last = again(old, 0, harvested_at=LATER + timedelta(days=1))
    assert load(newest, [last])["meeting-1"].replaced == 15
    assert newest.stored().keys() == ids(last)


def test_many_batches_of_meetings_with_instants_of_their_own(newest: IndexSandbox) -> None:
    def read(day: timedelta, sessions: int) -> Iterator[MeetingRecord]:
        for number in range(450):
            harvest = plain(number, when=HARVESTED + day + timedelta(milliseconds=number))
            yield replace(harvest, sessions=harvest.sessions[:sessions])

    load(newest, read(timedelta(), 3))
    loaded = load(newest, read(timedelta(days=1), 1))
    assert {one.replaced for one in loaded.values()} == {2}
    assert len(newest.stored()) == 900


def test_instants_are_compared_to_the_millisecond_that_is_stored(newest: IndexSandbox) -> None:
    when = HARVESTED.replace(microsecond=123_456)
    first = plain(1, when=when)
    load(newest, [first])
    same = replace(first, sessions=first.sessions[:1])
    assert load(newest, [same])["meeting-1"].replaced == 0
    soon = replace(plain(1, when=when + timedelta(milliseconds=1)), sessions=first.sessions[:1])
    assert load(newest, [soon])["meeting-1"].replaced == 2


def test_a_copy_of_an_index_is_left_alone(newest: IndexSandbox) -> None:
    load(newest, [plain(1)])
    copy = f"{newest.prefix}sessions-2026-copy"
    for document_id, document in newest.stored().items():
        newest.ask("PUT", f"/{copy}/_doc/{document_id}", document)
    assert load(newest, [again(plain(1), 0)])["meeting-1"].replaced == 3
    assert {name for index, name in where(newest) if index.endswith("copy")} == ids(plain(1))


def test_an_index_that_is_closed_is_passed_over(newest: IndexSandbox) -> None:
    old = plain(1)
    load(newest, [old])
    newest.ask("POST", f"/{newest.prefix}sessions-2026/_close")
    start = old.meeting.start_time
    assert start is not None
    moved = again(old, 3, start_time=start + timedelta(days=60), end_time=None)
    assert load(newest, [moved])["meeting-1"] == Ack(uuid="meeting-1", ok=4, replaced=1)


def test_an_old_index_that_is_read_only_says_what_to_do(sandbox: IndexSandbox) -> None:
    old = plain(1)
    load(sandbox, [old])
    sandbox.ask("PUT", f"/{sandbox.prefix}sessions-2026/_settings", {"index.blocks.write": True})
    start = old.meeting.start_time
    assert start is not None
    moved = again(old, 3, start_time=start + timedelta(days=60), end_time=None)
    with pytest.raises(Unreachable, match=f"{sandbox.prefix}sessions-2026 .* is read-only"):
        load(sandbox, [moved])


def test_a_kill_between_loading_and_deleting_is_made_good_by_the_same_load(
    newest: IndexSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [plain(number) for number in range(3)]
    load(newest, old)
    after = [again(harvest, 1) for harvest in old]
    with monkeypatch.context() as dying:

        def killed(self: StaleDocuments, claims: Any) -> Any:
            raise KeyboardInterrupt

        dying.setattr(StaleDocuments, "delete", killed)
        with pytest.raises(KeyboardInterrupt):
            load(newest, after)
    assert newest.stored().keys() == ids(*old)
    assert {one.replaced for one in load(newest, after).values()} == {2}
    assert newest.stored().keys() == ids(*after)


def test_a_kill_in_the_middle_of_deleting_is_made_good_by_the_same_load(
    newest: IndexSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = plain(1, sessions=20)
    load(newest, [old])
    after = again(old, 2)
    with monkeypatch.context() as dying:
        dying.setattr(stale_documents, "PAGE", 5)
        bulks = 0
        bulk = Client.bulk

        def killed(self: Client, body: bytes) -> Response:
            nonlocal bulks
            bulks += b'"delete"' in body
            if bulks == 3:
                raise KeyboardInterrupt
            return bulk(self, body)

        dying.setattr(Client, "bulk", killed)
        with pytest.raises(KeyboardInterrupt):
            load(newest, [after])
    assert len(newest.stored()) == 11
    assert load(newest, [after])["meeting-1"].replaced == 8
    assert newest.stored().keys() == ids(after)


def test_create_index_and_write_suffice_and_the_skipped_cleanup_is_reported_once(
    guarded: IndexSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    load(guarded, [plain(1)])
    caplog.clear()
    sink = replacing(guarded, account=login(guarded.node.users["loader"]))
    after = again(plain(1), 1)
    assert list(sink.load(loads([after]))) == [Ack(uuid="meeting-1", ok=2)]
    assert len(list(sink.load(loads(many(3))))) == 3
    message = [word for word in caplog.messages if "stay behind" in word]
    assert message == [word for word in message if f"read and maintenance on {guarded.prefix}*" in word]
    assert len(message) == 1
    assert guarded.stored().keys() == ids(plain(1), *many(3))
    load(guarded, [again(plain(1), 1, harvested_at=LATER + timedelta(days=1))])
    assert guarded.stored().keys() == ids(after, plain(0), plain(2)), "once the rights are there"


def test_without_the_look_beforehand_the_refusal_says_the_same(
    guarded: IndexSandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    load(guarded, [plain(1)])
    caplog.clear()
    monkeypatch.setattr(StaleDocuments, "check_privileges", lambda self: None)
    user = login(guarded.node.users["loader"])
    assert load(guarded, [again(plain(1), 1)], account=user) == {"meeting-1": Ack(uuid="meeting-1", ok=2)}
    assert [word for word in caplog.messages if word.endswith(f"read and maintenance on {guarded.prefix}*")]


def test_wrong_credentials_are_the_end(guarded: IndexSandbox) -> None:
    load(guarded, [plain(1)])
    client = guarded.client(username="somebody", password="wrong")
    sink = StaleCleanupSink(guarded.loader(), client, RETRY)
    with pytest.raises(CredentialsError):
        list(sink.load(loads([plain(1)])))


def test_create_index_write_read_and_maintenance_are_enough(
    guarded: IndexSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    load(guarded, [plain(1)])
    caplog.clear()
    after = again(plain(1), 1)
    assert load(guarded, [after], account=login(guarded.node.users["whole"]))["meeting-1"].replaced == 2
    assert not [word for word in caplog.messages if "stay behind" in word]
    assert guarded.stored().keys() == ids(after)


def test_a_right_to_read_something_else_is_not_taken_for_nothing_to_delete(
    guarded: IndexSandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    load(guarded, [plain(1)])
    user = login(guarded.node.users["partial"])
    with monkeypatch.context() as blind:
        blind.setattr(StaleDocuments, "check_privileges", lambda self: None)
        caplog.clear()
        assert load(guarded, [again(plain(1), 1)], account=user)["meeting-1"].replaced == 0
        assert not [word for word in caplog.messages if "stay behind" in word], (
            "Elasticsearch says nothing of it"
        )
    load(guarded, [again(plain(1), 1)], account=user)
    assert [word for word in caplog.messages if "stay behind" in word]
