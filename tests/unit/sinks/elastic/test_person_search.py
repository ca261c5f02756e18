"""Searching for a person and changing what was found, without a cluster; tests/e2e/test_privacy.py asks a real one."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.errors import CredentialsError
from harvester.sinks.elastic import person_search
from harvester.sinks.elastic.client import Response
from harvester.sinks.elastic.person_search import PersonSearch
from tests.unit.sinks.elastic.fake_elasticsearch import Scripted, Waits, stored


def hit(name: str) -> dict[str, Any]:
    index = "harvester-sessions-2026"
    return {"_index": index, "_id": name, "_version": 3, "_source": {"name": name}, "sort": [1]}


def others(*hits: dict[str, Any], refresh: int = 200) -> Any:
    def answer(_method: str, path: str) -> Response | None:
        if path.startswith("/_search"):
            return Response(status=200, body={"pit_id": "p", "hits": {"hits": list(hits)}})
        if "_refresh" in path:
            return Response(status=refresh, body={})
        return Response(status=200, body={"id": "p"}) if "_pit?" in path else None

    return answer


def test_a_document_that_several_searches_find_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person_search, "AT_ONCE", 1)
    client = Scripted(stored, others(hit("a"), hit("b")))
    found = list(PersonSearch(client, Waits().policy()).find(["ada@example.org", "u1"]))
    assert [(each.id, each.version) for each in found] == [("a", 3), ("b", 3)]
    assert sum(path.startswith("/_search") for _, path in client.requests) == 2


def test_without_the_privilege_to_refresh_it_waits() -> None:
    waits = Waits()
    list(PersonSearch(Scripted(stored, others(refresh=403)), waits.policy()).find(["u1"]))
    assert person_search.VISIBLE_SECONDS in waits.seconds


def test_changes_are_made_in_their_version() -> None:
    bodies: list[bytes] = []

    class Recording(Scripted):
        def bulk(self, body: bytes) -> Response:
            bodies.append(body)
            return Response(
                status=200, body={"items": [{"delete": {"status": 200}}, {"index": {"status": 409}}]}
            )

    search = PersonSearch(Recording(stored, others(hit("a"), hit("b"))), Waits().policy())
    removed, blanked = search.find(["u1"])
    assert search.change([(removed, None), (blanked, {"name": "***"})]) == 1, "the other is newer by now"
    lines = bodies[0].splitlines()
    assert len(lines) == 3
    assert all(b'"version":3,"version_type":"external_gte"' in line for line in lines[:2])
    assert lines[2] == b'{"name":"***"}'


def test_a_refusal_names_the_privileges() -> None:
    class Refusing(Scripted):
        def bulk(self, body: bytes) -> Response:
            return Response(status=403, body={"error": {"type": "security_exception", "reason": "no"}})

    search = PersonSearch(Refusing(stored, others(hit("a"))), Waits().policy())
    with pytest.raises(CredentialsError, match="read and write on harvester-"):
        search.change([(next(search.find(["u1"])), None)])


def test_words_are_searched_as_they_are() -> None:
    assert person_search._escaped(r"a*b?c\d") == r"a\*b\?c\\d"
