"""Names and ranks. Searches are tested against real nodes in tests/e2e/test_verify.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from connectors.models import Detail
from harvester.documents import version
from harvester.sinks.elastic.account_documents import IndexedDocument, right_index
from harvester.sinks.elastic.config import ElasticConfig

YEARLY = ElasticConfig(host="http://localhost")
MONTHLY = ElasticConfig(host="http://localhost", period="month")
WHEN = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("config", "indices", "expected"),
    [
        (YEARLY, ["harvester-meetings-2026", "harvester-meetings-2025"], "harvester-meetings-2026"),
        (YEARLY, ["harvester-meetings-2026-12"], "harvester-meetings-2026-12"),
        (MONTHLY, ["harvester-meetings-2026", "harvester-meetings-2026-12"], "harvester-meetings-2026-12"),
        (MONTHLY, ["harvester-meetings-2026"], "harvester-meetings-2026"),
        (YEARLY, ["harvester-sessions-2026", "harvester-meetings-2025"], None),
    ],
)
def test_the_right_index_is_that_of_the_meetings_period(
    config: ElasticConfig, indices: list[str], expected: str | None
) -> None:
    assert right_index(config, "meeting", WHEN, indices) == expected


def test_the_period_is_that_of_utc() -> None:
    local = WHEN.astimezone(timezone(timedelta(hours=5)))
    assert right_index(YEARLY, "meeting", local, ["harvester-meetings-2026"]) == "harvester-meetings-2026"


def test_a_document_without_a_time_has_no_right_index() -> None:
    assert right_index(YEARLY, "meeting", None, ["harvester-meetings-2026"]) is None


@pytest.mark.parametrize("detail", Detail)
def test_the_rank_of_a_document_comes_from_its_version(detail: Detail) -> None:
    document = IndexedDocument(index="i", document_id="d", version=version(detail, WHEN), timestamp=WHEN)
    assert document.rank == detail
