"""The forms of a response with rooms."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.meetecho.room_rows import to_rooms
from tests.unit.meetecho.fake_api import room

URL = "https://meetecho.example.org/interim/?short="


@pytest.mark.parametrize(
    "body",
    [{}, [], {"rooms": {}}, {"rooms": []}, {"group": "acro"}, {"rooms": {}, "group": "acro", "more": 1}],
)
def test_response_without_rooms_in_any_form_is_empty(body: Any) -> None:
    assert to_rooms(body, "acro") == []


def test_unknown_keys_are_ignored_and_the_group_is_found_in_either_place() -> None:
    entry = room(1, "2026-11-20 10:00:00", URL, more=1)
    for body in (
        {"rooms": {"r": {**entry, "x": 1}}, "group": "beta", "y": {}},
        {"rooms": {"r": {**entry, "group": "beta"}}},
    ):
        (found,) = to_rooms(body, "acro")
        assert (found.group, found.number, found.end) == ("beta", "1", datetime(2026, 11, 20, 11, tzinfo=UTC))
