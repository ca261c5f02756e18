from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import ConfigurationError
from connectors.google_meet.credentials import CredentialsKind, read_credentials
from tests.unit.google_meet.fake_api import TOKENS, oauth_client, service_account

USER_TOKEN = {
    "refresh_token": "marked-refresh",
    "client_id": "client-1",
    "client_secret": "s",
    "token_uri": TOKENS,
}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (service_account(), CredentialsKind.service_account),
        (oauth_client(), CredentialsKind.client),
        (oauth_client("web"), CredentialsKind.client),
        (USER_TOKEN, CredentialsKind.user),
        ({**USER_TOKEN, "type": "authorized_user"}, CredentialsKind.user),
    ],
)
def test_the_kind_is_detected_from_the_content(
    content: dict[str, Any], kind: CredentialsKind, tmp_path: Path
) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert read_credentials(str(path)).kind is kind
    assert read_credentials(json.dumps(content)).kind is kind
    assert "marked" not in repr(read_credentials(json.dumps(content)))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"type": "service_account", "private_key": "marked"}', "lacks client_email, token_uri"),
        ('{"installed": {"client_id": "marked"}}', "lacks client_secret"),
        ('{"type": "external_account", "audience": "marked"}', "of the type external_account"),
        ('{"token": "marked"}', "lasts for an hour"),
        ('{"api_key": "marked"}', "an API key"),
        ('{"other": "marked"}', "not one of the supported Google credentials files"),
        ("/nowhere/marked.json", "does not name a readable file"),
        ("{marked", "is not JSON"),
        (json.dumps(service_account(token_uri="http://elsewhere.example/marked")), "not https"),
    ],
)
def test_an_unusable_file_is_reported_without_its_content(text: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as refused:
        read_credentials(text)
    assert "marked" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"{marked", "is not JSON"),
        (b"", "is not JSON"),
        (b"[1]", "is not a JSON object"),
        (json.dumps(service_account()).encode("utf-16"), "is UTF-16, not UTF-8"),
        (b'{"marked": "\xff"}', "is not UTF-8"),
        (b"x" * 2_000_000, "is larger than 1 MB"),
    ],
)
def test_a_file_that_is_not_json_in_utf_8_is_refused_without_its_content(
    content: bytes, named: str, tmp_path: Path
) -> None:
    path = tmp_path / "credentials.json"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"GOOGLE_CREDENTIALS .*{named}") as refused:
        read_credentials(str(path))
    assert "marked" not in str(refused.value)


@pytest.mark.parametrize(
    "value", ["/nowhere/marked.json", "/", "{marked", "~nobody-of-this-name/marked.json"]
)
def test_a_value_that_names_no_file_is_refused_without_being_repeated(value: str) -> None:
    with pytest.raises(ConfigurationError, match="GOOGLE_CREDENTIALS ") as refused:
        read_credentials(value)
    assert "marked" not in str(refused.value)


def test_a_byte_order_mark_before_the_json_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps(oauth_client()), encoding="utf-8-sig")
    assert read_credentials(str(path)).kind is CredentialsKind.client
