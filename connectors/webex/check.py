"""What works of an account and what to do about the rest: the login, each scope, a call to each endpoint, the region."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from connectors.base import CheckResult
from connectors.errors import (
    ConfigurationError,
    CredentialsError,
    HarvestError,
    Interrupted,
    Unreachable,
    VendorError,
)
from connectors.models import MeetingRef, Window
from connectors.webex.endpoints import (
    ADMIN_MEETING,
    APP_PAGE,
    LOGIN,
    MEETING,
    MEETINGS,
    PARTICIPANTS,
    QUALITIES,
    Endpoint,
    lacking,
)
from connectors.webex.mapping import state_of
from connectors.webex.quality_api import AFTER_START, KEPT, Expired, Nothing, TooSoon

if TYPE_CHECKING:
    from connectors.webex import Webex

ENOUGH = 20
"""Recent meetings to try the calls with."""

SHORT_DAYS = 14

_REMEDIES: tuple[tuple[type[HarvestError], str], ...] = (
    (
        CredentialsError,
        f"look at the integration at {APP_PAGE} and at the role of who is logged in, then {LOGIN}",
    ),
    (ConfigurationError, "set it right and run the check again"),
    (Unreachable, "look at the network, the proxy and https://status.webex.com"),
    (VendorError, "run the check again; if it stays so, Webex's support can tell by the call and the status"),
)


def run_checks(webex: Webex) -> Iterator[CheckResult]:
    try:
        webex.auth.token()
    except Interrupted:
        raise
    except HarvestError as error:
        yield failed("login", error)
        return
    yield _login(webex)
    yield from _scopes(webex.scopes)
    if not lacking(webex.scopes):
        yield from _calls(webex)


def failed(subject: str, error: HarvestError) -> CheckResult:
    remedy = next((what for kind, what in _REMEDIES if isinstance(error, kind)), "run the check again")
    return CheckResult(
        subject=subject, status="failed", message=str(error), remedy=remedy, exit_code=error.exit_code
    )


def _login(webex: Webex) -> CheckResult:
    token = webex.auth.token()
    days = webex.auth.refresh_token_days()
    if token.refresh is None:
        return CheckResult(
            subject="login",
            status="warning",
            message="an access token that nothing renews",
            remedy=f"set WEBEX_CLIENT_ID and WEBEX_CLIENT_SECRET and {LOGIN}",
        )
    if days is None:
        return CheckResult(subject="login", status="ok", message="works; Webex does not say until when")
    if days < SHORT_DAYS:
        return CheckResult(
            subject="login", status="warning", message=f"works for {max(0, days)} more days", remedy=LOGIN
        )
    return CheckResult(
        subject="login", status="ok", message=f"works for {days} more days, and longer with every use"
    )


def _scopes(scopes: frozenset[str]) -> Iterator[CheckResult]:
    if not scopes:
        yield CheckResult(
            subject="scopes",
            status="warning",
            message="the token does not name its scopes; the calls below tell",
        )
        return
    missing = lacking(scopes)
    for endpoint in (MEETINGS, PARTICIPANTS):
        needed = [scope for scope in (*endpoint.admin, endpoint.user) if scope in missing]
        yield _scope(endpoint, scopes, needed)
    if QUALITIES.granted(scopes):
        yield CheckResult(subject=f"scope for {QUALITIES.call}", status="ok", message="granted")
    else:
        yield CheckResult(
            subject=f"scope for {QUALITIES.call}",
            status="warning",
            message="missing: meetings come without quality",
            remedy=f"add {QUALITIES.admin[0]} to the integration at {APP_PAGE}, then {LOGIN}",
        )


def _scope(endpoint: Endpoint, scopes: frozenset[str], needed: list[str]) -> CheckResult:
    subject = f"scope for {endpoint.call}"
    if needed:
        return CheckResult(
            subject=subject,
            status="failed",
            message="missing",
            remedy=f"add {', '.join(needed)} to the integration at {APP_PAGE}, then {LOGIN}",
        )
    if endpoint.for_all(scopes):
        return CheckResult(subject=subject, status="ok", message="granted, for the whole organisation")
    return CheckResult(
        subject=subject,
        status="warning",
        message="granted for one's own meetings alone",
        remedy=f"for those of the organisation, have an admin log in with the scope {endpoint.admin[0]}",
    )


def _calls(webex: Webex) -> Iterator[CheckResult]:
    try:
        recent = _recent(webex)
    except Interrupted:
        raise
    except HarvestError as error:
        yield failed(MEETINGS.call, error)
        return
    yield CheckResult(subject=MEETINGS.call, status="ok", message="answers")
    if not recent:
        for endpoint in (PARTICIPANTS, QUALITIES):
            yield _untried(endpoint, "no meeting in the last week to try it with")
        return
    yield _role(webex, recent[0])
    yield _answers(PARTICIPANTS, lambda: webex.participants(recent[0], recent[0].row or {}))
    if not webex.scopes or QUALITIES.granted(webex.scopes):
        yield _quality(webex, recent)


def _recent(webex: Webex) -> list[MeetingRef]:
    """A few meetings that have ended, of the last days, long enough ago for their quality to be there."""
    now = webex.context.now()
    window = Window(start=now - KEPT, end=now)
    found: list[MeetingRef] = []
    for ref in webex.instances.listed(window):
        if state_of(ref.row or {}) == "ended" and _had_time(ref.start_time, now):
            found.append(ref)
            if len(found) == ENOUGH:
                break
    return found


def _had_time(start: datetime | None, now: datetime) -> bool:
    return start is not None and start + AFTER_START <= now < start + KEPT - timedelta(hours=1)


def _role(webex: Webex, ref: MeetingRef) -> CheckResult:
    """Only an admin's token may make this call."""
    if webex.scopes and not ADMIN_MEETING.granted(webex.scopes):
        return CheckResult(
            subject="role", status="warning", message="not looked at: the token has no admin's scope"
        )
    try:
        webex.client.get(ADMIN_MEETING, ref.uuid)
    except Interrupted:
        raise
    except VendorError as error:
        if error.status != 403:
            return _answers(MEETING, lambda: webex.client.get(MEETING, ref.uuid))
        return CheckResult(
            subject="role",
            status="warning",
            message="not an admin: only one's own meetings are read, and no quality",
            remedy="have a full or content admin log in",
        )
    except HarvestError as error:
        return failed("role", error)
    return CheckResult(subject="role", status="ok", message="an admin's")


