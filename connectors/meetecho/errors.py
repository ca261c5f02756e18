"""What the responses of both hosts mean. The bodies of errors are not documented, and not read.

Meetecho: only 200 and 202 are success to the datatracker's own client (`ietf/utils/meetecho.py`, 2024). Datatracker: 429
has a `Retry-After` that is sometimes wrongly 0 (glasgow-ipl/ietfdata, 2026-06).
"""

from __future__ import annotations

from collections.abc import Callable

from connectors.base import Context
from connectors.errors import BrokenResponse, VendorError
from connectors.parsing import parse_retry_after
from connectors.response_decisions import Decision, Response, Retry, default_decision, throttled

DEFAULT_DELAY_SECONDS = 5.0
"""The wait after a 429 without `Retry-After`, or with 0."""

BLOCKED_ATTEMPTS = 3
"""An HTML page instead of JSON goes away soon, or never."""


class MeetechoRefused(VendorError):
    """Meetecho refuses (400 to 499): the token has expired, or the credentials do not cover the group."""


def meetecho_classifier(context: Context) -> Callable[[Response], Decision]:
    """The function that classifies the responses of Meetecho."""

    def classify(response: Response) -> Decision:
        if response.status in {200, 202}:
            return None if response.broken is None else _page(response)
        if response.status == 429:
            return _throttled(response, context)
        if 400 <= response.status < 500 and response.status not in {408, 425}:
            return MeetechoRefused(f"{response.call}: refused ({response.status})", status=response.status)
        if response.status < 300:
            return BrokenResponse(f"{response.call}: status {response.status}, which Meetecho does not use")
        return default_decision(response, context.now())

    return classify


def datatracker_classifier(context: Context) -> Callable[[Response], Decision]:
    """The function that classifies the responses of the datatracker."""

    def classify(response: Response) -> Decision:
        if response.status == 429:
            return _throttled(response, context)
        if response.status in {401, 403}:
            error = VendorError(
                f"{response.call}: refused ({response.status}), although it is public: a proxy or firewall may be in "
                "between; the next run will try again",
                status=response.status,
            )
            return Retry(error=error, attempts=BLOCKED_ATTEMPTS)
        if response.status == 404:  # the datatracker's own is a page, too
            return VendorError(f"{response.call}: not found (404)", status=404)
        return default_decision(response, context.now())

    return classify


def _page(response: Response) -> Decision:
    error = BrokenResponse(
        f"{response.call}: status {response.status} with {response.broken} ({response.content_type}): check MEETECHO_API_URL and "
        "any proxy in between; the next run will try again",
        status=response.status,
    )
    return Retry(error=error, attempts=BLOCKED_ATTEMPTS)


def _throttled(response: Response, context: Context) -> Decision:
    seconds = parse_retry_after(response.headers.get("Retry-After"), context.now())
    return throttled(response, after=seconds or DEFAULT_DELAY_SECONDS)
