"""Meetecho's error answers."""

from __future__ import annotations


class Refusal(Exception):
    """An answer of Meetecho's that is neither 200 nor 202."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
