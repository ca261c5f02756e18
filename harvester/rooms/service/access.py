"""Who may use the REST API: clients with a secret each, and a limit on how often each may ask."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

from harvester.rooms.rooms_file import ServiceClient

REQUESTS_PER_SECOND = 10.0
"""Of one client; five times as many that name it and come from one address, with whatever secret."""
BURST_SECONDS = 2.0
MAX_BUCKETS = 10_000
"""Addresses and clients whose requests are counted at the same time."""


class Refused(Exception):
    """`status`: that of the HTTP response."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class RequestLimiter:
    """A token bucket for each key; safe for all threads. `elapsed`: seconds that never go backwards."""

    def __init__(self, elapsed: Callable[[], float], *, per_second: float = REQUESTS_PER_SECOND) -> None:
        self._elapsed = elapsed
        self._rate = per_second
        self._burst = per_second * BURST_SECONDS
        self._lock = Lock()
        self._buckets: dict[str, _Bucket] = {}

    def check(self, key: str) -> None:
        """Raises Refused (429) if the key has used up its requests."""
        with self._lock:
            now = self._elapsed()
            bucket = self._buckets.pop(key, None) or _Bucket(self._burst, now)
            bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.filled_at) * self._rate)
            bucket.filled_at = now
            self._buckets[key] = bucket  # the last in the order of use
            if len(self._buckets) > MAX_BUCKETS:
                del self._buckets[next(iter(self._buckets))]
            if bucket.tokens < 1:
                raise Refused(429, "too many requests: try again in a second")
            bucket.tokens -= 1


class ClientAccess:
    """Compares secrets in constant time, whether or not the client exists."""

    def __init__(self, clients: Sequence[ServiceClient], elapsed: Callable[[], float]) -> None:
        self._secrets = {client.id: client.secret.encode() for client in clients}
        self._per_client = RequestLimiter(elapsed)
        self._per_address = RequestLimiter(elapsed, per_second=5 * REQUESTS_PER_SECOND)

    def authorize(self, header: str | None, named: str | None, address: str) -> str:
        """The client whose secret the `Authorization: Bearer` header has, and which the request names.

        Requests are counted before anything else, so that guessing is slow. Raises Refused: 401 without a header or with a
        wrong secret, 400 without a client, 429.
        """
        self.count_address(address, named)
        scheme, _, secret = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise Refused(401, "send the secret of the client as Authorization: Bearer SECRET")
        if not named:
            raise Refused(400, "client_id is missing")
        if not self.knows(named, secret.strip()):
            raise Refused(401, "client_id or secret is wrong")
        self._per_client.check(named)
        return named

    def count_address(self, address: str, named: str | None) -> None:
        """Raises Refused (429) if too many requests that name this client come from this address.

        Each client is counted by itself: behind a proxy all have the same address. Names of no client are counted together.
        """
        self._per_address.check(f"{address} {named if named in self._secrets else ''}")

    def knows(self, client: str, secret: str) -> bool:
        """Whether this is the client's secret."""
        expected = self._secrets.get(client)
        return hmac.compare_digest(secret.encode(), expected or b"\0") and expected is not None

    def cookie(self, client: str) -> str:
        """A value that proves that the client's secret was entered, and does not contain it."""
        proof = hmac.new(self._secrets[client], b"rooms page", hashlib.sha256).hexdigest()
        return f"{proof}.{client}"

    def client_of(self, cookie: str | None) -> str | None:
        """The client of such a value; None if it is not right."""
        client = (cookie or "").partition(".")[2]
        if client not in self._secrets:
            return None
        return client if hmac.compare_digest(self.cookie(client).encode(), (cookie or "").encode()) else None
