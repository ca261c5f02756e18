"""What works of an account and what to do about the rest: the credentials, then each API by one small call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from connectors.base import CheckResult
from connectors.errors import (
    ConfigurationError,
    CredentialsError,
    HarvestError,
    Interrupted,
    Unreachable,
    VendorError,
)
from connectors.google_meet.endpoints import (
    CALENDAR,
    DELEGATION,
    DIRECTORY,
    LOGIN,
    MEET,
    REPORTS,
    SERVICES,
    Service,
)
from connectors.google_meet.errors import ApiNotAllowed, Forbidden

if TYPE_CHECKING:
    from connectors.google_meet.source_selection import Sources

_WITHOUT = {
    REPORTS.scope: "without it there is no quality, device or address, and nothing older than 30 days",
    MEET.scope: "without it there is nothing live, no exact times, and no word of recordings",
    DIRECTORY.scope: "without it there are no names and addresses to the numbers of people, and no list of users",
    CALENDAR.scope: "without it meetings have no titles, and --upcoming shows nothing",
}

_REMEDIES: tuple[tuple[type[HarvestError], str], ...] = (
    (CredentialsError, "set GOOGLE_CREDENTIALS and GOOGLE_ADMIN right, as the README has it, step by step"),
    (ConfigurationError, "set it right and run the check again"),
    (Unreachable, "look at the network, the proxy and https://www.google.com/appsstatus"),
    (
        VendorError,
        "run the check again; if it stays so, Google's support can tell by the call and the status",
    ),
)


def run_checks(sources: Sources) -> Iterator[CheckResult]:
    try:
        yield _credentials(sources)
        _ = sources.tokens.admin
    except HarvestError as error:
        yield _failed("credentials", error)
        return
    apis = sources.apis
    calls: tuple[tuple[Service, Callable[[], object]], ...] = (
        (REPORTS, apis.activities.allowed),
        (MEET, apis.records.allowed),
        (DIRECTORY, apis.directory.allowed),
        (CALENDAR, apis.calendar.allowed),
    )
    needed = {"reports": {REPORTS.scope}, "meet": {MEET.scope}}.get(sources.wanted, set())
    refused = []
    for service, ask in calls:
        result = _answers(sources, service, ask, needed=service.scope in needed)
        if result.status != "ok":
            refused.append(service)
        yield result
    if sources.wanted == "auto" and {REPORTS, MEET} <= set(refused):
        yield CheckResult(
            subject="source",
            status="failed",
            message="neither Reports nor Meet may be read: there is nothing to harvest",
            remedy="allow one of them, as above",
        )


def _credentials(sources: Sources) -> CheckResult:
    found = sources.tokens.credentials
    if sources.tokens.impersonates:
        scopes = ",".join(service.scope for service in SERVICES)
        return CheckResult(
            subject="credentials",
            status="ok",
            message=f"{found.kind}, client ID {found.client_id or 'unknown'}",
            remedy=f"the line for {DELEGATION}: client ID {found.client_id}, scopes {scopes}",
        )
    return CheckResult(subject="credentials", status="ok", message=f"{found.kind}, for whoever logged in")


def _answers(sources: Sources, service: Service, ask: Callable[[], object], *, needed: bool) -> CheckResult:
    try:
        ask()
    except Interrupted:
        raise
    except (ApiNotAllowed, Forbidden) as error:
        return CheckResult(
            subject=service.title,
            status="failed" if needed else "warning",
            message=f"{error}; {_WITHOUT[service.scope]}",
            remedy=_remedy(sources, service, error),
        )
    except HarvestError as error:
        return _failed(service.title, error)
    return CheckResult(subject=service.title, status="ok", message="answers")


def _remedy(sources: Sources, service: Service, error: HarvestError) -> str:
    if isinstance(error, Forbidden):
        if service in {REPORTS, DIRECTORY}:
            return "whoever asks must be an admin: one with the privileges Reports and Users > Read will do"
        return "the user must have the service turned on in the Admin console, Apps > Google Workspace"
    if sources.tokens.impersonates:
        return f"at {DELEGATION}: client ID {sources.tokens.credentials.client_id}, scope {service.scope}"
    return f"{LOGIN} again with all boxes ticked"


def _failed(subject: str, error: HarvestError) -> CheckResult:
    remedy = next((what for kind, what in _REMEDIES if isinstance(error, kind)), "run the check again")
    return CheckResult(
        subject=subject, status="failed", message=str(error), remedy=remedy, exit_code=error.exit_code
    )
