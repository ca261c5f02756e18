"""What Zoom's answers mean: its codes, its three kinds of 429, its habit of reporting errors with HTTP 200.

Codes and texts: https://developers.zoom.us/docs/api/errors/ and https://developers.zoom.us/docs/api/rate-limits/ (as of
2026-02-07), and each endpoint's own list. Zoom's messages are looked at, never repeated: they may hold anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from connectors.base import Context
from connectors.errors import CredentialsError, QuotaExhausted, VendorError
from connectors.http import Decision, Response, Retry, default_decision
from connectors.parsing import parse_instant, parse_retry_after
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

# Zoom counts calls of its Resource-intensive label by the minute, and says no more than "per-second" and "QPS" about
# them. After a minute every earlier call has left the window, be it a fixed or a sliding one.
MINUTE_SECONDS = 60.0
SECOND_SECONDS = 1.0

BLOCKED_ATTEMPTS = 5
"""A firewall's HTML 403 stands for ever before some uuids, and vanishes by itself elsewhere: worth four more tries."""

_SCOPE_LIST = re.compile(r"scopes?\s*:?\s*\[([^\]]*)\]")
_SCOPE = re.compile(r"[a-z_]{2,40}:(?:read|write|view|list)(?::[a-z_]{2,60})?(?::(?:admin|master))?")


class PlanTooLow(CredentialsError):
    """Code 200: the account's plan, or the role of who made the app, does not permit this call."""

    def __init__(self, call: str) -> None:
        super().__init__(
            f"{VENDOR}: {call}: the plan or the role of the app's owner is too low (code {NO_PERMISSION})"
        )
        self.call = call


class PageTokenExpired(VendorError):
    """The listing has to begin again: page tokens live for 15 minutes."""


class DailyLimitGuard:
    """No call that counts against the day's budget until Zoom said that there may be one again; across runs."""

    _FACT = "zoom daily limit until"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._until = parse_instant(context.get_fact(self._FACT))

    def start(self, call: str, until: datetime) -> QuotaExhausted:
        self._until = until
        self._context.set_fact(self._FACT, until.isoformat())
        return _spent(call, until)

    def check(self, call: str) -> None:
        if self._until is not None and self._context.now() < self._until:
            raise _spent(f"{VENDOR}: {call}", self._until)


def _spent(call: str, until: datetime) -> QuotaExhausted:
    return QuotaExhausted(
        f"{call}: the account's daily limit of calls is spent, by this and all other programs; "
        f"it is filled again at {until:%Y-%m-%d %H:%M} UTC: run the same command then",
        until=until,
    )


def response_classifier(context: Context, stop: DailyLimitGuard) -> Callable[[Response], Decision]:
    """What every answer of the API, the token endpoint apart, is to be taken for."""

    def verdict(answer: Response) -> Decision:
        code = error_code(answer.body)
        if answer.ok and code is None:
            return None
        if answer.status == 429 or code == 429:
            return _throttled(answer, context.now(), stop)
        if code is not None and answer.status < 500:
            return _refused(answer, code)
        if answer.status == 403 and answer.broken is not None:
            return _blocked(answer)
        return default_decision(answer, context.now())

    return verdict


def error_code(body: Any) -> int | None:
    """Zoom's own error code, which may come with HTTP 200; 0 is no error."""
    code = body.get("code") if isinstance(body, dict) else None
    if isinstance(code, str) and code.isdecimal() and len(code) < 10:
        code = int(code)
    return code if isinstance(code, int) and code != 0 else None


def missing_scopes(message: str) -> list[str]:
    """The scopes that a message names as missing, and nothing else that it may hold."""
    found = _SCOPE_LIST.search(message)
    if found is None:
        return []
    return [name for part in found.group(1).split(",") if _SCOPE.fullmatch(name := part.strip())]


def _message(answer: Response) -> str:
    text = answer.body.get("message") if isinstance(answer.body, dict) else None
    return text if isinstance(text, str) else ""


