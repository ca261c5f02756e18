"""Slide decks at Meetecho as the datatracker has them: the command line against the simulator."""

from __future__ import annotations

import json
import socket
from datetime import timedelta

import pytest

from harvester.simulator.meetecho.materials import Deck
from tests.e2e.meetecho_bench import Bench

ADD, REMOVE, SEND = "POST materials", "DELETE materials", "PUT materials"
LIST = "GET session materials"
KINDS = ("lost_reply", "lost_request", "error", "error_after", "page")


@pytest.fixture
def session(meetecho: Bench) -> str:
    """A session with two decks, which Meetecho already has."""
    session = meetecho.session()
    meetecho.link(session, (1, "00"), (2, "03"))
    assert meetecho.run("slides", "sync", "--session", session).exit_code == 0
    assert meetecho.decks(session) == meetecho.linked(session) != []
    return session


def test_a_second_sync_makes_reading_requests_only(meetecho: Bench) -> None:
    first, second = meetecho.session(0), meetecho.session(1)
    meetecho.link(first, (7, "00"), (5, "01"), (6, "00"))
    words = ("--session", first, "--session", second)
    planned = meetecho.run("slides", "plan", *words)
    assert planned.exit_code == 65
    assert meetecho.calls(writes=True) == []
    assert meetecho.run("slides", "sync", *words).exit_code == 0
    for each in (first, second):
        assert meetecho.decks(each) == meetecho.linked(each)
    since = meetecho.mark()
    assert meetecho.run("slides", "sync", *words).exit_code == 0
    assert meetecho.run("slides", "plan", *words).exit_code == 0
    assert meetecho.calls(since=since) == [LIST] * 4


def test_every_sound_session_of_the_datatracker_can_be_synchronized(meetecho: Bench) -> None:
    sessions = [str(each.id) for each in meetecho.meetecho.account.sessions]
    lost = {
        each
        for each in sessions
        if any(deck.rev is None for deck in meetecho.meetecho.materials.decks(int(each)))
    }
    words = [word for each in sessions for word in ("--session", each)]
    result = meetecho.run("slides", "sync", "--json", *words)
    assert result.exit_code == 65
    assert all(f"session {each}: deck" in result.stderr for each in lost)
    outcomes = {row["session"]: row for row in map(json.loads, result.stdout.splitlines())}
    assert outcomes.keys() == set(sessions)
    assert {each for each, row in outcomes.items() if row["result"] in {"failed", "finding"}} == lost != set()
    for each in sessions:
        assert meetecho.decks(each) == ([] if each in lost else meetecho.linked(each))


@pytest.mark.parametrize(
    "changed",
    [
        [(1, "00"), (3, "00"), (2, "03")],
        [(2, "03"), (1, "00")],
        [(1, "01"), (2, "03")],
        [(2, "03")],
        [(9, "00"), (8, "00")],
    ],
)
def test_decks_that_changed_in_the_datatracker_are_equal_after_a_sync(
    meetecho: Bench, session: str, changed: list[tuple[int, str]]
) -> None:
    meetecho.link(session, *changed)
    since = meetecho.mark()
    assert meetecho.run("slides", "sync", "--session", session, "--from", "datatracker").exit_code == 0
    assert meetecho.decks(session) == meetecho.linked(session)
    assert meetecho.calls(since=since) == [LIST, SEND]


def test_decks_that_changed_at_meetecho_are_equal_after_a_forced_or_later_sync(
    meetecho: Bench, session: str
) -> None:
    sent = meetecho.decks(session)
    drifted = [
        {"id": 99, "title": "Odd", "url": "https://example.org/99-00", "rev": "00", "order": 4},
    ]
    words = ("slides", "sync", "--session", session)
    meetecho.meetecho.control.change({"decks": {session: drifted}})
    assert meetecho.run(*words, "--force").exit_code == 0
    assert meetecho.decks(session) == sent
    meetecho.meetecho.control.change({"decks": {session: drifted}})
    assert meetecho.run(*words).exit_code == 0
    assert meetecho.decks(session) != sent  # Meetecho's list cannot be read, and the same list was just sent
    meetecho.advance(timedelta(hours=12))
    assert meetecho.run(*words).exit_code == 0
    assert meetecho.decks(session) == sent


@pytest.mark.parametrize("kind", ["late", "page", "error", "lost_reply"])
def test_a_request_to_the_datatracker_is_repeated_after_a_late_or_wrong_answer(
    meetecho: Bench, session: str, kind: str
) -> None:
    meetecho.link(session, (4, "00"), (1, "02"))
    meetecho.fail(LIST, kind, seconds=1.0)
    assert meetecho.run("slides", "sync", "--session", session).exit_code == 0
    assert meetecho.decks(session) == meetecho.linked(session)


