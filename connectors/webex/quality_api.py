"""When a meeting's quality may be asked for, and what the answer means.

https://developer.webex.com/meeting/docs/api/v1/meeting-qualities (2026): "available 10 minutes after a meeting has
started", "up to 7 days", "1 API call every 5 minutes for the same meeting instance ID". So it is one call with a large
`max`, claimed before it is made; a second one, be it for a retry or for another page, waits for its five minutes.

Not documented for this endpoint is what its statuses mean. Seen: 204 without a body (`muse254`, 2022), and 425 for a
meeting whose quality has expired (Splunk's add-on for Webex, 2026). An organisation's data may be in another region:
451 or 403, with the region's host in the message (https://developer.webex.com/docs/api/v1/historical-analytics).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from connectors.base import Context
from connectors.errors import BrokenResponse, CredentialsError, HarvestError, Unreachable, VendorError
from connectors.http import EMPTY, Api, Auth, Response
from connectors.models import Detail, Pending, Reason, session_key
from connectors.rate_limit import RateLimiter
from connectors.webex.client import Row, rows_in
from connectors.webex.endpoints import APP_PAGE, LOGIN, QUALITIES, VENDOR
from connectors.webex.errors import DEFAULT_DELAY_SECONDS, error_words, is_throttled, retry_delay

START_DELAY = timedelta(minutes=10)
RETENTION = timedelta(days=7)
REQUEST_INTERVAL = timedelta(minutes=5, seconds=10)
"""Five minutes, and what a packet may be late: Webex counts arrivals, and the first call may be slower than the next."""

MAX_QUALITY_DELAY = timedelta(days=1)
"""After a meeting's end: for so long "nothing" is taken for "not yet"."""

MAX_MEDIA_SESSIONS = 1000
"""Media sessions in one answer. No maximum is documented; Splunk's add-on asks for as many."""

MAX_FAILURES = 3
"""So many calls in a row that came to nothing, and it is no passing trouble."""

MAX_PAUSE_SECONDS = 60.0
"""So long everybody waits when the endpoint as a whole is asked too fast; for longer, meetings go without and come
back to it."""

REQUIREMENTS = (
    "it takes the scope analytics:read_all, a full or read-only admin of the organisation (not an external one), and "
    f"the Pro Pack: see the integration at {APP_PAGE}, then {LOGIN}"
)

_REGION = re.compile(r"\banalytics(?:-[a-z0-9-]{1,20})?\.webex(?:apis\.com|gov\.us)\b")


class QualityRefused(CredentialsError):
    """No meeting of this account has one for us."""


class QualityExpired(VendorError):
    """Webex no longer keeps it."""


class NoQuality(VendorError):
    """Webex knows of none, or not yet."""


class QualityTooSoon(VendorError):
    """Not to be asked again before `seconds` have passed."""

    def __init__(self, message: str, *, seconds: float, status: int) -> None:
        super().__init__(message, status=status)
        self.seconds = seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityResult:
    """The media sessions of one meeting, as far as they are to be had now."""

    rows: Sequence[Row] = ()
    detail: Detail = Detail.basic
    pending: Pending | None = None


