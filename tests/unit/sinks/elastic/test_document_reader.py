"""Reading every document without a cluster: pages, refusals. Real nodes answer in tests/e2e/test_report_index.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from connectors.errors import ConfigurationError, CredentialsError, HarvestError, Unreachable
from harvester.sinks.elastic import document_reader
from harvester.sinks.elastic.client import AnswerTooLarge, Response
from harvester.sinks.elastic.document_reader import DocumentReader
from tests.unit.sinks.elastic.fake_elasticsearch import Scripted, Waits, stored

Answer = Callable[[str, str], Response | None]


def hit(number: int, index: str = "harvester-meetings-2026") -> dict[str, Any]:
    return {"_index": index, "_id": f"d{number}", "_source": {"number": number}, "sort": [number]}


def pages(*contents: list[dict[str, Any]]) -> Answer:
    """Answers searches with these pages, each with another id of the point in time."""
    left = iter(enumerate(contents, 1))

    def answer(method: str, path: str) -> Response | None:
        if path.startswith("/_search"):
            number, hits = next(left)
            return Response(status=200, body={"pit_id": f"point-{number}", "hits": {"hits": hits}})
        return Response(status=200, body={"id": "point-0"}) if "_pit?" in path else None

    return answer


def failing(status: int, kind: str) -> Answer:
    def answer(method: str, path: str) -> Response | None:
        if path.startswith("/_search"):
            return Response(status=status, body={"error": {"type": kind, "reason": "because"}})
        return Response(status=200, body={"id": "point-0"}) if "_pit?" in path else None

    return answer


def read(answer: Answer) -> tuple[list[Any], Scripted]:
    client = Scripted(stored, answer)
    return [orjson.loads(line) for line in DocumentReader(client, Waits().policy()).read()], client


def test_all_pages_are_read_and_the_point_in_time_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_reader, "PAGE", 2)
    found, client = read(pages([hit(1), hit(2)], [hit(3)]))
    assert [each["number"] for each in found] == [1, 2, 3]
    assert client.requests[-1] == ("DELETE", "/_pit")


def test_each_request_names_the_latest_id_of_the_point_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_reader, "PAGE", 1)
    named: list[str] = []

    class Recorded(Scripted):
        def send(self, method: str, path: str, **given: Any) -> Response:
            body = given.get("body") or {}
            named.extend([body["pit"]["id"]] if "pit" in body else [body["id"]] if method == "DELETE" else [])
            return super().send(method, path, **given)

    client = Recorded(stored, pages([hit(1)], [hit(2)], []))
    list(DocumentReader(client, Waits().policy()).read())
    assert named == ["point-0", "point-1", "point-2", "point-3"]


def test_indices_of_other_applications_are_left_out() -> None:
    found, _ = read(pages([hit(1), hit(2, "harvester-meetings-notes")]))
    assert [each["number"] for each in found] == [1]


@pytest.mark.parametrize(
    ("status", "kind", "error", "words"),
    [
        (404, "search_context_missing_exception", Unreachable, "run the same command again"),
        (403, "security_exception", CredentialsError, "the privilege read"),
        (400, "query_shard_exception", ConfigurationError, "query_shard_exception"),
    ],
)
def test_a_refusal_says_what_to_do(status: int, kind: str, error: type[HarvestError], words: str) -> None:
    client = Scripted(stored, failing(status, kind))
    with pytest.raises(error, match=words):
        list(DocumentReader(client, Waits().policy()).read())
    assert client.requests[-1] == ("DELETE", "/_pit")


def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents with --raw and --series are large."""
    monkeypatch.setattr(document_reader, "PAGE", 4)
    sizes: list[int] = []

    class Limited(Scripted):
        def send(self, method: str, path: str, *, body: Any = None, **more: Any) -> Response:
            if path.startswith("/_search"):
                sizes.append(body["size"])
                if body["size"] > 1:
                    raise AnswerTooLarge("too large")
            return super().send(method, path, body=body, **more)

    client = Limited(stored, pages([hit(1)], [hit(2)], []))
    found = [orjson.loads(line)["number"] for line in DocumentReader(client, Waits().policy()).read()]
    assert found == [1, 2]
    assert sizes == [4, 2, 1, 1, 1]


def test_one_document_that_is_too_large_is_an_error() -> None:
    def answer(method: str, path: str) -> Response | None:
        if path.startswith("/_search"):
            raise AnswerTooLarge("too large")
        return Response(status=200, body={"id": "point-0"}) if "_pit?" in path else None

    with pytest.raises(AnswerTooLarge):
        read(answer)


def test_bookings_are_read_only_if_they_are_asked_for() -> None:
    hits = [hit(1), hit(2, "harvester-bookings-2026"), hit(3, "harvester-bookings-copy")]
    for bookings, expected in ((False, [1]), (True, [1, 2])):
        client = Scripted(stored, pages(hits))
        reader = DocumentReader(client, Waits().policy())
        found = [orjson.loads(line)["number"] for line in reader.read(bookings=bookings)]
        assert found == expected
        [opened] = [path for _, path in client.requests if "_pit?" in path]
        assert ("harvester-bookings-*" in opened) is bookings
