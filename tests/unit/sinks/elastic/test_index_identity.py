"""The identity of indices without a cluster. Real nodes answer in tests/e2e/test_lost_indices.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from harvester.sinks.elastic.client import Response
from harvester.sinks.elastic.index_identity import newest_harvest, visible_uuids
from tests.unit.sinks.elastic.fake_elasticsearch import Scripted, Waits, stored


def client(part_of_path: str, status: int, body: Any) -> Scripted:
    """A cluster that gives this answer to requests with this path."""

    def answer(method: str, path: str) -> Response | None:
        return Response(status=status, body=body) if part_of_path in path else None

    return Scripted(stored, answer)


@pytest.mark.parametrize(
    ("status", "body", "newest"),
    [
        (200, {"aggregations": {"newest": {"value": 1_795_225_600_123.0}}}, 1_795_225_600.123),
        (200, {"aggregations": {"newest": {"value": None}}}, None),
        (200, {}, None),
        (403, {"error": {"type": "security_exception"}}, None),
    ],
)
def test_the_newest_harvest_is_absent_without_documents_or_the_privilege(
    status: int, body: Any, newest: float | None
) -> None:
    found = newest_harvest(client("/_search", status, body), Waits().policy(), "zoom", "main")
    assert found == (None if newest is None else datetime.fromtimestamp(newest, UTC))


def test_without_the_privilege_the_indices_are_unknown_and_not_absent() -> None:
    refused = client("_has_privileges", 200, {"has_all_requested": False})
    assert visible_uuids(refused, Waits().policy()) is None
    assert [path for _, path in refused.requests] == ["/_security/user/_has_privileges"]


@pytest.mark.parametrize("status", [200, 400])
def test_the_indices_of_a_cluster_without_security_are_read(status: int) -> None:
    cluster = client("_has_privileges", status, {"has_all_requested": True})
    assert visible_uuids(cluster, Waits().policy()) == {}
