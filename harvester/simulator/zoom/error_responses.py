"""Zoom's error responses.

Sources: Zoom's pages on errors, pagination and rate limits (2026-02), its API descriptions of 2021 to 2025,
and answers that users of the API have published.
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


class ErrorResponse(Exception):
    """An answer other than 200, with Zoom's code and message."""

    def __init__(self, status: int, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"code": code, "message": message, **more}
        self.headers: dict[str, str] = {}


def validation_error(field: str, message: str) -> ErrorResponse:
    return ErrorResponse(400, 300, "Validation Failed.", errors=[{"field": field, "message": message}])
