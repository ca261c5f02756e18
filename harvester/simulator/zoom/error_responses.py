"""What Zoom refuses, and in which words: error bodies, dates, page tokens.

Sources: Zoom's pages on errors, pagination and rate limits (2026-02), its API descriptions of 2021 to 2025, and what
users of the API have published of its answers.
"""

from __future__ import annotations

from typing import Any

from harvester.simulator.organisation import DAY

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


class Refusal(Exception):
    """An answer that is not 200: Zoom's code and words."""

    def __init__(self, status: int, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"code": code, "message": message, **more}
        self.headers: dict[str, str] = {}


def invalid(field: str, message: str) -> Refusal:
    return Refusal(400, 300, "Validation Failed.", errors=[{"field": field, "message": message}])
