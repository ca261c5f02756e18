"""Whose credentials these are, told from the file's content and never from its name: Google gives both a service
account's key and an OAuth client out as `credentials.json`.

| file | told by |
| --- | --- |
| key of a service account | `"type": "service_account"` |
| OAuth client | the one key `installed`, or `web` |
| saved user token (`token.json`), gcloud's application default credentials | `refresh_token` |

Anything else is named and refused; so is application default credentials' way over a metadata server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from connectors.errors import CredentialsError
from connectors.google_meet.endpoints import CONSOLE, LOGIN, VENDOR

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address
AUTH_URI = "https://accounts.google.com/o/oauth2/auth"

_HOW = (
    f"make a key of a service account, or an OAuth client of the type Desktop app, at {CONSOLE} and name its JSON file "
    "there; the README has every step"
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class CredentialsKind(StrEnum):
    service_account = "a service account"
    client = "an OAuth client"
    user = "a user's token"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleCredentials:
    """What a credentials file says. `info` holds secrets and is never shown."""

    kind: CredentialsKind
    info: Mapping[str, Any] = field(repr=False)

    @property
    def token_uri(self) -> str:
        return str(self.info.get("token_uri") or TOKEN_URI)

    @property
    def client_id(self) -> str:
        """Of a service account the number that the Admin console wants."""
        return str(self.info.get("client_id") or "")


def read_credentials(value: str) -> GoogleCredentials:
    """Out of the file that is named, or out of its text itself. CredentialsError with what is wrong about it; the value
    is never repeated, since it may be the secret."""
    text = value
    if not value.lstrip().startswith("{"):
        try:
            text = Path(value).expanduser().read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise _wrong(f"names no file that can be read ({type(error).__name__})", _HOW) from None
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _wrong("is not JSON", _HOW) from None
    if not isinstance(told, dict):
        raise _wrong("is no JSON object", _HOW)
    found = _told(told)
    _check_address(found)
    return found


def _told(told: Mapping[str, Any]) -> GoogleCredentials:
    kind = told.get("type")
    if kind == "service_account":
        _need(told, "the key of a service account", "client_email", "private_key", "token_uri")
        return GoogleCredentials(kind=CredentialsKind.service_account, info=told)
    for marker in ("installed", "web"):
        client = told.get(marker)
        if isinstance(client, dict):
            _need(client, "an OAuth client", "client_id", "client_secret")
            return GoogleCredentials(kind=CredentialsKind.client, info={**client, "marker": marker})
    if told.get("refresh_token"):
        _need(told, "a user's token", "client_id", "client_secret")
        return GoogleCredentials(kind=CredentialsKind.user, info=told)
    if kind in {"external_account", "impersonated_service_account", "external_account_authorized_user"}:
        raise _wrong(f"is of the type {kind}, which cannot act for people here", _HOW)
    if "key" in told or "api_key" in told:
        raise _wrong("is an API key, which Meet does not take", _HOW)
    if "token" in told or "access_token" in told:
        raise _wrong("is a token without a refresh_token, which lasts for an hour", f"{LOGIN} instead")
    raise _wrong("is none of Google's credentials files that are known here", _HOW)


def _need(told: Mapping[str, Any], what: str, *names: str) -> None:
    missing = [name for name in names if not isinstance(told.get(name), str) or not told[name]]
    if missing:
        raise _wrong(f"looks like {what} but lacks {', '.join(missing)}", "download it once more")


def _check_address(found: GoogleCredentials) -> None:
    """Keys and codes are sent there."""
    for uri in (found.token_uri, str(found.info.get("auth_uri") or AUTH_URI)):
        parts = urlsplit(uri)
        plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not (parts.scheme == "https" and parts.hostname) and not plain:
            raise _wrong("names an address for tokens that is not https://", "download it once more")


def _wrong(what: str, remedy: str) -> CredentialsError:
    return CredentialsError(f"{VENDOR}: GOOGLE_CREDENTIALS {what}: {remedy}")
