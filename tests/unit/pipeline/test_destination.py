"""The index that the settings name."""

from __future__ import annotations

import pytest

from harvester.config import Environment
from harvester.pipeline.destination import elastic_config


def config_of(host: str) -> str:
    return elastic_config(Environment(values={"ES_HOST": host})).url


@pytest.mark.parametrize(
    "host",
    [
        "http://127.0.0.1:9200",
        "http://elasticsearch:9200",
        "http://10.0.0.1:9200",
        "https://es.example.org:443",
    ],
)
def test_http_to_a_nearby_host_and_https_are_accepted_in_silence(
    host: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert config_of(host) == host
    assert caplog.messages == []


def test_http_to_a_remote_host_is_accepted_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert config_of("http://es.example.org:9200") == "http://es.example.org:9200"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "unencrypted" in caplog.text