class QualityApi:
    """The qualities of one account. Safe for many threads, and beside other processes of the same account.

    `api` must take every answer as it comes: none may be asked for again.
    """

    def __init__(
        self, api: Api, auth: Auth, limiter: RateLimiter, context: Context, *, permitted: bool
    ) -> None:
        self._api = api
        self._auth = auth
        self._limiter = limiter
        self._context = context
        self._lock = Lock()
        self._failures = 0
        self._throttled = 0
        self._answered = False
        self._refused_token: str | None = None
        self._refused: HarvestError | None = None
        self._closed_until: datetime | None = None
        if not permitted:
            self._disable(QualityRefused(f"{VENDOR}: meetings come without quality: {REQUIREMENTS}"))

    def fetch(self, uuid: str, start: datetime | None, end: datetime | None) -> QualityResult:
        """What is to be had of an ended meeting, and when to come back for the rest. Raises VendorError where the
        endpoint has come to nothing again and again."""
        now = self._context.now()
        if self._refused is not None:
            return QualityResult()
        if start is not None and now > start + RETENTION:
            self._context.notify_once(
                f"{VENDOR}: meetings that began over {RETENTION.days} days ago come without quality: it is no longer kept"
            )
            return QualityResult()
        if start is not None and now < start + START_DELAY:
            return _pending(start + START_DELAY)
        if self._closed_until is not None and now < self._closed_until:
            return _pending(self._closed_until)
        free = self.claim(uuid)
        if free is None:
            return self._request(uuid, start, end)
        self._context.notify_once(
            f"{VENDOR}: some meetings come without quality for now: theirs was asked for less than five minutes ago, by "
            "this run or another, and may be asked for once in five minutes"
        )
        return _pending(free)

    def claim(self, uuid: str) -> datetime | None:
        """`None`: the one call for this meeting is ours to make, at once; else when there may be another."""
        self._limiter.acquire()  # first: a call that is claimed and then has to wait would come too close to the next one
        return self._context.acquire_lease(lease_name(uuid), self._context.now() + REQUEST_INTERVAL)

    def needs_request(self, start: datetime | None) -> bool:
        """Whether reading a meeting of this start takes a call, as far as is known before."""
        now = self._context.now()
        return self._refused is None and (start is None or start + START_DELAY <= now <= start + RETENTION)

    def request_media_sessions(self, uuid: str) -> list[Row]:
        """The one call, whatever comes of it; to be `claimed` before."""
        used = self._auth.header()
        answer = self._api.send(
            "GET",
            QUALITIES.call,
            QUALITIES.path(),
            params={"meetingId": uuid, "max": str(MAX_MEDIA_SESSIONS)},
            headers={"Authorization": used},
            attempts=1,
        )
        if answer.status == 401:
            self._renew(used)
        rows = self._rows_or_error(answer)
        if len(rows) >= MAX_MEDIA_SESSIONS or "next" in answer.headers.get("Link", ""):
            self._context.notify_once(
                f"{VENDOR}: {QUALITIES.call}: a meeting has more than {len(rows)} media sessions: the others come "
                "without quality, as they may be asked for once in five minutes only"
            )
        return rows

    def _request(self, uuid: str, start: datetime | None, end: datetime | None) -> QualityResult:
        until = self._context.now() + REQUEST_INTERVAL
        try:
            rows = self.request_media_sessions(uuid)
        except QualityRefused as error:
            return self._refused_result(error)
        except QualityExpired:
            self._reset_failures()
            self._context.notify_once(
                f"{VENDOR}: some meetings come without quality: Webex no longer keeps it"
            )
            return QualityResult()
        except NoQuality:
            self._reset_failures()
            ended = end or start or self._context.now()
            if self._context.now() >= ended + MAX_QUALITY_DELAY:
                self._context.notify_once(
                    f"{VENDOR}: some meetings come without quality: Webex has none of them"
                )
                return QualityResult()
            return _pending(
                max(until, min(self._context.now() + timedelta(hours=1), ended + MAX_QUALITY_DELAY))
            )
        except QualityTooSoon as error:
            return _pending(self._too_soon(uuid, error, until))
        except (Unreachable, VendorError) as error:
            self._count_failure(error)
            return _pending(until)
        self._reset_failures()
        self._answered = True
        return QualityResult(rows=rows, detail=Detail.full)

    def _rows_or_error(self, answer: Response) -> list[Row]:
        """Which of all that an answer can mean it does."""
        if answer.status == 200 and answer.broken is None:
            return rows_in(answer.body, QUALITIES)
        words, status = error_words(answer.body), answer.status
        if status == 410 or (status == 425 and "expired" in words):
            raise QualityExpired(f"{answer.call}: no longer kept ({status})", status=status)
        if status == 425 or is_throttled(answer):
            seconds = retry_delay(answer, self._context, REQUEST_INTERVAL.total_seconds())
            raise QualityTooSoon(f"{answer.call}: too soon ({status})", seconds=seconds, status=status)
        if status in {200, 204, 404} and answer.broken in {None, EMPTY}:
            raise NoQuality(f"{answer.call}: nothing there ({status})", status=status)
        if status == 451 or (status in {401, 403} and answer.broken is None):
            raise refused_error(answer, words)
        if answer.broken is not None and status < 300:
            raise BrokenResponse(f"{answer.call}: status {status} with {answer.broken}", status=status)
        raise VendorError(f"{answer.call}: refused with status {status}", status=status)

    def _renew(self, used: str) -> None:
        """Another token for the next meeting; this one's call is made. When a new token is refused too, it is not the
        token."""
        with self._lock:
            again = self._refused_token is not None and self._refused_token != used
            self._refused_token = used
        if not again:
            self._auth.renew(used)
            raise VendorError(
                f"{VENDOR}: {QUALITIES.call}: the token was refused (401), and is renewed", status=401
            )

    def _refused_result(self, error: QualityRefused) -> QualityResult:
        """No quality for this meeting; for none, unless others had theirs: this one may be another organisation's."""
        self._reset_failures()
        if self._answered:
            self._context.notify_once(
                f"{VENDOR}: some meetings come without quality: {QUALITIES.call} refuses them (403)"
            )
        else:
            self._disable(error)
        return QualityResult()

    def _disable(self, error: HarvestError) -> None:
        self._refused = error
        self._context.notify_once(str(error))

    def _too_soon(self, uuid: str, error: QualityTooSoon, until: datetime) -> datetime:
        """Another program asked for this meeting; or, where one meeting after the other is answered so, all of us ask
        too fast."""
        free = self._context.now() + timedelta(seconds=error.seconds)
        if free > until:
            self._context.extend_lease(lease_name(uuid), free)
        with self._lock:
            self._throttled += 1
            everywhere = error.status != 425 and self._throttled > 1
            if everywhere and error.seconds > MAX_PAUSE_SECONDS:
                self._closed_until = free
        if everywhere and error.seconds <= MAX_PAUSE_SECONDS:
            self._limiter.pause(min(error.seconds, MAX_PAUSE_SECONDS) or DEFAULT_DELAY_SECONDS)
        return max(until, free)

    def _count_failure(self, error: HarvestError) -> None:
        with self._lock:
            self._failures += 1
            enough = self._failures >= MAX_FAILURES
        if enough:
            raise VendorError(
                f"{VENDOR}: {QUALITIES.call}: {self._failures} meetings in a row came to nothing, the last one by: "
                f"{error}; check WEBEX_ANALYTICS_URL, and run the same command again later"
            ) from None
        self._context.notify_once(
            f"{VENDOR}: a meeting's quality could not be had, and is asked for again later: {error}"
        )

    def _reset_failures(self) -> None:
        with self._lock:
            self._failures = self._throttled = 0


def lease_name(uuid: str) -> str:
    """The claim that a call for this meeting is made under."""
    return "webex quality " + session_key(uuid)


def refused_error(answer: Response, words: str) -> QualityRefused:
    """Why an account gets no quality: the other region's host where the message names one, else all that it takes."""
    region = _REGION.search(words)
    if region is not None or answer.status == 451:
        host = region.group(0) if region is not None else "analytics-eu.webexapis.com, for one"
        return QualityRefused(
            f"{answer.call}: the organisation's data lies in another region ({answer.status}): meetings come without "
            f"quality; set WEBEX_ANALYTICS_URL to https://{host}/v1"
        )
    return QualityRefused(
        f"{answer.call}: refused ({answer.status}): meetings come without quality: {REQUIREMENTS}"
    )


def _pending(until: datetime) -> QualityResult:
    return QualityResult(pending=Pending(until=until, reason=Reason.quality))
