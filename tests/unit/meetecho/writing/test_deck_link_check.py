from __future__ import annotations

import pytest
import requests
import responses

from connectors.meetecho.writing.deck_link_check import check_links
from connectors.meetecho.writing.desired_state import Deck

URL = "https://example.com/decks/17-00"
DECK = Deck(id=17, title="A Slide Deck", url=URL, rev="00", order=1)


def test_a_deck_that_answers_is_right(http: responses.RequestsMock) -> None:
    call = http.get(URL, body=b"%PDF")
    assert check_links([DECK]) == []
    assert "Authorization" not in call.calls[0].request.headers
    assert check_links([]) == []


@pytest.mark.parametrize("status", [404, 403, 500, 304])
def test_a_deck_with_an_error_is_named(http: responses.RequestsMock, status: int) -> None:
    http.get(URL, status=status)
    assert check_links([DECK]) == [f"deck 17 (A Slide Deck): its URL answers with status {status}"]


def test_a_deck_that_does_not_answer_is_named(http: responses.RequestsMock) -> None:
    http.get(URL, body=requests.ReadTimeout())
    assert check_links([DECK]) == ["deck 17 (A Slide Deck): its URL does not answer in time"]


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("https://elsewhere.example/17", "redirects to another host"),
        ("/accounts/login/?next=/decks", "redirects to a login"),
        (URL, "redirects more than 3 times"),
    ],
)
def test_a_deck_behind_a_redirect_that_leads_elsewhere_is_named(
    http: responses.RequestsMock, location: str, problem: str
) -> None:
    http.get(URL, status=302, headers={"Location": location})
    (line,) = check_links([DECK])
    assert problem in line


def test_a_redirect_on_the_same_host_is_followed(http: responses.RequestsMock) -> None:
    http.get(URL, status=301, headers={"Location": "/files/17.pdf"})
    http.get("https://example.com/files/17.pdf", body=b"%PDF")
    assert check_links([DECK]) == []


def test_several_decks_are_checked_and_each_wrong_one_named_in_order(http: responses.RequestsMock) -> None:
    decks = [
        Deck(id=number, title=f"D{number}", url=f"https://example.com/{number}", rev="00", order=number)
        for number in range(1, 10)
    ]
    for deck in decks:
        http.get(deck.url, status=404 if deck.id % 4 == 0 else 200)
    assert [line.split(" (")[0] for line in check_links(decks, concurrency=3)] == ["deck 4", "deck 8"]
