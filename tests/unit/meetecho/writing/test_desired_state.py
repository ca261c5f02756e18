from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.meetecho.room_rows import to_room
from connectors.meetecho.writing.desired_state import check_unique, to_acronym, to_decks, to_desired_room
from tests.unit.meetecho.writing.fake_meetecho import desired_room

ROW = {
    "group": "QUIC",
    "session_id": "28208",
    "description": "interim-2026-quic-01",
    "start": "2026-12-01T16:00:00+01:00",
    "minutes": "90",
}
DECK = {"id": 17, "title": "A Slide Deck", "url": "https://example.com/decks/17-00", "rev": "00"}


def test_a_row_of_text_becomes_a_desired_room_in_utc() -> None:
    read = to_desired_room(ROW)
    assert (read.group, read.session_id, read.minutes, read.extrainfo) == ("quic", 28208, 90, "")
    assert read.start == datetime(2026, 12, 1, 15, tzinfo=UTC)
    assert read.end == datetime(2026, 12, 1, 16, 30, tzinfo=UTC)


def test_a_toml_time_is_read_as_it_is() -> None:
    assert to_desired_room({**ROW, "start": datetime(2026, 12, 1, 15, tzinfo=UTC)}) == to_desired_room(ROW)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("start", "2026-12-01T15:00:00", "no time zone"),
        ("start", datetime(2026, 12, 1, 15), "no time zone"),  # noqa: DTZ001  # what is refused
        ("start", "2026-12-01T15:00:00.5Z", "fractions"),
        ("start", "tomorrow", "a time with its offset"),
        ("start", "0001-01-01T00:00:00+23:00", "outside the calendar"),
        ("start", None, "a time with its offset"),
        ("minutes", "90.5", "whole number"),
        ("minutes", 90.5, "whole number"),
        ("minutes", 0, "whole number"),
        ("minutes", True, "whole number"),
        ("minutes", 1441, "1 to 1440"),
        ("session_id", "x", "session_id"),
        ("session_id", -1, "session_id"),
        ("group", "no such group", "acronym"),
        ("description", "", "description is missing"),
        ("description", "a\nb", "control character"),
        ("extrainfo", ["x"], "extrainfo must be text"),
        ("colour", "red", "unknown field colour"),
    ],
)
def test_a_row_that_cannot_be_a_room_is_refused_with_the_field(field: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_desired_room({**ROW, field: value})


def test_a_desired_room_fits_a_room_to_the_second_and_the_minute() -> None:
    desired = desired_room(18)
    room = {"id": 18, "start_time": "2026-12-01 15:00:00", "duration": 60, "description": "interim-18"}
    assert desired.fits(to_room("u", {"room": room}, "quic"))
    for change in ({"start_time": "2026-12-01 15:00:01"}, {"duration": 61}, {"description": "x"}, {"id": 19}):
        assert not desired.fits(to_room("u", {"room": {**room, **change}}, "quic"))


def test_two_rows_about_one_room_are_refused() -> None:
    check_unique([desired_room(1), desired_room(2), desired_room(1, group="httpbis")])
    with pytest.raises(ValueError, match="session 1 of quic is listed twice"):
        check_unique([desired_room(1), desired_room(1, minutes=30)])


def test_decks_are_numbered_from_1_without_gaps_in_their_order() -> None:
    rows = [{**DECK, "id": 3, "order": 7}, {**DECK, "id": 1, "order": 2}, {**DECK, "id": 2, "order": "2"}]
    assert [(deck.id, deck.order) for deck in to_decks(rows)] == [(1, 1), (2, 2), (3, 3)]
    assert [(deck.id, deck.order) for deck in to_decks([DECK, {**DECK, "id": 4}])] == [(17, 1), (4, 2)]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("rev", None, "rev is missing"),
        ("title", " ", "title is missing"),
        ("id", "x", "id must be"),
        ("url", "ftp://example.com/x", "https://"),
        ("url", "http://example.com/x", "https://"),
        ("url", "https://me:secret@example.com/x", "password"),
        ("order", "first", "order must be"),
    ],
)
def test_a_deck_that_cannot_be_sent_is_refused_with_the_field(field: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_decks([{**DECK, field: value}])


def test_a_deck_that_is_listed_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="deck 17 is listed twice"):
        to_decks([DECK, {**DECK, "rev": "01"}])


@pytest.mark.parametrize("acronym", ["", " ", "-quic", "a/b", "é"])
def test_what_cannot_be_an_acronym_is_refused(acronym: str) -> None:
    with pytest.raises(ValueError, match="acronym"):
        to_acronym(acronym)
