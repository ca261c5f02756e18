"""What Zoom refuses, and in which words: error bodies, dates, page tokens.

Sources: Zoom's pages on errors, pagination and rate limits (2026-02), its API descriptions of 2021 to 2025, and what
users of the API have published of its answers.
"""

from __future__ import annotations

import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from hashlib import blake2b
from typing import Any

from harvester.simulator.organisation import DAY, milliseconds

PAGE_TOKEN_SECONDS = 15 * 60
YEAR = 365 * DAY

OUT_OF_RANGE = "The request can only be queried for a month that falls within the last six months."
BAD_PAGE_TOKEN = "The next page token is invalid or expired."
NO_DASHBOARD = (
    "This API is only available for Business or higher accounts that have enabled the Dashboard feature."
)
NOT_ENDED = "Meeting ID is invalid or the meeting has not ended yet."
TOO_OLD = "Can not access a meeting a year ago."
PER_SECOND = "You have reached the maximum per-second rate limit for this API. Try again later."
DAILY = (
    "You have reached the maximum daily rate limit for this API. "
    "Refer to the response header for details on when you can make another request."
)

Query = Mapping[str, str]


class Refusal(Exception):
    """An answer that is not 200: Zoom's code and words."""

    def __init__(self, status: int, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"code": code, "message": message, **more}
        self.headers: dict[str, str] = {}


def invalid(field: str, message: str) -> Refusal:
    return Refusal(400, 300, "Validation Failed.", errors=[{"field": field, "message": message}])


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Milliseconds since 1970, both ends included; and the dates to be said again in the answer."""

    first: int
    last: int
    from_: str
    to: str


_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{2}:\d{2}:\d{2})Z?)?$")


def date_range(query: Query, now: datetime, *, times: bool) -> Range:
    """`from` and `to`, both required: at most a month, and none of it older than six months. Days are UTC days.

    With `times`, an instant counts as one only where the date is written with its zeros
    (https://devforum.zoom.us/t/partial-days-of-data-from-zoom-meeting-api/103080); else its whole day does.
    """
    start, start_time = _day(query, "from")
    end, end_time = _day(query, "to")
    if end < start:
        raise invalid("to", "'to' is before 'from'.")
    if end > months_later(start, 1) or start < months_later(now.date(), -6):
        raise Refusal(400, 300, OUT_OF_RANGE)
    first = milliseconds(datetime.combine(start, (start_time if times else None) or time(), UTC))
    last = milliseconds(datetime.combine(end, (end_time if times else None) or time(23, 59, 59), UTC)) + 999
    return Range(first=first, last=last, from_=start.isoformat(), to=end.isoformat())


def _day(query: Query, name: str) -> tuple[date, time | None]:
    match = _DATE.match(query.get(name, ""))
    if match is None:
        raise invalid(name, f"'{name}' must be a date, yyyy-MM-dd.")
    year, month, day, clock = match.groups()
    try:
        exact = time.fromisoformat(clock) if clock and len(month) == len(day) == 2 else None
        return date(int(year), int(month), int(day)), exact
    except ValueError:
        raise invalid(name, f"'{name}' is no date of any calendar.") from None


def months_later(day: date, months: int) -> date:
    """The same day of another month, or its last one where it has none such."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def choice(query: Query, name: str, default: str, *allowed: str) -> str:
    value = query.get(name, default)
    if value not in allowed:
        raise invalid(name, f"'{name}' must be one of {', '.join(allowed)}.")
    return value


def page_size(query: Query, *, default: int = 30, most: int = 300) -> int:
    """What is asked for above the documented maximum is refused: Zoom's pages do not say what it does."""
    text = query.get("page_size") or str(default)
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise invalid("page_size", f"'page_size' must be between 1 and {most}.")
    return int(text)


class PageTokens:
    """Page tokens that hold where to go on and since when, sealed together with the query that they were given for.

    Seconds are the vendor's.
    """

    def __init__(self, seed: int) -> None:
        self._key = seed.to_bytes(16, "big", signed=True)

    def issue(self, path: str, query: Query, offset: int, seconds: float) -> str:
        body = struct.pack(">Id", offset, seconds)
        return urlsafe_b64encode(body + self._seal(path, query, body)).decode().rstrip("=")

    def offset(self, path: str, query: Query, seconds: float) -> int:
        """Where the query's token says to go on; 0 without one. Refused: another query's, an old one, a made-up one."""
        token = query.get("next_page_token")
        if not token:
            return 0
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            body, seal = sealed[:12], sealed[12:]
            offset, issued = struct.unpack(">Id", body)
        except (ValueError, struct.error):
            raise Refusal(400, 300, BAD_PAGE_TOKEN) from None
        if seal != self._seal(path, query, body) or seconds - issued > PAGE_TOKEN_SECONDS:
            raise Refusal(400, 300, BAD_PAGE_TOKEN)
        return int(offset)

    def _seal(self, path: str, query: Query, body: bytes) -> bytes:
        asked = sorted((k, v) for k, v in query.items() if k not in {"next_page_token", "page_number"})
        return blake2b(repr((path, asked)).encode() + body, key=self._key, digest_size=12).digest()
