"""`harvester check teams`: the token, the permission, one call to each endpoint, and what `--titles` needs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from connectors.base import CheckResult
from connectors.checks import Remedies, ok, warning
from connectors.errors import CredentialsError, HarvestError, Interrupted, VendorError
from connectors.models import MeetingRef, Window
from connectors.parsing import as_text
from connectors.teams.auth import roles
from connectors.teams.endpoints import (
    APP_PAGE,
    CALL_RECORDS,
    LATENCY,
    ONLINE_MEETINGS,
    PERMISSION,
    SESSIONS,
    TITLES_PERMISSION,
)
from connectors.teams.identities import is_guid
from connectors.teams.mapping import organizer_of

if TYPE_CHECKING:
    from connectors.teams import Teams

RECENT = timedelta(days=3)
ENOUGH = 20
"""Recent calls to choose from."""

REMEDIES = Remedies(
    credentials=f"check the app's ids, secret, permissions and admin consent at {APP_PAGE}",
    unreachable="check the network, the proxy, TEAMS_CLOUD and https://status.cloud.microsoft",
    support="Microsoft's support, with the call and the status",
)

POLICY = (
    f"grant {TITLES_PERMISSION} with admin consent, and an application access policy for the app "
    "(New-CsApplicationAccessPolicy, Grant-CsApplicationAccessPolicy -Global)"
)


def run_checks(teams: Teams) -> Iterator[CheckResult]:
    try:
        teams.auth.request_new()
    except Interrupted:
        raise
    except HarvestError as error:
        yield REMEDIES.failed("token", error)
        return
    yield ok("token", "Microsoft issues one for these credentials")
    if not is_guid(teams.tenant):
        yield warning(
            "tenant",
            "TEAMS_TENANT_ID is not an id: guests cannot be distinguished from members",
            f"copy the Directory (tenant) ID from {APP_PAGE}",
        )
    permission = _permission(teams)
    yield permission
    if permission.status == "ok":
        yield from _calls(teams)


def _permission(teams: Teams) -> CheckResult:
    """One listing proves the permission; what the token says of it is only a hint."""

    def judge(error: HarvestError) -> CheckResult | None:
        named = roles(teams.auth.token())
        if not isinstance(error, CredentialsError) or named is None:
            return None
        return CheckResult(
            subject=PERMISSION,
            status="failed",
            message="refused, although the token has it"
            if PERMISSION in named
            else f"missing: the token has {', '.join(sorted(named)) or 'no permission'}",
            remedy=f"add the application permission {PERMISSION} at {APP_PAGE} > API permissions, and grant admin consent; "
            "wait some minutes after that",
        )

    return REMEDIES.probe(PERMISSION, teams.require_permission, message=lambda _: "granted", judge=judge)


def _calls(teams: Teams) -> Iterator[CheckResult]:
    now = teams.context.now()
    window = Window(start=now - RECENT, end=now - LATENCY)
    try:
        recent = list(islice(teams.listing.list_instances(window), ENOUGH))
    except Interrupted:
        raise
    except HarvestError as error:
        yield REMEDIES.failed(CALL_RECORDS.call, error)
        return
    yield ok(CALL_RECORDS.call)
    if not recent:
        yield warning(SESSIONS.call, "not tried: no meeting in the last three days to try it with")
    else:
        yield _sessions(teams, recent[0])
    if teams.wants_titles:
        yield _titles(teams, recent)


def _sessions(teams: Teams, ref: MeetingRef) -> CheckResult:
    def judge(error: HarvestError) -> CheckResult | None:
        # The call may have ended only just now.
        is_young = isinstance(error, VendorError) and error.status == 404
        return ok(SESSIONS.call) if is_young else None

    return REMEDIES.probe(SESSIONS.call, lambda: teams.client.sessions(ref.uuid), judge=judge)


def _titles(teams: Teams, recent: list[MeetingRef]) -> CheckResult:
    for ref in recent:
        row = ref.row or {}
        organizer, link = organizer_of(row), as_text(row.get("joinWebUrl"))
        if organizer is not None and organizer.id is not None and link is not None:
            return _titles_of(teams, organizer.id, link)
    return warning(ONLINE_MEETINGS.call, "not tried: no meeting with an organizer to try it with")


def _titles_of(teams: Teams, organizer: str, link: str) -> CheckResult:
    def judge(error: HarvestError) -> CheckResult | None:
        status = error.status if isinstance(error, VendorError) else None
        if status == 404:
            return ok(ONLINE_MEETINGS.call)
        if status == 403:
            return warning(ONLINE_MEETINGS.call, "refused (403): meetings are stored without titles", POLICY)
        return None

    return REMEDIES.probe(ONLINE_MEETINGS.call, lambda: teams.titles.request(organizer, link), judge=judge)
