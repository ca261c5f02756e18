"""Webex's tokens: 14 days for access, 90 for a refresh token that is used, sealed instead of remembered.

Sealed, so that a simulator that is started again, its calendar later, knows the tokens that it gave before.
"""

from __future__ import annotations

import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

from harvester.simulator.clock import Calendar
from harvester.simulator.webex.access import SCOPES, Terms
from harvester.simulator.webex.error_responses import NO_TOKEN, Refusal

CLIENT_ID = "C0123456789inventedintegration"
CLIENT_SECRET = "inventedWebexSecretNobodyHas"
ACCESS_SECONDS = 14 * 86_400
REFRESH_SECONDS = 90 * 86_400
GRACE_SECONDS = 60.0
MOST_ACTIVE = 750

_BODY = struct.Struct(">cdI6s")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token says: since when, in the vendor's seconds, and with which scopes."""

    kind: Literal["A", "R"]
    issued: float
    scopes: frozenset[str]


class Tokens:
    """`began`: the vendor's seconds at the start of this simulator, since the organisation's now."""

    def __init__(self, calendar: Calendar, terms: Terms, seed: int, began: float) -> None:
        self._calendar = calendar
        self._terms = terms
        self._seed = seed
        self._began = began
        self._used: dict[str, float] = {}
        self._replaced: dict[str, float] = {}
        self._active: list[float] = []
        self.refreshes = 0

    def now(self) -> float:
        return self._began + self._calendar.elapsed()

    def issued(self, scopes: frozenset[str]) -> dict[str, Any]:
        """A new pair."""
        refresh = _token(self._seed, "R", self.now(), scopes, secrets.token_bytes(6))
        return {**self._access(scopes), "refresh_token": refresh}

    def refreshed(self, token: str) -> dict[str, Any]:
        """Another access token. Whether the refresh token is another one, too, is said nowhere: by turns it is told
        not at all, told anew, told as it was; the old one stays good, unless the terms are strict."""
        grant = self._read(token, "R")
        now = self.now()
        if grant is None or now - max(grant.issued, self._used.get(token, grant.issued)) >= REFRESH_SECONDS:
            raise invalid_grant("The refresh token provided is expired, revoked, malformed, or invalid.")
        if now - self._replaced.get(token, now) > GRACE_SECONDS:
            raise invalid_grant("The refresh token provided has been replaced.")
        self._used[token] = now
        turn, self.refreshes = self.refreshes % 3, self.refreshes + 1
        told = self._access(grant.scopes)
        if self._terms.strict_tokens:
            self._replaced.setdefault(token, now)
            turn = 1
        if turn == 1:
            told["refresh_token"] = _token(self._seed, "R", now, grant.scopes, secrets.token_bytes(6))
        elif turn == 2:
            told["refresh_token"] = token
        return told

    def _access(self, scopes: frozenset[str]) -> dict[str, Any]:
        now = self.now()
        self._active = [issued for issued in self._active if now - issued < ACCESS_SECONDS]
        if len(self._active) >= MOST_ACTIVE:
            raise Refusal(400, f"The account has {MOST_ACTIVE} active access tokens already.")
        self._active.append(now)
        told: dict[str, Any] = {
            "access_token": _token(self._seed, "A", now, scopes, secrets.token_bytes(6)),
            "expires_in": ACCESS_SECONDS - 1,
            "refresh_token_expires_in": REFRESH_SECONDS - 1,
            "scope": " ".join(scope for scope in SCOPES if scope in scopes),
        }
        # Servers have been met that leave it out.
        return told if len(self._active) % 3 == 2 else {**told, "token_type": "Bearer"}

    def checked(self, authorization: str) -> Grant:
        """401 for any bearer that is not ours or no longer good."""
        kind, _, token = authorization.partition(" ")
        grant = self._read(token.strip(), "A") if kind.lower() == "bearer" else None
        if grant is None or self.now() - grant.issued >= ACCESS_SECONDS:
            raise Refusal(401, NO_TOKEN)
        return grant

    def expiry(self, grant: Grant) -> int:
        """Milliseconds since 1970 by the calendar."""
        return self._calendar.milliseconds() + int((grant.issued + ACCESS_SECONDS - self.now()) * 1000)

    def active(self) -> int:
        return len(self._active)

    def _read(self, token: str, kind: str) -> Grant | None:
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            body, seal = sealed[: _BODY.size], sealed[_BODY.size :]
            told, issued, scopes, _ = _BODY.unpack(body)
        except (ValueError, struct.error):
            return None
        if seal != _seal(self._seed, body) or told.decode() != kind:
            return None
        granted = frozenset(scope for place, scope in enumerate(SCOPES) if scopes >> place & 1)
        return Grant("A" if kind == "A" else "R", issued, granted)


def first_refresh_token(seed: int, terms: Terms) -> str:
    """The one that whoever set up the integration copied into the settings when the organisation began."""
    return _token(seed, "R", 0.0, frozenset(terms.granted), b"invent")


def invalid_grant(message: str) -> Refusal:
    return Refusal(400, message, error="invalid_grant")


def _token(seed: int, kind: str, issued: float, scopes: frozenset[str], salt: bytes) -> str:
    unknown = scopes - set(SCOPES)
    if unknown:
        raise ValueError(f"unknown scopes: {', '.join(sorted(unknown))}")
    bits = sum(1 << place for place, scope in enumerate(SCOPES) if scope in scopes)
    body = _BODY.pack(kind.encode(), issued, bits, salt)
    return urlsafe_b64encode(body + _seal(seed, body)).decode().rstrip("=")


def _seal(seed: int, body: bytes) -> bytes:
    return blake2b(body, key=seed.to_bytes(16, "big", signed=True), digest_size=29).digest()
