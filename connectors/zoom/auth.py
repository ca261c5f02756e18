"""Server-to-Server OAuth: a token for an hour, no refresh token, the next one by asking again.

https://developers.zoom.us/docs/internal-apps/s2s-oauth/ and
https://developers.zoom.us/blog/s2s-token-generation-troubleshoot/ (as of 2026-02). Zoom once made a new token end the
older one's life, so the token is shared by all runs of an account, and a 401 first looks whether another run has
already fetched the next.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import timedelta
from threading import RLock
from typing import Any

from connectors.base import Context, Token
from connectors.errors import BrokenResponse, ConfigurationError, CredentialsError, HarvestError
from connectors.http import Api, Decision, Response, Retry, default_decision
from connectors.models import session_key
from connectors.zoom.endpoints import VENDOR
from connectors.zoom.errors import APP_PAGE, BLOCKED_ATTEMPTS

EARLY_SECONDS = 60.0
LIFE_SECONDS = 3600.0
CALL = "POST /oauth/token"

_WRONG_CLIENT = frozenset({"4702", "4704", "4706", "invalid_client"})
_WRONG_KIND = frozenset({"4705", "unsupported_grant_type"})
_DEACTIVATED = frozenset({"4717", "4741"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCredentials:
    account_id: str
    client_id: str
    client_secret: str

    @property
    def basic_authorization(self) -> str:
        pair = f"{self.client_id}:{self.client_secret}".encode()
        return "Basic " + base64.b64encode(pair).decode("ascii")

    @property
    def stored_name(self) -> str:
        """Under which the token is kept: other credentials never find it."""
        return "access-" + session_key(self.account_id, self.client_id, self.client_secret)


@dataclass(frozen=True, slots=True)
class _Held:
    token: Token
    deadline: float  # on Context.elapsed


class ServerToServerOAuth:
    """The `Authorization` header of an account's app, for all threads and all processes."""

    def __init__(self, credentials: AppCredentials, token_url: str, context: Context) -> None:
        self._credentials = credentials
        self._context = context
        self._api = Api(VENDOR, token_url, context, classify=self._judge)
        self._lock = RLock()
        self._held: _Held | None = None

    def header(self) -> str:
        return _bearer(self.token())

    def token(self) -> Token:
        """One that is good for another minute: the one in hand, another run's, or a new one."""
        held = self._held
        if held is not None and self._context.elapsed() < held.deadline:
            return held.token
        with self._lock:
            held = self._held
            if held is not None and self._context.elapsed() < held.deadline:
                return held.token
            return self._another(refused=None if held is None else _bearer(held.token))

    def renew(self, refused: str) -> None:
        with self._lock:
            if self._held is None or _bearer(self._held.token) == refused:
                self._another(refused=refused)

    def request_new(self) -> Token:
        """A new token whatever there is: it alone holds the scopes that the app has now."""
        with self._lock:
            return self._another(refused=None, shared=False)

    def _another(self, *, refused: str | None, shared: bool = True) -> Token:
        store, name = self._context.tokens, self._credentials.stored_name
        with store.locked(name):
            kept = store.read(name) if shared else None
            if kept is not None and _bearer(kept) != refused and self._seconds_left(kept) > 0:
                return self._hold(kept, self._seconds_left(kept))
            asked_at = self._context.elapsed()
            token, life = self._asked()
            store.write(name, token)
            # A life of less than two minutes is used for half, or each call would ask for another token.
            life -= min(EARLY_SECONDS, life / 2)
            return self._hold(token, life - (self._context.elapsed() - asked_at))

    def _hold(self, token: Token, seconds: float) -> Token:
        self._held = _Held(token, self._context.elapsed() + seconds)
        return token

    def _seconds_left(self, token: Token) -> float:
        return (token.expires_at - self._context.now()).total_seconds() - EARLY_SECONDS

    def _asked(self) -> tuple[Token, float]:
        now = self._context.now()
        body = self._api.request(
            "POST",
            CALL,
            data={"grant_type": "account_credentials", "account_id": self._credentials.account_id},
            headers={"Authorization": self._credentials.basic_authorization},
        )
        life = _life(body.get("expires_in"))
        scope = body.get("scope")
        token = Token(
            access=body["access_token"],
            expires_at=now + timedelta(seconds=life),
            scope=scope if isinstance(scope, str) else "",
        )
        return token, life

    def _judge(self, answer: Response) -> Decision:
        if answer.ok:
            return None if _has_token(answer.body) else _tokenless(answer)
        if answer.status in {404, 405}:
            return ConfigurationError(
                f"{answer.call}: there is no token endpoint at that address ({answer.status}); check ZOOM_TOKEN_URL"
            )
        if answer.status in {408, 425, 429} or not 400 <= answer.status < 500:
            return default_decision(answer, self._context.now())
        error = credentials_error(answer)
        if answer.status == 403 and answer.broken is not None:
            return Retry(error=error, attempts=BLOCKED_ATTEMPTS)  # a firewall's page, as in front of the API
        return error


def credentials_error(answer: Response) -> HarvestError:
    """Which credential is wrong, out of the words that Zoom uses for it; all of them where it says nothing known."""
    body = answer.body if isinstance(answer.body, dict) else {}
    told = {str(body[key]).strip().lower() for key in ("error", "code", "errorCode", "reason") if key in body}
    reason = " ".join(sorted(told))
    if told & _WRONG_KIND or "grant" in reason:
        remedy = f"the app is not of the type Server-to-Server OAuth: make one at {APP_PAGE}"
    elif told & _DEACTIVATED or "disabled" in reason or "deactivated" in reason or "not activated" in reason:
        remedy = f"the app is not activated, or was revoked: activate it at {APP_PAGE}"
    elif told & _WRONG_CLIENT or "client" in reason:
        remedy = (
            f"ZOOM_CLIENT_ID or ZOOM_CLIENT_SECRET is wrong: copy them from App Credentials at {APP_PAGE}"
        )
    elif "account" in reason or told & {"invalid_request", "bad request"}:
        remedy = f"ZOOM_ACCOUNT_ID is not the account of this app: copy it from App Credentials at {APP_PAGE}"
    else:
        remedy = (
            "ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID or ZOOM_CLIENT_SECRET is wrong, or the app is not activated: "
            f"see App Credentials and Activation at {APP_PAGE}"
        )
    return CredentialsError(f"{answer.call}: no token ({answer.status}): {remedy}")


def _has_token(body: Any) -> bool:
    token = body.get("access_token") if isinstance(body, dict) else None
    return isinstance(token, str) and token.isascii() and token.isprintable() and token != ""


def _tokenless(answer: Response) -> Decision:
    # Zoom reports some errors with HTTP 200, elsewhere by code, here by reason or error.
    if isinstance(answer.body, dict) and answer.body.keys() & {"error", "reason", "errorCode"}:
        return credentials_error(answer)
    return Retry(
        error=BrokenResponse(
            f"{answer.call}: an answer without a token; check ZOOM_TOKEN_URL", status=answer.status
        )
    )


def _life(expires_in: Any) -> float:
    try:
        seconds = float(expires_in)
    except (TypeError, ValueError):
        return LIFE_SECONDS
    return seconds if 0 < seconds <= 10 * LIFE_SECONDS else LIFE_SECONDS


def _bearer(token: Token) -> str:
    return "Bearer " + token.access
