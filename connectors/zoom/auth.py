"""Server-to-Server OAuth: an access token for an hour and no refresh token; the next one is requested the same way.

https://developers.zoom.us/docs/internal-apps/s2s-oauth/ and
https://developers.zoom.us/blog/s2s-token-generation-troubleshoot/ (as of 2026-02). In 2023 a new token made the previous
one invalid, so all runs of an account share one token, and a run whose token is refused first looks for one that another
run has stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from connectors.base import Context, Token
from connectors.errors import BrokenResponse, ConfigurationError, CredentialsError, HarvestError
from connectors.http import Api
from connectors.models import session_key
from connectors.oauth import FORM, TokenCache, basic_authorization, parse_token, text_field, token_request
from connectors.response_decisions import Decision, Response, Retry, default_decision, error_of_another
from connectors.zoom.endpoints import VENDOR
from connectors.zoom.errors import APP_PAGE

EARLY_SECONDS = 60.0
LIFE = timedelta(hours=1)
LONGEST_LIFE = 10 * LIFE
CALL = "POST /oauth/token"

_ERROR_FIELDS = frozenset({"error", "code", "errorCode", "reason"})
_WRONG_CLIENT = frozenset({"4702", "4704", "4706", "invalid_client"})
_WRONG_KIND = frozenset({"4705", "unsupported_grant_type"})
_DEACTIVATED = frozenset({"4717", "4741"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCredentials:
    """The credentials of a Server-to-Server OAuth app."""

    account_id: str
    client_id: str
    client_secret: str

    @property
    def stored_name(self) -> str:
        """The name of the stored token. It depends on every credential, so others never find the token."""
        return "access-" + session_key(self.account_id, self.client_id, self.client_secret)


class ServerToServerOAuth(TokenCache):
    """The `Authorization` header of an account's app, for all threads and all processes."""

    def __init__(self, credentials: AppCredentials, token_url: str, context: Context) -> None:
        super().__init__(context, early_seconds=EARLY_SECONDS)
        self._credentials = credentials
        self._api = Api(VENDOR, token_url, context, classify=self._classify)

    def obtain(self, rejected: str | None) -> Token:
        """The token that another run has stored, or a new one."""
        return self.stored_or_new(self._credentials.stored_name, rejected, lambda _: self._request())

    def _request(self) -> Token:
        credentials = self._credentials
        now = self._context.now()
        body = self._api.request(
            "POST",
            CALL,
            data=token_request("account_credentials", account_id=credentials.account_id),
            headers={
                **FORM,
                "Authorization": basic_authorization(credentials.client_id, credentials.client_secret),
            },
        )
        return parse_token(body, now, default_life=LIFE, longest_life=LONGEST_LIFE)

    def _classify(self, response: Response) -> Decision:
        if response.ok:
            return None if text_field(response.body, "access_token") else _without_token(response)
        if response.status in {404, 405}:
            return ConfigurationError(
                f"{response.call}: no token endpoint at this address ({response.status}); check ZOOM_TOKEN_URL"
            )
        if response.status in {408, 425, 429} or not 400 <= response.status < 500:
            return default_decision(response, self._context.now())
        if response.status == 403 and not _is_zoom_error(response):
            return error_of_another(response)
        return credentials_error(response)


def _is_zoom_error(response: Response) -> bool:
    """Whether it has one of the fields by which Zoom says what is wrong."""
    return isinstance(response.body, dict) and bool(response.body.keys() & _ERROR_FIELDS)


def credentials_error(response: Response) -> HarvestError:
    """Names the credential that is wrong, if Zoom's words for it are known; else all of them."""
    body = response.body if isinstance(response.body, dict) else {}
    words = {str(body[key]).strip().lower() for key in _ERROR_FIELDS if key in body}
    reason = " ".join(sorted(words))
    if words & _WRONG_KIND or "grant" in reason:
        remedy = f"the app is not of the type Server-to-Server OAuth: create one at {APP_PAGE}"
    elif words & _DEACTIVATED or "disabled" in reason or "deactivated" in reason or "not activated" in reason:
        remedy = f"the app is not activated, or was revoked: activate it at {APP_PAGE}"
    elif words & _WRONG_CLIENT or "client" in reason:
        remedy = (
            f"ZOOM_CLIENT_ID or ZOOM_CLIENT_SECRET is wrong: copy them from App Credentials at {APP_PAGE}"
        )
    elif "account" in reason or words & {"invalid_request", "bad request"}:
        remedy = f"ZOOM_ACCOUNT_ID is not the account of this app: copy it from App Credentials at {APP_PAGE}"
    else:
        remedy = (
            "ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID or ZOOM_CLIENT_SECRET is wrong, or the app is not activated: "
            f"see App Credentials and Activation at {APP_PAGE}"
        )
    return CredentialsError(f"{response.call}: no token ({response.status}): {remedy}")


def _without_token(response: Response) -> Decision:
    # Zoom reports some errors with HTTP 200: the API by code, the token endpoint by reason or error.
    if isinstance(response.body, dict) and response.body.keys() & {"error", "reason", "errorCode"}:
        return credentials_error(response)
    return Retry(
        error=BrokenResponse(
            f"{response.call}: a response without a token; check ZOOM_TOKEN_URL", status=response.status
        )
    )
