"""Which documents are stale. Searching and deleting is tested in test_stale_cleanup_sink.py and in tests/e2e."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.parsing import format_milliseconds
from harvester.documents import record_version, to_documents
from harvester.sinks.elastic.client import Response
from harvester.sinks.elastic.deletion import Deletion, MissingPrivileges
from harvester.sinks.elastic.stale_documents import CurrentDocuments, StaleDocument, StaleDocuments
from tests.invented_meetings import HARVESTED, plain
from tests.unit.sinks.elastic.fake_elasticsearch import CLUSTER, Scripted, Waits, stored


def test_a_harvest_contains_its_own_documents_in_their_own_index_only() -> None:
    record = plain(1)
    current = CurrentDocuments.of(record, CLUSTER)
    indices = [current.meeting_index] + [current.session_index] * 3
    for document, index in zip(to_documents(record), indices, strict=True):
        assert current.contains(index, document["document_id"])
        assert not current.contains(index.replace("2026", "2025"), document["document_id"])
    assert not current.contains(current.session_index, f"{current.document_id}:other")
    key = record.sessions[0].key
    assert not current.contains(current.session_index, f"{current.document_id}:other:{key}")


def test_a_harvest_knows_version_time_and_all_uuids() -> None:
    record = replace(plain(1), replaces=["meeting-0"])
    current = CurrentDocuments.of(record, CLUSTER)
    assert current.uuids == ("meeting-1", "meeting-0")
    assert current.version == record_version(record)
    assert current.harvested_at == format_milliseconds(HARVESTED)
    assert current.size == 2 + 3


def test_a_stale_document_is_deleted_with_the_version_of_the_new_harvest() -> None:
    current = CurrentDocuments.of(plain(1), CLUSTER)
    deletion = StaleDocument("harvester-sessions-2026", "id", current).deletion
    assert deletion == Deletion("harvester-sessions-2026", "id", current.version, "external")


@pytest.mark.parametrize(
    "answer", [Response(status=400), Response(status=200, body={"has_all_requested": True})]
)
def test_privileges_are_taken_for_granted_unless_they_are_denied(answer: Response) -> None:
    StaleDocuments(Scripted(stored, lambda method, path: answer), Waits().policy()).check_privileges()


def test_denied_privileges_are_named() -> None:
    denied = Response(status=200, body={"has_all_requested": False})
    client = Scripted(stored, lambda method, path: denied)
    with pytest.raises(MissingPrivileges, match="read and maintenance"):
        StaleDocuments(client, Waits().policy()).check_privileges()


def test_without_meetings_nothing_is_requested() -> None:
    client = Scripted(stored)
    assert list(StaleDocuments(client, Waits().policy()).delete([])) == []
    assert client.requests == []
