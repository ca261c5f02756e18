"""A vendor's response, and the decision on it: accept it, send the request again, or raise an error.

Each vendor's `classify` decides by its own rules first, and leaves the rest to `default_decision`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.errors import BrokenResponse, CredentialsError, HarvestError, QuotaExhausted, VendorError
from connectors.json_body import EMPTY
from connectors.parsing import parse_retry_after

BLOCKED_ATTEMPTS = 5
"""How often a request is sent that a page of a proxy or firewall answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A vendor's answer."""

    call: str
    status: int
    headers: Mapping[str, str]
    body: Any
    """The parsed JSON, or a struct if the request gave its `shape`."""
    broken: str | None = None
    """Why there is no JSON."""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300 and self.broken is None

    @property
    def is_page(self) -> bool:
        """Whether it is a page for people, which a proxy or firewall sent, and not the vendor's API."""
        return self.broken not in {None, EMPTY} and self.content_type.lower() == "text/html"

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "no content type").partition(";")[0].strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The decision to send the request again."""

    error: HarvestError
    """Raised if no attempt is left."""
    after: float | None = None
    """The seconds to wait at least."""
    throttled: bool = False
    """Whether the vendor limits the rate: then every request of this rate class waits."""
    renew: bool = False
    """Whether to renew the token first; done once for a request, and at once."""
    attempts: int | None = None
    """How often the request may be sent in all, if less often than the policy allows."""


Decision = Retry | HarvestError | None
"""Send again, raise this error, or accept the response."""
Classify = Callable[[Response], Decision]


IsVendors = Callable[[Response], bool]
"""Whether an error has the form that the vendor documents for its errors."""


def default_decision(
    response: Response, now: datetime, is_vendors: IsVendors = lambda _response: True
) -> Decision:
    """The decision by HTTP's own rules, for responses that a vendor's `classify` does not know: accept a 2xx with JSON,
    retry 408, 425, 429, 5xx, pages, errors that are not the vendor's, and broken responses, refuse the rest."""
    if response.ok:
        return None
    after = parse_retry_after(response.headers.get("Retry-After"), now)
    if response.status == 429:
        return throttled(response, after=after)
    error: HarvestError
    if response.status in {408, 425} or response.status >= 500:
        error = VendorError(
            f"{response.call}: the vendor keeps answering with error {response.status}; run the same command again later",
            status=response.status,
        )
        return Retry(error=error, after=after)
    if response.broken is not None and response.status < 300:
        error = BrokenResponse(
            f"{response.call}: status {response.status} with {response.broken} ({response.content_type})",
            status=response.status,
        )
        return Retry(error=error)
    if response.status == 401:
        error = CredentialsError(f"{response.call}: the vendor rejected the token (401)")
        return Retry(error=error, renew=True)
    if response.is_page or not is_vendors(response):
        return error_of_another(response)
    what = f" ({response.content_type})" if response.broken is not None else ""
    return VendorError(f"{response.call}: {refused_with(response.status)}{what}", status=response.status)


def refused_with(status: int) -> str:
    """`refused with status 400`; any other status than 4xx is an answer, and no refusal."""
    return f"{'refused' if 400 <= status < 500 else 'answered'} with status {status}"


def throttled(response: Response, *, after: float | None, shared_by: str = "") -> Retry:
    """The decision for a response that limits the rate. `after`: the seconds to wait at least; `shared_by`: what other
    programs share the rate limit through, such as "account"."""
    others = f": other programs use the rate limit of the same {shared_by}" if shared_by else ""
    error = VendorError(
        f"{response.call}: still too many requests ({response.status}) after the retries{others}; lower "
        "HARVESTER_RATE_SHARE or run the same command again later",
        status=response.status,
    )
    return Retry(error=error, after=after, throttled=True)


def quota_exhausted(response: Response, *, name: str, after: float, now: datetime) -> QuotaExhausted:
    """The decision for a response that asks for a longer wait than a run makes. `name`: of the vendor's API."""
    until = now + timedelta(seconds=after)
    return QuotaExhausted(
        f"{response.call}: {name} accepts no request until {until:%Y-%m-%d %H:%M} UTC ({response.status}): run the same "
        "command again after that",
        until=until,
    )


def error_of_another(response: Response) -> Retry:
    """The decision for an error of a proxy, gateway or firewall, which goes away soon or never.

    The error that it raises has no status: this one says nothing about the meeting, the user or the permission that the
    request was about.
    """
    what = "a page instead of data" if response.is_page else "an error that is not the vendor's"
    error = BrokenResponse(
        f"{response.call}: {what} ({response.status}, {response.content_type}): a proxy or firewall is in between; the next "
        "run will try again"
    )
    return Retry(error=error, attempts=BLOCKED_ATTEMPTS)
