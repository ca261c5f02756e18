"""What the responses of Microsoft Graph mean. Its messages are not repeated, since they can contain anything.

Statuses: https://learn.microsoft.com/graph/errors; 429 and `Retry-After`: https://learn.microsoft.com/graph/throttling (2026).
A refusal is one of Graph only if it has the documented form, `{"error": {"code": …}}`; its codes are not read, since those of
a 403 without the permission are not documented.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from connectors.base import Context
from connectors.errors import CredentialsError, VendorError
from connectors.parsing import as_dict, parse_retry_after
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
from connectors.teams.endpoints import APP_PAGE, CALL_RECORDS, PERMISSION

BROKEN_ATTEMPTS = 4
"""500 and 502 are errors of Graph itself, which more attempts seldom mend."""

DEFAULT_DELAY_SECONDS = 10.0
"""A 429 should have a `Retry-After`."""

MIN_DELAY_SECONDS = 1.0

_REQUEST_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


def response_classifier(context: Context) -> Callable[[Response], Decision]:
    """The function that classifies the responses of Graph; `auth.py` has that of the token endpoint."""

    def classify(response: Response) -> Decision:
        if response.ok:
            return None
        if response.status == 429:
            return _throttled(response, context)
        if response.status == 401:
            error = CredentialsError(
                f"{response.call}: a new token is refused as well (401): check TEAMS_CLOUD, and the app at {APP_PAGE}"
            )
            return Retry(error=error, renew=True)
        if response.status == 403:
            return _refused(response)
        decision = default_decision(response, context.now(), is_graph_error)
        if response.status in {500, 502} and isinstance(decision, Retry):
            return Retry(
                error=VendorError(f"{decision.error}{request_id(response.body)}", status=response.status),
                after=decision.after,
                attempts=BROKEN_ATTEMPTS,
            )
        return decision

    return classify


def is_graph_error(response: Response) -> bool:
    """https://learn.microsoft.com/graph/errors#json-representation (2026)."""
    return isinstance(as_dict(as_dict(response.body).get("error")).get("code"), str)


def request_id(body: Any) -> str:
    """` (request id …)` for messages, if the error has one that is safe to print: Microsoft's support asks for it."""
    inner = as_dict(as_dict(as_dict(body).get("error")).get("innerError"))
    value = inner.get("request-id")
    return f" (request id {value})" if isinstance(value, str) and _REQUEST_ID.fullmatch(value) else ""


def _throttled(response: Response, context: Context) -> Decision:
    seconds = parse_retry_after(response.headers.get("Retry-After"), context.now())
    after = DEFAULT_DELAY_SECONDS if seconds is None else max(seconds, MIN_DELAY_SECONDS)
    if after > VENDOR_LIMITS.total_seconds:
        return quota_exhausted(response, name="Graph", after=after, now=context.now())
    return throttled(response, after=after, shared_by="app in the same tenant")


def _refused(response: Response) -> Decision:
    if not is_graph_error(response):
        return error_of_another(response)
    if response.call.endswith(CALL_RECORDS.call):
        return CredentialsError(
            f"{response.call}: refused (403): add the application permission {PERMISSION} (not a delegated one) to the app at "
            f"{APP_PAGE} > API permissions, and grant admin consent; consent can take some minutes"
        )
    return VendorError(f"{response.call}: refused (403){request_id(response.body)}", status=403)
