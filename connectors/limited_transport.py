"""Send a request with limits on the answer: its size after decompression, and the time until its last byte.

The read timeout of `requests` is the longest pause between two bytes, so it never ends an answer that arrives a byte at a
time, and nothing in `requests` limits the size. Here every read of an answer, its headers and those of a proxy included,
counts against the limits of the request being sent.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Mapping
from http.client import HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from socket import socket
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, PoolManager
from urllib3.exceptions import DecodeError, HTTPError, InvalidChunkLength, InvalidHeader

from connectors.base import ResponseLimits
from connectors.error_causes import causes

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


class LimitedSession:
    """Sends requests, keeps connections open, keeps no cookies, follows no redirects, and reads neither the environment nor
    .netrc. One thread at a time uses it.

    A session of `requests` could do all this, but it prepares each request for cookies, logins and redirects.
    """

    def __init__(
        self,
        stopwatch: Callable[[], float],
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
        proxies: Mapping[str, str] = MappingProxyType({}),
        ca_bundle: str | None = None,
    ) -> None:
        """`stopwatch`: that of the `Context`. `headers`: of every request that has no others by these names. `proxies`: by
        scheme, as `requests` takes them. `ca_bundle`: instead of the certificates that come with `requests`."""
        self._budget = Budget(stopwatch)
        self._adapter = _LimitedAdapter(self._budget)
        self._headers = headers
        self._proxies = dict(proxies)
        self._verify = ca_bundle or True

    def exchange(
        self,
        request: requests.Request,
        limits: ResponseLimits,
        *,
        timeout: tuple[float, float | None],
    ) -> tuple[requests.Response, bytearray]:
        """The response, with status and headers only, and its body. `timeout`: to connect, and between two bytes.

        Raises ResponseLimitExceeded, or one of NETWORK_ERRORS.
        """
        self._budget.start(limits)
        with self._adapter.send(
            self._prepared(request),
            stream=True,
            timeout=timeout,  # type: ignore[arg-type]  # requests annotates one kind of pair with None and one without
            verify=self._verify,
            proxies=self._proxies,
        ) as response:
            return response, read_body(response.raw, self._budget)

    def _prepared(self, request: requests.Request) -> requests.PreparedRequest:
        """As `requests` prepares it, but for cookies, logins and hooks, of which there are none."""
        prepared = requests.PreparedRequest()
        prepared.prepare_method(request.method)
        prepared.prepare_url(request.url or "", request.params or None)
        prepared.prepare_headers({**self._headers, **request.headers})
        prepared.prepare_body(request.data, None)
        return prepared

    def close(self) -> None:
        self._adapter.close()


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
        self._pools: dict[tuple[str, str], Any] = {}
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

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, *args: Any, **options: Any
    ) -> Any:
        """The pool of the host. The session's proxies and certificates never change, so the host decides alone."""
        scheme, host = urlsplit(request.url or "")[:2]
        if (scheme, host) not in self._pools:
            pool = super().get_connection_with_tls_context(request, *args, **options)
            self._pools[scheme, host] = pool
        return self._pools[scheme, host]

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        return super().request_url(request, proxies) if proxies else request.path_url

    def close(self) -> None:
        self._pools.clear()
        super().close()

    def _limit(self, manager: PoolManager) -> None:
        pools = manager.pool_classes_by_scheme
        manager.pool_classes_by_scheme = {
            scheme: limit_pool(pool, self._budget) for scheme, pool in pools.items()
        }

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """The response without its cookies and its charset, on which requests fails if `charset` has no value."""
        response = requests.Response()
        response.request, response.url = req, req.url or ""
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers)
        response.raw = resp
        return response
