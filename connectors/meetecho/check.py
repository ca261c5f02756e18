"""What works and what to do about the rest: Meetecho's tokens and rooms, then the datatracker, group by group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
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
from connectors.meetecho.endpoints import ATTENDED, ROOMS, TOKENS, asked

if TYPE_CHECKING:
    from connectors.meetecho import Meetecho
    from connectors.meetecho.rooms import RoomsClient

_REMEDIES: tuple[tuple[type[HarvestError], str], ...] = (
    (CredentialsError, "set MEETECHO_CLIENT_ID and MEETECHO_CLIENT_SECRET right, or leave out both"),
    (ConfigurationError, "set it right and run the check again"),
    (Unreachable, "look at the network, the proxy, MEETECHO_API_URL and DATATRACKER_URL"),
    (
        VendorError,
        "run the check again; if it stays so, ask whoever runs the host, with the call and the status",
    ),
)


def run_checks(meetecho: Meetecho) -> Iterator[CheckResult]:
    yield from _rooms(meetecho)
    for group in meetecho.groups:
        yield _tried(f"datatracker, group {group}", partial(_sessions, meetecho, group))
    yield _tried(asked(ATTENDED), partial(_attendance, meetecho))


def _rooms(meetecho: Meetecho) -> Iterator[CheckResult]:
    rooms = meetecho.rooms
    if rooms is None:
        yield CheckResult(
            subject="Meetecho",
            status="warning",
            message="no credentials: the datatracker alone is read, without rooms",
            remedy="set MEETECHO_CLIENT_ID and MEETECHO_CLIENT_SECRET, if you have them",
        )
        return
    try:
        refused = rooms.tokens.refused_groups()
    except Interrupted:
        raise
    except HarvestError as error:
        yield _failed(f"POST {TOKENS}", error)
        return
    yield CheckResult(subject=f"POST {TOKENS}", status="ok", message="gives tokens")
    for group in meetecho.groups:
        name = f"GET {ROOMS}, group {group}"
        if group in refused:
            yield CheckResult(
                subject=name,
                status="failed",
                message="no token for this group",
                remedy="take it out of MEETECHO_GROUPS, or ask Meetecho to allow it",
            )
        else:
            yield _tried(name, partial(_listed, rooms, group))


def _listed(rooms: RoomsClient, group: str) -> str:
    return f"answers: {len(rooms.of(group))} rooms"


def _sessions(meetecho: Meetecho, group: str) -> str:
    number = meetecho.datatracker.group(group)
    if number is None:
        raise ConfigurationError("no group of that acronym: look at MEETECHO_GROUPS")
    return f"answers: {len(meetecho.datatracker.sessions(number))} sessions"


def _attendance(meetecho: Meetecho) -> str:
    meetecho.datatracker.api.first_page(ATTENDED)
    return "answers"


def _tried(subject: str, ask: Callable[[], str]) -> CheckResult:
    try:
        found = ask()
    except Interrupted:
        raise
    except HarvestError as error:
        return _failed(subject, error)
    return CheckResult(subject=subject, status="ok", message=found)


def _failed(subject: str, error: HarvestError) -> CheckResult:
    remedy = next((what for kind, what in _REMEDIES if isinstance(error, kind)), "run the check again")
    return CheckResult(
        subject=subject, status="failed", message=str(error), remedy=remedy, exit_code=error.exit_code
    )
