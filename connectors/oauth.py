"""OAuth 2.0 for all vendors: the token in use, the messages to a token endpoint, and the contract for logging in.

RFC 6749 (the framework), RFC 7636 (PKCE), RFC 8628 (device grant). oauthlib builds the messages; `connectors/http.py`
sends them, so timeouts, retries and redaction are the same as for every other request. Answers are parsed here and not
by oauthlib, which raises if a vendor sends an odd `expires_in` or another scope than the requested one.
"""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import RLock
from typing import Any, Literal, Protocol

from connectors.base import Context, Settings, Token
from connectors.errors import HarvestError

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
"""The headers of a request whose body `token_request` built."""

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

LONGEST_LIFE = timedelta(days=366)
"""A longer lifetime than this is not believed."""

LoginScope = Literal["admin", "user"]
"""What a login may read: the whole organisation, which takes an admin, or the meetings of the person who logs in."""


class TokenCache(ABC):
    """The token that all threads of a run use, and its `Authorization` header (`connectors.http.Auth`).

    A subclass says where the next token comes from. Only one thread at a time asks it; the others wait and then use the
    same token.
    """

    def __init__(self, context: Context, *, early_seconds: float) -> None:
        """`early_seconds`: replace a token this long before it expires, or after half its lifetime if that is sooner,
        so that a short-lived token is not replaced on every call."""
        self._context = context
        self._early_seconds = early_seconds
        self._lock = RLock()
        self._cached: _CachedToken | None = None
        self._wants_new = False

    @abstractmethod
    def obtain(self, rejected: str | None) -> Token:
        """The next token, stored or new; never the one whose header is `rejected`."""

    def header(self) -> str:
        return bearer(self.token())

    def token(self) -> Token:
        """The cached token, or the next one if it is about to expire."""
        token = self._usable()
        if token is not None:
            return token
        with self._lock:
            token = self._usable()  # another thread may have been faster
            if token is not None:
                return token
            cached = self._cached
            return self._cache(self.obtain(None if cached is None else bearer(cached.token)))

    def renew(self, refused: str) -> None:
        """Replaces the token whose header the vendor refused, unless another thread has replaced it."""
        with self._lock:
            if self._cached is None or bearer(self._cached.token) == refused:
                self._cache(self.obtain(refused))

    def request_new(self) -> Token:
        """A new token even if the present one is good: it proves that the credentials are right now."""
        with self._lock:
            self._wants_new = True
            try:
                return self._cache(self.obtain(None))
            finally:
                self._wants_new = False

    def is_usable(self, token: Token, rejected: str | None) -> bool:
        """Whether a stored token has not been rejected and does not expire soon."""
        if self._wants_new:
            return False
        return bearer(token) != rejected and self._seconds_left(token) > self._early_seconds

    def stored_or_new(
        self, name: str, rejected: str | None, request: Callable[[Token | None], Token]
    ) -> Token:
        """The stored token if it is usable, else the one that `request` returns for the stored one, which is then
        stored. The store is locked throughout, so only one process requests a token."""
        store = self._context.tokens
        with store.locked(name):
            stored = store.read(name)
            if stored is not None and self.is_usable(stored, rejected):
                return stored
            token = request(stored)
            store.write(name, token)
            return token

    def _usable(self) -> Token | None:
        cached = self._cached
        if cached is not None and self._context.elapsed() < cached.deadline:
            return cached.token
        return None

    def _cache(self, token: Token) -> Token:
        left = self._seconds_left(token)
        deadline = self._context.elapsed() + left - min(self._early_seconds, left / 2)
        self._cached = _CachedToken(token, deadline)
        return token

    def _seconds_left(self, token: Token) -> float:
        return (token.expires_at - self._context.now()).total_seconds()


@dataclass(frozen=True, slots=True)
class _CachedToken:
    token: Token
    deadline: float
    """On the clock of `Context.elapsed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode:
    """A login to finish on another device. Seconds are the vendor's."""

    user_code: str
    """The code to enter at `verification_uri`."""
    verification_uri: str
    verification_uri_complete: str | None = None
    """The address with the code in it, if the vendor offers one."""
    device_code: str = field(repr=False)
    """The secret to poll the vendor with."""
    expires_in: float
    interval: float


