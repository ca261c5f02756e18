"""Google's token endpoint: assertions of a service account that acts for somebody, and a saved user's refresh token.

Access tokens live an hour. They are sealed instead of remembered, so that a simulator that is started again knows them.
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

from harvester.simulator.clock import Calendar
from harvester.simulator.google_meet import service_account
from harvester.simulator.google_meet.access import EVERY_SCOPE, Terms
from harvester.simulator.google_meet.account import Account, can_be_acted_for
from harvester.simulator.google_meet.error_responses import Refusal
from harvester.simulator.google_meet.login import CLIENT_ID, CLIENT_SECRET, Consent, authenticated
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
    """For whom a token is, None for the service account itself, and with which scopes."""

    person: Person | None
    scopes: frozenset[str]


class Tokens:
    """`began`: the vendor's seconds at the start of this simulator, since the organisation's now."""

    def __init__(self, calendar: Calendar, account: Account, terms: Terms, began: float) -> None:
        self._calendar = calendar
        self._account = account
        self._terms = terms
        self._seed = account.organisation.seed
        self._began = began
        self.issued = 0
        self.consent = Consent(account.busiest_host.email)

    def now(self) -> float:
        return self._began + self._calendar.elapsed()

    def token(self, headers: Mapping[str, str], form: bytes, own: str) -> dict[str, Any]:
        """The answer to a form. `own`: the URL of this endpoint, which some libraries name as the audience."""
        if not headers.get("content-type", "").startswith(_FORM):
            raise Refusal(400, "The body must be a form.", oauth="invalid_request")
        asked = dict(parse_qsl(form.decode("utf-8", "replace")))
        grant = asked.get("grant_type", "")
        if grant == JWT_BEARER:
            return self._asserted(asked.get("assertion", ""), own)
        if grant == "refresh_token":
            authenticated(headers, asked)
            return self._refreshed(asked)
        if grant == "authorization_code":
            authenticated(headers, asked)
            return self._consented(self.consent.exchanged(asked, self.now()))
        raise Refusal(400, f"Invalid grant_type: {grant}", oauth="unsupported_grant_type")

    def _asserted(self, assertion: str, own: str) -> dict[str, Any]:
        claims = _claims(assertion)
        if claims.get("iss") != service_account.CLIENT_EMAIL:
            raise _invalid("Invalid grant: account not found")
        if claims.get("aud") not in {AUDIENCE, own}:
            raise _invalid("Invalid JWT: Failed audience check. The right audience is " + AUDIENCE)
        self._check_times(claims)
        scopes = frozenset(str(claims.get("scope", "")).split())
        if not scopes or scopes - set(EVERY_SCOPE):
            raise Refusal(400, "Invalid OAuth scope or ID token audience provided.", oauth="invalid_scope")
        subject = claims.get("sub")
        if subject is None or subject == service_account.CLIENT_EMAIL:
            return self._told(self._sealed(b"A", _NOBODY, scopes))
        person = self._account.by_email.get(str(subject).lower())
        if person is None:
            raise _invalid("Invalid email or User ID")
        if not can_be_acted_for(person):
            # What is said of suspended people is documented nowhere.
            raise _invalid(
                "Invalid email or User ID" if person.index % 2 else "The account has been suspended"
            )
        if scopes - self._terms.granted:
            raise Refusal(401, _UNAUTHORIZED, oauth="unauthorized_client")
        return self._told(self._sealed(b"A", person.index, scopes))

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        # Libraries take them from the machine's clock, not from the calendar that is shown here.
        issued, expires = claims.get("iat"), claims.get("exp")
        clocks = (self._calendar.now().timestamp(), datetime.now(UTC).timestamp())
        if not isinstance(issued, int | float) or not isinstance(expires, int | float):
            raise _invalid(_TIMEFRAME)
        if expires - issued > ACCESS_SECONDS or min(abs(issued - now) for now in clocks) > SKEW_SECONDS:
            raise _invalid(_TIMEFRAME)

    def _refreshed(self, asked: Mapping[str, str]) -> dict[str, Any]:
        grant = self._read(asked.get("refresh_token", ""), b"R")
        if grant is None or grant[1].person is None:
            raise _invalid("Token has been expired or revoked.")
        wanted = frozenset(asked.get("scope", "").split()) or grant[1].scopes
        if wanted - grant[1].scopes:
            raise Refusal(400, "Some requested scopes were invalid.", oauth="invalid_scope")
        told = self._told(self._sealed(b"A", grant[1].person.index, wanted))
        return told | {"scope": " ".join(sorted(wanted))}

    def _consented(self, scopes: frozenset[str]) -> dict[str, Any]:
        host = self._account.busiest_host.index
        told = self._told(self._sealed(b"A", host, scopes))
        return told | {"refresh_token": self._sealed(b"R", host, scopes), "scope": " ".join(sorted(scopes))}

    def _told(self, token: str) -> dict[str, Any]:
        self.issued += 1
        return {"access_token": token, "expires_in": ACCESS_SECONDS - 1, "token_type": "Bearer"}

    def refresh_token(self) -> str:
        """The one that whoever called the most meetings got when they consented."""
        return self._sealed(b"R", self._account.busiest_host.index, self._terms.granted)

    def checked(self, authorization: str) -> Grant:
        """401 for any bearer that is not ours or no longer good."""
        kind, _, token = authorization.partition(" ")
        read = self._read(token.strip(), b"A") if kind.lower() == "bearer" else None
        if read is None or not -1 <= self.now() - read[0] < ACCESS_SECONDS:
            message = "Request had invalid authentication credentials. Expected OAuth 2 access token."
            refusal = Refusal(401, message, reason="authError")
            refusal.headers["WWW-Authenticate"] = (
                'Bearer realm="https://accounts.google.com/", error="invalid_token"'
            )
            raise refusal
        return read[1]

    def _sealed(self, kind: bytes, index: int, scopes: frozenset[str]) -> str:
        bits = sum(1 << place for place, scope in enumerate(EVERY_SCOPE) if scope in scopes)
        body = _BODY.pack(kind, self.now(), index, bits)
        return "ya29." + urlsafe_b64encode(body + self._seal(body)).decode().rstrip("=")

    def _read(self, token: str, kind: bytes) -> tuple[float, Grant] | None:
        text = token.removeprefix("ya29.")
        try:
            sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            body, seal = sealed[: _BODY.size], sealed[_BODY.size :]
            told, issued, index, bits = _BODY.unpack(body)
        except (ValueError, struct.error):
            return None
        if seal != self._seal(body) or told != kind:
            return None
        scopes = frozenset(scope for place, scope in enumerate(EVERY_SCOPE) if bits >> place & 1)
        return issued, Grant(None if index == _NOBODY else self._account.organisation.people[index], scopes)

    def _seal(self, body: bytes) -> bytes:
        return blake2b(body, key=self._seed.to_bytes(16, "big", signed=True), digest_size=29).digest()


def authorized_user(token: str, token_uri: str, scopes: frozenset[str]) -> dict[str, Any]:
    """The content of a file with a user's saved token."""
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
    """Of an assertion that the service account's key has signed."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        head, body, signature = assertion.split(".")
        told, claims = json.loads(_decoded(head)), json.loads(_decoded(body))
        service_account.public_key().verify(
            _decoded(signature), f"{head}.{body}".encode(), PKCS1v15(), SHA256()
        )
    except InvalidSignature:
        raise _invalid("Invalid JWT Signature.") from None
    except (ValueError, AttributeError):
        raise _invalid("Invalid JWT: assertion is not a JWT.") from None
    if told.get("alg") != "RS256" or told.get("kid", service_account.KEY_ID) != service_account.KEY_ID:
        raise _invalid("Invalid JWT Signature.")
    return dict(claims)


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _invalid(message: str) -> Refusal:
    return Refusal(400, message, oauth="invalid_grant")
