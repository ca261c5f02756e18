"""What the answers of both hosts mean. Their bodies are looked at by nobody here: error bodies are not documented.

Meetecho: 200 and 202 alone are success to the datatracker's own client (`ietf/utils/meetecho.py`, 2024). Datatracker: 429
comes with a `Retry-After` that is sometimes 0 and not meant so (glasgow-ipl/ietfdata, 2026-06).
"""

from __future__ import annotations

from collections.abc import Callable

from connectors.base import Context
from connectors.errors import BrokenResponse, VendorError
from connectors.http import Decision, Response, Retry, default_decision
from connectors.parsing import parse_retry_after

DEFAULT_DELAY_SECONDS = 5.0
"""To wait after a 429 that does not say for how long, or says 0."""

BLOCKED_ATTEMPTS = 3
"""A page in HTML instead of data passes by itself soon, or not at all."""


class MeetechoRefused(VendorError):
    """Meetecho does not give this (400 to 499): a token is no longer good, or a group is not ours."""


def meetecho_classifier(context: Context) -> Callable[[Response], Decision]:
    def verdict(answer: Response) -> Decision:
        if answer.status in {200, 202}:
            return None if answer.broken is None else _page(answer)
        if answer.status == 429:
            return _throttled(answer, context)
        if 400 <= answer.status < 500 and answer.status not in {408, 425}:
            return MeetechoRefused(f"{answer.call}: refused ({answer.status})", status=answer.status)
        if answer.status < 300:
            return BrokenResponse(f"{answer.call}: status {answer.status}, which is none of its own")
        return default_decision(answer, context.now())

    return verdict


def datatracker_classifier(context: Context) -> Callable[[Response], Decision]:
    def verdict(answer: Response) -> Decision:
        if answer.status == 429:
            return _throttled(answer, context)
        if answer.status in {401, 403}:
            error = VendorError(
                f"{answer.call}: refused ({answer.status}), though anybody may read it: a proxy or firewall may stand in "
                "between; the next run tries this again",
                status=answer.status,
            )
            return Retry(error=error, attempts=BLOCKED_ATTEMPTS)
        return default_decision(answer, context.now())

    return verdict


def _page(answer: Response) -> Decision:
    error = BrokenResponse(
        f"{answer.call}: status {answer.status} with {answer.broken} ({answer.content_type}): look at MEETECHO_API_URL and "
        "at what stands in between; the next run tries this again",
        status=answer.status,
    )
    return Retry(error=error, attempts=BLOCKED_ATTEMPTS)


def _throttled(answer: Response, context: Context) -> Decision:
    error = VendorError(
        f"{answer.call}: still too many requests (429) after the retries; lower HARVESTER_RATE_SHARE or run the same "
        "command again later",
        status=429,
    )
    told = parse_retry_after(answer.headers.get("Retry-After"), context.now())
    return Retry(error=error, after=told or DEFAULT_DELAY_SECONDS, throttled=True)
