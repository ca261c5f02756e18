"""What a repair that was killed leaves; everything else is tested against real nodes in tests/e2e/test_verify.py."""

from __future__ import annotations

from typing import Any

import pytest

from harvester.sinks.elastic.client import Response
from harvester.sinks.elastic.deletion import MissingPrivileges
from harvester.sinks.elastic.future_harvest_times import remember_versions
from tests.unit.sinks.elastic.fake_elasticsearch import Scripted, Waits, stored

INDEX = "harvester-meetings-2026"


def settings(gc_deletes: str) -> dict[str, Any]:
    return {INDEX: {"settings": {"index": {"gc_deletes": gc_deletes}}}}


def requests(*answers: Response) -> list[str]:
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
    assert requests(*answers) == methods


def test_a_missing_privilege_is_named() -> None:
    refused = Response(status=403, body={"error": {"type": "security_exception"}})
    with pytest.raises(MissingPrivileges, match="manage"):
        requests(Response(status=200, body=settings("-1")), refused)
