"""Request the quality of a meeting when Webex permits it, and interpret the response.

https://developer.webex.com/meeting/docs/api/v1/meeting-qualities (2026): "available 10 minutes after a meeting has
started", "up to 7 days", "1 API call every 5 minutes for the same meeting instance ID". So the
connector makes one call with a large `max`, and takes a lease for it first. A second call, whether a retry or another
page, has to wait five minutes.

The statuses of this endpoint are not documented. Seen: 204 without a body (`muse254`, 2022), and 425 for a meeting whose
quality has expired (Splunk's add-on for Webex, 2026). An organisation's data may be in another region: 451 or 403, with
the region's host in the message (https://developer.webex.com/docs/api/v1/historical-analytics).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from connectors.base import Context
from connectors.errors import BrokenResponse, CredentialsError, HarvestError, Unreachable, VendorError
from connectors.http import Api, Auth
from connectors.json_body import EMPTY
from connectors.models import Detail, Pending, Reason, session_key
from connectors.rate_limit import Limiter
from connectors.response_decisions import Response, error_of_another, refused_with
from connectors.webex.endpoints import APP_PAGE, LOGIN, QUALITIES, VENDOR
from connectors.webex.errors import (
    DEFAULT_DELAY_SECONDS,
    error_words,
    is_throttled,
    is_webex_error,
    retry_delay,
)
from connectors.webex.http_client import Row, rows_in
from connectors.webex.media_rows import MediaPage, MediaRow

START_DELAY = timedelta(minutes=10)
RETENTION = timedelta(days=7)
REQUEST_INTERVAL = timedelta(minutes=5, seconds=10)
"""Five minutes, with a margin: Webex measures arrivals, and the first call may take longer to arrive than the second."""

MAX_QUALITY_DELAY = timedelta(days=1)
"""How long after a meeting's end "nothing" is taken to mean "not yet"."""

MAX_MEDIA_SESSIONS = 1000
"""Media sessions in one response. No maximum is documented; Splunk's add-on requests as many."""

MAX_FAILURES = 3
"""After this many failed calls in a row, the failure is not temporary."""

MAX_PAUSE_SECONDS = 60.0
"""The longest pause of all calls if the endpoint as a whole is throttled. Beyond it, meetings are stored without quality
and become pending."""

REQUIREMENTS = (
    "quality needs the scope analytics:read_all, a full or read-only admin of the organisation (not an external one), and "
    f"the Pro Pack: check the integration at {APP_PAGE}, then {LOGIN}"
)

_REGION = re.compile(r"\banalytics(?:-[a-z0-9-]{1,20})?\.webex(?:apis\.com|gov\.us)\b")


class QualityRefused(CredentialsError):
    """The account may not read quality at all."""


class QualityExpired(VendorError):
    """Webex no longer keeps the quality of this meeting."""


class NoQuality(VendorError):
    """Webex has no quality of this meeting, or not yet."""


class QualityTooSoon(VendorError):
    """The next call must wait `seconds`."""

    def __init__(self, message: str, *, seconds: float, status: int) -> None:
        super().__init__(message, status=status)
        self.seconds = seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityResult:
    """The media sessions of one meeting that are available now."""

    rows: Sequence[MediaRow | Row] = ()
    detail: Detail = Detail.basic
    pending: Pending | None = None


