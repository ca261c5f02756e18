"""Tests what Meetecho does with its list of decks: shift, leave a hole, replace."""

from __future__ import annotations

from typing import Any

from harvester.simulator.meetecho.deck_lists import DECK_KEYS, DeckLists


def deck(number: int, order: int) -> dict[str, Any]:
    return {
        "id": number,
        "title": f"Deck {number}",
        "url": f"https://x/{number}",
        "rev": "00",
        "order": order,
    }


def orders(lists: DeckLists) -> list[tuple[int, int]]:
    return [(shown["order"], shown["id"]) for shown in lists.of("1")]


def test_an_added_deck_moves_those_from_its_order_on() -> None:
    lists = DeckLists()
    for number, order in ((1, 1), (2, 2), (3, 2), (4, 9)):
        lists.add("1", deck(number, order))
    assert orders(lists) == [(1, 1), (2, 3), (3, 2), (9, 4)]


def test_a_removed_deck_leaves_a_hole() -> None:
    lists = DeckLists()
    lists.replace("1", [deck(1, 1), deck(2, 2), deck(3, 3)])
    lists.remove("1", 2)
    lists.remove("1", 77)
    assert orders(lists) == [(1, 1), (3, 3)]


def test_a_deck_that_is_added_twice_is_shown_twice_until_the_list_is_replaced() -> None:
    lists = DeckLists()
    lists.add("1", deck(1, 1))
    lists.add("1", deck(1, 1))
    assert orders(lists) == [(1, 1), (2, 1)]
    lists.replace("1", [deck(1, 1)])
    assert orders(lists) == [(1, 1)]


def test_sessions_do_not_share_decks() -> None:
    lists = DeckLists()
    lists.replace("1", [deck(1, 1)])
    lists.replace("2", [])
    assert lists.all() == {"1": [deck(1, 1)], "2": []}
    assert lists.of("3") == []
    assert set(lists.of("1")[0]) == set(DECK_KEYS)


def test_a_session_belongs_to_the_group_that_wrote_first() -> None:
    lists = DeckLists()
    assert [lists.owner("1", group) for group in ("zquilt", "oakloom")] == ["zquilt", "zquilt"]
