from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.teams.endpoints import CLOUDS, KEPT, LOOKBACK, RETENTION, api_url


@pytest.mark.parametrize(
    "root",
    [
        "https://graph.example",
        "https://graph.example/",
        "https://graph.example/v1.0",
        "https://graph.example/v1.0/",
    ],
)
def test_the_version_is_part_of_the_address_once(root: str) -> None:
    assert api_url(root) == "https://graph.example/v1.0"


def test_the_retention_leaves_an_hour_of_the_thirty_days() -> None:
    assert timedelta(days=30) - RETENTION == timedelta(hours=1)
    assert LOOKBACK < RETENTION < KEPT


def test_no_cloud_without_call_records_can_be_chosen() -> None:
    assert not [name for name, cloud in CLOUDS.items() if "chinacloudapi" in cloud.graph]
