"""Google's token endpoint: assertions of a service account that impersonates a user, codes, and refresh
tokens.

Access tokens live an hour. They are signed instead of stored, so a restarted simulator still accepts them.
"""

from __future__ import annotations

import json
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.google_meet import service_account
from harvester.simulator.google_meet.account import Account, can_be_impersonated
from harvester.simulator.google_meet.error_responses import ErrorResponse
from harvester.simulator.google_meet.login import CLIENT_ID, CLIENT_SECRET, Login, check_client
from harvester.simulator.google_meet.options import GoogleOptions
from harvester.simulator.google_meet.scopes import EVERY_SCOPE
from harvester.simulator.organisation import Person

AUDIENCE = "https://oauth2.googleapis.com/token"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ACCESS_SECONDS = 3600
SKEW_SECONDS = 600
_FORM = "application/x-www-form-urlencoded"
_UNAUTHORIZED = (
    "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the "
    "scopes requested."
)
_TIMEFRAME = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp "
    "values in the JWT claim."
)
_BODY = struct.Struct(">cdiQ")
_NOBODY = -1


@dataclass(frozen=True, slots=True)
class Grant:
    """The content of a token: the user, None for the service account itself, and the scopes."""

    person: Person | None
    scopes: frozenset[str]


class Tokens:
    """`began` is the vendor's time in seconds at the start of this simulator, counted from the organisation's
    now."""

    def __init__(self, clock: SimulatedClock, account: Account, options: GoogleOptions, began: float) -> None:
        self._clock = clock
        self._account = account
        self._options = options
        self._seed = account.organisation.seed
        self._began = began
        self.issued = 0
        self.login = Login(account.busiest_host.email)

    def now(self) -> float:
        return self._began + self._clock.elapsed()

    def token(self, headers: Mapping[str, str], form: bytes, own: str) -> dict[str, Any]:
        """Answer a token request; `own` is the URL of this endpoint, which some libraries send as the
        audience."""
        if not headers.get("content-type", "").startswith(_FORM):
            raise ErrorResponse(400, "The body must be a form.", oauth="invalid_request")
        parameters = dict(parse_qsl(form.decode("utf-8", "replace")))
        grant = parameters.get("grant_type", "")
        if grant == JWT_BEARER:
            return self._exchange_assertion(parameters.get("assertion", ""), own)
        if grant == "refresh_token":
            check_client(headers, parameters)
            return self._refresh(parameters)
        if grant == "authorization_code":
            check_client(headers, parameters)
            return self._exchange_code(self.login.exchange_code(parameters, self.now()))
        raise ErrorResponse(400, f"Invalid grant_type: {grant}", oauth="unsupported_grant_type")

    def _exchange_assertion(self, assertion: str, own: str) -> dict[str, Any]:
        claims = _claims(assertion)
        if claims.get("iss") != service_account.CLIENT_EMAIL:
            raise _invalid_grant("Invalid grant: account not found")
        if claims.get("aud") not in {AUDIENCE, own}:
            raise _invalid_grant("Invalid JWT: Failed audience check. The right audience is " + AUDIENCE)
        self._check_times(claims)
        scopes = frozenset(str(claims.get("scope", "")).split())
        if not scopes or scopes - set(EVERY_SCOPE):
            raise ErrorResponse(
                400, "Invalid OAuth scope or ID token audience provided.", oauth="invalid_scope"
            )
        subject = claims.get("sub")
        if subject is None or subject == service_account.CLIENT_EMAIL:
            return self._token_response(self._sign(b"A", _NOBODY, scopes))
        person = self._account.by_email.get(str(subject).lower())
        if person is None:
            raise _invalid_grant("Invalid email or User ID")
        if not can_be_impersonated(person):
            # The answer for suspended people is documented nowhere.
            raise _invalid_grant(
                "Invalid email or User ID" if person.index % 2 else "The account has been suspended"
            )
        if scopes - self._options.granted:
            raise ErrorResponse(401, _UNAUTHORIZED, oauth="unauthorized_client")
        return self._token_response(self._sign(b"A", person.index, scopes))

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        # Libraries use the machine's clock, not the simulated calendar.
        issued, expires = claims.get("iat"), claims.get("exp")
        clocks = (self._clock.now().timestamp(), datetime.now(UTC).timestamp())
        if not isinstance(issued, int | float) or not isinstance(expires, int | float):
            raise _invalid_grant(_TIMEFRAME)
        if expires - issued > ACCESS_SECONDS or min(abs(issued - now) for now in clocks) > SKEW_SECONDS:
            raise _invalid_grant(_TIMEFRAME)

    def _refresh(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        grant = self._verify(parameters.get("refresh_token", ""), b"R")
        if grant is None or grant[1].person is None:
            raise _invalid_grant("Token has been expired or revoked.")
        requested = frozenset(parameters.get("scope", "").split()) or grant[1].scopes
        if requested - grant[1].scopes:
            raise ErrorResponse(400, "Some requested scopes were invalid.", oauth="invalid_scope")
        response = self._token_response(self._sign(b"A", grant[1].person.index, requested))
        return response | {"scope": " ".join(sorted(requested))}

    def _exchange_code(self, scopes: frozenset[str]) -> dict[str, Any]:
        host = self._account.busiest_host.index
        response = self._token_response(self._sign(b"A", host, scopes))
        return response | {"refresh_token": self._sign(b"R", host, scopes), "scope": " ".join(sorted(scopes))}

    def _token_response(self, token: str) -> dict[str, Any]:
        self.issued += 1
        return {"access_token": token, "expires_in": ACCESS_SECONDS - 1, "token_type": "Bearer"}

    def refresh_token(self) -> str:
        """Return the refresh token that the busiest host got when they granted access."""
        return self._sign(b"R", self._account.busiest_host.index, self._options.granted)

    def check(self, authorization: str) -> Grant:
        """Return the grant of a bearer token; 401 if it is unknown or expired."""
        kind, _, token = authorization.partition(" ")
        read = self._verify(token.strip(), b"A") if kind.lower() == "bearer" else None
        if read is None or not -1 <= self.now() - read[0] < ACCESS_SECONDS:
            message = "Request had invalid authentication credentials. Expected OAuth 2 access token."
            error = ErrorResponse(401, message, reason="authError")
            error.headers["WWW-Authenticate"] = (
                'Bearer realm="https://accounts.google.com/", error="invalid_token"'
            )
            raise error
        return read[1]

    def _sign(self, kind: bytes, index: int, scopes: frozenset[str]) -> str:
        bits = sum(1 << position for position, scope in enumerate(EVERY_SCOPE) if scope in scopes)
        body = _BODY.pack(kind, self.now(), index, bits)
        return "ya29." + urlsafe_b64encode(body + self._signature(body)).decode().rstrip("=")

    def _verify(self, token: str, kind: bytes) -> tuple[float, Grant] | None:
        text = token.removeprefix("ya29.")
        try:
            sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            body, seal = sealed[: _BODY.size], sealed[_BODY.size :]
            token_kind, issued, index, bits = _BODY.unpack(body)
        except (ValueError, struct.error):
            return None
        if seal != self._signature(body) or token_kind != kind:
            return None
        scopes = frozenset(scope for position, scope in enumerate(EVERY_SCOPE) if bits >> position & 1)
        return issued, Grant(None if index == _NOBODY else self._account.organisation.people[index], scopes)

    def _signature(self, body: bytes) -> bytes:
        return blake2b(body, key=self._seed.to_bytes(16, "big", signed=True), digest_size=29).digest()


def authorized_user(token: str, token_uri: str, scopes: frozenset[str]) -> dict[str, Any]:
    """Return the content of a file with a user's saved token."""
    return {
        "refresh_token": token,
        "token_uri": token_uri,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scopes": sorted(scopes),
        "universe_domain": "googleapis.com",
        "account": "",
    }


def _claims(assertion: str) -> dict[str, Any]:
    """Return the claims of an assertion signed with the service account's key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        head, body, signature = assertion.split(".")
        header, claims = json.loads(_decode(head)), json.loads(_decode(body))
        service_account.public_key().verify(
            _decode(signature), f"{head}.{body}".encode(), PKCS1v15(), SHA256()
        )
    except InvalidSignature:
        raise _invalid_grant("Invalid JWT Signature.") from None
    except (ValueError, AttributeError):
        raise _invalid_grant("Invalid JWT: assertion is not a JWT.") from None
    if header.get("alg") != "RS256" or header.get("kid", service_account.KEY_ID) != service_account.KEY_ID:
        raise _invalid_grant("Invalid JWT Signature.")
    return dict(claims)


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _invalid_grant(message: str) -> ErrorResponse:
    return ErrorResponse(400, message, oauth="invalid_grant")
