"""Google credentials: a token per user and API from a service account's key, or the token of the person who logged in.

A service account sees nothing of Meet by itself. It acts for users, whom it names in the assertion that it signs
(domain-wide delegation, https://developers.google.com/identity/protocols/oauth2/service-account). google-auth builds the
assertions and reads the responses; the project's HTTP layer sends them, only to the token endpoint of the credentials
file. Without a subject, google-auth looks the service account up at another host, so there always is a subject.

The tokens of the admin and of a login are stored, for an hour; those of other users are kept in memory only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import RLock
from typing import Any

import orjson
from google.auth import transport
from google.auth.exceptions import GoogleAuthError
from google.auth.transport import Request
from google.oauth2 import credentials as user_credentials
from google.oauth2 import service_account

from connectors.base import Context, Settings, Token
from connectors.errors import BrokenResponse, ConfigurationError, CredentialsError, VendorError
from connectors.google_meet.credentials import CredentialsKind, GoogleCredentials, read_credentials
from connectors.google_meet.endpoints import CONSOLE, DELEGATION, LOGIN, VENDOR, Service
from connectors.google_meet.errors import ApiNotAllowed
from connectors.http import Api
from connectors.models import session_key
from connectors.oauth import TokenCache, bearer, is_oauth_error, lifetime, text_field
from connectors.response_decisions import Decision, Response, Retry, default_decision
from connectors.retry import VENDOR_LIMITS, RetryLimits

STORED_NAME = "google-meet"
CALL = "POST /token"
LOGGED_IN = ""
"""The subject that stands for the person who logged in."""

EARLY_SECONDS = 300.0
ACCESS_TOKEN_LIFE = timedelta(hours=1)


class UserUnavailable(VendorError):
    """Google gives no token for this user: unknown, suspended, deleted, or of another company."""


class TokenRequestRefused(VendorError):
    """The token endpoint refuses. `words`: its error in lower case, to search and never to print."""

    def __init__(self, message: str, *, status: int, words: str) -> None:
        super().__init__(message, status=status)
        self.words = words


class GoogleTokens:
    """The tokens of one credentials file; safe for all threads. Building it reads no file and makes no request."""

    def __init__(self, settings: Settings, context: Context, limits: RetryLimits = VENDOR_LIMITS) -> None:
        self._settings = settings
        self._context = context
        self._limits = limits
        self._lock = RLock()
        self._credentials: GoogleCredentials | None = None
        self._signer: Any = None
        self._api: Api | None = None
        self._caches: dict[tuple[str, str], TokenCache] = {}

    @property
    def credentials(self) -> GoogleCredentials:
        with self._lock:
            if self._credentials is None:
                self._credentials = read_credentials(self._settings["GOOGLE_CREDENTIALS"])
            return self._credentials

    @property
    def impersonates(self) -> bool:
        """Whether the credentials can act for every user of the company."""
        return self.credentials.kind is CredentialsKind.service_account

    @property
    def admin(self) -> str:
        """The subject for what only an admin can read. Raises CredentialsError if a service account has none."""
        if not self.impersonates:
            return LOGGED_IN
        admin = self._settings.get("GOOGLE_ADMIN")
        if not admin:
            raise CredentialsError(
                f"{VENDOR}: a service account sees nothing by itself: set GOOGLE_ADMIN to the address of an admin of the "
                "company, for whom it acts"
            )
        return admin

    def request_new(self, service: Service) -> None:
        """Request a new token of the admin, or of the login, for this API. Raises the error if it is refused."""
        self._cache(service, self.admin).request_new()

    def auth_for(self, service: Service, subject: str) -> UserAuth:
        """The `Authorization` of one user at one API."""
        subject = subject if self.impersonates else LOGGED_IN
        return UserAuth(self, service, self._cache(service, subject))

    def check_scope(self, token: Token, service: Service) -> None:
        """Raises ApiNotAllowed if the person who logged in did not grant the API's scope."""
        if not self.impersonates and token.scope and service.scope not in token.scope.split():
            raise ApiNotAllowed(
                f"{VENDOR}: the login does not permit the {service.title}: {LOGIN} again and leave its box ticked "
                f"({service.scope})"
            )

    def request_for_user(self, service: Service, subject: str) -> Token:
        """Requests a token for one user and one scope with the service account's key."""
        with self._lock:
            if self._signer is None:
                self._signer = _signer(self.credentials.info)
        # google-auth would take the time from this machine's clock, and Google refuses an assertion of the future.
        issued = int(self._context.now().timestamp())
        times = {"iat": issued, "exp": issued + int(ACCESS_TOKEN_LIFE.total_seconds())}
        credentials = self._signer.with_scopes([service.scope]).with_subject(subject).with_claims(times)
        token_endpoint = _Transport(self._token_api())
        try:
            credentials.refresh(token_endpoint)
        except TokenRequestRefused as refused:
            raise self._error_for(refused.words, service, subject) from None
        except GoogleAuthError:
            raise _unreadable() from None
        expires_at = self._context.now() + token_endpoint.life
        return Token(access=credentials.token, expires_at=expires_at, scope=service.scope)

    def refresh_login(self, refresh: str) -> Token:
        """Refreshes the token of a person."""
        info = self.credentials
        credentials: Any = user_credentials.Credentials(
            token=None,
            refresh_token=refresh,
            token_uri=info.token_uri,
            client_id=info.client_id,
            client_secret=info.info["client_secret"],
        )
        token_endpoint = _Transport(self._token_api())
        try:
            credentials.refresh(token_endpoint)
        except TokenRequestRefused as refused:
            raise self._login_error(refused.words) from None
        except GoogleAuthError:
            raise _unreadable() from None
        return Token(
            access=credentials.token,
            expires_at=self._context.now() + token_endpoint.life,
            refresh=credentials.refresh_token or refresh,
            scope=token_endpoint.scope,
        )

    def _cache(self, service: Service, subject: str) -> TokenCache:
        key = (service.scope if self.impersonates else LOGGED_IN), subject
        with self._lock:
            if key not in self._caches:
                self._caches[key] = (
                    _UserToken(self, self._context, service, subject)
                    if self.impersonates
                    else _LoginToken(self, self._context)
                )
            return self._caches[key]

    def _token_api(self) -> Api:
        with self._lock:
            if self._api is None:
                uri = self.credentials.token_uri
                self._api = Api(VENDOR, uri, self._context, classify=self._classify, limits=self._limits)
            return self._api

    def _classify(self, response: Response) -> Decision:
        """Temporary errors are retried by the project's HTTP layer, and nowhere else."""
        if response.ok:
            broken = BrokenResponse(f"{response.call}: a response without a token", status=response.status)
            return None if text_field(response.body, "access_token") else Retry(error=broken)
        words = _error_words(response.body)
        if response.status in {400, 401, 403} and words:
            return TokenRequestRefused(f"{response.call}: no token", status=response.status, words=words)
        return default_decision(response, self._context.now(), lambda _: bool(words))

    def _error_for(self, words: str, service: Service, subject: str) -> CredentialsError | VendorError:
        """The error for a refused request for a token, by Google's words about it.

        https://developers.google.com/identity/protocols/oauth2/service-account#jwt-error-codes (2026).
        """
        if any(word in words for word in ("unauthorized_client", "invalid_scope", "access_denied")):
            return ApiNotAllowed(
                f"{VENDOR}: no token for the {service.title}: the delegation lacks its scope. At {DELEGATION}, give the "
                f"client ID {self.credentials.client_id or '(in the credentials file)'} the scope {service.scope}; it "
                "may take some minutes, up to a day, to take effect"
            )
        if "jwt" in words and any(word in words for word in ("iat", "exp", "timeframe", "lifespan")):
            return CredentialsError(
                f"{VENDOR}: {CALL}: the assertion's time is refused: set this machine's clock right"
            )
        if any(word in words for word in ("signature", "invalid_client", "account not found")):
            return CredentialsError(
                f"{VENDOR}: {CALL}: the key is refused: it was deleted or disabled; create another at {CONSOLE}, IAM & "
                "Admin > Service Accounts > Keys"
            )
        if subject == self.admin:
            return CredentialsError(
                f"{VENDOR}: {CALL}: no token for GOOGLE_ADMIN: it must be the primary address of an active admin of the "
                "same company as the delegation"
            )
        return UserUnavailable(f"{VENDOR}: {CALL}: no token for one of the users", status=400)

    def _login_error(self, words: str) -> CredentialsError:
        if "client" in words and "grant" not in words:
            return CredentialsError(
                f"{VENDOR}: {CALL}: the OAuth client is refused: download it again at {CONSOLE}, then {LOGIN}"
            )
        return CredentialsError(
            f"{VENDOR}: {CALL}: the login has ended (revoked, not used for six months, or of a consent screen in "
            f"testing, where it ends after seven days): {LOGIN}"
        )


