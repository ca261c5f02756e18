from __future__ import annotations

from datetime import timedelta

from connectors.meetecho.room_rows import Room
from connectors.meetecho.writing.room_plan import (
    Change,
    Create,
    Delete,
    Finding,
    Keep,
    Past,
    Replace,
    Unwished,
    differences,
    plan_group,
)
from connectors.meetecho.writing.wishes import RoomWish
from tests.unit.meetecho.writing.fake_meetecho import NOW, wish


def room(wished: RoomWish, uuid: str = "u") -> Room:
    return Room(
        uuid=uuid,
        number=str(wished.session_id),
        start=wished.start,
        end=wished.end,
        description=wished.description,
        group=wished.group,
    )


def plan(
    wishes: list[RoomWish], rooms: list[Room], *, prune: bool = False, replacing: str = ""
) -> list[Change]:
    return plan_group(wishes, rooms, now=NOW, prune=prune, replacing={replacing})


def test_a_room_as_wished_stays_and_is_no_difference() -> None:
    changes = plan([wish()], [room(wish())])
    assert changes == [Keep(wish=wish(), room=room(wish()))]
    assert differences(changes) == []


def test_a_wish_without_a_room_is_created() -> None:
    assert plan([wish()], []) == [Create(wish=wish())]


def test_a_room_that_differs_is_replaced() -> None:
    old = room(wish(minutes=30))
    assert plan([wish()], [old]) == [Replace(wish=wish(), rooms=(old,))]


def test_a_wish_whose_time_is_over_is_left_alone() -> None:
    past = wish(hours=-24 * 30)
    assert plan([past], []) == [Past(wish=past)]


def test_a_room_that_has_begun_is_never_deleted() -> None:
    begun = room(wish(minutes=24 * 60, hours=-52))
    unknown = Room(uuid="x", number="18")
    for existing in (begun, unknown):
        (finding,) = plan([wish()], [existing], prune=True)
        assert isinstance(finding, Finding)
        assert "has begun" in finding.message
        assert plan([], [existing], prune=True) == []
        (two,) = plan([wish()], [room(wish(), "fits"), existing], prune=True)[1:]
        assert isinstance(two, Finding)


def test_two_rooms_of_one_id_are_left_to_people() -> None:
    rooms = [room(wish(), "a"), room(wish(), "b")]
    keep, finding = plan([wish()], rooms)
    assert isinstance(keep, Keep)
    assert isinstance(finding, Finding)
    assert finding.rooms == tuple(rooms)
    (finding,) = plan([], rooms)
    assert isinstance(finding, Finding)
    (finding,) = plan([wish(minutes=5)], rooms)
    assert isinstance(finding, Finding)


def test_prune_keeps_the_one_of_two_rooms_that_fits() -> None:
    rooms = [room(wish(minutes=5), "a"), room(wish(), "b")]
    keep, delete = plan([wish()], rooms, prune=True)
    assert isinstance(keep, Keep)
    assert keep.room.uuid == "b"
    assert isinstance(delete, Delete)
    assert (delete.room.uuid, delete.asks) == ("a", False)


def test_an_interrupted_replacement_is_completed_without_prune() -> None:
    rooms = [room(wish(minutes=5), "old"), room(wish(), "new")]
    keep, delete = plan([wish()], rooms, replacing="18")
    assert isinstance(keep, Keep)
    assert keep.room.uuid == "new"
    assert isinstance(delete, Delete)
    assert delete.room.uuid == "old"


def test_rooms_without_a_wish_are_deleted_only_with_prune_and_only_future_ones() -> None:
    future, past = room(wish(1), "f"), room(wish(2, hours=-24 * 30), "p")
    assert plan([], [future, past]) == [Unwished(room=future)]
    (delete,) = plan([], [future, past], prune=True)
    assert isinstance(delete, Delete)
    assert (delete.room, delete.asks) == (future, True)


def test_a_room_that_ends_while_it_is_planned_counts_as_past() -> None:
    ends_now = wish(minutes=60, hours=0)
    assert plan_group([ends_now], [], now=ends_now.end, prune=False) == [Past(wish=ends_now)]
    just_before = ends_now.end - timedelta(seconds=1)
    assert plan_group([ends_now], [], now=just_before, prune=False) == [Create(wish=ends_now)]
