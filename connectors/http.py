"""The HTTP client of all vendors: a requests session per thread, with authorization, pacing, timeouts and retries.

This is the only layer that retries. It repeats one request, never a listing; it waits with full jitter, never less than
the vendor's `Retry-After`, and gives up after a number of attempts or a total time, whichever comes first. Each
connector brings a function that decides what a response means: `classify`.

Messages and logs never contain a query string, a header, a body or a path with ids: they name a call by its template.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict, Unpack
from urllib.parse import urlencode, urlsplit

import msgspec
import requests
from urllib3.exceptions import ReadTimeoutError

from connectors.base import Context
from connectors.errors import (
    BrokenResponse,
    HarvestError,
    Unreachable,
)
from connectors.exhausted import exhausted
from connectors.json_body import BodyRefused, parse_body
from connectors.limited_transport import (
    NETWORK_ERRORS,
    LimitedSession,
    ResponseTooLarge,
    ResponseTooSlow,
    is_unparsable,
)
from connectors.parsing import response_date
from connectors.proxies_and_certificates import certificate_fault, network_settings
from connectors.rate_limit import Limiter
from connectors.response_decisions import Classify, Response, Retry
from connectors.retry import VENDOR_LIMITS, RetryLimits, RetryPolicy, RetryState, count_attempts

UNPARSABLE_ATTEMPTS = 3
"""An answer that is not HTTP goes away soon, or never."""

_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
"""Characters that parsers of URLs read differently: one finds the vendor's host, the other a host before them."""

HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "keep-alive",
    "User-Agent": "meeting-harvester",
}
"""Of every request that has no others by these names."""

logger = logging.getLogger(__name__)


