"""Answers of another shape than Elasticsearch's: each is `Client.unexpected`, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.errors import ConfigurationError
from connectors.models import Window
from harvester.sinks.elastic.account_documents import AccountDocuments
from harvester.sinks.elastic.answer_parsing import (
    first_number,
    first_text,
    lacks_privileges,
    read_buckets,
    read_documents,
    read_hits,
    read_objects,
    read_text,
)
from harvester.sinks.elastic.client import Response
from harvester.sinks.elastic.document_reader import DocumentReader
from harvester.sinks.elastic.future_harvest_times import count_future
from harvester.sinks.elastic.index_creation import index_uuids
from harvester.sinks.elastic.index_identity import newest_harvest
from harvester.sinks.elastic.mapping_diff import diff_mappings
from harvester.sinks.elastic.stale_documents import StaleDocuments
from harvester.sinks.elastic.templates import diff_templates
from tests.unit.sinks.elastic.fake_elasticsearch import Scripted, Waits, stored

WHEN = datetime(2026, 11, 20, tzinfo=UTC)
DAY = Window(start=WHEN, end=WHEN.replace(day=21))
DEEP: Any = 1
for _ in range(50):
    DEEP = [DEEP]

ODD = [
    None,
    7,
    "text",
    [],
    {},
    {"hits": 7, "id": 7, "docs": 7, "aggregations": 7},
    {"hits": {"hits": 7}, "id": [], "docs": [7], "aggregations": {"meetings": 7, "newest": 7}},
    {"hits": {"hits": [7]}, "aggregations": {"meetings": {"buckets": [7]}, "newest": {"value": "x"}}},
    {"hits": {"hits": [{"_index": "i", "_id": 7, "_source": {}, "sort": []}]}, "id": "p", "count": "x"},
    {"hits": {"hits": [{"_index": "i", "_id": "d", "_source": 7, "sort": 7, "fields": 7}]}, "id": "p"},
    {"docs": [{"_id": "d", "found": True, "_version": "1", "_source": {}}], "count": 1.5},
    {"harvester-meetings-2026": 7, "has_all_requested": "no"},
    {"harvester-meetings-2026": {"settings": [], "mappings": 7}},
    {"component_templates": [{"component_template": {"_meta": 7}}], "index_templates": 7},
    {"aggregations": {"meetings": {"buckets": [{"key": {}}]}, "newest": {"value": 1e300}}},
    DEEP,
]


def cluster(body: Any) -> Scripted:
    return Scripted(stored, lambda method, path: Response(status=200, body=body))


def readings(client: Scripted) -> Iterator[Any]:
    """Everything that is read from Elasticsearch, each as a function without arguments."""
    retry = Waits().policy()
    documents = AccountDocuments(client, retry, vendor="zoom", account="main")
    yield lambda: list(DocumentReader(client, retry).read())
    yield lambda: list(documents.uuids(DAY))
    yield lambda: list(documents.read(["u"]))
    yield documents.prepare
    yield lambda: count_future(client, vendor="zoom", account="main", now=WHEN)
    yield lambda: newest_harvest(client, retry, "zoom", "main")
    yield lambda: index_uuids(client, retry)
    yield lambda: list(diff_mappings(client, retry))
    yield lambda: list(diff_templates(client, retry))
    yield StaleDocuments(client, retry).check_privileges


@pytest.mark.parametrize("body", ODD, ids=lambda body: str(body)[:60])
def test_no_answer_ends_in_a_traceback(body: Any) -> None:
    for read in readings(cluster(body)):
        with suppress(ConfigurationError):
            read()


def test_an_answer_without_documents_is_named() -> None:
    for number, read in enumerate(readings(cluster(["no object"]))):
        if number < 3:
            with pytest.raises(ConfigurationError, match="gives an unexpected answer if it is asked for"):
                read()


def test_answers_of_the_right_shape_are_read() -> None:
    client, answer = cluster(None), Response(status=200, body={})
    hits = [{"_index": "i", "_id": "d", "sort": [1]}]
    assert read_hits(client, Response(status=200, body={"hits": {"hits": hits}}), sort=list) == hits
    documents = [{"_id": "d", "found": True, "_version": 1, "_source": {}}, {"_id": "e", "found": False}]
    assert read_documents(client, Response(status=200, body={"docs": documents})) == documents[:1]
    buckets = [{"key": {"uuid": "u"}}]
    found = {"aggregations": {"meetings": {"buckets": buckets}}}
    assert read_buckets(client, Response(status=200, body=found), "meetings") == buckets
    assert read_text(client, Response(status=200, body={"a": {"b": "c"}}), "asked", "a", "b") == "c"
    assert read_objects(client, answer, "asked") == {}
    assert list(read_objects(client, Response(status=200, body={"b": {}, "a": {}}), "asked")) == ["a", "b"]


def test_a_search_in_no_index_has_no_buckets() -> None:
    answer = Response(status=200, body={"hits": {"hits": []}})
    assert read_buckets(cluster(None), answer, "meetings") == []


@pytest.mark.parametrize(
    ("fields", "text", "number"),
    [
        ({"name": ["a", "b"]}, "a", None),
        ({"name": [7]}, None, 7),
        ({"name": []}, None, None),
        ({"name": "a"}, None, None),
        ({}, None, None),
        (None, None, None),
    ],
)
def test_the_first_value_of_a_field(fields: Any, text: str | None, number: int | None) -> None:
    assert first_text(fields, "name") == text
    assert first_number(fields, "name") == number


@pytest.mark.parametrize(
    ("status", "body", "lacking"),
    [
        (200, {"has_all_requested": False}, True),
        (200, {"has_all_requested": True}, False),
        (200, {}, False),
        (200, None, False),
        (400, {"error": "no handler found for uri"}, False),
        (403, {}, False),
    ],
)
def test_privileges_are_lacking_only_if_elasticsearch_says_so(status: int, body: Any, lacking: bool) -> None:
    client = Scripted(stored, lambda method, path: Response(status=status, body=body))
    assert lacks_privileges(client, Waits().policy(), ["harvester-*"], "read") is lacking
