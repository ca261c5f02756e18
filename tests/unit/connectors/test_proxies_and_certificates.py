"""Proxies and certificate authorities from the environment."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError
from connectors.proxies_and_certificates import network_settings
from tests.unit.tls_server import Authority

PROXY = "http://proxy.example.org:3128"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_without_variables_everything_is_reached_directly() -> None:
    found = network_settings("https://es.example.org")
    assert (found.proxies, found.ca_bundle) == ({}, None)


@pytest.mark.parametrize(
    ("variable", "url", "proxied"),
    [
        ("HTTPS_PROXY", "https://es.example.org", True),
        ("https_proxy", "https://es.example.org", True),
        ("ALL_PROXY", "https://es.example.org", True),
        ("HTTP_PROXY", "https://es.example.org", False),
        ("HTTP_PROXY", "http://es.example.org", True),
        ("HTTP_PROXY", "http://127.0.0.1:9200", False),
        ("HTTP_PROXY", "http://localhost:9200", False),
        ("HTTPS_PROXY", "https://[::1]:9200", False),
    ],
)
def test_a_proxy_is_used_for_its_scheme_and_never_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, variable: str, url: str, proxied: bool
) -> None:
    monkeypatch.setenv(variable, PROXY)
    assert (PROXY in network_settings(url).proxies.values()) is proxied


def test_no_proxy_excludes_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", "example.org")
    assert network_settings("https://es.example.org").proxies == {}
    assert network_settings("https://es.example.net").proxies != {}


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_ca_bundle_that_cannot_be_used_is_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv(name, str(tmp_path / "missing.pem"))
    with pytest.raises(ConfigurationError, match=f"{name}.*missing.pem, which does not exist"):
        network_settings("https://es.example.org")
    (tmp_path / "missing.pem").write_text("no certificate")
    with pytest.raises(ConfigurationError, match="holds no certificates"):
        network_settings("https://es.example.org")


def test_a_ca_bundle_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(Authority(tmp_path).file))
    assert network_settings("https://es.example.org").ca_bundle == str(tmp_path / "authority.pem")


def test_a_ca_bundle_is_loaded_once_until_it_changes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundle = Authority(tmp_path).file
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    loaded: list[object] = []
    monkeypatch.setattr(ssl, "create_default_context", lambda **options: loaded.append(options))
    for _ in range(3):
        network_settings("https://es.example.org")
    assert loaded == [{"cafile": str(bundle)}]
    changed = bundle.stat().st_mtime_ns + 1_000_000_000
    os.utime(bundle, ns=(changed, changed))
    network_settings("https://es.example.org")
    assert len(loaded) == 2
