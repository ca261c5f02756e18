"""Webex credentials: an access token from the settings, or a token pair that is refreshed.

https://developer.webex.com/docs/login-with-webex and https://developer.webex.com/docs/integrations (as of 2026): an
access token is valid for 14 days, a refresh token for 90 days from its last use. Whether a refresh returns another
refresh token is not documented: one that is returned replaces the old one. The tokens of a service app are refreshed in
the same way (https://developer.webex.com/docs/service-apps).

The pair is stored under the name `webex`, where `harvester login webex` stores it too. A pair is stored before it is
used. If the machine dies between the response and the store, the earlier refresh token is still there; if Webex no
longer accepts that one, the error says how to log in again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from connectors.base import Context, Settings, Token
from connectors.errors import BrokenResponse, ConfigurationError, CredentialsError
from connectors.http import Api
from connectors.models import session_key
from connectors.oauth import FORM, TokenCache, bearer, is_oauth_error, parse_token, text_field, token_request
from connectors.response_decisions import Decision, Response, Retry, default_decision, error_of_another
from connectors.webex.endpoints import APP_PAGE, LOGIN, VENDOR
from connectors.webex.errors import error_words, is_webex_error

STORED_NAME = "webex"
CALL = "POST /access_token"
ADOPTED = "webex refresh token adopted"
"""The fact that holds the digest of the last WEBEX_REFRESH_TOKEN that was used."""

EARLY_SECONDS = 300.0
ACCESS_TOKEN_LIFE = timedelta(days=14)
WARN_BEFORE = timedelta(days=14)


class RefreshTokenRejected(CredentialsError):
    """Webex refuses the refresh token, not the client."""


class WebexOAuth(TokenCache):
    """The `Authorization` header, for all threads and all processes."""

    def __init__(self, settings: Settings, api_url: str, context: Context) -> None:
        super().__init__(context, early_seconds=EARLY_SECONDS)
        self._client_id = settings.get("WEBEX_CLIENT_ID")
        self._client_secret = settings.get("WEBEX_CLIENT_SECRET")
        self._refresh_setting = settings.get("WEBEX_REFRESH_TOKEN")
        self._access_setting = settings.get("WEBEX_ACCESS_TOKEN")
        self._api = Api(VENDOR, api_url, context, classify=self._classify)

    def refresh_token_days(self) -> int | None:
        """The days until the refresh token expires; None if there is none or Webex does not say."""
        token = self.token()
        if token.refresh is None or token.refresh_expires_at is None:
            return None
        return (token.refresh_expires_at - self._context.now()).days

    def obtain(self, rejected: str | None) -> Token:
        """The token that another run has stored, a refreshed one, or the access token of the settings."""
        if not (self._client_id and self._client_secret):
            return self._access_token_setting(rejected)
        store = self._context.tokens
        with store.locked(STORED_NAME):
            stored = store.read(STORED_NAME)  # under the lock: another process may just have refreshed it
            is_new = self._has_new_refresh_setting()
            if stored is not None and self.is_usable(stored, rejected) and not is_new:
                return self._warn(stored)
            candidates = list(self._refresh_candidates(stored, is_new=is_new))
            if not candidates:
                return self._access_token_setting(rejected)
            return self._warn(self._refresh_any(candidates))

    def _access_token_setting(self, rejected: str | None) -> Token:
        """WEBEX_ACCESS_TOKEN, which cannot be renewed."""
        if not self._access_setting:
            raise CredentialsError(f"{VENDOR}: not logged in: {LOGIN}, or set WEBEX_REFRESH_TOKEN")
        token = Token(access=self._access_setting, expires_at=self._context.now() + ACCESS_TOKEN_LIFE)
        if bearer(token) == rejected:
            raise CredentialsError(
                f"{VENDOR}: WEBEX_ACCESS_TOKEN is refused (401) and cannot be renewed: set a new one, or set "
                f"WEBEX_CLIENT_ID and WEBEX_CLIENT_SECRET and {LOGIN}"
            )
        return token

    def _has_new_refresh_setting(self) -> bool:
        setting = self._refresh_setting
        return setting is not None and self._context.get_fact(ADOPTED) != digest(setting)

    def _refresh_candidates(self, stored: Token | None, *, is_new: bool) -> Iterator[Token]:
        """The tokens to refresh, in order: the setting's first if it was never used, else the stored one's."""
        from_setting = Token(access="", expires_at=self._context.now(), refresh=self._refresh_setting)
        if is_new:
            yield from_setting
        if stored is not None and stored.refresh is not None:
            yield stored
        if self._refresh_setting is not None and not is_new:
            yield from_setting

    def _refresh_any(self, candidates: list[Token]) -> Token:
        """Refreshes the first candidate that Webex accepts, and stores the result."""
        rejection: CredentialsError | None = None
        for candidate in candidates:
            try:
                token = self._refresh(candidate)
            except RefreshTokenRejected as error:
                rejection = error
                continue
            self._context.tokens.write(STORED_NAME, token)
            self._adopt_setting()
            if rejection is not None:
                self._context.notify_once(
                    f"{VENDOR}: one refresh token is refused, another still works: {LOGIN}"
                )
            return token
        raise rejection or CredentialsError(f"{VENDOR}: not logged in: {LOGIN}")

    def _adopt_setting(self) -> None:
        """Records that the refresh token of the settings was tried. Called after the pair is stored: if the process is
        killed in between, the setting is tried once more, and no refreshed token is lost."""
        if self._refresh_setting is not None and self._has_new_refresh_setting():
            self._context.set_fact(ADOPTED, digest(self._refresh_setting))

    def _warn(self, token: Token) -> Token:
        ends = token.refresh_expires_at
        if token.refresh is not None and ends is not None:
            left = ends - self._context.now()
            if left < WARN_BEFORE:
                days = max(0, left.days)
                self._context.notify_once(
                    f"{VENDOR}: the login ends in {days} days, on {ends:%Y-%m-%d}: {LOGIN} before that"
                )
        return token

    def _refresh(self, old: Token) -> Token:
        now = self._context.now()
        body = self._api.request(
            "POST",
            CALL,
            "/access_token",
            data=token_request(
                "refresh_token",
                client_id=self._client_id or "",
                client_secret=self._client_secret or "",
                refresh_token=old.refresh or "",
            ),
            headers=FORM,
        )
        token = parse_token(body, now, default_life=ACCESS_TOKEN_LIFE)
        ends = token.refresh_expires_at
        if ends is None and token.refresh in {None, old.refresh}:
            ends = old.refresh_expires_at
        return replace(
            token,
            refresh=token.refresh or old.refresh,
            refresh_expires_at=ends,
            scope=token.scope or old.scope,
        )

    def _classify(self, response: Response) -> Decision:
        if response.ok:
            has_token = text_field(response.body, "access_token") is not None
            return None if has_token else Retry(error=_without_token(response))
        if response.status in {404, 405}:
            return ConfigurationError(
                f"{response.call}: no token endpoint at this address ({response.status}); check WEBEX_API_URL"
            )
        if response.status not in {400, 401, 403}:
            return default_decision(response, self._context.now())
        if response.status == 403 and not (is_webex_error(response) or is_oauth_error(response.body)):
            return error_of_another(response)
        words = error_words(response.body)
        if "client" in words and "grant" not in words:
            return CredentialsError(
                f"{response.call}: no token ({response.status}): WEBEX_CLIENT_ID or WEBEX_CLIENT_SECRET is wrong: copy "
                f"them from the integration at {APP_PAGE}"
            )
        return RefreshTokenRejected(
            f"{response.call}: the refresh token is refused ({response.status}): it was revoked, not used for 90 days, "
            f"or belongs to another WEBEX_CLIENT_ID: {LOGIN}"
        )


def _without_token(response: Response) -> BrokenResponse:
    return BrokenResponse(
        f"{response.call}: a response without a token; check WEBEX_API_URL", status=response.status
    )


def digest(secret: str) -> str:
    """Identifies a secret without revealing it."""
    return session_key("webex refresh token", secret)
