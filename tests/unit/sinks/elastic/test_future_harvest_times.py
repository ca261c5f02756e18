"""Documents of the future without a cluster. Real nodes answer in tests/e2e/test_wrong_clock.py and test_verify.py."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson
import pytest

from connectors.models import Detail
from connectors.parsing import format_milliseconds
from harvester.documents import version
from harvester.sinks.elastic.client import Response
from harvester.sinks.elastic.deletion import MissingPrivileges
from harvester.sinks.elastic.future_harvest_times import (
    FORGET_AT_ONCE,
    OWN_SETTING,
    count_future,
    redate,
    remember_versions,
)
from tests.unit.fake_context import NOW
from tests.unit.sinks.elastic.fake_elasticsearch import Scripted, Waits, refused, stored

INDEX = "harvester-meetings-2026"
FUTURE = NOW + timedelta(days=10)


class Cluster(Scripted):
    """One index with documents, and its setting of `gc_deletes`. `statuses`: of the items of each bulk request."""

    def __init__(self, documents: Mapping[str, dict[str, Any]], *statuses: list[int], setting: str = "24h"):
        super().__init__(stored)
        self.documents = documents
        self.statuses = list(statuses)
        self.settings = [setting]
        self.sent: list[list[dict[str, Any]]] = []
        self.is_refused = False

    def send(self, method: str, path: str, *, body: Any = None, **_: Any) -> Response:
        if path == "/_bulk":
            self.sent.append([orjson.loads(line) for line in body.split(b"\n")[:-1]])
            return self._answer_bulk(len(self.sent[-1]) // 3)
        if self.is_refused:
            return Response(status=403, body={"error": {"type": "security_exception"}})
        if path.endswith("/_mget"):
            docs = [
                {"_id": name, "_index": INDEX, **self.documents[name], "found": True} for name in body["ids"]
            ]
            return Response(status=200, body={"docs": docs})
        if method == "PUT":
            self.settings.append(body["index"]["gc_deletes"])
        settings = {INDEX: {"settings": {"index": {"gc_deletes": self.settings[-1]}}}}
        return Response(status=200, body=settings if method == "GET" else {})

    def _answer_bulk(self, count: int) -> Response:
        statuses = self.statuses.pop(0) if self.statuses else [201] * count
        items = []
        for status in statuses:
            item = {"status": status} if status < 300 else refused(status)
            items += [{"delete": {"status": 200}}, {"index": item}]
        return Response(status=200, body={"errors": True, "items": items})


def document(at: Any = FUTURE, detail: str = "full") -> dict[str, Any]:
    rank = Detail.__members__.get(detail, Detail.full)
    return {
        "_version": version(rank, at),
        "_source": {"detail": detail, "harvested_at": format_milliseconds(at), "topic": "Weekly"},
    }


def test_a_document_is_deleted_and_stored_in_one_request_with_a_lower_version() -> None:
    cluster = Cluster({"a": document()})
    assert redate(cluster, Waits().policy(), INDEX, ["a"], NOW) == 1
    ((delete, store, content),) = cluster.sent
    assert delete["delete"]["version"] == version(Detail.full, FUTURE)
    assert store["index"]["version"] == version(Detail.full, NOW)
    assert content == {"detail": "full", "harvested_at": format_milliseconds(NOW), "topic": "Weekly"}


def test_older_documents_and_those_of_an_unknown_detail_stay() -> None:
    older = document(NOW - timedelta(days=1))
    cluster = Cluster({"older": older, "unknown": document(detail="splendid"), "future": document()})
    assert redate(cluster, Waits().policy(), INDEX, list(cluster.documents), NOW) == 1
    ((delete, *_),) = cluster.sent
    assert delete["delete"]["_id"] == "future"


def test_only_documents_that_were_not_stored_are_sent_again() -> None:
    cluster = Cluster({"a": document(), "b": document()}, [201, 429], [409])
    assert redate(cluster, Waits().policy(), INDEX, ["a", "b"], NOW) == 2
    assert [lines[0]["delete"]["_id"] for lines in cluster.sent] == ["a", "b"]


@pytest.mark.parametrize(("before", "after"), [("12h", "12h"), (FORGET_AT_ONCE, OWN_SETTING)])
def test_the_setting_is_restored_even_after_a_failure(before: str, after: str) -> None:
    cluster = Cluster({"a": document()}, [400], setting=before)
    with pytest.raises(Exception, match="asked to store"):
        redate(cluster, Waits().policy(), INDEX, ["a"], NOW)
    assert cluster.settings == [before, FORGET_AT_ONCE, after]


def test_without_the_privilege_nothing_is_sent() -> None:
    cluster = Cluster({"a": document()})
    cluster.is_refused = True
    with pytest.raises(MissingPrivileges, match="manage"):
        redate(cluster, Waits().policy(), INDEX, ["a"], NOW)
    assert cluster.sent == []
    assert count_future(cluster, vendor="zoom", account="main", now=NOW) == 0


def settings(gc_deletes: str) -> dict[str, Any]:
    return {INDEX: {"settings": {"index": {"gc_deletes": gc_deletes}}}}


def methods_sent(*answers: Response) -> list[str]:
    """The methods of the requests that are sent if Elasticsearch answers like this."""
    turn = iter(answers)
    client = Scripted(stored, lambda method, path: next(turn))
    remember_versions(client, Waits().policy(), INDEX)
    return [method for method, _ in client.requests]


@pytest.mark.parametrize(
    ("answers", "methods"),
    [
        ([Response(status=200, body=settings("-1")), Response(status=200, body={})], ["GET", "PUT"]),
        ([Response(status=200, body=settings("24h"))], ["GET"]),
        ([Response(status=200, body=settings("7d"))], ["GET"]),
        ([Response(status=200, body={})], ["GET"]),
        ([Response(status=404, body={})], ["GET"]),
    ],
)
def test_only_a_setting_that_a_repair_makes_is_undone(answers: list[Response], methods: list[str]) -> None:
    assert methods_sent(*answers) == methods


def test_a_missing_privilege_is_named() -> None:
    refused = Response(status=403, body={"error": {"type": "security_exception"}})
    with pytest.raises(MissingPrivileges, match="manage"):
        methods_sent(Response(status=200, body=settings("-1")), refused)