class QualityApi:
    """The quality of an account's meetings. Safe for many threads, and for other processes with the same account."""

    def __init__(self, api: Api, auth: Auth, limiter: Limiter, context: Context, *, permitted: bool) -> None:
        """`api` must retry nothing."""
        self._api = api
        self._auth = auth
        self._limiter = limiter
        self._context = context
        self._lock = Lock()
        self._failures = 0
        self._throttled = 0
        self._has_answered = False
        self._refused_token: str | None = None
        self._refused: HarvestError | None = None
        self._closed_until: datetime | None = None
        if not permitted:
            self._disable(QualityRefused(f"{VENDOR}: meetings are stored without quality: {REQUIREMENTS}"))

    def fetch(
        self, uuid: str, start: datetime | None, end: datetime | None, *, raw: bool = False
    ) -> QualityResult:
        """The quality of an ended meeting, if it is available, and when to read it again. `raw`: the rows as dicts.

        Raises VendorError after `MAX_FAILURES` failed calls in a row.
        """
        now = self._context.now()
        if self._refused is not None:
            return QualityResult()
        if start is not None and now > start + RETENTION:
            self._context.notify_once(
                f"{VENDOR}: meetings that began over {RETENTION.days} days ago are stored without quality: Webex no longer keeps it"
            )
            return QualityResult()
        if start is not None and now < start + START_DELAY:
            return _pending(start + START_DELAY)
        if self._closed_until is not None and now < self._closed_until:
            return _pending(self._closed_until)
        free = self.claim(uuid)
        if free is None:
            return self._request(uuid, start, end, raw=raw)
        self._context.notify_once(
            f"{VENDOR}: some meetings are stored without quality for now: Webex permits one call in five minutes for a meeting, and "
            "this run or another made one less than five minutes ago"
        )
        return _pending(free)

    def claim(self, uuid: str) -> datetime | None:
        """Take the lease for the one call for this meeting. `None` if it may be made now, else when the next may be."""
        self._limiter.acquire()  # first: a call that waited after taking its lease would come too close to the next one
        return self._context.acquire_lease(lease_name(uuid), self._context.now() + REQUEST_INTERVAL)

    def needs_request(self, start: datetime | None) -> bool:
        """Whether fetching a meeting with this start makes a quality call, if that can be known before."""
        now = self._context.now()
        return self._refused is None and (start is None or start + START_DELAY <= now <= start + RETENTION)

    def request_media_sessions(self, uuid: str, *, raw: bool = False) -> Sequence[MediaRow | Row]:
        """Make the one call, whatever its result. Requires `claim` first. With `raw`, every row is a dict; without it, a row
        of an odd page is."""
        used = self._auth.header()
        response = self._api.send(
            "GET",
            QUALITIES.call,
            QUALITIES.path(),
            params={"meetingId": uuid, "max": str(MAX_MEDIA_SESSIONS)},
            headers={"Authorization": used},
            attempts=1,
            shape=None if raw else MediaPage,
        )
        if response.status == 401:
            self._renew(used)
        rows = self._rows_or_error(response)
        if len(rows) >= MAX_MEDIA_SESSIONS or "next" in response.headers.get("Link", ""):
            self._context.notify_once(
                f"{VENDOR}: {QUALITIES.call}: a meeting has more than {len(rows)} media sessions: the others are "
                "stored without quality, since Webex permits one call in five minutes"
            )
        return rows

    def _request(
        self, uuid: str, start: datetime | None, end: datetime | None, *, raw: bool
    ) -> QualityResult:
        until = self._context.now() + REQUEST_INTERVAL
        try:
            rows = self.request_media_sessions(uuid, raw=raw)
        except QualityRefused as error:
            return self._refused_result(error)
        except QualityExpired:
            self._reset_failures()
            self._context.notify_once(
                f"{VENDOR}: some meetings are stored without quality: Webex no longer keeps it"
            )
            return QualityResult()
        except NoQuality:
            self._reset_failures()
            ended = end or start or self._context.now()
            if self._context.now() >= ended + MAX_QUALITY_DELAY:
                self._context.notify_once(
                    f"{VENDOR}: some meetings are stored without quality: Webex has none of them"
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
        self._has_answered = True
        return QualityResult(rows=rows, detail=Detail.full)

    def _rows_or_error(self, response: Response) -> Sequence[MediaRow | Row]:
        """The rows of the response; raises the error that it means."""
        if response.status == 200 and response.broken is None:
            page = response.body
            return page.items if isinstance(page, MediaPage) else rows_in(page, QUALITIES)
        words, status = error_words(response.body), response.status
        if status in {403, 404, 410, 451} and not is_webex_error(response):
            raise error_of_another(response).error
        if status == 410 or (status == 425 and "expired" in words):
            raise QualityExpired(f"{response.call}: no longer kept ({status})", status=status)
        if status == 425 or is_throttled(response):
            seconds = retry_delay(response, self._context, REQUEST_INTERVAL.total_seconds())
            raise QualityTooSoon(f"{response.call}: too soon ({status})", seconds=seconds, status=status)
        if status in {200, 204, 404} and response.broken in {None, EMPTY}:
            raise NoQuality(f"{response.call}: no quality ({status})", status=status)
        if status == 451 or (status in {401, 403} and response.broken is None):
            raise refused_error(response, words)
        if response.broken is not None and status < 300:
            raise BrokenResponse(f"{response.call}: status {status} with {response.broken}", status=status)
        raise VendorError(f"{response.call}: {refused_with(status)}", status=status)

    def _renew(self, used: str) -> None:
        """Renew the token for the next meeting; the call for this one is used up.

        If the renewed token is refused too, the token is not the cause, and this returns.
        """
        with self._lock:
            again = self._refused_token is not None and self._refused_token != used
            self._refused_token = used
        if not again:
            self._auth.renew(used)
            raise VendorError(
                f"{VENDOR}: {QUALITIES.call}: the token was refused (401) and has been renewed", status=401
            )

    def _refused_result(self, error: QualityRefused) -> QualityResult:
        """No quality for this meeting. If no meeting had any so far, stop asking; else it may be another organisation's."""
        self._reset_failures()
        if self._has_answered:
            self._context.notify_once(
                f"{VENDOR}: some meetings are stored without quality: {QUALITIES.call} refuses them (403)"
            )
        else:
            self._disable(error)
        return QualityResult()

    def _disable(self, error: HarvestError) -> None:
        self._refused = error
        self._context.notify_once(str(error))

    def _too_soon(self, uuid: str, error: QualityTooSoon, until: datetime) -> datetime:
        """When to request this meeting again, after a call that came too soon.

        Another program requested the same meeting; or, if several meetings get this response, calls are too frequent.
        """
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
                f"{VENDOR}: {QUALITIES.call}: {self._failures} meetings in a row failed, the last one with: "
                f"{error}; check WEBEX_ANALYTICS_URL, and run the same command again later"
            ) from None
        self._context.notify_once(
            f"{VENDOR}: the quality of a meeting could not be read and will be requested again: {error}"
        )

    def _reset_failures(self) -> None:
        with self._lock:
            self._failures = self._throttled = 0


def lease_name(uuid: str) -> str:
    """The name of the lease for a call for this meeting."""
    return "webex quality " + session_key(uuid)


def refused_error(response: Response, words: str) -> QualityRefused:
    """The error for an account without quality: another region, if the message names its host, else the requirements."""
    region = _REGION.search(words)
    if region is not None or response.status == 451:
        host = region.group(0) if region is not None else "analytics-eu.webexapis.com, for one"
        return QualityRefused(
            f"{response.call}: the organisation's data is in another region ({response.status}): meetings are stored "
            f"without quality; set WEBEX_ANALYTICS_URL to https://{host}/v1"
        )
    return QualityRefused(
        f"{response.call}: refused ({response.status}): meetings are stored without quality: {REQUIREMENTS}"
    )


def _pending(until: datetime) -> QualityResult:
    return QualityResult(pending=Pending(until=until, reason=Reason.quality))
