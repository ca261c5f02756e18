"""Webex's tokens: access tokens live 14 days, a refresh token 90 days after its last use.

Tokens are signed instead of stored, so a simulator that is restarted with a later calendar still accepts
them.
"""

from __future__ import annotations

import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.webex.error_responses import NO_TOKEN, ErrorResponse
from harvester.simulator.webex.options import WebexOptions
from harvester.simulator.webex.scopes import SCOPES

CLIENT_ID = "C0123456789inventedintegration"
CLIENT_SECRET = "inventedWebexSecretNobodyHas"
ACCESS_SECONDS = 14 * 86_400
REFRESH_SECONDS = 90 * 86_400
GRACE_SECONDS = 60.0
MAX_ACTIVE = 750

_BODY = struct.Struct(">cdI6s")


@dataclass(frozen=True, slots=True)
class Grant:
    """The content of a token: kind, issue time in the vendor's seconds, scopes."""

    kind: Literal["A", "R"]
    issued: float
    scopes: frozenset[str]


class Tokens:
    """`began` is the vendor's time in seconds at the start of this simulator, counted from the organisation's
    now."""

    def __init__(self, clock: SimulatedClock, options: WebexOptions, seed: int, began: float) -> None:
        self._clock = clock
        self._options = options
        self._seed = seed
        self._began = began
        self._used: dict[str, float] = {}
        self._replaced: dict[str, float] = {}
        self._active: list[float] = []
        self.refreshes = 0

    def now(self) -> float:
        return self._began + self._clock.elapsed()

    def issue(self, scopes: frozenset[str]) -> dict[str, Any]:
        """Return a new pair of tokens."""
        refresh = _token(self._seed, "R", self.now(), scopes, secrets.token_bytes(6))
        return {**self._access(scopes), "refresh_token": refresh}

    def refresh(self, token: str) -> dict[str, Any]:
        """Return a new access token.

        Whether the answer contains another refresh token is documented nowhere: in turn it is missing, new,
        or the same. The old one stays valid unless `strict_tokens` is set.
        """
        grant = self._read(token, "R")
        now = self.now()
        if grant is None or now - max(grant.issued, self._used.get(token, grant.issued)) >= REFRESH_SECONDS:
            raise invalid_grant("The refresh token provided is expired, revoked, malformed, or invalid.")
        if now - self._replaced.get(token, now) > GRACE_SECONDS:
            raise invalid_grant("The refresh token provided has been replaced.")
        self._used[token] = now
        turn, self.refreshes = self.refreshes % 3, self.refreshes + 1
        response = self._access(grant.scopes)
        if self._options.strict_tokens:
            self._replaced.setdefault(token, now)
            turn = 1
        if turn == 1:
            response["refresh_token"] = _token(self._seed, "R", now, grant.scopes, secrets.token_bytes(6))
        elif turn == 2:
            response["refresh_token"] = token
        return response

    def _access(self, scopes: frozenset[str]) -> dict[str, Any]:
        now = self.now()
        self._active = [issued for issued in self._active if now - issued < ACCESS_SECONDS]
        if len(self._active) >= MAX_ACTIVE:
            raise ErrorResponse(400, f"The account has {MAX_ACTIVE} active access tokens already.")
        self._active.append(now)
        response: dict[str, Any] = {
            "access_token": _token(self._seed, "A", now, scopes, secrets.token_bytes(6)),
            "expires_in": ACCESS_SECONDS - 1,
            "refresh_token_expires_in": REFRESH_SECONDS - 1,
            "scope": " ".join(scope for scope in SCOPES if scope in scopes),
        }
        # Some servers leave it out.
        return response if len(self._active) % 3 == 2 else {**response, "token_type": "Bearer"}

    def check(self, authorization: str) -> Grant:
        """Return the grant of a bearer token; 401 if it is unknown or expired."""
        kind, _, token = authorization.partition(" ")
        grant = self._read(token.strip(), "A") if kind.lower() == "bearer" else None
        if grant is None or self.now() - grant.issued >= ACCESS_SECONDS:
            raise ErrorResponse(401, NO_TOKEN)
        return grant

    def expiry(self, grant: Grant) -> int:
        """Return the expiry in milliseconds since 1970, by the calendar."""
        return self._clock.milliseconds() + int((grant.issued + ACCESS_SECONDS - self.now()) * 1000)

    def active(self) -> int:
        return len(self._active)

    def _read(self, token: str, kind: str) -> Grant | None:
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            body, seal = sealed[: _BODY.size], sealed[_BODY.size :]
            token_kind, issued, scopes, _ = _BODY.unpack(body)
        except (ValueError, struct.error):
            return None
        if seal != _seal(self._seed, body) or token_kind.decode() != kind:
            return None
        granted = frozenset(scope for position, scope in enumerate(SCOPES) if scopes >> position & 1)
        return Grant("A" if kind == "A" else "R", issued, granted)


def first_refresh_token(seed: int, options: WebexOptions) -> str:
    """Return the refresh token that was put into the settings when the organisation started."""
    return _token(seed, "R", 0.0, frozenset(options.granted), b"invent")


def invalid_grant(message: str) -> ErrorResponse:
    return ErrorResponse(400, message, error="invalid_grant")


def _token(seed: int, kind: str, issued: float, scopes: frozenset[str], salt: bytes) -> str:
    unknown = scopes - set(SCOPES)
    if unknown:
        raise ValueError(f"unknown scopes: {', '.join(sorted(unknown))}")
    bits = sum(1 << position for position, scope in enumerate(SCOPES) if scope in scopes)
    body = _BODY.pack(kind.encode(), issued, bits, salt)
    return urlsafe_b64encode(body + _seal(seed, body)).decode().rstrip("=")


def _seal(seed: int, body: bytes) -> bytes:
    return blake2b(body, key=seed.to_bytes(16, "big", signed=True), digest_size=29).digest()