class _UserToken(TokenCache):
    """The token of one user at one API. The admin's is stored for other runs."""

    def __init__(self, tokens: GoogleTokens, context: Context, service: Service, subject: str) -> None:
        super().__init__(context, early_seconds=EARLY_SECONDS)
        self._tokens = tokens
        self._service = service
        self._subject = subject

    def obtain(self, rejected: str | None) -> Token:
        tokens, service, subject = self._tokens, self._service, self._subject
        if subject != tokens.admin:
            return tokens.request_for_user(service, subject)
        name = f"{STORED_NAME} {session_key(tokens.credentials.client_id, service.scope, subject)}"
        return self.stored_or_new(name, rejected, lambda _: tokens.request_for_user(service, subject))


class _LoginToken(TokenCache):
    """The token of the person who logged in, at all APIs: from the stored login, or from the credentials file."""

    def __init__(self, tokens: GoogleTokens, context: Context) -> None:
        super().__init__(context, early_seconds=EARLY_SECONDS)
        self._tokens = tokens

    def obtain(self, rejected: str | None) -> Token:
        credentials = self._tokens.credentials
        if credentials.kind is CredentialsKind.client:
            return self.stored_or_new(STORED_NAME, rejected, self._refresh)
        name = f"{STORED_NAME} {session_key(credentials.info['refresh_token'])}"
        return self.stored_or_new(name, rejected, self._refresh)

    def _refresh(self, stored: Token | None) -> Token:
        from_file = self._tokens.credentials.info.get("refresh_token")
        refresh = stored.refresh if stored is not None and stored.refresh else from_file
        if not refresh:
            raise CredentialsError(f"{VENDOR}: not logged in: {LOGIN}")
        token = self._tokens.refresh_login(str(refresh))
        return token if token.scope or stored is None else replace(token, scope=stored.scope)


