"""Tests the list of rooms: creation, deletion, deletion tokens."""

from __future__ import annotations

import pytest

from harvester.simulator.meetecho.account import Room
from harvester.simulator.meetecho.rooms import Rooms

FIRST = Room(uuid="a-1", group="zquilt", number=7, start=0, minutes=60, description="", session=7)


def create(rooms: Rooms, group: str = "zquilt") -> Room:
    return rooms.create(group, number=7, start=60_000, minutes=30, description="Two", extrainfo="for staff")


def test_rooms_are_listed_by_group_in_the_order_of_creation() -> None:
    rooms = Rooms(1, [FIRST])
    second, other = create(rooms), create(rooms, "oakloom")
    assert rooms.of("zquilt") == [FIRST, second]
    assert rooms.of("oakloom") == [other]
    assert rooms.all() == [FIRST, second, other]
    assert len({FIRST.uuid, second.uuid, other.uuid}) == 3


def test_created_rooms_have_other_uuids_and_tokens_after_a_deletion() -> None:
    rooms = Rooms(1, [])
    first = create(rooms)
    rooms.delete(first.uuid)
    second = create(rooms)
    assert second.uuid != first.uuid
    assert rooms.deletion_token(second) != rooms.deletion_token(first)


def test_a_deletion_token_belongs_to_one_room_and_is_known_after_its_use() -> None:
    rooms = Rooms(1, [FIRST])
    token = rooms.deletion_token(FIRST)
    assert rooms.by_deletion_token(token) is FIRST
    assert rooms.deleted_with(token) is None
    rooms.delete(FIRST.uuid)
    assert rooms.by_deletion_token(token) is None
    assert rooms.deleted_with(token) is FIRST
    assert rooms.deleted_with("delete-something") is None


def test_an_unknown_room_is_not_deleted() -> None:
    with pytest.raises(KeyError):
        Rooms(1, [FIRST]).delete("b-2")
