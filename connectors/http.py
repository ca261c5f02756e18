"""The one way to a vendor: a requests session per thread, with authorization, pacing, timeouts and retries.

There is one retry layer, and this is it. It repeats one request, never a listing; it waits with full jitter, never less
than a vendor's `Retry-After`, and gives up after a number of attempts or a total time, whichever comes first. What an
answer means is the vendor's business: each connector brings a `judge`.

No message made here holds a query string, a header, a body or a path with ids in it: a call is named by its template.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import orjson
import requests

from connectors.base import Context
from connectors.errors import BrokenResponse, CredentialsError, HarvestError, Unreachable, VendorError
from connectors.parsing import parse_retry_after
from connectors.rate_limit import Limiter

ATTEMPTS = 7
TOTAL_SECONDS = 900.0
BACKOFF_SECONDS = 1.0
BACKOFF_CAP_SECONDS = 60.0
CLOCK_TOLERANCE_SECONDS = 300.0

EMPTY = "an empty body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back. `body` is the parsed JSON; `broken` says why there is none."""

    call: str
    status: int
    headers: Mapping[str, str]
    body: Any
    broken: str | None = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300 and self.broken is None

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "no content type").partition(";")[0].strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The verdict "ask again". `after`: not before so many seconds. `throttled`: we came too fast, all of us.
    `renew`: with another token (at most once a request). `tries`: how many the request may have in all.
    `error`: what to raise when there is no further try."""

    error: HarvestError
    after: float | None = None
    throttled: bool = False
    renew: bool = False
    attempts: int = ATTEMPTS


Decision = Retry | HarvestError | None
Classify = Callable[[Response], Decision]


class Auth(Protocol):
    """Whoever knows the `Authorization` header; shared by all threads."""

    def header(self) -> str: ...
    def renew(self, refused: str) -> None:
        """Get another token, unless somebody has meanwhile: `refused` is the header that the vendor refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyQuota:
    """A daily budget that a call counts against."""

    name: str
    limit: int


class Api:
    """One base URL of one vendor."""

    def __init__(
        self, vendor: str, base_url: str, context: Context, *, classify: Classify, auth: Auth | None = None
    ) -> None:
        self.vendor = vendor
        self._base_url = base_url.rstrip("/")
        self._context = context
        self._judge = classify
        self._auth = auth
        self._threads = threading.local()
        self._clock_compared = False

    def get(
        self,
        call: str,
        path: str = "",
        *,
        params: Mapping[str, str] | None = None,
        limiter: Limiter | None = None,
        quota: DailyQuota | None = None,
    ) -> Any:
        """The JSON body of a GET. `call` names it for people: `GET /metrics/meetings/{uuid}/participants`."""
        return self.request("GET", call, path, params=params, limiter=limiter, quota=quota)

    def request(
        self,
        method: str,
        call: str,
        path: str = "",
        *,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        limiter: Limiter | None = None,
        quota: DailyQuota | None = None,
    ) -> Any:
        """The JSON body of the first answer that the judge accepts, as `answer` gets it."""
        answer = self.send(
            method, call, path, params=params, data=data, headers=headers, limiter=limiter, quota=quota
        )
        return answer.body

    def send(
        self,
        method: str,
        call: str,
        path: str = "",
        *,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        limiter: Limiter | None = None,
        quota: DailyQuota | None = None,
        auth: Auth | None = None,
        attempts: int = ATTEMPTS,
    ) -> Response:
        """The first answer that the judge accepts; else what the judge or the last try said.

        `path` may be a whole address of the same host: the next page, as a vendor gave it. `tries`: how often it may
        be asked at all. `auth`: as whom, where it is not the same for all requests. Raises QuotaExhausted before a request that the budget does not allow, Unreachable after the
        last try without an answer, BrokenResponse for an address of another host, which must not see the token.
        """
        context = self._context
        auth = auth or self._auth
        url = self._url(call, path)
        began = context.elapsed()
        renewed = False
        attempt = 0
        while True:
            attempt += 1
            if quota is not None:
                context.consume_quota(quota.name, limit=quota.limit)
            # The token first: fetching one takes time, and a moment that was waited for must be used at once.
            authorization = auth.header() if auth is not None else None
            if limiter is not None:
                limiter.acquire()
            verdict = self._try(method, call, url, params, data, headers, authorization)
            if isinstance(verdict, Response):
                return verdict
            if isinstance(verdict, HarvestError):
                raise verdict from None
            if verdict.renew:
                if renewed or auth is None or authorization is None:
                    raise verdict.error from None
                renewed = True
                auth.renew(authorization)
                continue
            pause = self._pause(attempt, verdict)
            if (
                attempt >= min(attempts, verdict.attempts)
                or context.elapsed() + pause - began > TOTAL_SECONDS
            ):
                raise verdict.error from None
            self._rest(pause, verdict, limiter)

    def _url(self, call: str, path: str) -> str:
        if "://" not in path.partition("?")[0]:
            return self._base_url + path
        if urlsplit(path)[:2] != urlsplit(self._base_url)[:2]:
            raise BrokenResponse(
                f"{self.vendor}: {call}: the next page lies at another host than the one asked"
            )
        return path

    def _rest(self, pause: float, verdict: Retry, limiter: Limiter | None) -> None:
        self._context.request_stats.count(retries=1, throttled=pause if verdict.throttled else 0.0)
        if verdict.throttled and limiter is not None:
            limiter.pause(pause)  # everybody waits, and this request queues again with them
        else:
            self._context.wait(pause)

    def _pause(self, attempt: int, verdict: Retry) -> float:
        jitter = random.uniform(0, min(BACKOFF_CAP_SECONDS, BACKOFF_SECONDS * 2 ** (attempt - 1)))
        return jitter if verdict.after is None else verdict.after + min(jitter, 1.0)

    def _try(
        self,
        method: str,
        call: str,
        url: str,
        params: Mapping[str, str] | None,
        data: Mapping[str, str] | bytes | None,
        headers: Mapping[str, str] | None,
        authorization: str | None,
    ) -> Response | Retry | HarvestError:
        session, environment = self._session()
        sent = dict(headers or {})
        if authorization is not None:
            sent["Authorization"] = authorization
        self._context.request_stats.count(call=call, requests=1)
        try:
            prepared = session.prepare_request(
                requests.Request(method, url, params=params, data=data, headers=sent)
            )
            response = session.send(
                prepared, timeout=self._context.timeout, allow_redirects=False, **environment
            )
            content = response.content
        except requests.RequestException as error:
            what = "no answer in time" if isinstance(error, requests.Timeout) else "no connection"
            return Retry(
                error=Unreachable(
                    f"{self.vendor}: {call}: {what} ({type(error).__name__}) after {ATTEMPTS} tries; "
                    "check the network and the vendor's status page, then run the same command again"
                )
            )
        body, broken = parse_body(content)
        answer = Response(
            call=f"{self.vendor}: {call}",
            status=response.status_code,
            headers=response.headers,
            body=body,
            broken=broken,
        )
        if not self._clock_compared:
            self._compare_clocks(answer)
        return self._judge(answer) or answer

    def _session(self) -> tuple[requests.Session, dict[str, Any]]:
        """This thread's session, and what the environment says of proxies and certificates, asked once."""
        if not hasattr(self._threads, "session"):
            session = requests.Session()
            session.headers["Accept"] = "application/json"
            session.headers["User-Agent"] = "meeting-harvester"
            settings = session.merge_environment_settings(self._base_url, {}, None, None, None)
            session.trust_env = (
                False  # it has just been asked; per request it would be read again, .netrc as well
            )
            kept = {name: value for name, value in settings.items() if name != "stream"}
            self._threads.session, self._threads.settings = session, kept
        return self._threads.session, self._threads.settings

    def _compare_clocks(self, answer: Response) -> None:
        self._clock_compared = True
        try:
            theirs = parsedate_to_datetime(answer.headers.get("Date", ""))
        except ValueError:
            return
        if theirs.tzinfo is None:
            theirs = theirs.replace(tzinfo=UTC)
        apart = (self._context.now() - theirs).total_seconds()
        if abs(apart) > CLOCK_TOLERANCE_SECONDS:
            self._context.notify_once(
                f"{self.vendor}: this machine's clock is {abs(apart) / 60:.0f} minutes "
                f"{'ahead of' if apart > 0 else 'behind'} the vendor's; set it right, or days will be cut wrongly"
            )