class UserAuth:
    """`connectors.http.Auth` for one user at one API."""

    def __init__(self, tokens: GoogleTokens, service: Service, cache: TokenCache) -> None:
        self._tokens = tokens
        self._service = service
        self._cache = cache

    def header(self) -> str:
        token = self._cache.token()
        self._tokens.check_scope(token, self._service)
        return bearer(token)

    def renew(self, refused: str) -> None:
        self._cache.renew(refused)


@dataclass(frozen=True, slots=True)
class _TransportResponse(transport.Response):
    """A response as google-auth reads it; its abstract properties are fields here."""

    status: int = 0
    headers: Mapping[str, str] | None = None
    data: bytes = b""


class _Transport(Request):
    """Sends google-auth's requests through the project's HTTP layer, and keeps the last response."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._body: Any = None

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002  # google-auth's signature has it; the HTTP layer has its own time-out
        **_more: Any,
    ) -> transport.Response:
        response = self._api.send(method, CALL, url, data=body, headers=headers)
        self._body = response.body
        # google-auth fails on an odd lifetime or refresh token: it gets what was read here, and nothing else.
        texts = {name: text_field(response.body, name) for name in ("access_token", "refresh_token")}
        clean = {**texts, "expires_in": int(self.life.total_seconds())}
        return _TransportResponse(response.status, response.headers, orjson.dumps(clean))

    @property
    def life(self) -> timedelta:
        return lifetime(self._body, "expires_in") or ACCESS_TOKEN_LIFE

    @property
    def scope(self) -> str:
        return text_field(self._body, "scope") or ""


def _error_words(body: Any) -> str:
    """The texts of an OAuth error in lower case; empty for anything else, which is not Google's."""
    if not is_oauth_error(body):
        return ""
    return " ".join(str(body.get(key) or "") for key in ("error", "error_description")).lower()


def _unreadable() -> BrokenResponse:
    return BrokenResponse(f"{VENDOR}: {CALL}: a response that cannot be read as a token")


def _signer(info: Mapping[str, Any]) -> Any:
    try:
        return service_account.Credentials.from_service_account_info(info)
    except (GoogleAuthError, ValueError, TypeError):
        raise ConfigurationError(
            f"{VENDOR}: GOOGLE_CREDENTIALS: the private key in it cannot be read: download it again"
        ) from None
