"""Reading every document without a cluster: pages, refusals. Real nodes answer in tests/e2e/test_report_index.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from connectors.errors import ConfigurationError, CredentialsError, HarvestError, Unreachable
from connectors.models import Window
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


def closed_beside(*names: str) -> Answer:
    """Answers as Elasticsearch does if these indices are closed: a search that may not pass over them names the first."""
    answer_pages = pages([hit(1)])

    def answer(method: str, path: str) -> Response | None:
        if "expand_wildcards=open,closed" not in path:
            return answer_pages(method, path)
        left = [name for name in names if f"-{name}" not in path.split("/")[1].split(",")]
        if not left:
            return Response(status=200, body={"hits": {"hits": []}})
        return Response(status=400, body={"error": {"type": "index_closed_exception", "index": left[0]}})

    return answer


def test_a_closed_index_is_not_passed_over() -> None:
    with pytest.raises(
        Unreachable, match="harvester-sessions-2026 at .* is closed, so its documents cannot be read"
    ):
        read(closed_beside("harvester-sessions-notes", "harvester-sessions-2026"))


@pytest.mark.parametrize(
    "name", ["harvester-sessions-2025", "harvester-meetings-2026-10", "harvester-meetings-notes"]
)
def test_a_closed_index_of_another_time_or_of_another_program_does_not_matter(name: str) -> None:
    november = Window(start=datetime(2026, 11, 1, tzinfo=UTC), end=datetime(2026, 12, 1, tzinfo=UTC))
    client = Scripted(stored, closed_beside(name))
    assert len(list(DocumentReader(client, Waits().policy()).read(window=november))) == 1


@pytest.mark.parametrize("name", ["harvester-sessions-2026", "harvester-bookings-2026-11"])
def test_a_closed_index_of_the_same_time_does(name: str) -> None:
    november = Window(start=datetime(2026, 11, 30, 23, tzinfo=UTC), end=datetime(2026, 12, 1, tzinfo=UTC))
    client = Scripted(stored, closed_beside(name))
    with pytest.raises(Unreachable, match=name):
        list(DocumentReader(client, Waits().policy()).read(window=november, bookings=True))