@pytest.mark.parametrize("kind", ["page", "error", "absent", "lost_request"])
def test_a_datatracker_that_stays_wrong_changes_nothing_and_stops_no_other_session(
    meetecho: Bench, session: str, kind: str
) -> None:
    sent = meetecho.decks(session)
    other = meetecho.session(1)
    meetecho.link(session, (4, "00"))
    meetecho.link(other, (5, "00"))
    meetecho.fail(LIST, kind, about=session, times=-1)
    words = ("slides", "sync", "--session", session, "--session", other)
    result = meetecho.run(*words)
    # A session that the datatracker does not have is a wrong --session; the others are things that wait.
    assert result.exit_code == {"lost_request": 69, "absent": 78}.get(kind, 75)
    assert f"session {session}" in result.stderr
    assert meetecho.decks(session) == sent
    assert meetecho.decks(other) == meetecho.linked(other)
    meetecho.repair()
    assert meetecho.run(*words).exit_code == 0
    assert meetecho.decks(session) == meetecho.linked(session)


def test_without_a_datatracker_nothing_changes_and_a_file_can_be_sent(meetecho: Bench, session: str) -> None:
    rows = [
        {"id": deck_id, "title": title, "url": url, "rev": rev}
        for _, deck_id, title, rev, url in reversed(meetecho.decks(session))
    ]
    file = meetecho.folder / "decks.ndjson"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        absent = f"http://127.0.0.1:{closed.getsockname()[1]}"
    sent = meetecho.decks(session)
    words = ("slides", "sync", "--session", session)
    assert meetecho.run(*words, DATATRACKER_URL=absent).exit_code == 69
    assert meetecho.decks(session) == sent
    group = meetecho.group_of(session)
    result = meetecho.run(*words, "--from", "decks.ndjson", "--group", group, DATATRACKER_URL=absent)
    assert result.exit_code == 0, result.stderr
    assert [(order, number) for order, number, *_ in meetecho.decks(session)] == [(1, 2), (2, 1)]


def test_single_calls_are_each_followed_by_the_whole_list(meetecho: Bench, session: str) -> None:
    def call(name: str, deck: int) -> list[str]:
        since = meetecho.mark()
        result = meetecho.run("slides", name, "--session", session, "--deck", str(deck))
        assert result.exit_code == 0, result.stderr
        assert meetecho.decks(session) == meetecho.linked(session)
        assert [order for order, *_ in meetecho.decks(session)] == [
            *range(1, len(meetecho.decks(session)) + 1)
        ]
        return meetecho.calls(since=since, writes=True)

    meetecho.link(session, (1, "00"), (3, "00"), (2, "03"))
    assert call("add", 3) == [ADD, SEND]
    meetecho.link(session, (1, "01"), (3, "00"), (2, "03"))
    assert call("revise", 1) == [REMOVE, ADD, SEND]
    meetecho.link(session, (1, "01"), (2, "03"))
    assert call("remove", 3) == [REMOVE, SEND]
    since = meetecho.mark()
    assert meetecho.run("slides", "sync", "--session", session).exit_code == 0
    assert meetecho.calls(since=since) == [LIST]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", [ADD, REMOVE, SEND])
def test_no_answer_to_a_call_leaves_other_decks_than_the_datatracker_has(
    meetecho: Bench, session: str, call: str, kind: str
) -> None:
    meetecho.link(session, (2, "04"), (1, "00"))
    meetecho.fail(call, kind)
    result = meetecho.run("slides", "revise", "--session", session, "--deck", "2")
    assert result.exit_code == 0, result.stderr
    assert meetecho.decks(session) == meetecho.linked(session)


@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_to_a_list_leaves_other_decks_than_the_datatracker_has(
    meetecho: Bench, session: str, kind: str
) -> None:
    meetecho.link(session, (2, "04"), (1, "00"))
    meetecho.fail(SEND, kind, times=2)
    assert meetecho.run("slides", "sync", "--session", session).exit_code == 0
    assert meetecho.decks(session) == meetecho.linked(session)
    meetecho.link(session, (1, "00"))
    meetecho.fail(SEND, kind, times=-1)
    failed = meetecho.run("slides", "sync", "--session", session)
    assert failed.exit_code == (69 if kind.startswith("lost") else 75)
    meetecho.repair()
    assert meetecho.run("slides", "sync", "--session", session).exit_code == 0
    assert meetecho.decks(session) == meetecho.linked(session)


def test_a_deck_that_is_not_as_the_call_needs_it_sends_nothing(meetecho: Bench, session: str) -> None:
    since = meetecho.mark()
    for name, deck in (("add", "9"), ("revise", "9"), ("remove", "1")):
        result = meetecho.run("slides", name, "--session", session, "--deck", deck)
        assert result.exit_code == 65
        assert f"deck {deck}" in result.stderr
    assert meetecho.calls(since=since, writes=True) == []


