"""Logging in to Google: the flow for installed apps, with PKCE and a redirect to a port on 127.0.0.1.

https://developers.google.com/identity/protocols/oauth2/native-app (2026): a client of the type Desktop app accepts any
port of 127.0.0.1. A refresh token is given only with `access_type=offline`, and again only with `prompt=consent`.
Google's flow for devices without a browser (RFC 8628) accepts none of these scopes.
"""

from __future__ import annotations

from connectors.base import Context, Settings, Token
from connectors.errors import BrokenResponse, ConfigurationError, CredentialsError, HarvestError, VendorError
from connectors.google_meet.auth import ACCESS_TOKEN_LIFE, STORED_NAME
from connectors.google_meet.credentials import AUTH_URI, CredentialsKind, GoogleCredentials, read_credentials
from connectors.google_meet.endpoints import CALENDAR, CONSOLE, DIRECTORY, LOGIN, MEET, REPORTS, VENDOR
from connectors.http import Api
from connectors.oauth import (
    FORM,
    DeviceCode,
    LoginScope,
    authorization_url,
    parse_token,
    text_field,
    token_request,
)
from connectors.response_decisions import Decision, Response, default_decision

CALL = "POST /token"

SCOPES: dict[LoginScope, tuple[str, ...]] = {
    "admin": tuple(service.scope for service in (REPORTS, MEET, DIRECTORY, CALENDAR)),
    "user": tuple(service.scope for service in (MEET, CALENDAR)),
}
"""Only the scopes that are used; Reports and the Directory can be read by an admin only."""


class GoogleLogin:
    """`connectors.oauth.Login` for an OAuth client of a Cloud project."""

    def __init__(self, settings: Settings, context: Context, *, scope: LoginScope) -> None:
        if not settings.get("GOOGLE_CREDENTIALS"):
            raise ConfigurationError(
                f"{VENDOR}: GOOGLE_CREDENTIALS not set: make an OAuth client of the type Desktop app at {CONSOLE}, "
                "APIs & Services > Credentials, and name its JSON file there"
            )
        self._client = _desktop_client(read_credentials(settings["GOOGLE_CREDENTIALS"]))
        self._scopes = SCOPES[scope]
        self._context = context
        self._api = Api(VENDOR, self._client.token_uri, context, classify=self._classify)

    def authorization_url(self, *, redirect_uri: str, state: str, challenge: str) -> str:
        # Google gives a refresh token only with access_type=offline, and a second one only with prompt=consent.
        return authorization_url(
            str(self._client.info.get("auth_uri") or AUTH_URI),
            client_id=self._client.client_id,
            redirect_uri=redirect_uri,
            scopes=self._scopes,
            state=state,
            challenge=challenge,
            access_type="offline",
            prompt="consent",
        )

    def exchange_code(self, *, code: str, redirect_uri: str, verifier: str) -> Token:
        body = self._api.request(
            "POST",
            CALL,
            self._client.token_uri,
            data=token_request(
                "authorization_code",
                client_id=self._client.client_id,
                client_secret=str(self._client.info["client_secret"]),
                code=code,
                redirect_uri=redirect_uri,
                code_verifier=verifier,
            ),
            headers=FORM,
        )
        token = parse_token(body, self._context.now(), default_life=ACCESS_TOKEN_LIFE)
        if token.refresh is None:
            raise CredentialsError(
                f"{VENDOR}: Google gave no refresh token: remove this app at myaccount.google.com/connections, then {LOGIN}"
            )
        return token

    def request_device_code(self) -> DeviceCode:
        raise ConfigurationError(
            f"{VENDOR}: Google permits no login on another device for these scopes: omit --device; over SSH, forward the "
            "port with ssh -L and use --no-browser, as the documentation shows"
        )

    def poll(self, code: DeviceCode) -> Token | DeviceCode:  # noqa: ARG002  # the contract passes it; this login has no device flow
        return self.request_device_code()

    def save(self, token: Token) -> None:
        store = self._context.tokens
        with store.locked(STORED_NAME):
            store.write(STORED_NAME, token)

    def error_for(self, error: str) -> HarvestError:
        if error in {"server_error", "temporarily_unavailable"}:
            return VendorError(f"{VENDOR}: the login page failed with a server error: {LOGIN} again later")
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

    def _classify(self, response: Response) -> Decision:
        if response.status < 300:
            # No retry: a code can be exchanged only once, and a second response would hide the first.
            if text_field(response.body, "access_token"):
                return None
            return BrokenResponse(f"{response.call}: a response without a token", status=response.status)
        if response.status not in {400, 401, 403} or response.broken is not None:
            return default_decision(response, self._context.now())
        words = f"{text_field(response.body, 'error')} {text_field(response.body, 'error_description')}"
        if "redirect" in words:
            remedy = "the client accepts no redirect to a port of this machine: its type must be Desktop app"
        elif "client" in words:
            remedy = f"the OAuth client is refused: download it again at {CONSOLE}"
        else:
            remedy = f"the code was already used, or has expired: {LOGIN} again"
        return CredentialsError(f"{response.call}: no token ({response.status}): {remedy}")


def _desktop_client(credentials: GoogleCredentials) -> GoogleCredentials:
    """The credentials, if they are an OAuth client of the type Desktop app; else raises ConfigurationError."""
    if credentials.kind is CredentialsKind.client and credentials.info.get("marker") == "installed":
        return credentials
    if credentials.kind is CredentialsKind.client:
        raise ConfigurationError(
            f"{VENDOR}: GOOGLE_CREDENTIALS is an OAuth client for web servers: make one of the type Desktop app at {CONSOLE}"
        )
    raise ConfigurationError(
        f"{VENDOR}: GOOGLE_CREDENTIALS is {credentials.kind}, which needs no login: run `harvester check google-meet`"
    )
