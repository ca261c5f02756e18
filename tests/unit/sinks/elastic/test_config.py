"""Connection settings, and the names of indices and aliases."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.errors import ConfigurationError
from harvester.sinks.elastic.config import ElasticConfig

WHEN = datetime(2026, 3, 31, 23, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("http://localhost:9200", "http://localhost:9200"),
        ("http://localhost", "http://localhost:9200"),
        ("https://es.example.org", "https://es.example.org:443"),
        ("https://es.example.org/behind/", "https://es.example.org:443/behind"),
        ("http://[::1]:9201", "http://[::1]:9201"),
    ],
)
def test_the_port_is_always_known(host: str, url: str) -> None:
    assert ElasticConfig(host=host).url == url


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "localhost:9200"},
        {"host": "https://"},
        {"host": "http://localhost:port"},
        {"host": "https://user:marked-secret@es.example.org"},
        {"prefix": "Harvester-"},
        {"prefix": ""},
        {"prefix": "-a"},
        {"prefix": "a*"},
        {"period": "week"},
        {"username": "marked-secret"},
        {"password": "marked-secret"},
        {"api_key": "marked-secret", "username": "a", "password": "b"},
    ],
    ids=str,
)
def test_an_unusable_setting_is_refused_without_repeating_secrets(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        ElasticConfig(**{"host": "http://localhost", **settings})
    assert "marked-secret" not in str(raised.value)


def test_secrets_are_not_shown() -> None:
    shown = repr(ElasticConfig(host="http://localhost", username="a", password="marked-secret"))
    assert "marked-secret" not in shown


def test_indices_are_named_by_kind_and_period() -> None:
    assert ElasticConfig(host="http://localhost").index("meeting", WHEN) == "harvester-meetings-2026"
    monthly = ElasticConfig(host="http://localhost", prefix="x.y-", period="month")
    assert monthly.index("session", WHEN) == "x.y-sessions-2026-03"
    assert monthly.alias("session") == "x.y-sessions"
    assert [monthly.kind_of(name) for name in ("x.y-meetings-2026-03", "x.y-sessions-2026-03")] == [
        "meeting",
        "session",
    ]


def test_configuration_does_not_import_the_client_library() -> None:
    code = (
        "import sys, harvester.sinks.elastic.config, harvester.sinks.ndjson, harvester.state.rejects, "
        "harvester.sinks.elastic.templates; sys.exit('elasticsearch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"api_key": "marked\nsecret"}, "ES_API_KEY"),
        ({"api_key": "marked secret"}, "ES_API_KEY"),
        ({"api_key": "marked-sécret"}, "ES_API_KEY"),
        ({"username": "marked\r\nX: y", "password": "marked"}, "ES_USERNAME"),
        ({"username": "marked:user", "password": "marked"}, "ES_USERNAME"),
        ({"username": "marked", "password": "marked\n"}, "ES_PASSWORD"),
        ({"username": "marked", "password": "marked\udce4"}, "ES_PASSWORD"),
    ],
)
def test_credentials_that_no_header_can_carry_are_refused_without_their_value(
    settings: dict[str, str], name: str
) -> None:
    with pytest.raises(ConfigurationError, match=name) as raised:
        ElasticConfig(host="http://localhost", **settings)  # type: ignore[arg-type]  # texts
    assert "marked" not in str(raised.value)
