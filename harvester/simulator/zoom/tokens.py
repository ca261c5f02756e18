"""Zoom's token endpoint."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from harvester.simulator.clock import Calendar
from harvester.simulator.organisation import seeded_random
from harvester.simulator.zoom.error_responses import Refusal

ACCOUNT_ID = "inventedAccountAAAAAAAA"


CLIENT_ID = "inventedClientId"


CLIENT_SECRET = "inventedClientSecretNobodyHas"


TOKEN_SECONDS = 3600


class Tokens:
    """The token endpoint, and the tokens that are still good: several may be, each for an hour."""

    def __init__(self, calendar: Calendar, scopes: Sequence[str], seed: int) -> None:
        self._calendar = calendar
        self._scopes = tuple(scopes)
        self._seed = seed
        self._issued: dict[str, float] = {}

    def answer(self, authorization: str, query: str, body: str, base: str) -> dict[str, Any]:
        """An access token, for parameters in the query or in the form; Refusal with Zoom's `reason` and `error`."""
        asked = dict(parse_qsl(query)) | dict(parse_qsl(body))
        if _basic(authorization) != (CLIENT_ID, CLIENT_SECRET):
            raise _refused(401, "invalid_client", "Invalid client_id or client_secret")
        if asked.get("grant_type") != "account_credentials":
            raise _refused(400, "unsupported_grant_type", "unsupported grant type")
        if asked.get("account_id") != ACCOUNT_ID:
            raise _refused(400, "invalid_request", "Bad Request: unknown account_id")
        token = f"eyJ.{seeded_random.digest(self._seed, 'token', len(self._issued)).hex()}.invented"
        self._issued[token] = self._calendar.elapsed()
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": " ".join(self._scopes),
            "api_url": base,
        }

    def check(self, authorization: str) -> None:
        """401 with code 124, as for any bearer that is not ours or no longer good."""
        kind, _, token = authorization.partition(" ")
        issued = self._issued.get(token.strip()) if kind.lower() == "bearer" else None
        if issued is None:
            raise Refusal(401, 124, "Invalid access token.")
        if self._calendar.elapsed() - issued >= TOKEN_SECONDS:
            raise Refusal(401, 124, "Access token is expired.")

    def require(self, granular: str, classic: Sequence[str]) -> None:
        """One of an endpoint's scopes; code 4711 names the missing one."""
        if granular not in self._scopes and not any(scope in self._scopes for scope in classic):
            message = f"Invalid access token, does not contain scopes:[{granular}]."
            raise Refusal(400, 4711, message)


def _basic(authorization: str) -> tuple[str, str]:
    kind, _, encoded = authorization.partition(" ")
    try:
        client, _, secret = b64decode(encoded).decode().partition(":")
    except ValueError:
        return "", ""
    return (client, secret) if kind.lower() == "basic" else ("", "")


def _refused(status: int, error: str, reason: str) -> Refusal:
    # The token endpoint speaks in `reason` and `error`, not in `code` and `message`.
    refusal = Refusal(status, 0, reason)
    refusal.body = {"reason": reason, "error": error}
    return refusal
