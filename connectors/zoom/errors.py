"""What Zoom's responses mean: its error codes, its three kinds of 429, and errors with HTTP 200.

Codes and texts: https://developers.zoom.us/docs/api/errors/ and https://developers.zoom.us/docs/api/rate-limits/ (as of
2026-02-07), and each endpoint's own list. Zoom's messages are searched but never repeated, since they can contain anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from connectors.base import Context
from connectors.errors import CredentialsError, QuotaExhausted, VendorError
from connectors.parsing import parse_instant, parse_retry_after
from connectors.response_decisions import Decision, Response, Retry, default_decision, throttled
from connectors.zoom.endpoints import BY_CALL, VENDOR

INVALID_TOKEN = 124
SCOPE_CODES = frozenset({4700, 4711})
NO_PERMISSION = 200
BAD_REQUEST = 300
UNKNOWN_USER = 1001
OTHER_ACCOUNT = 1010
NOT_FOUND = 3001
CANNOT_HOST = 3161
TOO_OLD = 12702

APP_PAGE = "https://marketplace.zoom.us/user/build"

# Zoom counts calls of its Resource-intensive label by the minute, although its 429 says "per-second" and "QPS". After a
# minute, every earlier call has left the window, whether it is fixed or sliding.
MINUTE_SECONDS = 60.0
SECOND_SECONDS = 1.0

BLOCKED_ATTEMPTS = 5
"""The HTML 403 of Zoom's firewall is permanent for some uuids and temporary for others: four more attempts."""

_SCOPE_LIST = re.compile(r"scopes?\s*:?\s*\[([^\]]*)\]")
_SCOPE = re.compile(r"[a-z_]{2,40}:(?:read|write|view|list)(?::[a-z_]{2,60})?(?::(?:admin|master))?")


class PlanTooLow(CredentialsError):
    """Code 200: the account's plan, or the role of the app's owner, does not permit this call."""

    def __init__(self, call: str) -> None:
        super().__init__(
            f"{VENDOR}: {call}: the plan or the role of the app's owner is too low (code {NO_PERMISSION})"
        )
        self.call = call


class PageTokenExpired(VendorError):
    """The listing has to start again: page tokens expire after 15 minutes."""


class ListingTooShort(VendorError):
    """The listing reached its last page with fewer rows than its `total_records`."""


LONGEST_WAIT = timedelta(hours=25)
"""Until the daily limit is reset."""


class DailyLimitGuard:
    """Stops calls that count against the daily limit until the time that Zoom named, across runs."""

    _FACT = "zoom daily limit until"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._until = parse_instant(context.get_fact(self._FACT))

    def start(self, call: str, until: datetime) -> QuotaExhausted:
        """Stops the calls until then. Returns the error to raise."""
        self._until = until
        self._context.set_fact(self._FACT, until.isoformat())
        return _spent(call, until)

    def check(self, call: str) -> None:
        """Raises QuotaExhausted while the calls are stopped."""
        # The limit is reset at midnight GMT: what is later was stored by a machine whose clock was ahead.
        if self._until is not None and timedelta(0) < self._until - self._context.now() <= LONGEST_WAIT:
            raise _spent(f"{VENDOR}: {call}", self._until)


class TokenRefusals:
    """Decides what code 124 means: whether the app has no access, or another program keeps ending its tokens.

    A new token once ended the older ones (https://github.com/jrchamp/moodle-mod_zoom/issues/473), so two programs with one
    app refuse each other's calls now and then. Thread-safe: the count need not be exact.
    """

    MAX_IN_A_ROW = 100
    """More than the calls that can be in flight: this many refusals without a success are not a coincidence."""

    def __init__(self) -> None:
        self._works = False
        self._in_a_row = 0

    def accepted(self) -> None:
        self._works, self._in_a_row = True, 0

    def refused(self, response: Response) -> Retry:
        """Renew the token once. If the new one is refused too, this call has failed, or the whole run if nothing works."""
        self._in_a_row += 1
        message = (
            f"{response.call}: a new token is refused as well (code 124): another program may use the same app, and a new "
            f"token ends the older ones; if none does, check that the app is still activated at {APP_PAGE}"
        )
        if self._works and self._in_a_row < self.MAX_IN_A_ROW:
            return Retry(error=VendorError(message, status=response.status, code=INVALID_TOKEN), renew=True)
        return Retry(error=CredentialsError(message), renew=True)


def _spent(call: str, until: datetime) -> QuotaExhausted:
    return QuotaExhausted(
        f"{call}: the account's daily limit of calls is used up, by this and all other programs; "
        f"run the same command again after {until:%Y-%m-%d %H:%M} UTC",
        until=until,
    )


