"""Rows of Reports: meeting codes, join and leave times."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.errors import BrokenResponse
from connectors.google_meet.reports_rows import (
    code_spellings,
    flatten,
    join_time,
    leave_time,
    normalize_code,
    parse_integer,
)
from tests.unit.google_meet.fake_api import row


@pytest.mark.parametrize("text", ["WKTIMXIVUK", "wktimxivuk", "wkt-imxi-vuk", " WKT-IMXI-VUK "])
def test_codes_are_normalized(text: str) -> None:
    assert normalize_code(text) == "wkt-imxi-vuk"
    assert code_spellings("wkt-imxi-vuk") == ("WKTIMXIVUK", "wkt-imxi-vuk", "wktimxivuk")


@pytest.mark.parametrize(("text", "code"), [("", None), (None, None), (7, None), ("Nick-Name", "nick-name")])
def test_other_texts_are_only_lower_cased(text: object, code: str | None) -> None:
    assert normalize_code(text) == code


def test_missing_start_is_the_end_minus_the_duration() -> None:
    text = row(start_timestamp_seconds=None, stayed=90)
    assert leave_time(text) is not None
    assert (leave_time(text) - join_time(text)).total_seconds() == 90  # type: ignore[operator]  # the fixture has both times
    assert join_time(row(start_timestamp_seconds=10**13, stayed=60)) == join_time(
        row(stayed=60, start_timestamp_seconds=None)
    )


def test_a_stay_of_months_is_a_mistake() -> None:
    usual = row(stayed=60)
    assert join_time({**usual, "start_timestamp_seconds": 946_684_800}) == join_time(
        {**usual, "start_timestamp_seconds": None}
    )
    assert join_time({**usual, "start_timestamp_seconds": None, "duration_seconds": 90_000_000}) is None


def call_ended(**changes: Any) -> dict[str, Any]:
    event = {"name": "call_ended", "parameters": [{"name": "conference_id", "value": "c"}], **changes}
    return {"id": {"time": "2026-11-20T09:00:00Z"}, "events": [event]}


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"events": None},
        {"events": "x"},
        {"events": ["x"]},
        call_ended(name=None),
        call_ended(name="another"),
        call_ended(parameters="x"),
        call_ended(parameters=["x"]),
        call_ended(parameters=[{"name": [], "value": "c"}]),
    ],
)
def test_an_activity_whose_row_cannot_be_read_is_broken(item: dict[str, Any]) -> None:
    with pytest.raises(BrokenResponse, match="call_ended"):
        list(flatten(item))


def test_other_events_of_an_activity_are_no_rows() -> None:
    item = call_ended()
    item["events"].append({"name": "another"})
    assert [one["conference_id"] for one in flatten(item)] == ["c"]
    assert list(flatten({"events": [{"name": "call_ended"}]})) == [{}]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("7", 7),
        (str(2**63 - 1), 2**63 - 1),
        (str(2**63), None),
        ("9" * 400, None),
        ("9" * 5000, None),
        (True, None),
    ],
)
def test_integers_have_at_most_64_bits(value: object, number: int | None) -> None:
    assert parse_integer(value) == number
