"""Meetecho's error responses."""

from __future__ import annotations


class ErrorResponse(Exception):
    """An answer of Meetecho other than 200 and 202."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
