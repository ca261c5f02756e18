from __future__ import annotations

from typing import Any

import orjson
import pytest

from connectors.errors import StateError
from harvester.state.shared.entries import MAX_BYTES, Entry, entry_document, parse_entry, split

ENTRY = Entry(
    number=7, writer="w", database="quotas", schema=1, changes=[["budgets", ["a", "b"], None]], more=True
)


def test_an_entry_is_read_as_it_was_written() -> None:
    body = orjson.loads(orjson.dumps(ENTRY.body("zoom-1")))
    assert parse_entry(body) == ENTRY
    assert body["pool"] == "zoom-1"


@pytest.mark.parametrize("name", ["format", "number", "writer", "database", "schema", "changes", "more"])
def test_an_entry_without_a_field_is_refused(name: str) -> None:
    body = {key: value for key, value in ENTRY.body("zoom-1").items() if key != name}
    with pytest.raises(StateError, match="cannot be read"):
        parse_entry(body)


@pytest.mark.parametrize("wrong", [{"number": "seven"}, {"format": None}, {"changes": 3}])
def test_an_entry_with_something_else_in_a_field_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(StateError, match="cannot be read"):
        parse_entry({**ENTRY.body("zoom-1"), **wrong})


def test_an_entry_of_a_later_format_is_refused() -> None:
    with pytest.raises(StateError, match="newer version"):
        parse_entry({**ENTRY.body("zoom-1"), "format": 2})


def test_entries_are_named_in_the_order_of_their_numbers() -> None:
    names = [entry_document("zoom-1", number) for number in (1, 9, 10, 123_456_789)]
    assert names == sorted(names)


def test_a_transaction_without_changes_is_one_part() -> None:
    assert list(split([])) == [([], False)]


def test_a_large_transaction_is_split_and_nothing_of_it_is_lost() -> None:
    changes = [["t", [number], ["x" * (MAX_BYTES // 3)]] for number in range(10)]
    parts = list(split(changes))
    assert [len(part) for part, _ in parts] == [2, 2, 2, 2, 2]
    assert [more for _, more in parts] == [True, True, True, True, False]
    assert [change for part, _ in parts for change in part] == changes


def test_one_row_is_never_split() -> None:
    changes = [["t", [1], ["x" * 2 * MAX_BYTES]], ["t", [2], ["y"]]]
    assert [len(part) for part, _ in split(changes)] == [1, 1]
