"""Client credentials: an access token for an hour and no refresh token; the next one is requested the same way.

https://learn.microsoft.com/graph/auth-v2-service (2026). The token's permissions are those that an admin consented to in the
portal. Codes of refusals: https://learn.microsoft.com/entra/identity-platform/reference-error-codes; a message with another
code, or without any, is judged by its `error` (RFC 6749, 5.2).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import orjson

from connectors.base import Context, Token
from connectors.errors import BrokenResponse, ConfigurationError, CredentialsError, HarvestError, VendorError
from connectors.http import Api
from connectors.models import session_key
from connectors.oauth import FORM, TokenCache, is_oauth_error, parse_token, text_field, token_request
from connectors.parsing import as_list
from connectors.response_decisions import Decision, Response, Retry, default_decision, error_of_another
from connectors.teams.endpoints import APP_PAGE, VENDOR

EARLY_SECONDS = 300.0
LIFE = timedelta(hours=1)
LONGEST_LIFE = 25 * LIFE
"""Tokens of applications with continuous access evaluation live up to 28 hours; a longer life is not believed."""
CALL = "POST /{tenant}/oauth2/v2.0/token"

_CODE = re.compile(r"AADSTS(\d{4,8})\b")

_NEW_SECRET = f"make a new one at {APP_PAGE} > Certificates & secrets, and set TEAMS_CLIENT_SECRET to its value, not its id"
_TENANT = f"TEAMS_TENANT_ID is not a tenant of this cloud: copy the Directory (tenant) ID from {APP_PAGE}, and check TEAMS_CLOUD"
_APP = (
    "TEAMS_CLIENT_ID is not an app of the tenant TEAMS_TENANT_ID: copy the Application (client) ID and the Directory (tenant) "
    f"ID from {APP_PAGE}"
)
_SECRET = f"TEAMS_CLIENT_SECRET is wrong: {_NEW_SECRET}"

BY_CODE = {
    7000222: f"the client secret has expired: {_NEW_SECRET}",
    7000215: _SECRET,
    7000112: f"the app is disabled: enable it at {APP_PAGE}",
    700016: _APP,
    90002: _TENANT,
    900023: _TENANT,
}
"""What to do about a refusal, by the number in `AADSTS7000222`."""

BY_ERROR = {
    "invalid_client": _SECRET,
    "unauthorized_client": _APP,
    "invalid_request": _TENANT,
}

_TRANSIENT = frozenset({"temporarily_unavailable", "server_error"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCredentials:
    """The credentials of an app registration."""

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)

    @property
    def stored_name(self) -> str:
        """The name of the stored token. It depends on every credential, so others never find the token."""
        return "access-" + session_key(self.tenant_id, self.client_id, self.client_secret)


class ClientCredentials(TokenCache):
    """The `Authorization` header of an app, for all threads and all processes."""

    def __init__(self, credentials: AppCredentials, login_url: str, scope: str, context: Context) -> None:
        """`scope`: the root of Graph with `/.default`."""
        super().__init__(context, early_seconds=EARLY_SECONDS)
        self._credentials = credentials
        self._scope = scope
        self._api = Api(VENDOR, login_url, context, classify=self._classify)

    def obtain(self, rejected: str | None) -> Token:
        """The token that another run has stored, or a new one."""
        return self.stored_or_new(self._credentials.stored_name, rejected, lambda _: self._request())

    def _request(self) -> Token:
        credentials = self._credentials
        now = self._context.now()
        body = self._api.request(
            "POST",
            CALL,
            f"/{quote(credentials.tenant_id, safe='')}/oauth2/v2.0/token",
            data=token_request(
                "client_credentials",
                client_id=credentials.client_id,
                client_secret=credentials.client_secret,
                scope=self._scope,
            ),
            headers=FORM,
        )
        return parse_token(body, now, default_life=LIFE, longest_life=LONGEST_LIFE)

    def _classify(self, response: Response) -> Decision:
        if response.ok:
            if text_field(response.body, "access_token"):
                return None
            error = BrokenResponse(
                f"{response.call}: a response without a token; check TEAMS_LOGIN_URL", status=response.status
            )
            return Retry(error=error)
        if _error_word(response) in _TRANSIENT:
            return _unavailable(response)
        if response.status in {408, 425, 429} or not 400 <= response.status < 500:
            return default_decision(response, self._context.now())
        if response.status in {404, 405} and not error_codes(response.body):
            return ConfigurationError(
                f"{response.call}: no token endpoint at this address ({response.status}); check TEAMS_LOGIN_URL"
            )
        if response.status == 403 and not (is_oauth_error(response.body) or error_codes(response.body)):
            return error_of_another(response)
        return credentials_error(response)


def credentials_error(response: Response) -> HarvestError:
    """Names the setting that is wrong, if Microsoft's code or words for it are known; else all of them."""
    codes = error_codes(response.body)
    remedy = next((BY_CODE[code] for code in codes if code in BY_CODE), None)
    remedy = (
        remedy
        or BY_ERROR.get(_error_word(response))
        or (
            "TEAMS_TENANT_ID, TEAMS_CLIENT_ID or TEAMS_CLIENT_SECRET is wrong, or the app is not in this cloud (TEAMS_CLOUD): "
            f"compare them with {APP_PAGE}"
        )
    )
    shown = f"{response.status}, AADSTS{codes[0]}" if codes else str(response.status)
    return CredentialsError(f"{response.call}: no token ({shown}): {remedy}")


def error_codes(body: Any) -> list[int]:
    """The numbers of the errors in a refusal: those of its list, and of its text."""
    if not isinstance(body, dict):
        return []
    listed = [code for code in as_list(body.get("error_codes")) if type(code) is int and 0 < code < 10**8]
    text = body.get("error_description")
    named = [int(code) for code in _CODE.findall(text)] if isinstance(text, str) else []
    return list(dict.fromkeys((*listed, *named)))


def roles(token: Token) -> frozenset[str] | None:
    """The permissions that the token names; `None` if it does not show them.

    Microsoft calls the token opaque, so this is only a hint for messages.
    """
    parts = token.access.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return None
    named = claims.get("roles", []) if isinstance(claims, dict) else None
    return frozenset(role for role in named if isinstance(role, str)) if isinstance(named, list) else None


def _error_word(response: Response) -> str:
    body = response.body if isinstance(response.body, dict) else {}
    return str(body.get("error", "")).strip().lower()


def _unavailable(response: Response) -> Retry:
    return Retry(
        error=VendorError(
            f"{response.call}: Microsoft issues no tokens at the moment ({response.status}); run the same command again later",
            status=response.status,
        )
    )