class Login(Protocol):
    """A vendor that a person logs in to.

    Built as `Login(settings, context, scope=…)`, which makes no request and raises ConfigurationError if a setting is
    missing. Every call raises CredentialsError, with what to do about it, if the vendor refuses.
    """

    def __init__(self, settings: Settings, context: Context, *, scope: LoginScope) -> None: ...

    def authorization_url(self, *, redirect_uri: str, state: str, challenge: str) -> str:
        """The address to open in a browser. `challenge`: the PKCE code challenge (S256)."""
        ...

    def error_for(self, error: str) -> HarvestError:
        """The exception for an `error` in the redirect (RFC 6749, 4.1.2.1). Its message does not repeat the error."""
        ...

    def exchange_code(self, *, code: str, redirect_uri: str, verifier: str) -> Token:
        """Exchanges the authorization code of the redirect for a token."""
        ...

    def request_device_code(self) -> DeviceCode:
        """Starts a login on another device."""
        ...

    def poll(self, code: DeviceCode) -> Token | DeviceCode:
        """The token, or the code to poll with after its `interval` if the person has not decided yet."""
        ...

    def save(self, token: Token) -> None:
        """Stores the token for the connector; it replaces an earlier login."""
        ...


def bearer(token: Token) -> str:
    """The `Authorization` header that carries the token (RFC 6750)."""
    return "Bearer " + token.access


def basic_authorization(client_id: str, client_secret: str) -> str:
    """The `Authorization` header that identifies a client (RFC 6749, 2.3.1)."""
    pair = f"{client_id}:{client_secret}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")


def token_request(grant_type: str, **parameters: str) -> bytes:
    """The body of a request to a token endpoint; send it with the headers `FORM`."""
    # Imported here because it costs 60 ms, and most runs find a stored token.
    from oauthlib.oauth2.rfc6749.parameters import prepare_token_request

    untyped: dict[str, Any] = {**parameters}
    body: str = prepare_token_request(grant_type, **untyped)
    return body.encode("ascii")


def authorization_url(
    page: str,
    *,
    client_id: str,
    redirect_uri: str,
    scopes: tuple[str, ...],
    state: str,
    challenge: str,
    **parameters: str,
) -> str:
    """The address of the vendor's login page for an authorization code with PKCE (S256)."""
    from oauthlib.oauth2.rfc6749.parameters import prepare_grant_uri

    scheme, _, rest = page.partition("://")
    # oauthlib accepts https:// only. Whether a plain http:// address is allowed is checked with the settings.
    url: str = prepare_grant_uri(
        f"https://{rest}",
        client_id,
        "code",
        redirect_uri=redirect_uri,
        scope=list(scopes),
        state=state,
        code_challenge=challenge,
        code_challenge_method="S256",
        **parameters,
    )
    address, _, query = url.removeprefix("https://").partition("?")
    # A space as %20 is read by every server, as + only by those that decode the query as a form.
    return f"{scheme}://{address}?{query.replace('+', '%20')}"


def parse_token(
    body: Any, now: datetime, *, default_life: timedelta, longest_life: timedelta = LONGEST_LIFE
) -> Token:
    """The token in the answer of a token endpoint, whose `access_token` must have been checked with `text_field`."""
    refresh_life = lifetime(body, "refresh_token_expires_in")
    return Token(
        access=body["access_token"],
        expires_at=now + (lifetime(body, "expires_in", longest=longest_life) or default_life),
        refresh=text_field(body, "refresh_token"),
        refresh_expires_at=None if refresh_life is None else now + refresh_life,
        scope=text_field(body, "scope") or "",
    )


def text_field(body: Any, key: str) -> str | None:
    """A string field that is safe to send in a header (printable ASCII, not empty), else None."""
    value = body.get(key) if isinstance(body, dict) else None
    return value if isinstance(value, str) and value.isascii() and value.isprintable() and value else None


def is_oauth_error(body: Any) -> bool:
    """Whether this is an error of a token endpoint (https://www.rfc-editor.org/rfc/rfc6749#section-5.2)."""
    return isinstance(body, dict) and isinstance(body.get("error"), str)


def lifetime(body: Any, key: str, *, longest: timedelta = LONGEST_LIFE) -> timedelta | None:
    """A field with a number of seconds; None if it is missing, not a number, not positive or not believable."""
    try:
        life = timedelta(seconds=float(body[key]))
    except (TypeError, ValueError, KeyError, OverflowError):
        return None
    return life if timedelta(0) < life <= longest else None
