"""Who we are to Google: a token per user and API out of a service account's key, or the one of whoever logged in.

A service account sees nothing of Meet by itself: it acts for people, whom it names in the assertion that it signs
(domain-wide delegation, https://developers.google.com/identity/protocols/oauth2/service-account). google-auth makes the
assertions and reads the answers; what is sent goes through the project's HTTP layer, and nothing but the token endpoint
of the credentials file is asked. Without a subject google-auth looks a service account up elsewhere: there always is one.

Tokens of the admin and of a login are kept in the store, for an hour; those of the other users in memory alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Lock, RLock
from typing import Any

import orjson
from google.auth import transport
from google.auth.exceptions import GoogleAuthError
from google.auth.transport import Request
from google.oauth2 import credentials as user_credentials
from google.oauth2 import service_account

from connectors.base import Context, Settings, Token
from connectors.errors import BrokenResponse, CredentialsError, VendorError
from connectors.google_meet.credentials import CredentialsKind, GoogleCredentials, read_credentials
from connectors.google_meet.endpoints import CONSOLE, DELEGATION, LOGIN, VENDOR, Service
from connectors.google_meet.errors import ApiNotAllowed
from connectors.http import Api, Decision, Response, Retry, default_decision
from connectors.models import session_key

STORED_NAME = "google-meet"
CALL = "POST /token"
SELF = ""
"""The subject that stands for whoever logged in."""

EARLY_SECONDS = 300.0
ACCESS_TOKEN_LIFE = timedelta(hours=1)


class UserUnavailable(VendorError):
    """Google gives no token for this user: unknown, suspended, deleted, or of another company."""


class TokenRequestRefused(VendorError):
    """The token endpoint gives none. `words`: what it says, in lower case, to be looked through and never printed."""

    def __init__(self, message: str, *, status: int, words: str) -> None:
        super().__init__(message, status=status)
        self.words = words


@dataclass(frozen=True, slots=True)
class _Held:
    token: Token
    deadline: float  # on Context.elapsed


class GoogleTokens:
    """The tokens of one credentials file; safe for all threads. Building it reads no file and makes no request."""

    def __init__(self, settings: Settings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._lock = RLock()
        self._found: GoogleCredentials | None = None
        self._signer: Any = None
        self._api: Api | None = None
        self._held: dict[tuple[str, str], _Held] = {}
        self._locks: dict[tuple[str, str], Lock] = {}

    @property
    def credentials(self) -> GoogleCredentials:
        with self._lock:
            if self._found is None:
                self._found = read_credentials(self._settings["GOOGLE_CREDENTIALS"])
            return self._found

    @property
    def impersonates(self) -> bool:
        """Whether it can act for every user of the company."""
        return self.credentials.kind is CredentialsKind.service_account

    @property
    def admin(self) -> str:
        """The subject for what only an admin may read. CredentialsError where a service account has none."""
        if not self.impersonates:
            return SELF
        admin = self._settings.get("GOOGLE_ADMIN")
        if not admin:
            raise CredentialsError(
                f"{VENDOR}: a service account sees nothing by itself: set GOOGLE_ADMIN to the address of an admin of the "
                "company, whom it acts for"
            )
        return admin

    def auth_for(self, service: Service, subject: str) -> UserAuth:
        """The `Authorization` of one user at one API."""
        return UserAuth(self, service, subject if self.impersonates else SELF)

    def token(self, service: Service, subject: str, *, refused: str | None = None) -> Token:
        """One that is good for some minutes, and is not the one that was refused."""
        key = (service.scope if self.impersonates else SELF), subject
        held = self._held.get(key)
        if held is None or not self._usable(held, refused):
            with self._lock:
                lock = self._locks.setdefault(key, Lock())
            with lock:
                held = self._held.get(key)
                if held is None or not self._usable(held, refused):
                    held = self._hold(key, self._another(service, subject, refused))
        if not self.impersonates:
            self._look_for_scope(held.token, service)
        return held.token

    def _usable(self, held: _Held, refused: str | None) -> bool:
        return self._context.elapsed() < held.deadline and held.token.access != refused

    def _hold(self, key: tuple[str, str], token: Token) -> _Held:
        left = (token.expires_at - self._context.now()).total_seconds()
        held = _Held(token, self._context.elapsed() + left - min(EARLY_SECONDS, left / 2))
        self._held[key] = held
        return held

    def _another(self, service: Service, subject: str, refused: str | None) -> Token:
        if not self.impersonates:
            return self._of_login(refused)
        if subject != self.admin:
            return self._signed(service, subject)
        name = f"{STORED_NAME} {session_key(self.credentials.client_id, service.scope, subject)}"
        store = self._context.tokens
        with store.locked(name):
            kept = store.read(name)
            if kept is not None and self._is_good(kept, refused):
                return kept
            token = self._signed(service, subject)
            store.write(name, token)
            return token

    def _is_good(self, token: Token, refused: str | None) -> bool:
        left = token.expires_at - self._context.now()
        return token.access != refused and left > timedelta(seconds=EARLY_SECONDS)

    def _signed(self, service: Service, subject: str) -> Token:
        """A service account's, for one user and one scope."""
        with self._lock:
            if self._signer is None:
                self._signer = _signer(self.credentials.info)
        acting = self._signer.with_scopes([service.scope]).with_subject(subject)
        asked = _Transport(self._endpoint())
        try:
            acting.refresh(asked)
        except TokenRequestRefused as refused:
            raise self._refusal(refused.words, service, subject) from None
        except GoogleAuthError:
            raise _unread() from None
        return Token(access=acting.token, expires_at=self._context.now() + asked.life, scope=service.scope)

    def _of_login(self, refused: str | None) -> Token:
        """A person's: refreshed, from the login in the store or from the file."""
        store, found = self._context.tokens, self.credentials
        name = (
            STORED_NAME
            if found.kind is CredentialsKind.client
            else f"{STORED_NAME} {session_key(found.info['refresh_token'])}"
        )
        with store.locked(name):
            kept = store.read(name)
            if kept is not None and self._is_good(kept, refused):
                return kept
            refresh = kept.refresh if kept is not None and kept.refresh else found.info.get("refresh_token")
            if not refresh:
                raise CredentialsError(f"{VENDOR}: nobody is logged in: {LOGIN}")
            token = self._refreshed(found, str(refresh))
            if not token.scope and kept is not None:
                token = replace(token, scope=kept.scope)
            store.write(name, token)
            return token

    def _refreshed(self, found: GoogleCredentials, refresh: str) -> Token:
        acting: Any = user_credentials.Credentials(  # type: ignore[no-untyped-call]  # google-auth's types are partial
            token=None,
            refresh_token=refresh,
            token_uri=found.token_uri,
            client_id=found.client_id,
            client_secret=found.info["client_secret"],
        )
        asked = _Transport(self._endpoint())
        try:
            acting.refresh(asked)
        except TokenRequestRefused as refused:
            raise self._login_refusal(refused.words) from None
        except GoogleAuthError:
            raise _unread() from None
        return Token(
            access=acting.token,
            expires_at=self._context.now() + asked.life,
            refresh=acting.refresh_token or refresh,
            scope=asked.scope,
        )

    def _look_for_scope(self, token: Token, service: Service) -> None:
        if token.scope and service.scope not in token.scope.split():
            raise ApiNotAllowed(
                f"{VENDOR}: the login does not permit the {service.title}: {LOGIN} again and leave its box ticked "
                f"({service.scope})"
            )

    def _endpoint(self) -> Api:
        with self._lock:
            if self._api is None:
                uri = self.credentials.token_uri
                self._api = Api(VENDOR, uri, self._context, classify=self._judge)
            return self._api

    def _judge(self, answer: Response) -> Decision:
        """What may pass by itself is asked for again here, and nowhere else."""
        if answer.ok:
            told = answer.body.get("access_token") if isinstance(answer.body, dict) else None
            lacking = BrokenResponse(f"{answer.call}: an answer without a token", status=answer.status)
            return None if isinstance(told, str) and told else Retry(error=lacking)
        if answer.status in {400, 401, 403} and answer.broken is None:
            return TokenRequestRefused(
                f"{answer.call}: no token", status=answer.status, words=_words(answer.body)
            )
        return default_decision(answer, self._context.now())

    def _refusal(self, words: str, service: Service, subject: str) -> CredentialsError | VendorError:
        """https://developers.google.com/identity/protocols/oauth2/service-account#jwt-error-codes (2026)."""
        if any(word in words for word in ("unauthorized_client", "invalid_scope", "access_denied")):
            return ApiNotAllowed(
                f"{VENDOR}: no token for the {service.title}: the delegation lacks its scope. At {DELEGATION}, give the "
                f"client ID {self.credentials.client_id or '(in the credentials file)'} the scope {service.scope}; it "
                "may take some minutes, up to a day, to hold"
            )
        if "jwt" in words and any(word in words for word in ("iat", "exp", "timeframe", "lifespan")):
            return CredentialsError(
                f"{VENDOR}: {CALL}: the assertion's time is refused: set this machine's clock right"
            )
        if any(word in words for word in ("signature", "invalid_client", "account not found")):
            return CredentialsError(
                f"{VENDOR}: {CALL}: the key is refused: it was deleted or disabled; make another at {CONSOLE}, IAM & "
                "Admin > Service Accounts > Keys"
            )
        if subject == self.admin:
            return CredentialsError(
                f"{VENDOR}: {CALL}: no token for GOOGLE_ADMIN: it must be the primary address of an active admin of the "
                "same company as the delegation"
            )
        return UserUnavailable(f"{VENDOR}: {CALL}: no token for one of the users", status=400)

    def _login_refusal(self, words: str) -> CredentialsError:
        if "client" in words and "grant" not in words:
            return CredentialsError(
                f"{VENDOR}: {CALL}: the OAuth client is refused: download it again at {CONSOLE}, then {LOGIN}"
            )
        return CredentialsError(
            f"{VENDOR}: {CALL}: the login has ended (revoked, not used for six months, or of a consent screen in "
            f"testing, where it ends after seven days): {LOGIN}"
        )


