"""Which accounts share rate limits and quotas."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import connectors
from connectors.base import Settings
from harvester.pipeline.quota_pool import QuotaPool, SharedLimiters, quota_pool

KEY = {
    "type": "service_account",
    "client_email": "a@b.example",
    "private_key": "k",
    "token_uri": "https://t.example",
}
CLIENT = {"client_id": "4711-abc.apps.googleusercontent.com", "client_secret": "s"}


def pool(vendor: str, account: str = "main", url: str = "https://api.example", **values: str) -> QuotaPool:
    return quota_pool(vendor, url, Settings(account=account, values=values))


def google(account: str, credentials: object) -> QuotaPool:
    return pool("google-meet", account, GOOGLE_CREDENTIALS=json.dumps(credentials))


def test_two_google_accounts_of_one_project_share_a_pool() -> None:
    berlin = google("berlin", {**KEY, "project_id": "meetings"})
    assert google("paris", {**KEY, "project_id": "meetings"}) == berlin
    assert google("bern", {"installed": {**CLIENT, "project_id": "meetings"}}) == berlin
    assert google("rome", {**KEY, "project_id": "other"}) != berlin


def test_a_login_without_a_project_id_has_the_number_of_its_project() -> None:
    login = google("a", {**CLIENT, "refresh_token": "r"})
    assert login.name == "4711"
    assert google("b", {"installed": CLIENT}) == login


def test_two_google_accounts_without_a_project_share_nothing() -> None:
    assert google("a", KEY) != google("b", KEY)


@pytest.mark.parametrize("value", ["/no/such/file", "{", "", "\0", "~no-such-user/x"])
def test_credentials_that_cannot_be_read_have_their_own_pool(value: str) -> None:
    found = pool("google-meet", "a", GOOGLE_CREDENTIALS=value)
    assert (found.name, found.account) == ("", "a")


def test_credentials_that_can_be_read_only_once_are_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert pool("google-meet", GOOGLE_CREDENTIALS=str(tmp_path / "fifo")).name == ""


def test_two_zoom_accounts_share_nothing_but_two_names_of_one_do() -> None:
    berlin = pool("zoom", "berlin", ZOOM_ACCOUNT_ID="b")
    assert pool("zoom", "paris", ZOOM_ACCOUNT_ID="p") != berlin
    assert pool("zoom", "berlin-test", ZOOM_ACCOUNT_ID="b") == berlin
    assert pool("zoom", "berlin", "http://127.0.0.1:1", ZOOM_ACCOUNT_ID="b") != berlin


def test_webex_accounts_share_nothing_and_meetecho_accounts_the_datatracker() -> None:
    assert pool("webex", "a", WEBEX_CLIENT_ID="c") != pool("webex", "b", WEBEX_CLIENT_ID="c")
    assert pool("meetecho", "a", MEETECHO_GROUPS="quic") == pool("meetecho", "b", MEETECHO_GROUPS="tls")


@pytest.mark.parametrize("vendor", sorted(connectors.CONNECTORS))
def test_the_name_of_a_pool_has_no_secret(vendor: str) -> None:
    secrets = {each.name: f"secret-{each.name}" for each in connectors.load(vendor).settings if each.secret}
    assert "secret-" not in pool(vendor, **secrets).name


def test_a_connector_of_another_package_may_name_no_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectors, "load", lambda _name: object)
    assert pool("other", "a") != pool("other", "b")


def test_equal_pools_have_the_same_limiters() -> None:
    limiters = SharedLimiters()
    assert limiters.of(pool("zoom", "a", ZOOM_ACCOUNT_ID="x")) is limiters.of(
        pool("zoom", "b", ZOOM_ACCOUNT_ID="x")
    )
    assert limiters.of(pool("zoom", "a", ZOOM_ACCOUNT_ID="x")) is not limiters.of(
        pool("zoom", ZOOM_ACCOUNT_ID="y")
    )
