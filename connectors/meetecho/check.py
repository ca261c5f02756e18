"""`harvester check meetecho`: Meetecho's tokens and rooms, then the datatracker, group by group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from connectors.base import CheckResult
from connectors.checks import Remedies, ok, warning
from connectors.errors import ConfigurationError, HarvestError, Interrupted
from connectors.meetecho.endpoints import ATTENDED, ROOMS, TOKENS, VENDOR, call_name

if TYPE_CHECKING:
    from connectors.meetecho import Meetecho
    from connectors.meetecho.http_client import RoomsClient

REMEDIES = Remedies(
    credentials="correct MEETECHO_CLIENT_ID and MEETECHO_CLIENT_SECRET, or unset both",
    unreachable="check the network, the proxy, MEETECHO_API_URL and DATATRACKER_URL",
    support="the operator of the host, with the call and the status",
)


def run_checks(meetecho: Meetecho) -> Iterator[CheckResult]:
    yield from _rooms(meetecho)
    for group in meetecho.groups:
        yield _probe(f"datatracker, group {group}", partial(_sessions, meetecho, group))
    yield _probe(call_name(ATTENDED), partial(_attendance, meetecho))


def _rooms(meetecho: Meetecho) -> Iterator[CheckResult]:
    rooms = meetecho.rooms_api
    if rooms is None:
        yield warning(
            VENDOR,
            "no credentials: only the datatracker is read, without rooms",
            "set MEETECHO_CLIENT_ID and MEETECHO_CLIENT_SECRET, if you have them",
        )
        return
    try:
        refused = rooms.tokens.refused_groups()
    except Interrupted:
        raise
    except HarvestError as error:
        yield REMEDIES.failed(f"POST {TOKENS}", error)
        return
    yield ok(f"POST {TOKENS}", "issues tokens")
    for group in meetecho.groups:
        name = f"GET {ROOMS}, group {group}"
        if group in refused:
            yield CheckResult(
                subject=name,
                status="failed",
                message="no token for this group",
                remedy="remove it from MEETECHO_GROUPS, or ask Meetecho for access to it",
            )
        else:
            yield _probe(name, partial(_listed, rooms, group))


def _listed(rooms: RoomsClient, group: str) -> str:
    return f"answers, rooms: {len(rooms.list_rooms(group))}"


def _sessions(meetecho: Meetecho, group: str) -> str:
    number = meetecho.datatracker.group(group)
    if number is None:
        raise ConfigurationError("no group with this acronym: check MEETECHO_GROUPS")
    return f"answers, sessions: {len(meetecho.datatracker.sessions(number))}"


def _attendance(meetecho: Meetecho) -> str:
    meetecho.datatracker.api.first_page(ATTENDED)
    return "answers"


def _probe(subject: str, call: Callable[[], str]) -> CheckResult:
    return REMEDIES.probe(subject, call, message=str)
