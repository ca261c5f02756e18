"""Parley's tokens: client id and secret for a token of an hour."""

from __future__ import annotations

from datetime import timedelta

from connectors.base import Context, Token
from connectors.errors import CredentialsError
from connectors.http import Api
from connectors.models import session_key
from connectors.oauth import FORM, TokenCache, basic_authorization, parse_token, token_request
from connectors.response_decisions import Decision, Response, default_decision
from harvester_example.endpoints import TOKEN_PATH, VENDOR

EARLY_SECONDS = 60.0
LIFE = timedelta(hours=1)


class ParleyOAuth(TokenCache):
    """The `Authorization` header, for all threads and all processes."""

    def __init__(self, client_id: str, client_secret: str, base_url: str, context: Context) -> None:
        super().__init__(context, early_seconds=EARLY_SECONDS)
        self._client_id = client_id
        self._client_secret = client_secret
        self._api = Api(VENDOR, base_url, context, classify=self._classify)

    def obtain(self, rejected: str | None) -> Token:
        name = "access-" + session_key(self._client_id, self._client_secret)
        return self.stored_or_new(name, rejected, lambda _: self._request())

    def _request(self) -> Token:
        now = self._context.now()
        body = self._api.request(
            "POST",
            f"POST {TOKEN_PATH}",
            TOKEN_PATH,
            data=token_request("client_credentials"),
            headers={**FORM, "Authorization": basic_authorization(self._client_id, self._client_secret)},
        )
        return parse_token(body, now, default_life=LIFE)

    def _classify(self, response: Response) -> Decision:
        if response.status in {400, 401}:
            return CredentialsError(
                f"{response.call}: no token ({response.status}): PARLEY_CLIENT_ID or PARLEY_CLIENT_SECRET is wrong"
            )
        return default_decision(response, self._context.now())
