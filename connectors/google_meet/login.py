"""Logging in to Google: the flow for installed apps, with PKCE and an answer to a port of this machine.

https://developers.google.com/identity/protocols/oauth2/native-app (2026): a client of the type Desktop app takes any port
of 127.0.0.1. google-auth-oauthlib makes the address; the code is redeemed through the project's HTTP layer. A refresh
token is given only with `access_type=offline`, and again only with `prompt=consent`. Google's flow for devices without a
browser (RFC 8628) does not take any of these scopes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connectors.base import Context, DeviceCode, LoginScope, Settings, Token
from connectors.errors import BrokenResponse, ConfigurationError, CredentialsError, HarvestError, VendorError
from connectors.google_meet.auth import ACCESS_TOKEN_LIFE, STORED_NAME
from connectors.google_meet.credentials import AUTH_URI, CredentialsKind, GoogleCredentials, read_credentials
from connectors.google_meet.endpoints import CALENDAR, CONSOLE, DIRECTORY, LOGIN, MEET, REPORTS, VENDOR
from connectors.http import Api, Decision, Response, default_decision

CALL = "POST /token"

SCOPES: dict[LoginScope, tuple[str, ...]] = {
    "admin": tuple(service.scope for service in (REPORTS, MEET, DIRECTORY, CALENDAR)),
    "user": tuple(service.scope for service in (MEET, CALENDAR)),
}
"""What is read and nothing beyond; Reports and the Directory only an admin may read."""


class GoogleLogin:
    """`connectors.base.Login` for an OAuth client of a Cloud project."""

    def __init__(self, settings: Settings, context: Context, *, scope: LoginScope) -> None:
        if not settings.get("GOOGLE_CREDENTIALS"):
            raise ConfigurationError(
                f"{VENDOR}: GOOGLE_CREDENTIALS not set: make an OAuth client of the type Desktop app at {CONSOLE}, "
                "APIs & Services > Credentials, and name its JSON file there"
            )
        self._client = _client(read_credentials(settings["GOOGLE_CREDENTIALS"]))
        self._scopes = SCOPES[scope]
        self._context = context
        self._api = Api(VENDOR, self._client.token_uri, context, classify=self._judge)

    def authorization_url(self, *, redirect_uri: str, state: str, challenge: str) -> str:
        from google_auth_oauthlib.flow import InstalledAppFlow

        info = self._client.info
        page = str(info.get("auth_uri") or AUTH_URI)
        # The library makes addresses of https:// alone; a plain one, of this machine, was let pass when the file was read.
        secure = "https://" + page.partition("://")[2]
        config = {
            "client_id": self._client.client_id,
            "client_secret": info["client_secret"],
            "auth_uri": secure,
            "token_uri": self._client.token_uri,
        }
        flow = InstalledAppFlow.from_client_config(
            {"installed": config},
            list(self._scopes),
            redirect_uri=redirect_uri,
            autogenerate_code_verifier=False,
        )
        address, _ = flow.authorization_url(
            state=state,
            code_challenge=challenge,
            code_challenge_method="S256",
            access_type="offline",
            prompt="consent",
        )
        return page + str(address).removeprefix(secure)

    def exchange_code(self, *, code: str, redirect_uri: str, verifier: str) -> Token:
        body = self._api.request(
            "POST",
            CALL,
            self._client.token_uri,
            data={
                "grant_type": "authorization_code",
                "client_id": self._client.client_id,
                "client_secret": str(self._client.info["client_secret"]),
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            },
        )
        now, refresh = self._context.now(), _text(body, "refresh_token")
        if refresh is None:
            raise CredentialsError(
                f"{VENDOR}: Google gave no refresh token: remove this app at myaccount.google.com/connections, then {LOGIN}"
            )
        return Token(
            access=body["access_token"],
            expires_at=now + _life(body),
            refresh=refresh,
            scope=_text(body, "scope") or "",
        )

    def request_device_code(self) -> DeviceCode:
        raise ConfigurationError(
            f"{VENDOR}: Google permits no login on another device for what is read here: leave --device out; over SSH, the "
            "README shows how to bring the answer back with ssh -L and --no-browser"
        )

    def poll(self, code: DeviceCode) -> Token | DeviceCode:  # noqa: ARG002  # there never is one
        return self.request_device_code()

    def save(self, token: Token) -> None:
        store = self._context.tokens
        with store.locked(STORED_NAME):
            store.write(STORED_NAME, token)

    def error_for(self, error: str) -> HarvestError:
        if error in {"server_error", "temporarily_unavailable"}:
            return VendorError(f"{VENDOR}: its login page had an error of its own: {LOGIN} again later")
        if error == "access_denied":
            return CredentialsError(
                f"{VENDOR}: not logged in: access was denied: {LOGIN} again and accept; of a consent screen in testing, "
                "only its test users may"
            )
        if "policy" in error:
            return CredentialsError(
                f"{VENDOR}: not logged in: the company's admin does not allow this app: Admin console, Security > API "
                "controls > App access control"
            )
        return CredentialsError(
            f"{VENDOR}: not logged in: compare the OAuth client at {CONSOLE} with GOOGLE_CREDENTIALS"
        )

    def _judge(self, answer: Response) -> Decision:
        if answer.status < 300:
            # Not asked for again: a code can be redeemed once, and another answer would only hide this one.
            if _text(answer.body, "access_token"):
                return None
            return BrokenResponse(f"{answer.call}: an answer without a token", status=answer.status)
        if answer.status not in {400, 401, 403} or answer.broken is not None:
            return default_decision(answer, self._context.now())
        told = f"{_text(answer.body, 'error')} {_text(answer.body, 'error_description')}"
        if "redirect" in told:
            what = "the client takes no answer to a port of this machine: its type must be Desktop app"
        elif "client" in told:
            what = f"the OAuth client is refused: download it again at {CONSOLE}"
        else:
            what = f"the code was used before, or is too old: {LOGIN} again"
        return CredentialsError(f"{answer.call}: no token ({answer.status}): {what}")


def _client(found: GoogleCredentials) -> GoogleCredentials:
    if found.kind is CredentialsKind.client and found.info.get("marker") == "installed":
        return found
    if found.kind is CredentialsKind.client:
        raise ConfigurationError(
            f"{VENDOR}: GOOGLE_CREDENTIALS is an OAuth client for web servers: make one of the type Desktop app at {CONSOLE}"
        )
    raise ConfigurationError(
        f"{VENDOR}: GOOGLE_CREDENTIALS is {found.kind}, which needs no login: run `harvester check google-meet`"
    )


def _text(body: Any, key: str) -> str | None:
    value = body.get(key) if isinstance(body, dict) else None
    return value if isinstance(value, str) and value.isascii() and value.isprintable() and value else None


def _life(body: Any) -> timedelta:
    try:
        return timedelta(seconds=float(body["expires_in"]))
    except (TypeError, ValueError, KeyError, OverflowError):
        return ACCESS_TOKEN_LIFE
