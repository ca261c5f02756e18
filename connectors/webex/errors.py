"""What Webex's responses mean. Its messages are searched but never repeated, since they can contain anything.

Statuses: the responses of each operation in https://github.com/webex/webex-openapi-specs (2026-05); 429, `Retry-After`
and 423: https://developer.webex.com/docs/api/basics and
https://developer.webex.com/blog/rate-limiting-and-the-webex-api (2025-04-14).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from connectors.base import Context
from connectors.errors import CredentialsError, VendorError
from connectors.parsing import parse_retry_after
from connectors.response_decisions import (
    Decision,
    Response,
    Retry,
    default_decision,
    error_of_another,
    quota_exhausted,
    throttled,
)
from connectors.retry import VENDOR_LIMITS
from connectors.webex.endpoints import APP_PAGE, LOGIN, MEETINGS, PARTICIPANTS

DEFAULT_DELAY_SECONDS = 15.0
"""A 429 should have a `Retry-After`. Without one, the vendor's own community library waits this long
(`WebexCommunity/WebexPythonSDK`, 2026-03)."""

MIN_DELAY_SECONDS = 1.0
"""The same library has met `Retry-After: 0`, so wait at least a second."""


def response_classifier(context: Context) -> Callable[[Response], Decision]:
    """The function that classifies the responses of the API; `auth.py` has that of the token endpoint, and `quality_api.py`
    reads its own responses."""

    def classify(response: Response) -> Decision:
        if response.ok or _has_no_participants(response):
            return None
        if is_throttled(response):
            return _throttled(response, context)
        if response.status == 401:
            error = CredentialsError(
                f"{response.call}: a new token is refused as well (401): {LOGIN}, or copy a new one from {APP_PAGE}"
            )
            return Retry(error=error, renew=True)
        if response.status == 403:
            return _refused(response)
        return default_decision(response, context.now(), is_webex_error)

    return classify


def is_webex_error(response: Response) -> bool:
    """Whether it has the tracking id of all of Webex's errors, in the body or in a header
    (https://developer.webex.com/docs/api/basics, 2026)."""
    in_body = isinstance(response.body, dict) and isinstance(response.body.get("trackingId"), str)
    return in_body or "trackingid" in response.headers


def _has_no_participants(response: Response) -> bool:
    """Whether this is the 204 of a meeting without participants: "Successful request without body content" is among the
    response codes of https://developer.webex.com/docs/api/v1/meeting-participants/list-meeting-participants (2026)."""
    return response.status == 204 and response.call.endswith(PARTICIPANTS.call)


def is_throttled(response: Response) -> bool:
    """Whether this is a 429, or a 423 with `Retry-After`, which means the same."""
    return response.status == 429 or (response.status == 423 and "Retry-After" in response.headers)


def retry_delay(response: Response, context: Context, default: float) -> float:
    """The seconds to wait before the next request: `Retry-After`, at least one second; `default` without it."""
    seconds = parse_retry_after(response.headers.get("Retry-After"), context.now())
    return default if seconds is None else max(seconds, MIN_DELAY_SECONDS)


def error_words(body: Any) -> str:
    """The texts of an error's body in lower case, to search and never to print."""
    return " ".join(_texts(body)).lower()


def _texts(body: Any) -> Iterator[str]:
    if not isinstance(body, dict):
        return
    errors = body.get("errors")
    for part in (body, *(errors if isinstance(errors, list) else [])):
        if isinstance(part, dict):
            texts = (part.get(key) for key in ("message", "description", "error", "error_description"))
            yield from (text for text in texts if isinstance(text, str))


def _throttled(response: Response, context: Context) -> Decision:
    after = retry_delay(response, context, DEFAULT_DELAY_SECONDS)
    if after > VENDOR_LIMITS.total_seconds:
        return quota_exhausted(response, name="Webex", after=after, now=context.now())
    return throttled(response, after=after, shared_by="account")


def _refused(response: Response) -> Decision:
    if not is_webex_error(response):
        return error_of_another(response)
    if response.call.endswith(MEETINGS.call):
        return CredentialsError(
            f"{response.call}: refused (403): the token needs the scope {MEETINGS.admin[0]} and an admin's role, or "
            f"{MEETINGS.user} for the user's own meetings: see the integration at {APP_PAGE}, then {LOGIN}"
        )
    return VendorError(f"{response.call}: refused (403)", status=403)
