"""What Google's responses mean. Its messages are searched but never repeated, since they can contain anything.

Meet responds with google.rpc.Status (`error.status`, `error.details[].reason`), the older APIs with
`error.errors[].reason` (https://developers.google.com/workspace/calendar/api/guides/errors). Over a quota: 429; Calendar
and Directory 403 with one of the reasons below; Reports 503, says https://developers.google.com/workspace/admin/reports/v1/limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from connectors.base import Context
from connectors.errors import CredentialsError, VendorError
from connectors.google_meet.endpoints import CONSOLE, REPORTS, Service
from connectors.parsing import as_dict, parse_retry_after
from connectors.response_decisions import (
    Decision,
    Response,
    Retry,
    default_decision,
    error_of_another,
    throttled,
)

DEFAULT_DELAY_SECONDS = 15.0
"""Quotas are per minute, and whether a refusal has a `Retry-After` is not documented; four such pauses are a minute."""

MIN_DELAY_SECONDS = 1.0

RUN_CHECK = "run `harvester check google-meet`"
"""It names the role, the scope or the setting that is missing."""

_QUOTA = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED"})
_DISABLED = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})
_SCOPE = frozenset({"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"})


class ApiNotAllowed(CredentialsError):
    """One API is refused to every user: it is not enabled, its scope is not granted, or there is no token for it."""


class Forbidden(VendorError):
    """The call is refused to this user (403)."""


def response_classifier(service: Service, context: Context) -> Callable[[Response], Decision]:
    """The function that classifies the responses of an API."""

    def classify(response: Response) -> Decision:
        if response.ok or response.status == 204:
            return None
        reasons = error_reasons(response.body)
        if response.status == 429 or (response.status == 403 and reasons & _QUOTA):
            return _throttled(response, context)
        if response.status == 503 and service is REPORTS:
            return _throttled(response, context)
        if response.status == 401:
            error = CredentialsError(f"{response.call}: a new token is refused as well (401)")
            return Retry(error=error, renew=True)
        if response.status == 403:
            return _refused(response, service, reasons)
        return default_decision(response, context.now(), is_google_error)

    return classify


def is_google_error(response: Response) -> bool:
    """Whether the error has one of Google's two formats; both have the object `error`."""
    return isinstance(as_dict(response.body).get("error"), dict)


def error_reasons(body: Any) -> frozenset[str]:
    """Google's reasons for an error, in both of its formats."""
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


def _throttled(response: Response, context: Context) -> Decision:
    seconds = parse_retry_after(response.headers.get("Retry-After"), context.now())
    after = DEFAULT_DELAY_SECONDS if seconds is None else max(seconds, MIN_DELAY_SECONDS)
    return throttled(response, after=after, shared_by="project")


def _refused(response: Response, service: Service, reasons: frozenset[str]) -> Decision:
    if not is_google_error(response):
        return error_of_another(response)
    if reasons & _DISABLED:
        return ApiNotAllowed(
            f"{response.call}: the {service.title} is not enabled in the Cloud project (403): enable it at "
            f"https://{CONSOLE}/apis/library/{service.library}"
        )
    if reasons & _SCOPE:
        return ApiNotAllowed(f"{response.call}: the token lacks the scope {service.scope} (403): {RUN_CHECK}")
    return Forbidden(f"{response.call}: refused (403): {RUN_CHECK}", status=403)
