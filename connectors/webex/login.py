"""Logging in to Webex: the authorization-code flow with PKCE, and the device grant for machines without a browser.

https://developer.webex.com/docs/login-with-webex and https://developer.webex.com/docs/integrations (as of 2026),
https://developer.webex.com/blog/device-grant-flow-you-got-it (2025-02-26). Webex wants the client secret at the token
endpoint even with PKCE. A device that nobody has decided about yet is answered with 428, or with 400 and
`authorization_pending` or `slow_down`; errors come as `errors[].description` or `message`, some clients see `error`.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from connectors.base import Context, DeviceCode, LoginScope, Settings, Token
from connectors.errors import BrokenResponse, ConfigurationError, CredentialsError, HarvestError, VendorError
from connectors.http import Api, Decision, Response, default_decision
from connectors.webex.auth import ACCESS_TOKEN_LIFE, ADOPTED, STORED_NAME, digest, life_of, text_of
from connectors.webex.endpoints import APP_PAGE, LOGIN, MEETINGS, PARTICIPANTS, QUALITIES, VENDOR
from connectors.webex.errors import error_words

SCOPES: dict[LoginScope, tuple[str, ...]] = {
    "admin": tuple(endpoint.admin[0] for endpoint in (MEETINGS, PARTICIPANTS, QUALITIES)),
    "user": tuple(endpoint.user for endpoint in (MEETINGS, PARTICIPANTS)),
}
"""What is read and nothing beyond; qualities only an admin may read."""

DEVICE_CALLBACKS = "https://oauth-helper-{a,r,k,d}.wbx2.com/helperservice/v1/actions/device/callback"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
DEVICE_LIFE = timedelta(minutes=5)
POLL = timedelta(seconds=5)  # RFC 8628, where the vendor names no interval; slow_down adds as much

_UNDECIDED = frozenset({"authorization_pending", "slow_down"})


class WebexLogin:
    """`connectors.base.Login` for an integration of Webex."""

    def __init__(self, settings: Settings, context: Context, *, scope: LoginScope) -> None:
        missing = [name for name in ("WEBEX_CLIENT_ID", "WEBEX_CLIENT_SECRET") if not settings.get(name)]
        if missing:
            raise ConfigurationError(
                f"Webex: {' and '.join(missing)} not set: make an integration at {APP_PAGE} and copy them from there"
            )
        self._client_id = settings["WEBEX_CLIENT_ID"]
        self._client_secret = settings["WEBEX_CLIENT_SECRET"]
        self._given = settings.get("WEBEX_REFRESH_TOKEN")
        self._base_url = settings["WEBEX_API_URL"].rstrip("/")
        self._scope = " ".join(SCOPES[scope])
        self._context = context
        self._api = Api(VENDOR, self._base_url, context, classify=self._judge)

    def authorization_url(self, *, redirect_uri: str, state: str, challenge: str) -> str:
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": self._scope,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._base_url}/authorize?{urlencode(asked, quote_via=quote)}"

    def exchange_code(self, *, code: str, redirect_uri: str, verifier: str) -> Token:
        return self._token(
            self._api.request(
                "POST",
                "POST /access_token",
                "/access_token",
                data={
                    "grant_type": "authorization_code",
                    "client_id": self._client_id,
                    "client_secret": self._client_secret,
                    "code": code,
                    "redirect_uri": redirect_uri,
                    "code_verifier": verifier,
                },
            )
        )

    def request_device_code(self) -> DeviceCode:
        body = self._api.request(
            "POST",
            "POST /device/authorize",
            "/device/authorize",
            data={"client_id": self._client_id, "scope": self._scope},
        )
        secret, user_code = text_of(body, "device_code"), text_of(body, "user_code")
        address = text_of(body, "verification_uri")
        if secret is None or user_code is None or address is None:
            raise _empty("Webex: POST /device/authorize")
        return DeviceCode(
            user_code=user_code,
            verification_uri=address,
            verification_uri_complete=text_of(body, "verification_uri_complete"),
            device_code=secret,
            expires_in=(life_of(body, "expires_in") or DEVICE_LIFE).total_seconds(),
            interval=(life_of(body, "interval") or POLL).total_seconds(),
        )

    def poll(self, code: DeviceCode) -> Token | DeviceCode:
        pair = f"{self._client_id}:{self._client_secret}".encode()
        body = self._api.request(
            "POST",
            "POST /device/token",
            "/device/token",
            data={"grant_type": DEVICE_GRANT, "device_code": code.device_code, "client_id": self._client_id},
            headers={"Authorization": "Basic " + base64.b64encode(pair).decode("ascii")},
        )
        if text_of(body, "access_token") is not None:
            return self._token(body)
        slower = POLL.total_seconds() if "slow_down" in error_words(body) else 0.0
        return replace(code, interval=code.interval + slower)

    def save(self, token: Token) -> None:
        store = self._context.tokens
        with store.locked(STORED_NAME):
            # A refresh token in the settings is older than this login, and no news any more. Said first: a kill in
            # between leaves what was there before, and not a login that the next run gives up for the settings.
            if self._given is not None:
                self._context.set_fact(ADOPTED, digest(self._given))
            store.write(STORED_NAME, token)

    def error_for(self, error: str) -> HarvestError:
        if error in {"server_error", "temporarily_unavailable"}:
            return VendorError(f"Webex: its login page had an error of its own: {LOGIN} again later")
        return CredentialsError(f"Webex: not logged in: {self._remedy(error)}")

    def _judge(self, answer: Response) -> Decision:
        told = error_words(answer.body)
        if answer.status == 428 or (answer.status == 400 and any(word in told for word in _UNDECIDED)):
            return None
        if answer.status < 300:
            # Not asked for again: a code can be redeemed once, and another answer would only hide this one.
            good = text_of(answer.body, "access_token") or text_of(answer.body, "device_code")
            return None if good else _empty(answer.call)
        if answer.status in {404, 405}:
            return ConfigurationError(
                f"{answer.call}: there is nothing at that address ({answer.status}); check WEBEX_API_URL"
            )
        if answer.status in {408, 425, 429} or not 400 <= answer.status < 500:
            return default_decision(answer, self._context.now())
        remedy = self._remedy("client" if answer.status == 401 else told)
        return CredentialsError(f"{answer.call}: no token ({answer.status}): {remedy}")

    def _remedy(self, told: str) -> str:
        """What to do, out of the words that Webex uses; all that it may be where it says nothing known."""
        if "access_denied" in told:
            return f"access was denied: {LOGIN} again and accept, or have your admin allow the integration in Control Hub"
        if "tokenlimit" in told:
            return "this person has as many tokens as Webex permits: revoke some, or wait until old ones have ended"
        if "redirect" in told:
            return (
                f"the integration lacks the redirect URI: add it at {APP_PAGE} exactly as the README spells it "
                f"(for --device: {DEVICE_CALLBACKS})"
            )
        if "grant" in told or "expired" in told:
            return f"the code was used before, or is too old: {LOGIN} again"
        if "scope" in told:
            return f"the integration lacks a scope: give it {self._scope} at {APP_PAGE}"
        if "client" in told:
            return f"WEBEX_CLIENT_ID or WEBEX_CLIENT_SECRET is wrong: copy them from the integration at {APP_PAGE}"
        return (
            f"compare the integration at {APP_PAGE} with WEBEX_CLIENT_ID and WEBEX_CLIENT_SECRET, its redirect URIs "
            f"with the README, and its scopes with {self._scope}"
        )

    def _token(self, body: Any) -> Token:
        now, refresh_life = self._context.now(), life_of(body, "refresh_token_expires_in")
        return Token(
            access=body["access_token"],
            expires_at=now + (life_of(body, "expires_in") or ACCESS_TOKEN_LIFE),
            refresh=text_of(body, "refresh_token"),
            refresh_expires_at=None if refresh_life is None else now + refresh_life,
            scope=text_of(body, "scope") or "",
        )


def _empty(call: str) -> BrokenResponse:
    return BrokenResponse(f"{call}: an answer without a token or a code; check WEBEX_API_URL")