@pytest.mark.parametrize("status", [404, 302, 500, 403])
def test_nothing_is_sent_if_the_url_of_a_deck_does_not_answer(
    meetecho: Bench, session: str, status: int
) -> None:
    sent = meetecho.decks(session)
    meetecho.link(session, (1, "00"), (2, "03"), (3, "00"))
    path = meetecho.meetecho.materials.path(
        int(session), Deck(id=3, title="Deck 3", name="slides-3", rev="00")
    )
    meetecho.meetecho.control.change({"files": {path: status}})
    since = meetecho.mark()
    result = meetecho.run("slides", "sync", "--session", session)
    assert result.exit_code == 65
    assert "deck 3 (Deck 3)" in result.stdout + result.stderr
    assert meetecho.calls(since=since, writes=True) == []
    unchecked = meetecho.run("slides", "sync", "--session", session, "--no-verify")
    assert unchecked.exit_code == 65  # Meetecho refuses it
    assert meetecho.decks(session) == sent
    meetecho.meetecho.control.change({"files": {path: 200}})
    assert meetecho.run("slides", "sync", "--session", session).exit_code == 0
    assert meetecho.decks(session) == meetecho.linked(session)


def test_an_empty_list_removes_all_decks_only_with_a_word(meetecho: Bench, session: str) -> None:
    sent = meetecho.decks(session)
    meetecho.link(session)
    assert meetecho.run("slides", "sync", "--session", session).exit_code == 65
    assert meetecho.decks(session) == sent
    assert meetecho.run("slides", "sync", "--session", session, "--empty").exit_code == 0
    assert meetecho.decks(session) == []
    since = meetecho.mark()
    assert meetecho.run("slides", "sync", "--session", session, "--empty").exit_code == 0
    assert meetecho.calls(since=since, writes=True) == []


def test_a_session_that_fails_stops_no_other(meetecho: Bench) -> None:
    sessions = [meetecho.session(position) for position in range(3)]
    for each in sessions:
        meetecho.link(each, (int(each), "00"))
    meetecho.fail(SEND, "error", about=sessions[1], times=-1)
    words = [word for each in sessions for word in ("--session", each)]
    result = meetecho.run("slides", "sync", *words)
    assert result.exit_code == 75
    assert f"session {sessions[1]}" in result.stderr
    assert [bool(meetecho.decks(each)) for each in sessions] == [True, False, True]
    meetecho.repair()
    assert meetecho.run("slides", "sync", *words).exit_code == 0
    for each in sessions:
        assert meetecho.decks(each) == meetecho.linked(each)


def test_in_quiet_mode_only_what_changed_or_failed_is_printed(meetecho: Bench, session: str) -> None:
    words = ("slides", "sync", "--session", session, "-q")
    unchanged = meetecho.run(*words)
    assert (unchanged.exit_code, unchanged.stdout, unchanged.stderr) == (0, "", "")
    meetecho.link(session, (1, "01"))
    changed = meetecho.run(*words)
    assert (changed.exit_code, changed.stdout, changed.stderr) == (0, f"session {session} sent: 1 deck\n", "")
    meetecho.link(session, (1, "02"))
    meetecho.fail(SEND, "error", times=-1)
    failed = meetecho.run(*words)
    assert failed.exit_code == 75
    assert f"session {session}" in failed.stderr


def test_a_token_that_expires_is_renewed_and_one_that_is_always_refused_ends_with_77(
    meetecho: Bench, session: str
) -> None:
    meetecho.link(session, (1, "05"))
    meetecho.meetecho.control.change({"expire": [meetecho.group_of(session)]})
    assert meetecho.run("slides", "sync", "--session", session).exit_code == 0
    assert meetecho.decks(session) == meetecho.linked(session)
    meetecho.link(session, (1, "06"))
    meetecho.fail(SEND, "expired", times=-1)
    assert meetecho.run("slides", "sync", "--session", session).exit_code == 77


def test_a_dry_run_prints_the_requests_and_sends_none(meetecho: Bench, session: str) -> None:
    meetecho.link(session, (1, "01"), (2, "03"))
    since = meetecho.mark()
    for words, methods in (
        (("sync",), ["PUT"]),
        (("revise", "--deck", "1"), ["DELETE", "POST", "PUT"]),
    ):
        result = meetecho.run("slides", *words, "--session", session, "--dry-run")
        assert result.exit_code == 0, result.stderr
        printed = [line.split()[0] for line in result.stdout.splitlines() if line.endswith(" /materials")]
        assert printed == methods
        assert '"rev": "01"' in result.stdout
        assert "bearer ***" in result.stdout
    assert meetecho.calls(since=since, writes=True) == []
