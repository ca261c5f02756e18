"""Logging in to Webex: the authorization code flow with PKCE, and the device grant for machines without a browser.

https://developer.webex.com/docs/login-with-webex and https://developer.webex.com/docs/integrations (as of 2026),
https://developer.webex.com/blog/device-grant-flow-you-got-it (2025-02-26). Webex requires the client secret at the token
endpoint even with PKCE. While the person has not decided, polling a device code is answered with 428, or with 400 and
`authorization_pending` or `slow_down`. Errors come as `errors[].description` or `message`; some clients see `error`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from connectors.base import Context, Settings, Token
from connectors.errors import BrokenResponse, ConfigurationError, CredentialsError, HarvestError, VendorError
from connectors.http import Api
from connectors.oauth import (
    DEVICE_GRANT,
    FORM,
    DeviceCode,
    LoginScope,
    authorization_url,
    basic_authorization,
    lifetime,
    parse_token,
    text_field,
    token_request,
)
from connectors.response_decisions import Decision, Response, default_decision
from connectors.webex.auth import ACCESS_TOKEN_LIFE, ADOPTED, STORED_NAME, digest
from connectors.webex.endpoints import APP_PAGE, LOGIN, MEETINGS, PARTICIPANTS, QUALITIES, VENDOR
from connectors.webex.errors import error_words

SCOPES: dict[LoginScope, tuple[str, ...]] = {
    "admin": tuple(endpoint.admin[0] for endpoint in (MEETINGS, PARTICIPANTS, QUALITIES)),
    "user": tuple(endpoint.user for endpoint in (MEETINGS, PARTICIPANTS)),
}
"""Only the scopes that are used; qualities can be read by an admin only."""

DEVICE_CALLBACKS = "https://oauth-helper-{a,r,k,d}.wbx2.com/helperservice/v1/actions/device/callback"
DEVICE_CODE_LIFE = timedelta(minutes=5)
POLL_INTERVAL = timedelta(seconds=5)
"""The default of RFC 8628 if the vendor names none; `slow_down` adds as much."""

_UNDECIDED = frozenset({"authorization_pending", "slow_down"})


class WebexLogin:
    """`connectors.oauth.Login` for a Webex integration."""

    def __init__(self, settings: Settings, context: Context, *, scope: LoginScope) -> None:
        unset = [name for name in ("WEBEX_CLIENT_ID", "WEBEX_CLIENT_SECRET") if not settings.get(name)]
        if unset:
            raise ConfigurationError(
                f"{VENDOR}: {' and '.join(unset)} not set: make an integration at {APP_PAGE} and copy them from there"
            )
        self._client_id = settings["WEBEX_CLIENT_ID"]
        self._client_secret = settings["WEBEX_CLIENT_SECRET"]
        self._refresh_setting = settings.get("WEBEX_REFRESH_TOKEN")
        self._base_url = settings["WEBEX_API_URL"].rstrip("/")
        self._scopes = SCOPES[scope]
        self._context = context
        self._api = Api(VENDOR, self._base_url, context, classify=self._classify)

    def authorization_url(self, *, redirect_uri: str, state: str, challenge: str) -> str:
        return authorization_url(
            f"{self._base_url}/authorize",
            client_id=self._client_id,
            redirect_uri=redirect_uri,
            scopes=self._scopes,
            state=state,
            challenge=challenge,
        )

    def exchange_code(self, *, code: str, redirect_uri: str, verifier: str) -> Token:
        body = self._api.request(
            "POST",
            "POST /access_token",
            "/access_token",
            data=token_request(
                "authorization_code",
                client_id=self._client_id,
                client_secret=self._client_secret,
                code=code,
                redirect_uri=redirect_uri,
                code_verifier=verifier,
            ),
            headers=FORM,
        )
        return self._token(body)

    def request_device_code(self) -> DeviceCode:
        body = self._api.request(
            "POST",
            "POST /device/authorize",
            "/device/authorize",
            data={"client_id": self._client_id, "scope": " ".join(self._scopes)},
        )
        device_code, user_code = text_field(body, "device_code"), text_field(body, "user_code")
        address = text_field(body, "verification_uri")
        if device_code is None or user_code is None or address is None:
            raise _without_token(f"{VENDOR}: POST /device/authorize")
        return DeviceCode(
            user_code=user_code,
            verification_uri=address,
            verification_uri_complete=text_field(body, "verification_uri_complete"),
            device_code=device_code,
            expires_in=(lifetime(body, "expires_in") or DEVICE_CODE_LIFE).total_seconds(),
            interval=(lifetime(body, "interval") or POLL_INTERVAL).total_seconds(),
        )

    def poll(self, code: DeviceCode) -> Token | DeviceCode:
        body = self._api.request(
            "POST",
            "POST /device/token",
            "/device/token",
            data=token_request(DEVICE_GRANT, client_id=self._client_id, device_code=code.device_code),
            headers={**FORM, "Authorization": basic_authorization(self._client_id, self._client_secret)},
        )
        if text_field(body, "access_token") is not None:
            return self._token(body)
        slower = POLL_INTERVAL.total_seconds() if "slow_down" in error_words(body) else 0.0
        return replace(code, interval=code.interval + slower)

    def save(self, token: Token) -> None:
        store = self._context.tokens
        with store.locked(STORED_NAME):
            # A refresh token in the settings is older than this login, so it must not win over it. Recorded first: if
            # the process is killed in between, the earlier login is still there, and the next run does not replace it
            # by the setting.
            if self._refresh_setting is not None:
                self._context.set_fact(ADOPTED, digest(self._refresh_setting))
            store.write(STORED_NAME, token)

    def error_for(self, error: str) -> HarvestError:
        if error in {"server_error", "temporarily_unavailable"}:
            return VendorError(f"{VENDOR}: the login page failed with a server error: {LOGIN} again later")
        return CredentialsError(f"{VENDOR}: not logged in: {self._remedy(error)}")

    def _classify(self, response: Response) -> Decision:
        words = error_words(response.body)
        if response.status == 428 or (response.status == 400 and any(word in words for word in _UNDECIDED)):
            return None
        if response.status < 300:
            # No retry: a code can be exchanged only once, and a second response would hide the first.
            good = text_field(response.body, "access_token") or text_field(response.body, "device_code")
            return None if good else _without_token(response.call)
        if response.status in {404, 405}:
            return ConfigurationError(
                f"{response.call}: no such endpoint at this address ({response.status}); check WEBEX_API_URL"
            )
        if response.status in {408, 425, 429} or not 400 <= response.status < 500:
            return default_decision(response, self._context.now())
        remedy = self._remedy("client" if response.status == 401 else words)
        return CredentialsError(f"{response.call}: no token ({response.status}): {remedy}")

    def _remedy(self, words: str) -> str:
        """What to do about Webex's words for the error; every possible cause if they are unknown."""
        scopes = " ".join(self._scopes)
        if "access_denied" in words:
            return f"access was denied: {LOGIN} again and accept, or have your admin allow the integration in Control Hub"
        if "tokenlimit" in words:
            return (
                "this person has as many tokens as Webex permits: revoke some, or wait until old ones expire"
            )
        if "redirect" in words:
            return (
                f"the integration lacks the redirect URI: add it at {APP_PAGE}, spelled exactly as in the documentation "
                f"(for --device: {DEVICE_CALLBACKS})"
            )
        if "grant" in words or "expired" in words:
            return f"the code was already used, or has expired: {LOGIN} again"
        if "scope" in words:
            return f"the integration lacks a scope: give it {scopes} at {APP_PAGE}"
        if "client" in words:
            return f"WEBEX_CLIENT_ID or WEBEX_CLIENT_SECRET is wrong: copy them from the integration at {APP_PAGE}"
        return (
            f"compare the integration at {APP_PAGE} with WEBEX_CLIENT_ID and WEBEX_CLIENT_SECRET, its redirect URIs "
            f"with the documentation, and its scopes with {scopes}"
        )

    def _token(self, body: Any) -> Token:
        return parse_token(body, self._context.now(), default_life=ACCESS_TOKEN_LIFE)


def _without_token(call: str) -> BrokenResponse:
    return BrokenResponse(f"{call}: a response without a token or a code; check WEBEX_API_URL")
