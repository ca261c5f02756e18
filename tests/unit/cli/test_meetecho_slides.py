from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connectors.errors import BrokenResponse
from connectors.meetecho.writing.desired_state import Deck
from connectors.meetecho.writing.slide_source import SlideSource
from harvester import meetecho_write_account
from harvester.cli import cli, meetecho_slides
from tests.unit.meetecho.writing.fake_meetecho import FakeMeetecho, decks_by_order

Run = Callable[..., Result]


def deck(number: int, order: int, rev: str = "00") -> Deck:
    return Deck(
        id=number, title=f"D{number}", url=f"https://example.com/{number}-{rev}", rev=rev, order=order
    )


@pytest.fixture
def meetecho(monkeypatch: pytest.MonkeyPatch) -> FakeMeetecho:
    fake = FakeMeetecho()
    monkeypatch.setattr(meetecho_write_account, "WriteClient", lambda *_: fake)
    return fake


@pytest.fixture
def datatracker(monkeypatch: pytest.MonkeyPatch) -> dict[str, Sequence[Deck]]:
    """The decks of each session; a session without an entry cannot be read."""
    sessions: dict[str, Sequence[Deck]] = {"1": [deck(11, 1), deck(12, 2)], "2": [deck(21, 1)]}

    def decks(_source: SlideSource, session: str) -> Sequence[Deck]:
        if session not in sessions:
            raise BrokenResponse(f"no session {session}")
        return sessions[session]

    monkeypatch.setattr(SlideSource, "decks", decks)
    monkeypatch.setattr(SlideSource, "group", lambda _source, _session: "quic")
    monkeypatch.setattr(SlideSource, "is_near", lambda _source, session, _now: session != "2")
    monkeypatch.setattr(meetecho_slides, "check_links", lambda _decks, **_options: [])
    return sessions


@pytest.fixture
def run(
    meetecho: FakeMeetecho,
    datatracker: dict[str, Sequence[Deck]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Run:
    monkeypatch.chdir(tmp_path)
    environment = {
        "MEETECHO_CLIENT_ID": "datatracker",
        "MEETECHO_CLIENT_SECRET": "marked-secret",
        "HARVESTER_STATE_DIR": str(tmp_path / "state"),
    }

    def command(*words: str, text: str | None = None) -> Result:
        return CliRunner().invoke(
            cli, ["meetecho", "slides", *words], env=environment, input=text, standalone_mode=False
        )

    return command


def test_sync_makes_each_session_equal_to_the_datatracker(run: Run, meetecho: FakeMeetecho) -> None:
    result = run("sync", "--session", "1", "--session", "2")
    assert result.return_value == 0
    assert result.stdout.splitlines() == ["session 1 sent: 2 decks", "session 2 sent: 1 deck"]
    assert decks_by_order(meetecho.decks["1"]) == [(1, 11, "00"), (2, 12, "00")]
    meetecho.requests.clear()
    again = run("sync", "--session", "1", "--json")
    assert json.loads(again.stdout) == {"session": "1", "result": "unchanged", "decks": 2}
    assert meetecho.requests == []


def test_a_session_that_is_not_near_is_sent_with_a_warning(run: Run, meetecho: FakeMeetecho) -> None:
    result = run("sync", "--session", "1", "--session", "2")
    assert "session 2 does not take place now" in result.stderr
    assert "session 1 does not" not in result.stderr
    assert meetecho.decks.keys() == {"1", "2"}


def test_a_session_that_fails_stops_no_other(run: Run, meetecho: FakeMeetecho) -> None:
    result = run("sync", "--session", "9", "--session", "2")
    assert result.return_value == 75
    assert [line.split()[2] for line in result.stdout.splitlines()] == ["failed:", "sent:"]
    assert meetecho.decks.keys() == {"2"}


def test_a_deck_that_cannot_be_sent_is_a_finding_and_stops_no_other_session(
    run: Run, meetecho: FakeMeetecho, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = SlideSource.decks

    def decks(source: SlideSource, session: str) -> Sequence[Deck]:
        if session == "1":
            raise ValueError("deck 11: rev is missing; correct it in the datatracker")
        return read(source, session)

    monkeypatch.setattr(SlideSource, "decks", decks)
    result = run("sync", "--session", "1", "--session", "2")
    assert result.return_value == 65
    assert "deck 11: rev is missing" in result.stdout
    assert meetecho.decks.keys() == {"2"}


def test_a_deck_that_does_not_answer_is_a_finding_unless_it_is_not_verified(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meetecho_slides, "check_links", lambda _decks, **_options: ["deck 11: status 404"])
    result = run("sync", "--session", "1")
    assert (result.return_value, "deck 11: status 404" in result.stdout) == (65, True)
    assert run("sync", "--session", "1", "--no-verify").return_value == 0


def test_plan_shows_what_sync_would_send(run: Run, meetecho: FakeMeetecho) -> None:
    result = run("plan", "--session", "1")
    assert result.return_value == 65
    assert "  2. D12 (deck 12, revision 00)" in result.stdout
    assert meetecho.requests == []
    run("sync", "--session", "1")
    assert run("plan", "--session", "1").return_value == 0


def test_a_dry_run_prints_the_request(run: Run, meetecho: FakeMeetecho) -> None:
    result = run("sync", "--session", "2", "--dry-run")
    assert result.stdout.startswith("PUT /materials\nAccept: application/json\nAuthorization: bearer ***\n")
    assert meetecho.requests == []


def test_the_decks_of_a_file_are_sent(run: Run, meetecho: FakeMeetecho) -> None:
    line = {"id": 5, "title": "T", "url": "https://example.com/5", "rev": "01"}
    assert run("sync", "--session", "1", "--from", "-", text=json.dumps(line)).return_value == 0
    assert decks_by_order(meetecho.decks["1"]) == [(1, 5, "01")]
    refused = run("sync", "--session", "1", "--from", "-", text="{")
    assert "standard input: line 1 is not a JSON object" in str(refused.exception)
    assert "one session" in str(run("sync", "--session", "1", "--session", "2", "--from", "x").exception)


def test_single_calls_are_followed_by_the_whole_list(
    run: Run, meetecho: FakeMeetecho, datatracker: dict[str, Sequence[Deck]]
) -> None:
    run("sync", "--session", "1")
    datatracker["1"] = [deck(11, 1), deck(13, 2), deck(12, 3)]
    assert run("add", "--session", "1", "--deck", "13").return_value == 0
    datatracker["1"] = [deck(11, 1, "01"), deck(13, 2), deck(12, 3)]
    assert run("revise", "--session", "1", "--deck", "11").return_value == 0
    datatracker["1"] = [deck(11, 1, "01"), deck(12, 2)]
    assert run("remove", "--session", "1", "--deck", "13").return_value == 0
    assert decks_by_order(meetecho.decks["1"]) == [(1, 11, "01"), (2, 12, "00")]
    refused = run("remove", "--session", "1", "--deck", "11")
    assert (refused.return_value, "still in the list" in refused.stdout) == (65, True)
    missing = run("add", "--session", "1", "--deck", "99")
    assert (missing.return_value, "not in the list" in missing.stdout) == (65, True)
    methods = [method for method, _ in meetecho.writes()]
    assert methods == ["PUT", "POST", "PUT", "DELETE", "POST", "PUT", "DELETE", "PUT"]


def test_a_session_is_a_number(run: Run) -> None:
    assert "the number of a datatracker session" in str(run("sync", "--session", "quic").exception)