def _quality(webex: Webex, recent: list[MeetingRef]) -> CheckResult:
    """The scope, the role, the Pro Pack and the region at once, with a meeting that nobody asked about just now."""
    ref = next((ref for ref in recent if webex.qualities.claimed(ref.uuid) is None), None)
    if ref is None:
        return _untried(QUALITIES, "each of the last meetings was asked about in the last five minutes")
    try:
        webex.qualities.media_sessions(ref.uuid)
    except Interrupted:
        raise
    except (Nothing, TooSoon, Expired):
        return CheckResult(subject=QUALITIES.call, status="ok", message="answers")
    except HarvestError as error:
        return failed(QUALITIES.call, error)
    return CheckResult(
        subject=QUALITIES.call, status="ok", message="answers: scope, role, Pro Pack and region are right"
    )


def _untried(endpoint: Endpoint, why: str) -> CheckResult:
    return CheckResult(subject=endpoint.call, status="warning", message=f"not tried: {why}")


def _answers(endpoint: Endpoint, ask: Callable[[], Any]) -> CheckResult:
    try:
        ask()
    except Interrupted:
        raise
    except VendorError as error:
        if error.status != 404:
            return failed(endpoint.call, error)
    except HarvestError as error:
        return failed(endpoint.call, error)
    return CheckResult(subject=endpoint.call, status="ok", message="answers")
