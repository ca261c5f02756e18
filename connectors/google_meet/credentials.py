"""Reads a Google credentials file. Its kind is detected from its content, not from its name: Google names both a
service account's key and an OAuth client `credentials.json`.

| file | detected by |
| --- | --- |
| key of a service account | `"type": "service_account"` |
| OAuth client | the one key `installed`, or `web` |
| saved user token (`token.json`), gcloud's application default credentials | `refresh_token` |

Anything else is refused by name. Application default credentials from a metadata server are not supported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from connectors.errors import ConfigurationError
from connectors.google_meet.endpoints import CONSOLE, LOGIN, VENDOR
from connectors.models import session_key
from connectors.text_file import UnreadableFile, read_text_file

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  # the address of the token endpoint, not a secret
AUTH_URI = "https://accounts.google.com/o/oauth2/auth"

_REMEDY = (
    f"create a key of a service account, or an OAuth client of the type Desktop app, at {CONSOLE} and name its JSON file "
    "there; the documentation has every step"
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class CredentialsKind(StrEnum):
    service_account = "a service account"
    client = "an OAuth client"
    user = "a user's token"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleCredentials:
    """The content of a credentials file. `info` contains secrets and is never shown."""

    kind: CredentialsKind
    info: Mapping[str, Any] = field(repr=False)

    @property
    def token_uri(self) -> str:
        return str(self.info.get("token_uri") or TOKEN_URI)

    @property
    def client_id(self) -> str:
        """For a service account, the number to enter in the Admin console."""
        return str(self.info.get("client_id") or "")


def read_credentials(value: str) -> GoogleCredentials:
    """Reads the file of this name, or the JSON text itself. Raises ConfigurationError with what is wrong; the message never
    repeats the value, since it may be the secret."""
    text = value
    if not value.lstrip().startswith("{"):
        try:
            text = read_text_file(Path(value))
        except UnreadableFile as error:
            raise _wrong(f"does not name a readable file: it {error}", _REMEDY) from None
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _wrong("is not JSON", _REMEDY) from None
    if not isinstance(content, dict):
        raise _wrong("is not a JSON object", _REMEDY)
    credentials = _detect(content)
    _check_addresses(credentials)
    return credentials


def read_project(value: str) -> str:
    """The Cloud project of the credentials, by its id, or by its number if that is all they have; empty if it is not known.

    A client id begins with the project's number, except that of a service account. `value`: as in `read_credentials`.
    """
    credentials = _read_again(value)
    if credentials is None:
        return ""
    project = credentials.info.get("project_id")
    if isinstance(project, str) and project:
        return project
    number = credentials.client_id.partition("-")[0]
    return number if credentials.kind is not CredentialsKind.service_account and number.isdecimal() else ""


def read_caller(value: str) -> str:
    """Who asks with these credentials: a service account, or a person's token as a digest; empty for an OAuth client, which
    anyone may log in to, and if it is not known. `value`: as in `read_credentials`."""
    credentials = _read_again(value)
    if credentials is None or credentials.kind is CredentialsKind.client:
        return ""
    if credentials.kind is CredentialsKind.user:
        return session_key("google refresh token", str(credentials.info["refresh_token"]))
    return str(credentials.info["client_email"]).lower()


def _read_again(value: str) -> GoogleCredentials | None:
    """The credentials, which are read once more when they are used; `None` if they are wrong. A device or a FIFO, which can be
    read only once, is left alone."""
    try:
        if not value.lstrip().startswith("{") and not Path(value).expanduser().is_file():
            return None
        return read_credentials(value)
    except (ConfigurationError, OSError, ValueError, RuntimeError):
        return None  # the error comes when the credentials are used


def _detect(content: Mapping[str, Any]) -> GoogleCredentials:
    kind = content.get("type")
    if kind == "service_account":
        _require(content, "the key of a service account", "client_email", "private_key", "token_uri")
        return GoogleCredentials(kind=CredentialsKind.service_account, info=content)
    for marker in ("installed", "web"):
        client = content.get(marker)
        if isinstance(client, dict):
            _require(client, "an OAuth client", "client_id", "client_secret")
            return GoogleCredentials(kind=CredentialsKind.client, info={**client, "marker": marker})
    if content.get("refresh_token"):
        _require(content, "a user's token", "client_id", "client_secret")
        return GoogleCredentials(kind=CredentialsKind.user, info=content)
    if kind in {"external_account", "impersonated_service_account", "external_account_authorized_user"}:
        raise _wrong(f"is of the type {kind}, which cannot act for people here", _REMEDY)
    if "key" in content or "api_key" in content:
        raise _wrong("is an API key, which Meet does not accept", _REMEDY)
    if "token" in content or "access_token" in content:
        raise _wrong("is a token without a refresh_token, which lasts for an hour", f"{LOGIN} instead")
    raise _wrong("is not one of the supported Google credentials files", _REMEDY)


def _require(content: Mapping[str, Any], what: str, *names: str) -> None:
    missing = [name for name in names if not isinstance(content.get(name), str) or not content[name]]
    if missing:
        raise _wrong(f"looks like {what} but lacks {', '.join(missing)}", "download it again")


def _check_addresses(credentials: GoogleCredentials) -> None:
    """Keys and codes are sent to these addresses, so they must be https://, or http:// on this machine."""
    for uri in (credentials.token_uri, str(credentials.info.get("auth_uri") or AUTH_URI)):
        parts = urlsplit(uri)
        plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not (parts.scheme == "https" and parts.hostname) and not plain:
            raise _wrong("contains a token address that is not https://", "download it again")


def _wrong(what: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"{VENDOR}: GOOGLE_CREDENTIALS {what}: {remedy}")
