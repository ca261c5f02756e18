from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import Unreachable
from connectors.exit_codes import ExitCode
from connectors.meetecho.errors import MeetechoRefused
from connectors.meetecho.writing.desired_state import Deck
from connectors.meetecho.writing.slide_sync import RESEND_AFTER, SlideOutcome, SlidePlan, SlideWriter
from tests.unit.meetecho.writing.fake_meetecho import (
    NOW,
    FakeMeetecho,
    Killed,
    MemoryLog,
    decks_by_order,
)

SESSION = "28208"


def decks(*numbers: int, rev: str = "00") -> list[Deck]:
    return [
        Deck(
            id=number, title=f"Deck {number}", url=f"https://example.com/{number}-{rev}", rev=rev, order=order
        )
        for order, number in enumerate(numbers, start=1)
    ]


class Session:
    """One session at a fake Meetecho."""

    def __init__(self) -> None:
        self.meetecho = FakeMeetecho()
        self.log = MemoryLog()
        self.now = NOW
        self.problems: list[str] = []
        self.writer = SlideWriter(self.meetecho, self.log, self.time, lambda _decks: list(self.problems))

    def time(self) -> datetime:
        return self.now

    def sync(self, wanted: list[Deck], **options: Any) -> SlideOutcome:
        self.meetecho.requests.clear()
        return self.writer.apply(self.writer.plan("quic", SESSION, wanted, **options))

    def apply(self, plan: SlidePlan) -> list[tuple[str, str]]:
        self.meetecho.requests.clear()
        self.writer.apply(plan)
        return self.meetecho.writes()

    def has(self, wanted: list[Deck]) -> bool:
        found = decks_by_order(self.meetecho.decks.get(SESSION, []))
        return found == [(deck.order, deck.id, deck.rev) for deck in wanted]


@pytest.fixture
def session() -> Session:
    return Session()


def test_sync_sends_the_whole_list_once(session: Session) -> None:
    assert session.sync(decks(3, 1, 2)).result == "sent"
    assert session.meetecho.writes() == [("PUT", "/materials")]
    assert session.sync(decks(3, 1, 2)).result == "unchanged"
    assert session.meetecho.writes() == []
    assert session.has(decks(3, 1, 2))


@pytest.mark.parametrize("change", [decks(1, 3, 2), decks(3, 1), decks(3, 1, 2, rev="01")])
def test_any_difference_is_sent(session: Session, change: list[Deck]) -> None:
    session.sync(decks(3, 1, 2))
    assert session.sync(change).result == "sent"
    assert session.has(change)


def test_the_same_list_is_sent_again_later_or_with_force(session: Session) -> None:
    session.sync(decks(1))
    session.meetecho.decks[SESSION].clear()
    session.now = NOW + RESEND_AFTER - timedelta(seconds=1)
    assert session.sync(decks(1)).result == "unchanged"
    assert session.sync(decks(1), force=True).result == "sent"
    session.meetecho.decks[SESSION].clear()
    session.now = NOW + RESEND_AFTER
    assert session.sync(decks(1)).result == "sent"
    assert session.has(decks(1))


def test_a_clock_that_was_ahead_does_not_hide_a_list(session: Session) -> None:
    session.sync(decks(1))
    session.now = NOW - timedelta(days=1)
    assert session.sync(decks(1)).result == "sent"


def test_a_deck_with_a_dead_url_stops_the_session(session: Session) -> None:
    session.problems = ["deck 1 (Deck 1): its URL answers with status 404"]
    outcome = session.sync(decks(1, 2))
    assert (outcome.result, outcome.exit_code) == ("finding", ExitCode.DATAERR)
    assert "404" in outcome.message
    assert session.meetecho.writes() == []


def test_an_empty_list_removes_decks_only_if_that_is_wanted(session: Session) -> None:
    assert session.sync([]).result == "unchanged"
    session.sync(decks(1, 2))
    outcome = session.sync([])
    assert (outcome.result, outcome.exit_code) == ("finding", ExitCode.DATAERR)
    assert session.has(decks(1, 2))
    assert session.sync([], empty=True).result == "sent"
    assert session.meetecho.writes() == [("DELETE", "/materials")] * 2
    assert session.has([])
    assert session.sync([]).result == "unchanged"


