"""Who we are to Webex: an access token from the settings, or a chain of tokens that is refreshed.

https://developer.webex.com/docs/login-with-webex and https://developer.webex.com/docs/integrations (as of 2026): an
access token lives for 14 days, a refresh token for 90 days from its last use. Whether a refresh answers with another
refresh token is not said: one that comes is kept, else the old one is. A service app's tokens are refreshed in the same
way (https://developer.webex.com/docs/service-apps).

The chain lies in the store under the name `webex`, where `harvester login webex` puts it too. A pair is in the store
before it is used; if the machine dies between the answer and the store, the refresh token that came before is there
still, and if Webex no longer takes it, the error says how to log in again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import RLock
from typing import Any

from connectors.base import Context, Settings, Token
from connectors.errors import BrokenResponse, ConfigurationError, CredentialsError
from connectors.http import Api, Decision, Response, Retry, default_decision
from connectors.models import session_key
from connectors.webex.endpoints import APP_PAGE, LOGIN, VENDOR
from connectors.webex.errors import error_words

STORED_NAME = "webex"
CALL = "POST /access_token"
ADOPTED = "webex refresh token adopted"
"""The fact that holds the digest of the last WEBEX_REFRESH_TOKEN that was made use of."""

EARLY_SECONDS = 300.0
ACCESS_TOKEN_LIFE = timedelta(days=14)
LONGEST_LIFE = timedelta(days=366)
WARN_BEFORE = timedelta(days=14)

Expiries = tuple[timedelta | None, timedelta | None]


class RefreshTokenRejected(CredentialsError):
    """The refresh token, and not the client, is what Webex refuses."""


@dataclass(frozen=True, slots=True)
class _Held:
    token: Token
    deadline: float  # on Context.elapsed


class WebexOAuth:
    """The `Authorization` header, for all threads and all processes."""

    def __init__(self, settings: Settings, api_url: str, context: Context) -> None:
        self._client_id = settings.get("WEBEX_CLIENT_ID")
        self._client_secret = settings.get("WEBEX_CLIENT_SECRET")
        self._given = settings.get("WEBEX_REFRESH_TOKEN")
        self._access = settings.get("WEBEX_ACCESS_TOKEN")
        self._context = context
        self._api = Api(VENDOR, api_url, context, classify=self._judge)
        self._lock = RLock()
        self._held: _Held | None = None

    def header(self) -> str:
        return _bearer(self.token())

    def token(self) -> Token:
        """One that is good for some minutes: the one in hand, another run's, the settings', or a new one."""
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

    def refresh_token_days(self) -> int | None:
        """For how many more days the refresh token can be used, as far as Webex told; `None` where it did not, or where
        there is none."""
        token = self.token()
        if token.refresh is None or token.refresh_expires_at is None:
            return None
        return (token.refresh_expires_at - self._context.now()).days

    def _another(self, *, refused: str | None) -> Token:
        if not (self._client_id and self._client_secret):
            return self._lone(refused)
        store = self._context.tokens
        with store.locked(STORED_NAME):
            kept = store.read(STORED_NAME)  # under the lock: another process may just have refreshed it
            given_is_new = self._given is not None and self._context.get_fact(ADOPTED) != digest(self._given)
            usable = kept is not None and _bearer(kept) != refused and self._left(kept) > EARLY_SECONDS
            if kept is not None and usable and not given_is_new:
                return self._hold(kept)
            chances = list(self._chances(kept, given_is_new))
            if not chances:
                return self._lone(refused)
            return self._hold(self._refreshed(chances))

    def _lone(self, refused: str | None) -> Token:
        """The access token of the settings, which nothing can renew."""
        if not self._access:
            raise CredentialsError(f"{VENDOR}: nobody is logged in: {LOGIN}, or set WEBEX_REFRESH_TOKEN")
        token = Token(access=self._access, expires_at=self._context.now() + ACCESS_TOKEN_LIFE)
        if _bearer(token) == refused:
            raise CredentialsError(
                f"{VENDOR}: WEBEX_ACCESS_TOKEN is refused (401), and there is nothing to renew it with: set a new one, "
                f"or set WEBEX_CLIENT_ID and WEBEX_CLIENT_SECRET and {LOGIN}"
            )
        return self._hold(token)

    def _chances(self, kept: Token | None, given_is_new: bool) -> Iterator[Token]:
        """What may be refreshed, in order: the settings' refresh token where it was never used, else the store's."""
        begun = Token(access="", expires_at=self._context.now(), refresh=self._given)
        if given_is_new:
            yield begun
        if kept is not None and kept.refresh is not None:
            yield kept
        if self._given is not None and not given_is_new:
            yield begun

    def _refreshed(self, chances: list[Token]) -> Token:
        refusal: CredentialsError | None = None
        for old in chances:
            try:
                token = self._asked(old)
            except RefreshTokenRejected as error:
                refusal = error
                continue
            self._context.tokens.write(STORED_NAME, token)
            self._adopt()
            if refusal is not None:
                self._context.notify_once(
                    f"{VENDOR}: one refresh token is refused, another still works: {LOGIN}"
                )
            return token
        assert refusal is not None  # noqa: S101  # there was at least one chance, and each was refused
        raise refusal

    def _adopt(self) -> None:
        """Whatever the settings hold has been tried by now: it is no news any more. After the pair, so that a kill
        in between makes the settings' token be tried once more, and never a refreshed one be forgotten."""
        if self._given is not None and self._context.get_fact(ADOPTED) != digest(self._given):
            self._context.set_fact(ADOPTED, digest(self._given))

    def _hold(self, token: Token) -> Token:
        # A life of less than ten minutes is used for half of it, or each call would ask for another token.
        left = self._left(token)
        self._held = _Held(token, self._context.elapsed() + left - min(EARLY_SECONDS, left / 2))
        self._warn(token)
        return token

    def _left(self, token: Token) -> float:
        return (token.expires_at - self._context.now()).total_seconds()

    def _warn(self, token: Token) -> None:
        ends = token.refresh_expires_at
        if token.refresh is None or ends is None:
            return
        left = ends - self._context.now()
        if left < WARN_BEFORE:
            days = max(0, left.days)
            self._context.notify_once(
                f"{VENDOR}: the login ends in {days} days, on {ends:%Y-%m-%d}: {LOGIN} before that"
            )

    def _asked(self, old: Token) -> Token:
        now = self._context.now()
        body = self._api.request(
            "POST",
            CALL,
            "/access_token",
            data={
                "grant_type": "refresh_token",
                "client_id": self._client_id or "",
                "client_secret": self._client_secret or "",
                "refresh_token": old.refresh or "",
            },
        )
        refresh, life = text_of(body, "refresh_token"), life_of(body, "refresh_token_expires_in")
        ends = None if life is None else now + life
        if ends is None and refresh in {None, old.refresh}:
            ends = old.refresh_expires_at
        token = Token(
            access=body["access_token"],
            expires_at=now + (life_of(body, "expires_in") or ACCESS_TOKEN_LIFE),
            refresh=refresh or old.refresh,
            refresh_expires_at=ends,
            scope=text_of(body, "scope") or "",
        )
        return token if token.scope else replace(token, scope=old.scope)

    def _judge(self, answer: Response) -> Decision:
        if answer.ok:
            return None if text_of(answer.body, "access_token") else Retry(error=_tokenless(answer))
        if answer.status in {404, 405}:
            return ConfigurationError(
                f"{answer.call}: there is no token endpoint at that address ({answer.status}); check WEBEX_API_URL"
            )
        if answer.status not in {400, 401} and not (answer.status == 403 and answer.broken is None):
            return default_decision(answer, self._context.now())
        if "client" in error_words(answer.body) and "grant" not in error_words(answer.body):
            return CredentialsError(
                f"{answer.call}: no token ({answer.status}): WEBEX_CLIENT_ID or WEBEX_CLIENT_SECRET is wrong: copy "
                f"them from the integration at {APP_PAGE}"
            )
        return RefreshTokenRejected(
            f"{answer.call}: the refresh token is refused ({answer.status}): it was revoked, not used for 90 days, or "
            f"belongs to another WEBEX_CLIENT_ID: {LOGIN}"
        )


def _tokenless(answer: Response) -> BrokenResponse:
    return BrokenResponse(
        f"{answer.call}: an answer without a token; check WEBEX_API_URL", status=answer.status
    )


def _bearer(token: Token) -> str:
    return "Bearer " + token.access


def digest(secret: str) -> str:
    return session_key("webex refresh token", secret)


def text_of(body: Any, key: str) -> str | None:
    """A string that can be sent in a header; `None` for anything else."""
    value = body.get(key) if isinstance(body, dict) else None
    return value if isinstance(value, str) and value.isascii() and value.isprintable() and value else None


def life_of(body: Any, key: str) -> timedelta | None:
    """What is left of a life, in seconds; `None` where it is not told, or cannot be."""
    try:
        life = timedelta(seconds=float(body[key]))
    except (TypeError, ValueError, KeyError, OverflowError):
        return None
    return life if timedelta(0) < life < LONGEST_LIFE else None
