"""What works of an account and what to do about the rest: the token, each scope, the plan, a call to each endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from connectors.base import CheckResult
from connectors.errors import (
    ConfigurationError,
    CredentialsError,
    HarvestError,
    Interrupted,
    QuotaExhausted,
    Unreachable,
    VendorError,
)
from connectors.zoom import endpoints
from connectors.zoom.endpoints import Endpoint
from connectors.zoom.errors import APP_PAGE, NOT_FOUND, PlanTooLow
from connectors.zoom.reports import Reports
from connectors.zoom.source_selection import SourceName, optional, required, why

if TYPE_CHECKING:
    from connectors.zoom import Source, Zoom

RECENT = timedelta(days=7)

_REMEDIES: tuple[tuple[type[HarvestError], str], ...] = (
    (CredentialsError, f"look at the app's credentials, scopes and activation at {APP_PAGE}"),
    (ConfigurationError, "set it right and run the check again"),
    (Unreachable, "a proxy may be needed, and https://www.zoomstatus.com tells whether it is Zoom"),
    (QuotaExhausted, "wait until the day's budget is filled again"),
    (VendorError, "run the check again; if it stays so, Zoom's support can tell by the call and the code"),
)


def run_checks(zoom: Zoom) -> Iterator[CheckResult]:
    try:
        token = zoom.auth.request_new()
    except Interrupted:
        raise
    except HarvestError as error:
        yield failed("token", error)
        return
    yield CheckResult(subject="token", status="ok", message="Zoom gives one for these credentials")
    scopes = frozenset(token.scope.split())
    try:
        source = zoom.source()
    except CredentialsError as error:
        yield from _scopes("reports" if zoom.plan == "pro" else "dashboard", zoom.wanted, scopes)
        yield failed("source", error)
        return
    yield from _scopes(source.name, zoom.wanted, scopes)
    yield from _source(zoom, source, scopes)


def failed(subject: str, error: HarvestError) -> CheckResult:
    remedy = next((what for kind, what in _REMEDIES if isinstance(error, kind)), "run the check again")
    return CheckResult(
        subject=subject, status="failed", message=str(error), remedy=remedy, exit_code=error.exit_code
    )


def _scopes(name: SourceName, wanted: frozenset[str], scopes: frozenset[str]) -> Iterator[CheckResult]:
    if not scopes:
        yield CheckResult(
            subject="scopes",
            status="warning",
            message="the token does not name its scopes; the calls below tell",
        )
        return
    for endpoint in required(name, wanted):
        yield _scope(endpoint, scopes, "")
    for endpoint, amiss in optional(name, wanted).items():
        yield _scope(endpoint, scopes, amiss)


def _scope(endpoint: Endpoint, scopes: frozenset[str], amiss: str) -> CheckResult:
    subject = f"scope for {endpoint.call}"
    if endpoint.granted(scopes):
        return CheckResult(subject=subject, status="ok", message="granted")
    return CheckResult(
        subject=subject,
        status="warning" if amiss else "failed",
        message=f"missing: {amiss}" if amiss else "missing",
        remedy=f"add {endpoint.granular} to the app at {APP_PAGE}",
    )


def _source(zoom: Zoom, source: Source, scopes: frozenset[str]) -> Iterator[CheckResult]:
    """The plan, by the first call to the source, and the calls that follow it."""
    try:
        listed = _first_call(zoom, source)
    except PlanTooLow as refused:
        try:
            source = zoom.instead_of(source, refused)
        except CredentialsError as error:
            yield failed("plan", error)
            return
        yield CheckResult(
            subject="plan", status="ok", message="no Dashboard: the Reports are read, as on Pro"
        )
        yield from _scopes(source.name, zoom.wanted, scopes)
        yield from _source(zoom, source, scopes)
        return
    except Interrupted:
        raise
    except HarvestError as error:
        yield failed("source", error)
        return
    yield CheckResult(subject="plan", status="ok", message=why(zoom.plan, source.name, scopes))
    yield from (_of_reports if isinstance(source, Reports) else _of_dashboard)(zoom, source, scopes, listed)


def _first_call(zoom: Zoom, source: Source) -> list[dict[str, Any]]:
    if isinstance(source, Reports):
        page = source.client.get(endpoints.REPORT_USERS, type="active", page_size="1", **_recently(zoom))
        return _dicts(page.get("users"))
    page = source.client.get(endpoints.MEETINGS, type="past", page_size="1", **_recently(zoom))
    return _dicts(page.get("meetings"))


def _of_dashboard(
    zoom: Zoom, source: Source, scopes: frozenset[str], listed: list[dict[str, Any]]
) -> Iterator[CheckResult]:
    one = source.client.get
    yield CheckResult(subject=endpoints.MEETINGS.call, status="ok", message="answers")
    ids = [str(listed[0].get("uuid"))] if listed else []
    tried = [endpoints.PARTICIPANTS, endpoints.MEETING]
    if "qos" in zoom.wanted:
        tried.append(endpoints.QOS)
    for endpoint in tried:
        if not scopes or endpoint.granted(scopes):
            yield _with_meeting(endpoint, ids, lambda e, u: one(e, u, type="past", **_one_row(e)))
    if "webinars" in zoom.wanted:
        yield _answers(
            endpoints.WEBINARS, lambda: one(endpoints.WEBINARS, type="past", page_size="1", **_recently(zoom))
        )
    if not scopes or endpoints.USERS.granted(scopes):
        yield _answers(endpoints.USERS, lambda: one(endpoints.USERS, status="active", page_size="1"))


def _of_reports(
    zoom: Zoom, source: Source, scopes: frozenset[str], listed: list[dict[str, Any]]
) -> Iterator[CheckResult]:
    one = source.client.get
    yield CheckResult(subject=endpoints.REPORT_USERS.call, status="ok", message="answers")
    found: list[str] = []

    def ask(endpoint: Endpoint, user: str) -> None:
        page = one(endpoint, user, type="past", page_size="1", **_recently(zoom))
        found.extend(str(row.get("uuid")) for row in _dicts(page.get("meetings")))

    users = [str(user["id"]) for user in listed if user.get("id")]
    yield _with_meeting(endpoints.REPORT_USER_MEETINGS, users, ask)
    for endpoint in (endpoints.REPORT_PARTICIPANTS, endpoints.REPORT_MEETING):
        if not scopes or endpoint.granted(scopes):
            yield _with_meeting(endpoint, found, lambda e, u: one(e, u, **_one_row(e)))


def _with_meeting(endpoint: Endpoint, ids: list[str], ask: Callable[[Endpoint, str], Any]) -> CheckResult:
    if not ids:
        return CheckResult(
            subject=endpoint.call,
            status="warning",
            message="not tried: nothing in the last week to try it with",
        )
    return _answers(endpoint, lambda: ask(endpoint, ids[0]))


def _answers(endpoint: Endpoint, ask: Callable[[], Any]) -> CheckResult:
    try:
        ask()
    except Interrupted:
        raise
    except VendorError as error:
        if error.code != NOT_FOUND:
            return failed(endpoint.call, error)
    except HarvestError as error:
        return failed(endpoint.call, error)
    return CheckResult(subject=endpoint.call, status="ok", message="answers")


def _recently(zoom: Zoom) -> dict[str, str]:
    today = zoom.context.now().date()
    return {"from": (today - RECENT).isoformat(), "to": today.isoformat()}


def _one_row(endpoint: Endpoint) -> dict[str, str]:
    return {"page_size": "1"} if endpoint.rows else {}


def _dicts(rows: Any) -> list[dict[str, Any]]:
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
