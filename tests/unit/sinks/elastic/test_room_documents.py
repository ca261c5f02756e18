"""harvester/sinks/elastic/room_documents.py without a cluster; a real node answers in tests/e2e/test_rooms_index.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from connectors.errors import ConfigurationError, CredentialsError, HarvestError
from connectors.models import Window
from harvester.sinks.elastic.client import Response
from harvester.sinks.elastic.room_documents import RoomDocuments
from tests.unit.sinks.elastic.fake_elasticsearch import Scripted, Waits, items, stored

READ_AT = datetime(2026, 11, 30, 9, tzinfo=UTC)
DAY = Window(start=datetime(2026, 11, 30, tzinfo=UTC), end=datetime(2026, 12, 1, tzinfo=UTC))


class Cluster(Scripted):
    """Keeps what is sent."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*(args or (stored,)))
        self.lines: list[dict[str, Any]] = []
        self.bodies: list[Any] = []
        self.deletions = [200, 409]
        """The status of each deletion."""

    def send(self, method: str, path: str, *, body: Any = None, **more: Any) -> Response:
        if path == "/_bulk":
            self.lines += [orjson.loads(line) for line in body.split(b"\n")[:-1]]
            if "delete" in self.lines[0]:
                return items([{"status": status} for status in self.deletions])
        else:
            self.bodies.append(body)
        return super().send(method, path, body=body, **more)


def booking(year: int) -> dict[str, Any]:
    at = datetime(year, 5, 1, tzinfo=UTC)
    return {"document_id": f'booking:main:b"é:{year}', "@timestamp": at, "harvested_at": READ_AT}


def test_bookings_go_into_the_index_of_their_year_with_the_time_of_the_reading_as_version() -> None:
    cluster = Cluster()
    documents = RoomDocuments(cluster, Waits().policy())
    assert documents.put_bookings([booking(2026), booking(2027)]) == 0
    actions = [line["index"] for line in cluster.lines[::2]]
    assert [action["_index"] for action in actions] == ["harvester-bookings-2026", "harvester-bookings-2027"]
    assert actions[0]["_id"] == 'booking:main:b"é:2026'
    assert {action["version"] for action in actions} == {int(READ_AT.timestamp() * 1000)}
    assert ("PUT", "/harvester-bookings-2026") in cluster.requests


def test_states_go_into_one_index() -> None:
    cluster = Cluster()
    RoomDocuments(cluster, Waits().policy()).put_states([{"document_id": "room:a", "harvested_at": READ_AT}])
    assert cluster.lines[0]["index"]["_index"] == "harvester-rooms"
    created = next(body for body in cluster.bodies if body is not None)
    assert created["mappings"]["properties"]["busy"] == {"type": "boolean"}


def test_refused_documents_are_counted() -> None:
    refused = {"status": 400, "error": {"type": "document_parsing_exception"}}
    cluster = Cluster(lambda ids: items([refused] + [{"status": 201}] * (len(ids) - 1)))
    documents = RoomDocuments(cluster, Waits().policy())
    assert documents.put_bookings([booking(2026), booking(2027)]) == 1


def test_a_newer_state_that_is_stored_already_is_no_refusal() -> None:
    cluster = Cluster(lambda ids: items([{"status": 409}] * len(ids)))
    assert RoomDocuments(cluster, Waits().policy()).put_bookings([booking(2026)]) == 0


def found(*ids: str) -> Response:
    hits = [{"_index": "harvester-bookings-2026", "_id": each, "sort": [each, "i"]} for each in ids]
    return Response(status=200, body={"timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": hits}})


def test_only_earlier_bookings_of_this_calendar_and_these_days_are_deleted() -> None:
    def answer(_method: str, path: str) -> Response | None:
        if "/_search" in path:
            return found("booking:a", "booking:b")
        return Response(status=200, body={}) if "_refresh" in path else None

    cluster = Cluster(stored, answer)
    documents = RoomDocuments(cluster, Waits().policy())
    assert documents.delete_other_bookings("blue", "main", DAY, READ_AT) == 1
    [search] = [body for body in cluster.bodies if body and "query" in body]
    filters = search["query"]["bool"]["filter"]
    assert {"term": {"calendar": "blue"}} in filters
    assert {"term": {"account": "main"}} in filters
    assert {"range": {"harvested_at": {"lt": "2026-11-30T09:00:00.000Z"}}} in filters
    days = {"gte": "2026-11-30T00:00:00.000Z", "lt": "2026-12-01T00:00:00.000Z"}
    assert {"range": {"@timestamp": days}} in filters
    version = {"version": int(READ_AT.timestamp() * 1000), "version_type": "external"}
    assert cluster.lines == [
        {"delete": {"_index": "harvester-bookings-2026", "_id": each, **version}}
        for each in ("booking:a", "booking:b")
    ]


def test_a_missing_privilege_is_named() -> None:
    def answer(_method: str, path: str) -> Response | None:
        return found("booking:a", "booking:b") if "/_search" in path else Response(status=200, body={})

    cluster = Cluster(stored, answer)
    cluster.deletions = [403, 403]
    with pytest.raises(CredentialsError, match="the privilege write is missing"):
        RoomDocuments(cluster, Waits().policy()).delete_other_bookings("blue", "main", DAY, READ_AT)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response(status=403, body={"error": {"type": "security_exception"}}), CredentialsError),
        (Response(status=400, body={"error": {"type": "parsing_exception"}}), ConfigurationError),
        (Response(status=200, body=[]), HarvestError),
    ],
)
def test_a_refused_deletion_is_an_error(answer: Response, error: type[Exception]) -> None:
    cluster = Cluster(stored, lambda _method, path: answer if "_search" in path else None)
    with pytest.raises(error):
        RoomDocuments(cluster, Waits().policy()).delete_other_bookings("blue", "main", DAY, READ_AT)