def response_classifier(context: Context, daily_limit: DailyLimitGuard) -> Callable[[Response], Decision]:
    """The function that classifies the responses of the API; `auth.py` has that of the token endpoint."""

    tokens = TokenRefusals()

    def classify(response: Response) -> Decision:
        code = error_code(response.body)
        if response.ok and code is None:
            tokens.accepted()
            return None
        if code == INVALID_TOKEN and response.status < 500:
            return tokens.refused(response)
        if response.status == 429 or code == 429:
            return _throttled(response, context.now(), daily_limit)
        if code is not None and response.status < 500:
            return _refused(response, code)
        if response.status == 403 and response.broken is not None:
            return _blocked(response)
        return default_decision(response, context.now(), lambda _: code is not None)

    return classify


def error_code(body: Any) -> int | None:
    """Zoom's own error code, which may come with HTTP 200; None if there is none or it is 0 (success)."""
    code = body.get("code") if isinstance(body, dict) else None
    if isinstance(code, str) and code.isdecimal() and len(code) < 10:
        code = int(code)
    return code if isinstance(code, int) and code != 0 else None


def missing_scopes(message: str) -> list[str]:
    """The scopes that a message names as missing, and nothing else from it."""
    match = _SCOPE_LIST.search(message)
    if match is None:
        return []
    return [name for part in match.group(1).split(",") if _SCOPE.fullmatch(name := part.strip())]


def _message(response: Response) -> str:
    text = response.body.get("message") if isinstance(response.body, dict) else None
    return text if isinstance(text, str) else ""


def _throttled(response: Response, now: datetime, daily_limit: DailyLimitGuard) -> Decision:
    if _is_daily(response):
        return daily_limit.start(response.call, _available_again(response, now))
    endpoint = BY_CALL.get(response.call)
    intensive = endpoint is not None and endpoint.label == "intensive"
    seconds = parse_retry_after(response.headers.get("Retry-After"), now)
    after = max(seconds or 0.0, MINUTE_SECONDS if intensive else SECOND_SECONDS)
    return throttled(response, after=after, shared_by="account")


def _is_daily(response: Response) -> bool:
    """Whether this is the daily limit. Headers vary and are sometimes missing, so the text counts as well."""
    kind = response.headers.get("X-RateLimit-Type", "").lower()
    if "daily" in kind or "maximum daily" in _message(response).lower():
        return True
    exhausted = response.headers.get("X-RateLimit-Remaining", "").strip() == "0"
    # Normally, only a daily limit has a date and time in Retry-After.
    return kind != "qps" and exhausted and parse_instant(response.headers.get("Retry-After")) is not None


def _available_again(response: Response, now: datetime) -> datetime:
    """The time in `Retry-After` if it is believable for a daily limit, else the next midnight UTC."""
    seconds = parse_retry_after(response.headers.get("Retry-After"), now)
    if seconds is not None and 0 < seconds <= timedelta(days=2).total_seconds():
        return now + timedelta(seconds=seconds)
    return (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def _refused(response: Response, code: int) -> Decision:
    if code in SCOPE_CODES:
        return _unscoped(response, code)
    if code == NO_PERMISSION:
        return PlanTooLow(response.call.removeprefix(f"{VENDOR}: "))
    if code == BAD_REQUEST:
        return _bad_request(response)
    error = VendorError(f"{response.call}: refused with code {code}", status=response.status, code=code)
    # A code from 500 to 599 is a server error, whatever the HTTP status: 200 was seen.
    return Retry(error=error) if 500 <= code < 600 else error


def _unscoped(response: Response, code: int) -> CredentialsError:
    names = missing_scopes(_message(response))
    endpoint = BY_CALL.get(response.call)
    if not names and endpoint is not None:
        names = [endpoint.granular]
    return CredentialsError(
        f"{response.call}: the app lacks a scope (code {code}); add {', '.join(names)} to it at {APP_PAGE}"
    )


def _bad_request(response: Response) -> VendorError:
    """Code 300 stands for any bad parameter; only the text says which."""
    text = _message(response).lower()
    if "page token" in text:
        return PageTokenExpired(
            f"{response.call}: the page token has expired", status=response.status, code=BAD_REQUEST
        )
    if "six months" in text or "6 months" in text:
        why = (
            "the requested days are more than six months ago, which is what Zoom keeps, or more than a month"
        )
    elif "webinar info" in text:
        why = "this is a webinar, not a meeting"
    else:
        why = "a parameter is refused"
    return VendorError(f"{response.call}: {why} (code 300)", status=response.status, code=BAD_REQUEST)


def _blocked(response: Response) -> Retry:
    error = VendorError(
        f"{response.call}: Zoom's firewall answered with a page instead of data (403, {response.content_type}); "
        "the next run will try again",
        status=403,
    )
    return Retry(error=error, attempts=BLOCKED_ATTEMPTS)