def parse_body(content: bytes) -> tuple[Any, str | None]:
    """The JSON in a body, or why there is none. Lone surrogates, which orjson refuses with the page around them,
    and bytes that are not UTF-8 become U+FFFD; a number that no float holds becomes null."""
    if not content:
        return None, EMPTY
    try:
        return orjson.loads(content), None
    except orjson.JSONDecodeError:
        pass
    try:
        return _clean(json.loads(content.decode("utf-8", "replace"), parse_constant=_refused)), None
    except (ValueError, RecursionError):
        return None, "a body that is not JSON"


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _clean(value: Any) -> Any:
    if isinstance(value, float) and not isfinite(value):
        return None
    if isinstance(value, int) and value.bit_length() > 63:
        return float(value) if value.bit_length() < 1024 else None  # as orjson reads it, and can write it
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value


def default_decision(answer: Response, now: datetime) -> Decision:
    """What HTTP says by itself, for what a vendor's judge has no own word: retry 408, 429, 5xx and broken answers,
    refuse the rest. `None` for a 2xx with JSON."""
    if answer.ok:
        return None
    after = parse_retry_after(answer.headers.get("Retry-After"), now)
    if answer.status == 429:
        error: HarvestError = VendorError(
            f"{answer.call}: still too many requests (429) after the retries; run the same command again later",
            status=429,
        )
        return Retry(error=error, after=after, throttled=True)
    if answer.status in {408, 425} or answer.status >= 500:
        error = VendorError(
            f"{answer.call}: the vendor's error {answer.status}, again and again; run the same command later",
            status=answer.status,
        )
        return Retry(error=error, after=after)
    if answer.broken is not None and answer.status < 300:
        error = BrokenResponse(
            f"{answer.call}: status {answer.status} with {answer.broken} ({answer.content_type})",
            status=answer.status,
        )
        return Retry(error=error)
    if answer.status == 401:
        error = CredentialsError(f"{answer.call}: the token is refused (401)")
        return Retry(error=error, renew=True)
    what = f" ({answer.content_type})" if answer.broken is not None else ""
    return VendorError(f"{answer.call}: refused with status {answer.status}{what}", status=answer.status)


Page = TypeVar("Page")


def paginate(ask: Callable[[str], Page], token: Callable[[Page], str], *, call: str) -> Iterator[Page]:
    """Every page from the first (asked for with `""`) to the one whose token is empty.

    A token that comes back a second time would go round for ever: BrokenResponse. An empty page with a token goes on.
    """
    seen: set[str] = set()
    current = ""
    while True:
        page = ask(current)
        yield page
        current = token(page)
        if not current:
            return
        if current in seen:
            raise BrokenResponse(f"{call}: the vendor sent the same page token twice")
        seen.add(current)