class Auth(Protocol):
    """Provides the `Authorization` header; shared by all threads."""

    def header(self) -> str: ...
    def renew(self, refused: str) -> None:
        """Get another token, unless another thread already has. `refused`: the header that the vendor refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyQuota:
    """A daily quota that a call counts against."""

    name: str
    limit: int


class RequestOptions(TypedDict, total=False):
    """What a request may have besides its method and path."""

    params: Mapping[str, str] | None
    data: Mapping[str, str] | bytes | None
    headers: Mapping[str, str] | None
    limiter: Limiter | None
    """The rate limit that the request counts against."""
    quota: DailyQuota | None
    """The daily quota that the request counts against."""
    auth: Auth | None
    """Replaces the authorization of the `Api`."""
    attempts: int | None
    """How often the request may be sent, if less often than the policy allows."""
    shape: type[msgspec.Struct] | None
    """The type of the body, if msgspec is to decode it; a body of another shape is parsed as usual."""
    idempotent: bool
    """False: sent again only if the vendor did not process it (429), never if its outcome is unknown.  [default: True]"""


class Api:
    """One base URL of one vendor. `call` names a request for people: `GET /metrics/meetings/{uuid}/participants`."""

    def __init__(
        self,
        vendor: str,
        base_url: str,
        context: Context,
        *,
        classify: Classify,
        auth: Auth | None = None,
        limits: RetryLimits = VENDOR_LIMITS,
    ) -> None:
        """`limits`: how long a request is repeated before it fails."""
        self.vendor = vendor
        self._base_url = base_url.rstrip("/")
        self._context = context
        self._classify = classify
        self._auth = auth
        self._policy = RetryPolicy(wait=context.wait, elapsed=context.elapsed, now=context.now, limits=limits)
        self._threads = threading.local()

    def get(self, call: str, path: str = "", **options: Unpack[RequestOptions]) -> Any:
        """The JSON body of a GET; otherwise like `send`."""
        return self.send("GET", call, path, **options).body

    def request(self, method: str, call: str, path: str = "", **options: Unpack[RequestOptions]) -> Any:
        """The JSON body of a request; otherwise like `send`."""
        return self.send(method, call, path, **options).body

    def send(self, method: str, call: str, path: str = "", **options: Unpack[RequestOptions]) -> Response:
        """The first response that `classify` accepts.

        `path` may be a URL of the same host, such as the vendor's link to the next page. Raises the error that
        `classify` decides on or that the last attempt ended with; QuotaExhausted before a request that exceeds the
        quota, Unreachable if the last attempt got no response, BrokenResponse for a URL of another host, which must not
        see the token.
        """
        request = _Request(
            method=method, call=call, url=self._url(call, path), auth=self._auth, options=options
        )
        state = self._policy.start()
        renewed = False
        while True:
            decision, authorization = self._attempt(request, state)
            if isinstance(decision, Response):
                return decision
            if isinstance(decision, HarvestError):
                raise decision from None
            if not decision.renew:
                self._wait(request, decision, state)
            elif renewed or request.sender is None or authorization is None:
                raise decision.error from None
            else:
                renewed = True
                request.sender.renew(authorization)

    def _url(self, call: str, path: str) -> str:
        if "://" not in path.partition("?")[0]:
            return self._base_url + path
        try:
            same_host = urlsplit(path)[:2] == urlsplit(self._base_url)[:2]
        except ValueError:
            same_host = False
        if _UNSAFE.search(path) or not same_host:
            raise BrokenResponse(f"{self.vendor}: {call}: the link to the next page points to another host")
        return path

    def _attempt(
        self, request: _Request, state: RetryState
    ) -> tuple[Response | Retry | HarvestError, str | None]:
        """Send the request once, when quota and rate limit allow it; also returns the authorization that was used."""
        quota, limiter = request.options.get("quota"), request.options.get("limiter")
        if quota is not None:
            self._context.consume_quota(quota.name, limit=quota.limit)
        # The token first: fetching one takes time, and the moment that the limiter grants must be used at once.
        authorization = request.sender.header() if request.sender is not None else None
        if limiter is not None:
            limiter.acquire()
        self._context.require_lease()
        return self._try(request, authorization, state), authorization

    def _wait(self, request: _Request, decision: Retry, state: RetryState) -> None:
        """Wait before the next attempt; raises the decision's error if there is none."""
        limiter, attempts = request.options.get("limiter"), request.options.get("attempts")
        allowed = min((n for n in (attempts, decision.attempts) if n is not None), default=None)
        delay = None
        if request.is_idempotent or decision.throttled:
            delay = state.next_delay(decision.after, attempts=allowed)
        if delay is None:
            raise decision.error from None
        logger.debug("%s: %s: next try in %.1f s", self.vendor, request.call, delay)
        self._context.request_stats.count(retries=1, throttled=delay if decision.throttled else 0.0)
        if decision.throttled:
            self._context.request_stats.wait_until(self._context.elapsed() + delay)
        if decision.throttled and limiter is not None:
            limiter.pause(delay)  # all requests of this rate class wait, and this one queues again with them
        else:
            self._context.wait(delay)

    def _try(
        self, request: _Request, authorization: str | None, state: RetryState
    ) -> Response | Retry | HarvestError:
        self._context.request_stats.count(requests=1)
        began, sent = self._context.elapsed(), self._context.stopwatch()
        status = None
        try:
            raw, content = self._exchange(request, authorization)
            status = raw.status_code
            milliseconds = (self._context.stopwatch() - sent) * 1000
            body = parse_body(
                content,
                max_memory=self._context.response_limits.max_memory,
                shape=request.options.get("shape"),
            )
        except (ResponseTooLarge, BodyRefused) as error:
            return BrokenResponse(
                f"{self.vendor}: {request.call}: refused {error}: check what stands in front of the vendor, or raise "
                "HARVESTER_MAX_RESPONSE_MB"
            )
        except ResponseTooSlow as error:
            return Unreachable(
                f"{self.vendor}: {request.call}: gave up {error}; run the same command again later"
            )
        except NETWORK_ERRORS as error:
            return self._without_response(request, error, state)
        finally:
            self._context.request_stats.count_response(status)
        if date := response_date(raw.headers):
            self._context.observe_vendor_time(date, seconds=self._context.elapsed() - began)
        self._context.request_stats.count(too_deep=int(body.too_deep))
        response = Response(
            call=f"{self.vendor}: {request.call}",
            status=raw.status_code,
            headers=raw.headers,
            body=body.value,
            broken=body.problem,
        )
        logger.debug("%s: %d in %.0f ms", response.call, response.status, milliseconds)
        return self._classify(response) or response

    def _exchange(self, request: _Request, authorization: str | None) -> tuple[requests.Response, bytearray]:
        headers = dict(request.options.get("headers") or {})
        if authorization is not None:
            headers["Authorization"] = authorization
        params = request.options.get("params")
        return self._session().exchange(
            requests.Request(
                request.method,
                request.url,
                params=urlencode(params) if params else None,
                data=request.options.get("data"),
                headers=headers,
            ),
            self._context.response_limits,
            timeout=self._context.timeout,
        )

    def _without_response(
        self, request: _Request, error: Exception, state: RetryState
    ) -> Retry | HarvestError:
        if isinstance(error, requests.exceptions.InvalidURL):
            return BrokenResponse(f"{self.vendor}: {request.call}: the link to the next page cannot be read")
        if (lack := exhausted(error)) is not None:
            return Retry(error=lack)
        if not is_unparsable(error):
            return Retry(error=self._unreachable(request, error, state))
        logger.debug("%s: %s: not HTTP (%s)", self.vendor, request.call, type(error).__name__)
        problem = BrokenResponse(
            f"{self.vendor}: {request.call}: an answer that is not HTTP: a proxy or firewall may be in "
            "between; the next run will try again"
        )
        return Retry(error=problem, attempts=UNPARSABLE_ATTEMPTS)

    def _unreachable(self, request: _Request, error: Exception, state: RetryState) -> Unreachable:
        timed_out = isinstance(error, requests.Timeout | ReadTimeoutError)
        problem = "no response in time" if timed_out else "no connection"
        remedy = "check the network and the vendor's status page"
        if fault := certificate_fault(error):
            problem = f"the server's certificate {fault.words}"
            remedy = f"{fault.remedy} in REQUESTS_CA_BUNDLE" if fault.authority else fault.remedy
        logger.debug("%s: %s: %s (%s)", self.vendor, request.call, problem, type(error).__name__)
        return Unreachable(
            f"{self.vendor}: {request.call}: {problem} after "
            f"{count_attempts(state.attempts + 1)}: {remedy}, then run the same command again"
        )

    def _session(self) -> LimitedSession:
        """This thread's session. The environment's settings for proxies and certificates are read once."""
        if not hasattr(self._threads, "session"):
            settings = network_settings(self._base_url)
            self._threads.session = LimitedSession(
                self._context.stopwatch,
                headers=HEADERS,
                proxies=settings.proxies,
                ca_bundle=settings.ca_bundle,
            )
        session: LimitedSession = self._threads.session
        return session


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    method: str
    call: str
    url: str
    auth: Auth | None
    options: RequestOptions

    @property
    def sender(self) -> Auth | None:
        """Whose authorization the request has: its own, else that of the `Api`."""
        return self.options.get("auth") or self.auth

    @property
    def is_idempotent(self) -> bool:
        return self.options.get("idempotent", True)
