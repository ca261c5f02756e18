"""Send a request with limits on the answer: its size after decompression, and the time until its last byte.

The read timeout of `requests` is the longest pause between two bytes, so it never ends an answer that arrives a byte at a
time, and nothing in `requests` limits the size. Here every read of an answer, its headers and those of a proxy included,
counts against the limits of the request being sent.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from http.cookiejar import DefaultCookiePolicy
from socket import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, PoolManager
from urllib3.exceptions import DecodeError, HTTPError, InvalidChunkLength, InvalidHeader

from connectors.base import ResponseLimits
from connectors.proxies_and_certificates import causes

CHUNK_BYTES = 262_144
"""How much of a body is decompressed at once. A page of a listing fits into it."""

FRAMING_BYTES = 1_000_000
"""Room for headers and for the framing of chunks, on top of the body."""

NETWORK_ERRORS = (requests.RequestException, HTTPError, HTTPException, OSError, ValueError)
"""Everything that sending a request can raise: requests passes on some of what urllib3 and http.client raise while they
parse an answer, and a ValueError for a URL that cannot be sent."""

_UNPARSABLE = (HTTPException, InvalidHeader, DecodeError)
_ENDED_EARLY = (IncompleteRead, RemoteDisconnected)


class ResponseLimitExceeded(Exception):
    """The answer exceeds a limit; the message says which: "an answer of more than 64 MB"."""


class ResponseTooLarge(ResponseLimitExceeded):
    def __init__(self, limits: ResponseLimits) -> None:
        super().__init__(f"an answer of more than {limits.max_bytes / 1_000_000:g} MB")


class ResponseTooSlow(ResponseLimitExceeded):
    def __init__(self, limits: ResponseLimits) -> None:
        super().__init__(f"an answer that takes longer than {limits.seconds:g} s")


class Budget(threading.local):
    """What is left of the limits of the request that this thread is sending."""

    def __init__(self, stopwatch: Callable[[], float]) -> None:
        self._stopwatch = stopwatch
        self.start(ResponseLimits())

    def start(self, limits: ResponseLimits) -> None:
        """Begin a new request."""
        self.limits = limits
        self._deadline = self._stopwatch() + limits.seconds
        self._bytes = limits.max_bytes + FRAMING_BYTES

    def seconds_left(self) -> float:
        """Raises ResponseTooSlow if there are none."""
        left = self._deadline - self._stopwatch()
        if left <= 0:
            raise ResponseTooSlow(self.limits)
        return left

    def spend(self, count: int) -> None:
        """Count bytes as they arrive. Raises ResponseTooLarge if they are too many."""
        self._bytes -= count
        if self._bytes < 0:
            raise ResponseTooLarge(self.limits)


def read_body(response: BaseHTTPResponse, budget: Budget) -> bytearray:
    """The whole body, decompressed step by step. Raises ResponseLimitExceeded, or one of NETWORK_ERRORS."""
    content = bytearray()
    for chunk in response.stream(CHUNK_BYTES, decode_content=True):
        if len(content) + len(chunk) > budget.limits.max_bytes:
            raise ResponseTooLarge(budget.limits)
        budget.seconds_left()
        content += chunk
    return content


class LimitedSession(requests.Session):
    """A session that keeps no cookies. One thread at a time uses it."""

    def __init__(self, stopwatch: Callable[[], float]) -> None:
        """`stopwatch`: that of the `Context`."""
        super().__init__()
        self._budget = Budget(stopwatch)
        adapter = _LimitedAdapter(self._budget)
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def exchange(
        self, request: requests.PreparedRequest, limits: ResponseLimits, **settings: Any
    ) -> tuple[requests.Response, bytearray]:
        """The response and its body. Raises ResponseLimitExceeded, or one of NETWORK_ERRORS."""
        self._budget.start(limits)
        with self.send(request, stream=True, allow_redirects=False, **settings) as response:
            return response, read_body(response.raw, self._budget)

    def get_redirect_target(self, resp: requests.Response) -> None:  # there never is one
        """None: otherwise requests would read the body and the Location of a redirect that it does not follow."""


def is_unparsable(error: BaseException) -> bool:
    """Whether the error is about what was sent, as opposed to a connection that failed or ended early."""
    # A ValueError by itself comes from a chunk of negative length.
    return type(error) is ValueError or any(map(_is_about_content, causes(error)))


def _is_about_content(error: BaseException) -> bool:
    if isinstance(error, InvalidChunkLength):  # which is an IncompleteRead as well
        return True
    return isinstance(error, _UNPARSABLE) and not isinstance(error, _ENDED_EARLY)


class _LimitedReader(io.RawIOBase):
    """Reads from a socket within a budget."""

    def __init__(self, sock: socket, budget: Budget) -> None:
        super().__init__()
        self._sock = sock
        self._file = sock.makefile("rb", buffering=0)
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left, timeout = self._budget.seconds_left(), self._sock.gettimeout()
        is_last = timeout is None or left < timeout
        if is_last:
            self._sock.settimeout(left)
        try:
            count = self._file.readinto(buffer)
        except TimeoutError:
            if is_last:
                raise ResponseTooSlow(self._budget.limits) from None
            raise
        self._budget.spend(count or 0)
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _Readable:
    """What http.client needs of a socket to read an answer."""

    def __init__(self, sock: socket, budget: Budget) -> None:
        self._sock = sock
        self._budget = budget

    def makefile(self, *_args: Any, **_options: Any) -> io.BufferedReader:
        return io.BufferedReader(_LimitedReader(self._sock, self._budget))


def limit_pool(pool: type[HTTPConnectionPool], budget: Budget) -> type[HTTPConnectionPool]:
    """The class of connection pools with answers, those of a proxy included, that are read within the budget."""

    class LimitedResponse(HTTPResponse):
        def __init__(self, sock: socket, *args: Any, **options: Any) -> None:
            super().__init__(_Readable(sock, budget), *args, **options)  # type: ignore[arg-type]  # of a socket, HTTPResponse uses makefile only

    connection: Any = pool.ConnectionCls  # for HTTP or HTTPS, directly or through a proxy

    class LimitedConnection(connection):  # type: ignore[misc]  # mypy accepts no base class that is a variable
        response_class = LimitedResponse

    class LimitedPool(pool):  # type: ignore[misc, valid-type]  # mypy accepts no base class that is an argument
        ConnectionCls = LimitedConnection

    return LimitedPool


class _LimitedAdapter(HTTPAdapter):
    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self._limit(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **options)
        if not known:
            self._limit(manager)
        return manager

    def _limit(self, manager: PoolManager) -> None:
        pools = manager.pool_classes_by_scheme
        manager.pool_classes_by_scheme = {
            scheme: limit_pool(pool, self._budget) for scheme, pool in pools.items()
        }

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """As requests builds it, without the charset, on which it fails if `charset` has no value. JSON is UTF-8."""
        content_type = resp.headers.pop("Content-Type", None)
        response = super().build_response(req, resp)
        if content_type is not None:
            resp.headers["Content-Type"] = response.headers["Content-Type"] = content_type
        return response
