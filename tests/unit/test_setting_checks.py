"""harvester/setting_checks.py: URLs. test_config.py has texts and tokens, as they come from each source."""

from __future__ import annotations

import pytest

from connectors.errors import ConfigurationError
from harvester import setting_checks


@pytest.mark.parametrize(
    "url", ["http://localhost:9200", "http://127.0.0.1:1", "http://[::1]:1/x", "https://x.example"]
)
def test_https_or_this_machine(url: str) -> None:
    assert setting_checks.checked_url("ES_HOST", url + "/") == url


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1:9200",
        "localhost:9200",
        "ftp://x",
        "https://",
        "https://u:p@x.example",
        "http://[::1",
        "https://x.example:99999",
        "https://x.example:port",
        "https://x.example:0",
        "https://x example",
        "https://x\N{ZERO WIDTH SPACE}.example",
        '"https://x.example"',
        "https://-x.example",
        "https://x..example",
        f"https://{'x' * 64}.example",
        "https://x.example/?key=u:p",
        "https://x.example/#u:p",
    ],
)
def test_other_urls_are_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^ES_HOST") as refused:
        setting_checks.checked_url("ES_HOST", url)
    assert "u:p" not in str(refused.value)


def test_a_url_without_a_scheme_is_refused_with_the_remedy() -> None:
    for url in ("localhost:9200", "es.example.org:9200", "es.example.org", "//es.example.org"):
        with pytest.raises(
            ConfigurationError,
            match="ES_HOST does not begin with https:// or http://: put https:// before it, or http://",
        ):
            setting_checks.checked_url("ES_HOST", url, http_anywhere=True)


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1:9200", "http://elasticsearch:9200", "http://es.example.org"]
)
def test_http_to_another_machine_is_accepted_only_if_that_is_permitted(url: str) -> None:
    assert setting_checks.checked_url("ES_HOST", url, http_anywhere=True) == url
    with pytest.raises(ConfigurationError, match="must be https"):
        setting_checks.checked_url("ZOOM_API_URL", url)


@pytest.mark.parametrize(
    ("url", "nearby"),
    [
        ("http://127.0.0.1:9200", True),
        ("http://[::1]:9200", True),
        ("http://localhost", True),
        ("http://elasticsearch:9200", True),
        ("http://10.1.2.3", True),
        ("http://192.168.1.2", True),
        ("http://[fd00::1]", True),
        ("http://8.8.8.8", False),
        ("http://es.example.org", False),
    ],
)
def test_nearby_hosts_are_private_or_have_a_single_label(url: str, nearby: bool) -> None:
    assert setting_checks.is_nearby(url) is nearby
