"""`harvester check google-meet`: the credentials, then one small call to each API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from connectors.base import CheckResult
from connectors.checks import Remedies, ok
from connectors.errors import HarvestError
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
from connectors.google_meet.errors import RUN_CHECK, ApiNotAllowed, Forbidden
from connectors.google_meet.refused_users import first_names
from connectors.models import user_partition

if TYPE_CHECKING:
    from connectors.google_meet.source_selection import GoogleSourceSelector

_WITHOUT = {
    REPORTS.scope: "without it there is no quality, device or address, and nothing older than 30 days",
    MEET.scope: "without it there are no meetings in progress, no exact times and no recordings",
    DIRECTORY.scope: "without it people have no names and addresses, and there is no list of users",
    CALENDAR.scope: "without it meetings have no titles, and --upcoming shows nothing",
}

REMEDIES = Remedies(
    credentials="correct GOOGLE_CREDENTIALS and GOOGLE_ADMIN, following the set-up in the documentation",
    unreachable="check the network, the proxy and https://www.google.com/appsstatus",
    support="Google support, with the call and the status",
)


def run_checks(sources: GoogleSourceSelector) -> Iterator[CheckResult]:
    try:
        yield _credentials(sources)
        _ = sources.tokens.admin
        if not sources.tokens.impersonates:
            sources.tokens.request_new(REPORTS)  # one token for all APIs
    except HarvestError as error:
        yield REMEDIES.failed("credentials", error)
        return
    apis = sources.apis
    calls: tuple[tuple[Service, Callable[[], object]], ...] = (
        (REPORTS, apis.reports.require_access),
        (MEET, apis.meet.require_access),
        (DIRECTORY, apis.directory.require_access),
        (CALENDAR, apis.calendar.require_access),
    )
    needed = {"reports": {REPORTS.scope}, "meet": {MEET.scope}}.get(sources.wanted, set())
    refused = []
    for service, call in calls:
        result = _probe(
            sources, service, partial(_anew, sources, service, call), needed=service.scope in needed
        )
        if result.status != "ok":
            refused.append(service)
        yield result
    if MEET not in refused and DIRECTORY not in refused:
        yield from _refused_users(sources)
    if sources.wanted == "auto" and {REPORTS, MEET} <= set(refused):
        yield CheckResult(
            subject="source",
            status="failed",
            message="neither Reports nor Meet can be read: there is nothing to harvest",
            remedy="allow one of them, as above",
        )


def _anew(sources: GoogleSourceSelector, service: Service, call: Callable[[], object]) -> None:
    """Make the call with a new token: a stored one would work although the key is refused."""
    if sources.tokens.impersonates:
        sources.tokens.request_new(service)
    call()


def _refused_users(sources: GoogleSourceSelector) -> Iterator[CheckResult]:
    """Name the users that the vendor refused in earlier runs. A run does not count them as failures, and neither does this."""
    partitions = sources.apis.context.refused_partitions()
    if not partitions:
        return
    users = sorted(
        person.email
        for person in sources.apis.directory.people()
        if person.active and user_partition(person.email.lower()) in partitions
    )
    if users:
        yield CheckResult(
            subject="users",
            status="warning",
            message=f"Meet refuses these users, so what only they can list is not harvested: {first_names(users)}",
            remedy="give them a licence with Meet, or turn Meet on for them in the Admin console; or ignore it",
        )


def _credentials(sources: GoogleSourceSelector) -> CheckResult:
    credentials = sources.tokens.credentials
    if sources.tokens.impersonates:
        scopes = ",".join(service.scope for service in SERVICES)
        return CheckResult(
            subject="credentials",
            status="ok",
            message=f"{credentials.kind}, client ID {credentials.client_id or 'unknown'}",
            remedy=f"the line for {DELEGATION}: client ID {credentials.client_id}, scopes {scopes}",
        )
    return ok("credentials", f"{credentials.kind}, of the person who logged in")


def _probe(
    sources: GoogleSourceSelector, service: Service, call: Callable[[], object], *, needed: bool
) -> CheckResult:
    """A refused API fails the check only if GOOGLE_SOURCE needs it; otherwise the harvest lacks what it adds."""

    def judge(error: HarvestError) -> CheckResult | None:
        if not isinstance(error, (ApiNotAllowed, Forbidden)):
            return None
        return CheckResult(
            subject=service.title,
            status="failed" if needed else "warning",
            message=f"{str(error).removesuffix(f': {RUN_CHECK}')}; {_WITHOUT[service.scope]}",
            remedy=_remedy(sources, service, error),
        )

    return REMEDIES.probe(service.title, call, judge=judge)


def _remedy(sources: GoogleSourceSelector, service: Service, error: HarvestError) -> str:
    if isinstance(error, Forbidden):
        if service in {REPORTS, DIRECTORY}:
            return "the user must be an admin with at least the privileges Reports and Users > Read"
        return "turn the service on for the user in the Admin console, Apps > Google Workspace"
    if sources.tokens.impersonates:
        return f"at {DELEGATION}: client ID {sources.tokens.credentials.client_id}, scope {service.scope}"
    return f"{LOGIN} again with all boxes ticked"
