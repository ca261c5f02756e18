"""Groups of changes: few, and with the same result as the changes in the order in which they were added."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harvester.state.grouped_changes import GroupedChanges

ADD = "INSERT OR REPLACE INTO words VALUES (?1, 'new')"
APPEND = "UPDATE words SET word = word || ?2 WHERE row = ?1"
DELETE = "DELETE FROM words WHERE row = ?1"
COUNT = "UPDATE words SET word = word || (SELECT count(*) FROM words)"
DELETE_SOME = "DELETE FROM words WHERE row < ?1"

changes_to_one_row = st.one_of(
    st.tuples(st.sampled_from([ADD, DELETE]), st.tuples(st.sampled_from("abc"))),
    st.tuples(st.just(APPEND), st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"))),
)
changes_to_any_row = st.one_of(
    st.tuples(st.just(COUNT), st.just(())),
    st.tuples(st.just(DELETE_SOME), st.tuples(st.sampled_from("abc"))),
)
Change = tuple[str, Sequence[Any]]


def table_after(changes: Iterable[tuple[str, Iterable[Sequence[Any]]]]) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE words (row TEXT PRIMARY KEY, word TEXT)")
        for statement, rows in changes:
            connection.executemany(statement, rows)
        return connection.execute("SELECT row, word FROM words ORDER BY row").fetchall()


def grouped(changes: Iterable[Change]) -> GroupedChanges:
    found = GroupedChanges()
    for statement, values in changes:
        found.add(statement, values, None if statement in {COUNT, DELETE_SOME} else values[0])
    return found


@given(st.lists(st.one_of(changes_to_one_row, changes_to_one_row, changes_to_any_row), max_size=30))
def test_the_result_is_that_of_the_changes_one_by_one(changes: list[Change]) -> None:
    one_by_one = [(statement, [values]) for statement, values in changes]
    assert table_after(grouped(changes).groups()) == table_after(one_by_one)


def test_there_is_one_group_for_each_statement() -> None:
    changes: list[Change] = []
    for row in "abc":
        changes += [(ADD, (row,)), (APPEND, (row, "x"))]
    assert grouped(changes).groups() == [
        (ADD, [("a",), ("b",), ("c",)]),
        (APPEND, [("a", "x"), ("b", "x"), ("c", "x")]),
    ]


def test_a_row_that_is_changed_by_an_earlier_statement_again_begins_new_groups() -> None:
    changes: list[Change] = [(ADD, ("a",)), (APPEND, ("a", "x")), (ADD, ("a",)), (APPEND, ("b", "x"))]
    assert [statement for statement, _ in grouped(changes).groups()] == [ADD, APPEND, ADD, APPEND]


def test_nothing_is_moved_past_a_change_to_any_row() -> None:
    changes: list[Change] = [(ADD, ("a",)), (DELETE_SOME, ("b",)), (ADD, ("a",))]
    assert len(grouped(changes).groups()) == 3


def test_the_rows_that_are_changed_are_known() -> None:
    found = grouped([(ADD, ("a",)), (APPEND, ("a", "x")), (ADD, ("a",)), (ADD, ("b",))])
    assert found.may_change(["x", "a"])
    assert found.may_change(["b"])
    assert not found.may_change(["c"])
    found.add(DELETE_SOME, ("b",), None)
    assert found.may_change(["c"])


def test_without_changes_it_is_false() -> None:
    assert not GroupedChanges()
    assert not GroupedChanges().may_change(["a"])
    assert grouped([(ADD, ("a",))])
    assert grouped([(DELETE_SOME, ("a",))])
