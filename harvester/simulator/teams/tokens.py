"""The token endpoint of the Microsoft identity platform: client credentials, as a form.

https://learn.microsoft.com/graph/auth-v2-service. The codes of errors are known from use, not from that page.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qsl

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.organisation import seeded_random
from harvester.simulator.teams.error_responses import BAD_TOKEN, NO_TOKEN, ErrorResponse, TokenError
from harvester.simulator.teams.options import TeamsOptions

TENANT_ID = "11111111-aaaa-4aaa-8aaa-000000000001"
TENANT_DOMAIN = "example.org"
CLIENT_ID = "22222222-bbbb-4bbb-8bbb-000000000002"
CLIENT_SECRET = "inventedTeamsSecret~NobodyHas"
GRAPH_ROOTS = (
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
)
TOKEN_SECONDS = 3599


class Tokens:
    """Issues access tokens and checks them; several are valid at once, each for about an hour."""

    def __init__(self, clock: SimulatedClock, options: TeamsOptions, seed: int) -> None:
        self._clock = clock
        self._options = options
        self._seed = seed
        self._issued: dict[str, float] = {}

    @property
    def issued(self) -> int:
        return len(self._issued)

    def issue(self, tenant: str, form: str, graph: str) -> dict[str, Any]:
        """Return an access token for Graph at the address `graph`; raises TokenError."""
        fields = dict(parse_qsl(form))
        if tenant.lower() not in {TENANT_ID, TENANT_DOMAIN}:
            message = f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
            raise TokenError(400, "invalid_request", 90002, message)
        if fields.get("grant_type") != "client_credentials":
            raise TokenError(
                400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type."
            )
        client = fields.get("client_id", "")
        if client != CLIENT_ID:
            message = f"Application with identifier '{client}' was not found in the directory 'Invented'."
            raise TokenError(400, "unauthorized_client", 700016, message)
        self._check_secret(fields.get("client_secret"))
        if fields.get("scope") not in {f"{root}/.default" for root in (*GRAPH_ROOTS, graph)}:
            message = f"The provided value for scope {fields.get('scope')} is not valid."
            raise TokenError(400, "invalid_scope", 1002012, message)
        token = self._token()
        self._issued[token] = self._clock.elapsed()
        return {
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "ext_expires_in": TOKEN_SECONDS,
            "access_token": token,
        }

    def _check_secret(self, secret: str | None) -> None:
        if secret != CLIENT_SECRET:
            raise TokenError(401, "invalid_client", 7000215, "Invalid client secret provided.")
        if self._options.expired_secret:
            message = f"The provided client secret keys for app '{CLIENT_ID}' are expired."
            raise TokenError(401, "invalid_client", 7000222, message)

    def _token(self) -> str:
        """Return something like a JWT, with the permissions as `roles`."""
        number = seeded_random.digest(self._seed, "teams token", len(self._issued)).hex()
        claims = {"aud": GRAPH_ROOTS[0], "tid": TENANT_ID, "appid": CLIENT_ID, "uti": number}
        payload = json.dumps({**claims, "roles": list(self._options.permissions)}).encode()
        return f"eyJ0eXAiOiJKV1QifQ.{urlsafe_b64encode(payload).decode().rstrip('=')}.invented"

    def check(self, authorization: str) -> None:
        """Raise ErrorResponse, 401, if the bearer token is missing, unknown or expired."""
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise ErrorResponse(401, "InvalidAuthenticationToken", NO_TOKEN)
        issued = self._issued.get(token.strip())
        if issued is None or self._clock.elapsed() - issued >= TOKEN_SECONDS:
            raise ErrorResponse(401, "InvalidAuthenticationToken", BAD_TOKEN)
