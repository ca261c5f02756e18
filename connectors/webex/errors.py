"""What Webex's answers mean. Its messages are looked at, never repeated: they may hold anything.

Statuses: the responses of each operation in https://github.com/webex/webex-openapi-specs (2026-05); 429, `Retry-After`
and 423: https://developer.webex.com/docs/api/basics and
https://developer.webex.com/blog/rate-limiting-and-the-webex-api (2025-04-14).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from connectors.base import Context
from connectors.errors import CredentialsError, QuotaExhausted, VendorError
from connectors.http import Decision, Response, Retry, default_decision
from connectors.parsing import parse_retry_after
from connectors.retry import VENDOR_LIMITS
from connectors.webex.endpoints import APP_PAGE, LOGIN, MEETINGS

BLOCKED_ATTEMPTS = 5
"""A proxy's or firewall's page instead of an answer passes by itself, or never."""

DEFAULT_DELAY_SECONDS = 15.0
"""A 429 should say when to come back. Where it does not, the vendor's own community library waits this long
(`WebexCommunity/WebexPythonSDK`, 2026-03)."""

MIN_DELAY_SECONDS = 1.0
"""`Retry-After: 0` was met by the same library: a second is the least."""


def response_classifier(context: Context) -> Callable[[Response], Decision]:
    """What every answer of the API is to be taken for, the token endpoint and the qualities apart."""

    def verdict(answer: Response) -> Decision:
        if answer.ok:
            return None
        if is_throttled(answer):
            return _throttled(answer, context)
        if answer.status == 401:
            error = CredentialsError(
                f"{answer.call}: a new token is refused as well (401): {LOGIN}, or copy a new one from {APP_PAGE}"
            )
            return Retry(error=error, renew=True)
        if answer.status == 403:
            return _refused(answer)
        return default_decision(answer, context.now())

    return verdict


def is_throttled(answer: Response) -> bool:
    """429, and 423, which may say when to come back in the same way."""
    return answer.status == 429 or (answer.status == 423 and "Retry-After" in answer.headers)


def retry_delay(answer: Response, context: Context, unsaid: float) -> float:
    """Seconds until Webex may be asked again: what it says, at least one; `unsaid` where it says nothing."""
    told = parse_retry_after(answer.headers.get("Retry-After"), context.now())
    return unsaid if told is None else max(told, MIN_DELAY_SECONDS)


def error_words(body: Any) -> str:
    """Every word of an error's body, in lower case, to be looked through and never to be printed."""
    return " ".join(_texts(body)).lower()


def _texts(body: Any) -> Iterator[str]:
    if not isinstance(body, dict):
        return
    errors = body.get("errors")
    for part in (body, *(errors if isinstance(errors, list) else [])):
        if isinstance(part, dict):
            told = (part.get(key) for key in ("message", "description", "error", "error_description"))
            yield from (text for text in told if isinstance(text, str))


def _throttled(answer: Response, context: Context) -> Decision:
    after = retry_delay(answer, context, DEFAULT_DELAY_SECONDS)
    if after > VENDOR_LIMITS.total_seconds:
        until = context.now() + timedelta(seconds=after)
        return QuotaExhausted(
            f"{answer.call}: Webex wants no request until {until:%Y-%m-%d %H:%M} UTC ({answer.status}): "
            "run the same command then",
            until=until,
        )
    error = VendorError(
        f"{answer.call}: still too many requests ({answer.status}) after the retries: other programs use the same "
        "account's rate; lower HARVESTER_RATE_SHARE or run the same command again later",
        status=answer.status,
    )
    return Retry(error=error, after=after, throttled=True)


def _refused(answer: Response) -> Decision:
    if answer.broken is not None:
        error = VendorError(
            f"{answer.call}: a page instead of data (403, {answer.content_type}): a proxy or firewall stands in "
            "between; the next run tries this again",
            status=403,
        )
        return Retry(error=error, attempts=BLOCKED_ATTEMPTS)
    if answer.call.endswith(MEETINGS.call):
        return CredentialsError(
            f"{answer.call}: refused (403): the token needs the scope {MEETINGS.admin[0]} and an admin's role, or "
            f"{MEETINGS.user} for one's own meetings: see the integration at {APP_PAGE}, then {LOGIN}"
        )
    return VendorError(f"{answer.call}: refused (403)", status=403)
