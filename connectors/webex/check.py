"""`harvester check webex`: the login, each scope, one call to each endpoint, the role and the region."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from connectors.base import CheckResult
from connectors.checks import Remedies, ok, warning
from connectors.errors import HarvestError, Interrupted, VendorError
from connectors.models import MeetingRef, Window
from connectors.webex.endpoints import (
    ADMIN_MEETING,
    APP_PAGE,
    LOGIN,
    MEETING,
    MEETINGS,
    PARTICIPANTS,
    QUALITIES,
    WebexEndpoint,
    missing_scopes,
)
from connectors.webex.mapping import state_of
from connectors.webex.quality_api import (
    RETENTION,
    START_DELAY,
    NoQuality,
    QualityExpired,
    QualityRefused,
    QualityTooSoon,
)

if TYPE_CHECKING:
    from connectors.webex import Webex

ENOUGH = 20
"""Recent meetings to try the calls with."""

SHORT_DAYS = 14

REMEDIES = Remedies(
    credentials=f"check the integration at {APP_PAGE} and the role of the person who is logged in, then {LOGIN}",
    unreachable="check the network, the proxy and https://status.webex.com",
    support="Webex support, with the call and the status",
)


def run_checks(webex: Webex) -> Iterator[CheckResult]:
    try:
        webex.auth.request_new()  # a stored token would work with a wrong client secret
    except Interrupted:
        raise
    except HarvestError as error:
        yield REMEDIES.failed("login", error)
        return
    yield _login(webex)
    yield from _scopes(webex.scopes)
    if not missing_scopes(webex.scopes):
        yield from _calls(webex)


def _login(webex: Webex) -> CheckResult:
    token = webex.auth.token()
    days = webex.auth.refresh_token_days()
    if token.refresh is None:
        remedy = f"set WEBEX_CLIENT_ID and WEBEX_CLIENT_SECRET and {LOGIN}"
        return warning("login", "an access token that cannot be renewed", remedy)
    if days is None:
        return ok("login", "works; Webex does not say until when")
    if days < SHORT_DAYS:
        return warning("login", f"works for {max(0, days)} more days", LOGIN)
    return ok("login", f"works for {days} more days, and longer with every use")


def _scopes(scopes: frozenset[str]) -> Iterator[CheckResult]:
    if not scopes:
        yield warning("scopes", "the token does not name its scopes; see the calls below")
        return
    missing = missing_scopes(scopes)
    for endpoint in (MEETINGS, PARTICIPANTS):
        needed = [scope for scope in (*endpoint.admin, endpoint.user) if scope in missing]
        yield _scope(endpoint, scopes, needed)
    subject = f"scope for {QUALITIES.call}"
    if QUALITIES.granted(scopes):
        yield ok(subject, "granted")
    else:
        remedy = f"add {QUALITIES.admin[0]} to the integration at {APP_PAGE}, then {LOGIN}"
        yield warning(subject, "missing: meetings are stored without quality", remedy)


def _scope(endpoint: WebexEndpoint, scopes: frozenset[str], needed: list[str]) -> CheckResult:
    subject = f"scope for {endpoint.call}"
    if needed:
        return CheckResult(
            subject=subject,
            status="failed",
            message="missing",
            remedy=f"add {', '.join(needed)} to the integration at {APP_PAGE}, then {LOGIN}",
        )
    if endpoint.for_all(scopes):
        return ok(subject, "granted, for the whole organisation")
    remedy = f"for those of the organisation, have an admin log in with the scope {endpoint.admin[0]}"
    return warning(subject, "granted for the user's own meetings only", remedy)


def _calls(webex: Webex) -> Iterator[CheckResult]:
    try:
        recent = _recent(webex)
    except Interrupted:
        raise
    except HarvestError as error:
        yield REMEDIES.failed(MEETINGS.call, error)
        return
    yield ok(MEETINGS.call)
    if not recent:
        for endpoint in (PARTICIPANTS, QUALITIES):
            yield _untried(endpoint, "no meeting in the last week to try it with")
        return
    yield _role(webex, recent[0])
    yield _probe(PARTICIPANTS, lambda: webex.participants(recent[0], recent[0].row or {}))
    if not webex.scopes or QUALITIES.granted(webex.scopes):
        yield _quality(webex, recent)


def _recent(webex: Webex) -> list[MeetingRef]:
    """Some meetings of the last days that ended long enough ago for their quality to be available."""
    now = webex.context.now()
    window = Window(start=now - RETENTION, end=now)
    refs: list[MeetingRef] = []
    for ref in webex.listing.list_instances(window):
        if state_of(ref.row or {}) == "ended" and _had_time(ref.start_time, now):
            refs.append(ref)
            if len(refs) == ENOUGH:
                break
    return refs


def _had_time(start: datetime | None, now: datetime) -> bool:
    return start is not None and start + START_DELAY <= now < start + RETENTION - timedelta(hours=1)


def _role(webex: Webex, ref: MeetingRef) -> CheckResult:
    """Only an admin's token may make this call."""
    if webex.scopes and not ADMIN_MEETING.granted(webex.scopes):
        return warning("role", "not checked: the token has no admin scope")

    def judge(error: HarvestError) -> CheckResult | None:
        if not isinstance(error, VendorError):
            return None
        if error.status == 403:
            message = "not an admin: only the user's own meetings are read, without quality"
            return warning("role", message, "have a full or content admin log in")
        return _probe(MEETING, lambda: webex.client.get(MEETING, ref.uuid))

    return REMEDIES.probe(
        "role",
        lambda: webex.client.get(ADMIN_MEETING, ref.uuid),
        message=lambda _: "an admin's",
        judge=judge,
    )


def _quality(webex: Webex, recent: list[MeetingRef]) -> CheckResult:
    """Checks scope, role, Pro Pack and region at once, with a meeting that was not asked for in the last minutes."""
    ref = next((ref for ref in recent if webex.quality_api.claim(ref.uuid) is None), None)
    if ref is None:
        return _untried(QUALITIES, "each of the last meetings was requested in the last five minutes")
    uuid = ref.uuid

    def judge(error: HarvestError) -> CheckResult | None:
        if isinstance(error, QualityRefused):  # a run stores the meetings without quality, and exits with 0
            return warning(QUALITIES.call, str(error), REMEDIES.remedy(error))
        return ok(QUALITIES.call) if isinstance(error, (NoQuality, QualityTooSoon, QualityExpired)) else None

    return REMEDIES.probe(
        QUALITIES.call,
        lambda: webex.quality_api.request_media_sessions(uuid),
        message=lambda _: "answers: scope, role, Pro Pack and region are right",
        judge=judge,
    )


def _untried(endpoint: WebexEndpoint, why: str) -> CheckResult:
    return warning(endpoint.call, f"not tried: {why}")


def _probe(endpoint: WebexEndpoint, call: Callable[[], Any]) -> CheckResult:
    def judge(error: HarvestError) -> CheckResult | None:
        # The meeting may be gone since it was listed.
        is_gone = isinstance(error, VendorError) and error.status == 404
        return ok(endpoint.call) if is_gone else None

    return REMEDIES.probe(endpoint.call, call, judge=judge)
