"""Closed indices are found, whatever else matches the patterns. Real nodes answer in tests/e2e/test_report_index.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from connectors.errors import Unreachable
from connectors.models import Window
from harvester.sinks.elastic.client import Response
from harvester.sinks.elastic.document_reader import DocumentReader
from tests.unit.sinks.elastic.fake_elasticsearch import Scripted, Waits, stored

Answer = Callable[[str, str], Response | None]


def closed_beside(*names: str) -> Answer:
    """Answers as Elasticsearch does if these indices are closed: a search that may not pass over them names the first."""

    def answer(method: str, path: str) -> Response | None:
        if "expand_wildcards=open,closed" not in path:
            return Response(status=200, body={"id": "point", "hits": {"hits": []}})
        left = [name for name in names if f"-{name}" not in path.split("/")[1].split(",")]
        if not left:
            return Response(status=200, body={"hits": {"hits": []}})
        return Response(status=400, body={"error": {"type": "index_closed_exception", "index": left[0]}})

    return answer


def reader(*names: str) -> DocumentReader:
    return DocumentReader(Scripted(stored, closed_beside(*names)), Waits().policy())


def test_a_closed_index_is_not_passed_over() -> None:
    with pytest.raises(
        Unreachable, match="harvester-sessions-2026 at .* is closed, so its documents cannot be read"
    ):
        list(reader("harvester-sessions-notes", "harvester-sessions-2026").read())


@pytest.mark.parametrize(
    "name", ["harvester-sessions-2025", "harvester-meetings-2026-10", "harvester-meetings-notes"]
)
def test_a_closed_index_of_another_time_or_of_another_program_does_not_matter(name: str) -> None:
    november = Window(start=datetime(2026, 11, 1, tzinfo=UTC), end=datetime(2026, 12, 1, tzinfo=UTC))
    assert list(reader(name).read(window=november)) == []


@pytest.mark.parametrize("name", ["harvester-sessions-2026", "harvester-bookings-2026-11"])
def test_a_closed_index_of_the_same_time_does(name: str) -> None:
    november = Window(start=datetime(2026, 11, 30, 23, tzinfo=UTC), end=datetime(2026, 12, 1, tzinfo=UTC))
    with pytest.raises(Unreachable, match=name):
        list(reader(name).read(window=november, bookings=True))
