"""What Google's answers mean. Its messages are looked at, never repeated: they may hold anything.

Meet answers with google.rpc.Status (`error.status`, `error.details[].reason`), the older APIs with
`error.errors[].reason` (https://developers.google.com/workspace/calendar/api/guides/errors). Over a quota: 429; Calendar
and Directory 403 with one of the reasons below; Reports 503, says https://developers.google.com/workspace/admin/reports/v1/limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from connectors.base import Context
from connectors.errors import CredentialsError, VendorError
from connectors.google_meet.endpoints import CONSOLE, REPORTS, Service
from connectors.http import Decision, Response, Retry, default_decision
from connectors.parsing import parse_retry_after

DEFAULT_DELAY_SECONDS = 15.0
"""Quotas are per minute, and whether a refusal says when to come back is not documented: four such pauses are one."""

BLOCKED_ATTEMPTS = 5
"""A proxy's or firewall's page instead of an answer passes by itself, or never."""

_QUOTA = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED"})
_DISABLED = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})
_SCOPE = frozenset({"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"})


class ApiNotAllowed(CredentialsError):
    """One API is refused, to everybody: not enabled, its scope not allowed, or its token not given."""


class Forbidden(VendorError):
    """This is refused to this user (403)."""


def response_classifier(service: Service, context: Context) -> Callable[[Response], Decision]:
    """What every answer of an API is to be taken for."""

    def verdict(answer: Response) -> Decision:
        if answer.ok:
            return None
        reasons = error_reasons(answer.body)
        if answer.status == 429 or (answer.status == 403 and reasons & _QUOTA):
            return _throttled(answer, context)
        if answer.status == 503 and service is REPORTS:
            return _throttled(answer, context)
        if answer.status == 401:
            error = CredentialsError(f"{answer.call}: a new token is refused as well (401)")
            return Retry(error=error, renew=True)
        if answer.status == 403:
            return _refused(answer, service, reasons)
        return default_decision(answer, context.now())

    return verdict


def error_reasons(body: Any) -> frozenset[str]:
    """Google's own words for why, in both of its formats."""
    return frozenset(_reasons(body))


def _reasons(body: Any) -> Iterator[str]:
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return
    for name in ("errors", "details"):
        parts = error.get(name)
        for part in parts if isinstance(parts, list) else []:
            if isinstance(part, dict) and isinstance(part.get("reason"), str):
                yield part["reason"]


def _throttled(answer: Response, context: Context) -> Decision:
    told = parse_retry_after(answer.headers.get("Retry-After"), context.now())
    error = VendorError(
        f"{answer.call}: still over the quota ({answer.status}) after the retries: other programs use the same project; "
        "lower HARVESTER_RATE_SHARE or run the same command again later",
        status=answer.status,
    )
    return Retry(error=error, after=DEFAULT_DELAY_SECONDS if told is None else max(told, 1.0), throttled=True)


def _refused(answer: Response, service: Service, reasons: frozenset[str]) -> Decision:
    if answer.broken is not None:
        error = VendorError(
            f"{answer.call}: a page instead of data (403, {answer.content_type}): a proxy or firewall stands in "
            "between; the next run tries this again",
            status=403,
        )
        return Retry(error=error, attempts=BLOCKED_ATTEMPTS)
    if reasons & _DISABLED:
        return ApiNotAllowed(
            f"{answer.call}: the {service.title} is not enabled in the Cloud project (403): enable it at "
            f"https://{CONSOLE}/apis/library/{service.library}"
        )
    if reasons & _SCOPE:
        return ApiNotAllowed(f"{answer.call}: the token lacks the scope {service.scope} (403)")
    return Forbidden(f"{answer.call}: refused (403)", status=403)