def _throttled(answer: Response, now: datetime, stop: DailyLimitGuard) -> Decision:
    if _is_daily(answer):
        return stop.start(answer.call, _filled_again(answer, now))
    endpoint = BY_CALL.get(answer.call)
    intensive = endpoint is not None and endpoint.label == "intensive"
    told = parse_retry_after(answer.headers.get("Retry-After"), now)
    error = VendorError(
        f"{answer.call}: still too many requests (429) after the retries: other programs use the same account's "
        "rate; lower HARVESTER_RATE_SHARE or run the same command again later",
        status=429,
    )
    after = max(told or 0.0, MINUTE_SECONDS if intensive else SECOND_SECONDS)
    return Retry(error=error, after=after, throttled=True)


def _is_daily(answer: Response) -> bool:
    """Headers differ and are sometimes missing altogether, so the text counts as well."""
    kind = answer.headers.get("X-RateLimit-Type", "").lower()
    if "daily" in kind or "maximum daily" in _message(answer).lower():
        return True
    exhausted = answer.headers.get("X-RateLimit-Remaining", "").strip() == "0"
    # On limits of a day, and normally on these alone, Retry-After is a date and time.
    return kind != "qps" and exhausted and parse_instant(answer.headers.get("Retry-After")) is not None


def _filled_again(answer: Response, now: datetime) -> datetime:
    """What `Retry-After` says, where it is believable for a limit of a day; else the next midnight, UTC."""
    told = parse_retry_after(answer.headers.get("Retry-After"), now)
    if told is not None and 0 < told <= timedelta(days=2).total_seconds():
        return now + timedelta(seconds=told)
    return (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def _refused(answer: Response, code: int) -> Decision:
    if code == INVALID_TOKEN:
        return Retry(
            error=CredentialsError(
                f"{answer.call}: a new token is refused as well (code 124); is the app still activated? {APP_PAGE}"
            ),
            renew=True,
        )
    if code in SCOPE_CODES:
        return _unscoped(answer, code)
    if code == NO_PERMISSION:
        return PlanTooLow(answer.call.removeprefix(f"{VENDOR}: "))
    if code == BAD_REQUEST:
        return _bad_request(answer)
    error = VendorError(f"{answer.call}: refused with code {code}", status=answer.status, code=code)
    # A code of the 500s is Zoom's own trouble, whatever status it is sent with: HTTP 200 was seen.
    return Retry(error=error) if 500 <= code < 600 else error


def _unscoped(answer: Response, code: int) -> CredentialsError:
    names = missing_scopes(_message(answer))
    endpoint = BY_CALL.get(answer.call)
    if not names and endpoint is not None:
        names = [endpoint.granular]
    return CredentialsError(
        f"{answer.call}: the app lacks a scope (code {code}); add {', '.join(names)} to it at {APP_PAGE}"
    )


def _bad_request(answer: Response) -> VendorError:
    """Code 300 is Zoom's word for any bad parameter: only its text tells which."""
    text = _message(answer).lower()
    if "page token" in text:
        return PageTokenExpired(
            f"{answer.call}: the page token has expired", status=answer.status, code=BAD_REQUEST
        )
    if "six months" in text or "6 months" in text:
        why = "the days asked for are older than the six months that Zoom keeps, or more than a month"
    elif "webinar info" in text:
        why = "this is a webinar, not a meeting"
    else:
        why = "a parameter is refused"
    return VendorError(f"{answer.call}: {why} (code 300)", status=answer.status, code=BAD_REQUEST)


def _blocked(answer: Response) -> Retry:
    error = VendorError(
        f"{answer.call}: Zoom's firewall answered with a page instead of data (403, {answer.content_type}); "
        "the next run tries this again",
        status=403,
    )
    return Retry(error=error, attempts=BLOCKED_ATTEMPTS)