def test_an_interrupted_removal_of_all_decks_is_completed(session: Session) -> None:
    session.sync(decks(1, 2, 3))
    session.meetecho.faults = ["ok", "killed after"]
    with pytest.raises(Killed):
        session.sync([], empty=True)
    session.sync([], empty=True)
    assert session.has([])


def test_add_announces_the_deck_and_then_the_whole_list(session: Session) -> None:
    session.sync(decks(1, 2))
    wanted = decks(1, 3, 2)
    assert session.apply(session.writer.add("quic", SESSION, wanted, 3)) == [
        ("POST", "/materials"),
        ("PUT", "/materials"),
    ]
    assert session.has(wanted)
    with pytest.raises(ValueError, match="deck 9 is not in the list"):
        session.writer.add("quic", SESSION, wanted, 9)


def test_revise_removes_and_adds_the_deck_and_then_sends_the_whole_list(session: Session) -> None:
    session.sync(decks(1, 2))
    wanted = decks(1, 2, rev="01")
    methods = [method for method, _ in session.apply(session.writer.revise("quic", SESSION, wanted, 1))]
    assert methods == ["DELETE", "POST", "PUT"]
    assert session.has(wanted)


def test_remove_closes_the_hole_in_the_order(session: Session) -> None:
    session.sync(decks(1, 2, 3))
    wanted = decks(1, 3)
    methods = [method for method, _ in session.apply(session.writer.remove("quic", SESSION, wanted, 2))]
    assert methods == ["DELETE", "PUT"]
    assert session.has(wanted)
    with pytest.raises(ValueError, match="still in the list"):
        session.writer.remove("quic", SESSION, wanted, 3)


def test_the_removal_of_the_last_deck_sends_no_empty_list(session: Session) -> None:
    session.sync(decks(1))
    assert session.apply(session.writer.remove("quic", SESSION, [], 1)) == [("DELETE", "/materials")]
    assert session.has([])
    assert session.sync([]).result == "unchanged"


@pytest.mark.parametrize("fault", ["lost", "dropped"])
def test_a_doubtful_single_call_is_repaired_by_the_list_that_follows(session: Session, fault: str) -> None:
    session.sync(decks(1, 2))
    wanted = decks(3, 1, 2)
    session.meetecho.faults = [fault]
    session.apply(session.writer.add("quic", SESSION, wanted, 3))
    assert session.has(wanted)


def test_a_list_with_an_unknown_outcome_is_sent_again_by_the_next_sync(session: Session) -> None:
    session.meetecho.faults = ["lost"]
    with pytest.raises(Unreachable):
        session.sync(decks(1))
    assert session.sync(decks(1)).result == "sent"


def test_a_refused_single_call_is_reported(session: Session) -> None:
    session.meetecho.faults = ["refused"]
    with pytest.raises(MeetechoRefused):
        session.writer.apply(session.writer.add("quic", SESSION, decks(1), 1))


NUMBERS = st.lists(st.integers(1, 4), unique=True, max_size=4)
FAULTS = st.lists(st.sampled_from(["ok", "lost", "dropped", "killed before", "killed after"]), max_size=4)


@pytest.mark.hypothesis
@given(st.lists(st.tuples(NUMBERS, FAULTS, st.sampled_from(["00", "01"])), max_size=5), NUMBERS)
def test_any_sequence_of_lists_lost_answers_and_kills_ends_with_the_desired_decks(
    runs: list[tuple[list[int], list[str], str]], last: list[int]
) -> None:
    session = Session()
    for numbers, faults, rev in runs:
        session.meetecho.faults = faults
        try:
            session.sync(decks(*numbers, rev=rev), empty=True)
        except (Killed, Unreachable):
            continue
    session.meetecho.faults = []
    session.sync(decks(*last), empty=True)
    if last:
        assert session.has(decks(*last))
    session.sync(decks(*last), empty=True)
    assert session.meetecho.writes() == []