class UserAuth:
    """`connectors.http.Auth` for one user at one API."""

    def __init__(self, tokens: GoogleTokens, service: Service, subject: str) -> None:
        self._tokens = tokens
        self._service = service
        self._subject = subject

    def header(self) -> str:
        return "Bearer " + self._tokens.token(self._service, self._subject).access

    def renew(self, refused: str) -> None:
        self._tokens.token(self._service, self._subject, refused=refused.removeprefix("Bearer "))


@dataclass(frozen=True, slots=True)
class _Answered(transport.Response):
    """google-auth's view of an answer; its properties are abstract there, and fields here."""

    status: int = 0
    headers: Mapping[str, str] | None = None
    data: bytes = b""


class _Transport(Request):
    """Sends what google-auth wants sent through the project's HTTP layer, and remembers what came back."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._body: Any = None

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002  # the HTTP layer has its own
        **_more: Any,
    ) -> transport.Response:
        answer = self._api.send(method, CALL, url, data=body, headers=headers)
        self._body = answer.body
        return _Answered(answer.status, answer.headers, orjson.dumps(answer.body))

    @property
    def life(self) -> timedelta:
        try:
            return timedelta(seconds=float(self._body["expires_in"])) or ACCESS_TOKEN_LIFE
        except (TypeError, ValueError, KeyError, OverflowError):
            return ACCESS_TOKEN_LIFE

    @property
    def scope(self) -> str:
        told = self._body.get("scope") if isinstance(self._body, dict) else None
        return told if isinstance(told, str) else ""


def _words(body: Any) -> str:
    told = body if isinstance(body, dict) else {}
    return " ".join(str(told.get(key) or "") for key in ("error", "error_description")).lower()


def _unread() -> BrokenResponse:
    return BrokenResponse(f"{VENDOR}: {CALL}: an answer that cannot be read as a token")


def _signer(info: Mapping[str, Any]) -> Any:
    try:
        return service_account.Credentials.from_service_account_info(info)  # type: ignore[no-untyped-call]  # partial types
    except (GoogleAuthError, ValueError, TypeError) as error:
        raise CredentialsError(
            f"{VENDOR}: GOOGLE_CREDENTIALS: the private key in it cannot be read ({type(error).__name__}): download it "
            "once more"
        ) from None
