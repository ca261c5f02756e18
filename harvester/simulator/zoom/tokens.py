"""Zoom's token endpoint. Server-to-server OAuth: https://developers.zoom.us/docs/rooms/s2s-oauth/."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.organisation import seeded_random
from harvester.simulator.zoom.error_responses import ErrorResponse

ACCOUNT_ID = "inventedAccountAAAAAAAA"


CLIENT_ID = "inventedClientId"


CLIENT_SECRET = "inventedClientSecretNobodyHas"


TOKEN_SECONDS = 3600


class Tokens:
    """Issues access tokens and checks them; several are valid at once, each for an hour."""

    def __init__(self, clock: SimulatedClock, scopes: Sequence[str], seed: int) -> None:
        self._clock = clock
        self._scopes = tuple(scopes)
        self._seed = seed
        self._issued: dict[str, float] = {}

    def issue(self, authorization: str, query: str, body: str, base: str) -> dict[str, Any]:
        """Return an access token; parameters may be in the query or in the form.

        Raises ErrorResponse with Zoom's `reason` and `error`.
        """
        parameters = dict(parse_qsl(query)) | dict(parse_qsl(body))
        if _basic(authorization) != (CLIENT_ID, CLIENT_SECRET):
            raise _token_error(401, "invalid_client", "Invalid client_id or client_secret")
        if parameters.get("grant_type") != "account_credentials":
            raise _token_error(400, "unsupported_grant_type", "unsupported grant type")
        if parameters.get("account_id") != ACCOUNT_ID:
            raise _token_error(400, "invalid_request", "Bad Request: unknown account_id")
        token = f"eyJ.{seeded_random.digest(self._seed, 'token', len(self._issued)).hex()}.invented"
        self._issued[token] = self._clock.elapsed()
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": " ".join(self._scopes),
            "api_url": base,
        }

    def check(self, authorization: str) -> None:
        """Raise ErrorResponse, 401 with code 124, if the bearer token is unknown or expired."""
        kind, _, token = authorization.partition(" ")
        issued = self._issued.get(token.strip()) if kind.lower() == "bearer" else None
        if issued is None:
            raise ErrorResponse(401, 124, "Invalid access token.")
        if self._clock.elapsed() - issued >= TOKEN_SECONDS:
            raise ErrorResponse(401, 124, "Access token is expired.")

    def require(self, granular: str, classic: Sequence[str]) -> None:
        """Raise ErrorResponse unless the token has one of the endpoint's scopes; code 4711 names the missing
        one."""
        if granular not in self._scopes and not any(scope in self._scopes for scope in classic):
            message = f"Invalid access token, does not contain scopes:[{granular}]."
            raise ErrorResponse(400, 4711, message)


def _basic(authorization: str) -> tuple[str, str]:
    kind, _, encoded = authorization.partition(" ")
    try:
        client, _, secret = b64decode(encoded).decode().partition(":")
    except ValueError:
        return "", ""
    return (client, secret) if kind.lower() == "basic" else ("", "")


def _token_error(status: int, code: str, reason: str) -> ErrorResponse:
    # The token endpoint answers with `reason` and `error`, not with `code` and `message`.
    error = ErrorResponse(status, 0, reason)
    error.body = {"reason": reason, "error": code}
    return error
