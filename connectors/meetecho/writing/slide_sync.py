"""Send a session's slide decks to Meetecho.

`sync` sends the whole ordered list in one PUT, which repairs every difference: Meetecho's own list cannot be read. The
datatracker adds, removes and revises single decks (`SlidesManager`); the same calls are here, each followed by the PUT of
the whole list, because a removal leaves a hole in the order.

A PUT of the whole list is repeated if its outcome is unknown. A POST or a DELETE is not: the PUT that follows repairs both
outcomes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from connectors.errors import HarvestError
from connectors.exit_codes import ExitCode
from connectors.meetecho.errors import MeetechoRefused
from connectors.meetecho.writing.calls import (
    WriteClient,
    WriteRequest,
    add_deck,
    deck_fields,
    is_doubtful,
    remove_deck,
    send_decks,
    status_of,
)
from connectors.meetecho.writing.deck_link_check import LinkCheck
from connectors.meetecho.writing.desired_state import Deck
from connectors.meetecho.writing.write_log_contract import SentDecks, Write, WriteLog

RESEND_AFTER = timedelta(hours=12)
"""The same list is sent again after this time, because others may have changed Meetecho's list meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request of a plan."""

    request: WriteRequest
    decks: Sequence[Mapping[str, Any]] | None = None
    """The whole list that Meetecho has once it accepts the request, if that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlidePlan:
    """The decks that a session should have, and the steps that make it so."""

    session: str
    group: str
    decks: Sequence[Deck]
    steps: Sequence[Step]
    findings: Sequence[str] = ()
    """Why nothing is sent."""

    @property
    def exit_code(self) -> ExitCode:
        """Of `plan`: DATAERR if there is something to send, or a finding."""
        return ExitCode.DATAERR if self.steps or self.findings else ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideOutcome:
    session: str
    result: Literal["unchanged", "sent", "finding", "failed"]
    decks: int = 0
    message: str = ""
    exit_code: ExitCode = ExitCode.OK


class SlideWriter:
    """Plans and sends the decks of sessions."""

    def __init__(
        self, client: WriteClient, log: WriteLog, now: Callable[[], datetime], check_links: LinkCheck
    ) -> None:
        self._client = client
        self._log = log
        self._now = now
        self._check_links = check_links

    def plan(
        self, group: str, session: str, decks: Sequence[Deck], *, force: bool = False, empty: bool = False
    ) -> SlidePlan:
        """What to send so that Meetecho has exactly these decks.

        `force`: send the list even if it was just sent. `empty`: an empty list may remove the decks that were sent before.
        """
        last = self._log.last_decks(session)
        steps: list[Step] = []
        findings: list[str] = []
        if not decks:
            steps, findings = _plan_empty(group, session, last, empty=empty)
        elif force or not self._is_sent(last, decks):
            steps = [_whole_list(group, session, decks)]
            findings = self._check_links(decks)
        return SlidePlan(session=session, group=group, decks=decks, steps=steps, findings=findings)

    def add(self, group: str, session: str, decks: Sequence[Deck], deck: int) -> SlidePlan:
        """Announce one deck of the list. Raises ValueError if the list does not have it."""
        new = _find(decks, deck)
        return self._single(group, session, decks, [add_deck(group, session, new)])

    def revise(self, group: str, session: str, decks: Sequence[Deck], deck: int) -> SlidePlan:
        """Announce a new revision of one deck of the list. Raises ValueError if the list does not have it."""
        new = _find(decks, deck)
        requests = [remove_deck(group, session, deck), add_deck(group, session, new)]
        return self._single(group, session, decks, requests)

    def remove(self, group: str, session: str, decks: Sequence[Deck], deck: int) -> SlidePlan:
        """Remove one deck that the list no longer has. Raises ValueError if it still has it."""
        if any(each.id == deck for each in decks):
            raise ValueError(f"deck {deck} is still in the list of session {session}: unlink it there first")
        return self._single(group, session, decks, [remove_deck(group, session, deck)])

    def apply(self, plan: SlidePlan) -> SlideOutcome:
        """Send the requests of a plan. Raises CredentialsError, Unreachable or VendorError of the last one."""
        if plan.findings:
            return SlideOutcome(
                session=plan.session,
                result="finding",
                decks=len(plan.decks),
                message="; ".join(plan.findings),
                exit_code=ExitCode.DATAERR,
            )
        if not plan.steps:
            return SlideOutcome(session=plan.session, result="unchanged", decks=len(plan.decks))
        is_followed = plan.steps[-1].request.method == "PUT"
        for step in plan.steps[:-1]:
            self._send(plan, step, is_followed=is_followed)
        self._send(plan, plan.steps[-1], is_followed=False)
        return SlideOutcome(session=plan.session, result="sent", decks=len(plan.decks))

    def _single(
        self, group: str, session: str, decks: Sequence[Deck], requests: Sequence[WriteRequest]
    ) -> SlidePlan:
        """These requests, then the whole list; the datatracker sends no list if no deck is left."""
        steps = [Step(request=request) for request in requests]
        if decks:
            steps.append(_whole_list(group, session, decks))
        else:
            steps[-1] = Step(request=requests[-1], decks=[])
        return SlidePlan(
            session=session, group=group, decks=decks, steps=steps, findings=self._check_links(decks)
        )

    def _send(self, plan: SlidePlan, step: Step, *, is_followed: bool) -> None:
        """`is_followed`: the whole list is sent afterwards, so an unknown outcome does not matter."""
        request = step.request
        number = self._log.begin(
            Write(action=_action(request), group=plan.group, number=plan.session, decks=step.decks)
        )
        try:
            response = self._client.send(request)
        except HarvestError as error:
            self._log.finish(number, status_of(error))
            if not (_is_gone(request, error) or (is_followed and is_doubtful(error))):
                raise
        else:
            self._log.finish(number, response.status)

    def _is_sent(self, last: SentDecks | None, decks: Sequence[Deck]) -> bool:
        if last is None or not last.is_latest or not timedelta(0) <= self._now() - last.at < RESEND_AFTER:
            return False
        return list(last.decks) == [deck_fields(deck) for deck in decks]


def _whole_list(group: str, session: str, decks: Sequence[Deck]) -> Step:
    return Step(request=send_decks(group, session, decks), decks=[deck_fields(deck) for deck in decks])


def _plan_empty(
    group: str, session: str, last: SentDecks | None, *, empty: bool
) -> tuple[list[Step], list[str]]:
    """Whether Meetecho accepts an empty list is not documented, so each deck that was sent before is removed."""
    known = list(last.decks) if last is not None else []
    if known and not empty:
        sent = "1 deck was" if len(known) == 1 else f"{len(known)} decks were"
        return [], [f"the list is empty, and {sent} sent before: add --empty to remove all"]
    return [
        Step(request=remove_deck(group, session, int(deck["id"])), decks=known[place:])
        for place, deck in enumerate(known, start=1)
    ], []


def _find(decks: Sequence[Deck], number: int) -> Deck:
    for deck in decks:
        if deck.id == number:
            return deck
    raise ValueError(f"deck {number} is not in the list: link it to the session first")


def _is_gone(request: WriteRequest, error: HarvestError) -> bool:
    """Whether Meetecho no longer has the deck that was to be removed."""
    return request.method == "DELETE" and isinstance(error, MeetechoRefused) and error.status == 404


def _action(request: WriteRequest) -> str:
    return {"POST": "add deck", "DELETE": "remove deck", "PUT": "send decks"}[request.method]
