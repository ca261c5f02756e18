"""`harvester check zoom`: the token, each scope, the plan, and one call to each endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from connectors.base import CheckResult
from connectors.checks import Remedies, ok, warning
from connectors.errors import CredentialsError, HarvestError, Interrupted, VendorError
from connectors.parsing import as_dicts
from connectors.zoom import endpoints
from connectors.zoom.endpoints import ZoomEndpoint
from connectors.zoom.errors import APP_PAGE, NOT_FOUND, PlanTooLow
from connectors.zoom.listing_rows import ZoomSourceName
from connectors.zoom.reports_source import Reports
from connectors.zoom.source_selection import (
    Source,
    describe_choice,
    optional_endpoints,
    required_endpoints,
)

if TYPE_CHECKING:
    from connectors.zoom import Zoom

RECENT = timedelta(days=7)

REMEDIES = Remedies(
    credentials=f"check the app's credentials, scopes and activation at {APP_PAGE}",
    unreachable="check the network and the proxy, and https://www.zoomstatus.com for an outage at Zoom",
    support="Zoom support, with the call and the code",
)


def run_checks(zoom: Zoom) -> Iterator[CheckResult]:
    try:
        token = zoom.auth.request_new()
    except Interrupted:
        raise
    except HarvestError as error:
        yield REMEDIES.failed("token", error)
        return
    yield ok("token", "Zoom issues one for these credentials")
    scopes = frozenset(token.scope.split())
    try:
        source = zoom.selector.source()
    except CredentialsError as error:
        yield from _scopes(
            "reports" if zoom.selector.plan == "pro" else "dashboard", zoom.selector.options, scopes
        )
        yield REMEDIES.failed("source", error)
        return
    yield from _scopes(source.name, zoom.selector.options, scopes)
    yield from _source(zoom, source, scopes)


def _scopes(name: ZoomSourceName, wanted: frozenset[str], scopes: frozenset[str]) -> Iterator[CheckResult]:
    if not scopes:
        yield warning("scopes", "the token does not name its scopes; see the calls below")
        return
    for endpoint in required_endpoints(name, wanted):
        yield _scope(endpoint, scopes, "")
    for endpoint, consequence in optional_endpoints(name, wanted).items():
        yield _scope(endpoint, scopes, consequence)


def _scope(endpoint: ZoomEndpoint, scopes: frozenset[str], consequence: str) -> CheckResult:
    subject = f"scope for {endpoint.call}"
    if endpoint.granted(scopes):
        return ok(subject, "granted")
    return CheckResult(
        subject=subject,
        status="warning" if consequence else "failed",
        message=f"missing: {consequence}" if consequence else "missing",
        remedy=f"add {endpoint.granular} to the app at {APP_PAGE}",
    )


def _source(zoom: Zoom, source: Source, scopes: frozenset[str]) -> Iterator[CheckResult]:
    """The first call to the source, which shows the plan, and then the other calls."""
    try:
        listed = _first_call(zoom, source)
    except PlanTooLow as refused:
        try:
            source = zoom.selector.fallback(source, refused)
        except CredentialsError as error:
            yield REMEDIES.failed("plan", error)
            return
        yield ok("plan", "no Dashboard: the Reports are read, as on Pro")
        yield from _scopes(source.name, zoom.selector.options, scopes)
        yield from _source(zoom, source, scopes)
        return
    except Interrupted:
        raise
    except HarvestError as error:
        yield REMEDIES.failed("source", error)
        return
    yield ok("plan", describe_choice(zoom.selector.plan, source.name, scopes))
    yield from (_of_reports if isinstance(source, Reports) else _of_dashboard)(zoom, source, scopes, listed)


def _first_call(zoom: Zoom, source: Source) -> list[dict[str, Any]]:
    if isinstance(source, Reports):
        page = source.client.get(endpoints.REPORT_USERS, type="active", page_size="1", **_recently(zoom))
        return as_dicts(page.get("users"))
    page = source.client.get(endpoints.MEETINGS, type="past", page_size="1", **_recently(zoom))
    return as_dicts(page.get("meetings"))


def _of_dashboard(
    zoom: Zoom, source: Source, scopes: frozenset[str], listed: list[dict[str, Any]]
) -> Iterator[CheckResult]:
    get = source.client.get
    yield ok(endpoints.MEETINGS.call)
    ids = [str(listed[0].get("uuid"))] if listed else []
    probed = [endpoints.PARTICIPANTS, endpoints.MEETING]
    if "qos" in zoom.selector.options:
        probed.append(endpoints.QOS)
    for endpoint in probed:
        if not scopes or endpoint.granted(scopes):
            yield _with_meeting(endpoint, ids, lambda e, u: get(e, u, type="past", **_one_row(e)))
    if "webinars" in zoom.selector.options:
        yield _probe(
            endpoints.WEBINARS, lambda: get(endpoints.WEBINARS, type="past", page_size="1", **_recently(zoom))
        )
    if not scopes or endpoints.USERS.granted(scopes):
        yield _probe(endpoints.USERS, lambda: get(endpoints.USERS, status="active", page_size="1"))


def _of_reports(
    zoom: Zoom, source: Source, scopes: frozenset[str], listed: list[dict[str, Any]]
) -> Iterator[CheckResult]:
    get = source.client.get
    yield ok(endpoints.REPORT_USERS.call)
    uuids: list[str] = []

    def ask(endpoint: ZoomEndpoint, user: str) -> None:
        page = get(endpoint, user, type="past", page_size="1", **_recently(zoom))
        uuids.extend(str(row.get("uuid")) for row in as_dicts(page.get("meetings")))

    users = [str(user["id"]) for user in listed if user.get("id")]
    yield _with_meeting(endpoints.REPORT_USER_MEETINGS, users, ask)
    for endpoint in (endpoints.REPORT_PARTICIPANTS, endpoints.REPORT_MEETING):
        if not scopes or endpoint.granted(scopes):
            yield _with_meeting(endpoint, uuids, lambda e, u: get(e, u, **_one_row(e)))


def _with_meeting(
    endpoint: ZoomEndpoint, ids: list[str], ask: Callable[[ZoomEndpoint, str], Any]
) -> CheckResult:
    if not ids:
        return warning(endpoint.call, "not tried: no meeting in the last week to try it with")
    return _probe(endpoint, lambda: ask(endpoint, ids[0]))


def _probe(endpoint: ZoomEndpoint, call: Callable[[], Any]) -> CheckResult:
    def judge(error: HarvestError) -> CheckResult | None:
        # The meeting may be gone since it was listed.
        is_gone = isinstance(error, VendorError) and error.code == NOT_FOUND
        return ok(endpoint.call) if is_gone else None

    return REMEDIES.probe(endpoint.call, call, judge=judge)


def _recently(zoom: Zoom) -> dict[str, str]:
    today = zoom.context.now().date()
    return {"from": (today - RECENT).isoformat(), "to": today.isoformat()}


def _one_row(endpoint: ZoomEndpoint) -> dict[str, str]:
    return {"page_size": "1"} if endpoint.rows else {}
