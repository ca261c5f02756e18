from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses

from connectors.errors import BrokenResponse, Unreachable, VendorError
from connectors.meetecho.datatracker_http_client import DatatrackerClient
from connectors.meetecho.writing.slide_source import SlideSource, UnknownSession
from tests.unit.fake_context import FakeContext
from tests.unit.meetecho.fake_api import DATATRACKER

MATERIALS = f"{DATATRACKER}/api/meeting/session/28208/materials"
DECK = {
    "id": 17,
    "title": "A Slide Deck",
    "rev": "00",
    "url": "https://example.com/17-00",
    "ext": "pdf",
    "order": 2,
}


@pytest.fixture
def source() -> SlideSource:
    return SlideSource(DatatrackerClient(DATATRACKER, FakeContext(), 1.0))


def answer(decks: Any) -> dict[str, Any]:
    return {"url": "x", "slides": {"decks": decks, "actions": []}, "minutes": None}


def test_the_decks_of_a_session_come_in_their_order(
    http: responses.RequestsMock, source: SlideSource
) -> None:
    http.get(MATERIALS, json=answer([DECK, {**DECK, "id": 4, "order": 1}]))
    assert [(deck.id, deck.order) for deck in source.decks("28208")] == [(4, 1), (17, 2)]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (answer(None), "without the list"),
        ({}, "without the list"),
        (answer([1]), "without the list"),
        ([], "not a JSON object"),
    ],
)
def test_a_wrong_list_is_refused_and_never_taken_for_an_empty_one(
    http: responses.RequestsMock, source: SlideSource, body: Any, message: str
) -> None:
    http.get(MATERIALS, json=body)
    with pytest.raises(BrokenResponse, match=message):
        source.decks("28208")


@pytest.mark.parametrize(
    ("decks", "message"),
    [
        ([{**DECK, "rev": None}], "deck 17: rev is missing; correct it in the datatracker"),
        ([DECK, {**DECK, "id": 4, "title": ""}], "deck 4: title is missing"),
        ([DECK, {**DECK, "id": None}], "deck at place 2: id must be"),
        ([DECK, DECK], "deck 17 is listed twice; correct it in the datatracker"),
    ],
)
def test_a_deck_that_cannot_be_sent_is_named(
    http: responses.RequestsMock, source: SlideSource, decks: Any, message: str
) -> None:
    http.get(MATERIALS, json=answer(decks))
    with pytest.raises(ValueError, match=message):
        source.decks("28208")


def test_an_unknown_session_is_named(http: responses.RequestsMock, source: SlideSource) -> None:
    http.get(MATERIALS, status=404)
    with pytest.raises(UnknownSession, match="no session 28208") as unknown:
        source.decks("28208")
    assert unknown.value.exit_code == 78


def test_a_datatracker_that_does_not_answer_is_unreachable(
    http: responses.RequestsMock, source: SlideSource
) -> None:
    http.get(MATERIALS, body=requests.ConnectTimeout())
    with pytest.raises(Unreachable):
        source.decks("28208")


def test_requests_are_repeated_after_errors_of_the_datatracker(
    http: responses.RequestsMock, source: SlideSource
) -> None:
    http.get(MATERIALS, status=502)
    http.get(MATERIALS, json=answer([DECK]))
    assert len(source.decks("28208")) == 1
    http.reset()
    http.get(MATERIALS, status=502)
    with pytest.raises(VendorError):
        source.decks("28208")


@pytest.mark.parametrize(
    ("now", "near"),
    [
        ("2026-12-01T14:44:59+00:00", False),
        ("2026-12-01T14:45:00+00:00", True),
        ("2026-12-01T17:15:00+00:00", True),
        ("2026-12-01T17:15:01+00:00", False),
    ],
)
def test_a_session_is_near_from_a_quarter_of_an_hour_before_until_one_after(
    http: responses.RequestsMock, source: SlideSource, now: str, near: bool
) -> None:
    api = f"{DATATRACKER}/api/v1/meeting"
    slot = {"time": "2026-12-01T15:00:00Z", "duration": "2:00:00"}
    link = {
        "id": 5,
        "session": "/api/v1/meeting/session/28208/",
        "schedule": "/api/v1/meeting/schedule/3/",
        "timeslot": "/api/v1/meeting/timeslot/4/",
    }
    http.get(f"{api}/session/28208/", json={"meeting": "/api/v1/meeting/meeting/2/"})
    http.get(f"{api}/meeting/2/", json={"schedule": "/api/v1/meeting/schedule/3/"})
    http.get(f"{api}/timeslot/4/", json=slot)
    http.get(f"{api}/schedtimesessassignment/", json={"meta": {"total_count": 1}, "objects": [link]})
    assert source.is_near("28208", datetime.fromisoformat(now)) is near


def test_a_session_without_a_time_counts_as_near(http: responses.RequestsMock, source: SlideSource) -> None:
    http.get(f"{DATATRACKER}/api/v1/meeting/session/28208/", json={"meeting": None})
    assert source.is_near("28208", datetime(2026, 12, 1, tzinfo=UTC))


def test_the_group_of_a_session_is_found(http: responses.RequestsMock, source: SlideSource) -> None:
    http.get(f"{DATATRACKER}/api/v1/meeting/session/28208/", json={"group": "/api/v1/group/group/2161/"})
    http.get(f"{DATATRACKER}/api/v1/group/group/2161/", json={"acronym": "quic"})
    assert source.group("28208") == "quic"
    http.get(f"{DATATRACKER}/api/v1/meeting/session/1/", status=404)
    with pytest.raises(UnknownSession, match="--group"):
        source.group("1")
