from __future__ import annotations

from datetime import timedelta

from connectors.meetecho.room_rows import Room
from connectors.meetecho.writing.desired_state import DesiredRoom
from connectors.meetecho.writing.room_plan import (
    Change,
    Create,
    Delete,
    Finding,
    Keep,
    Past,
    Replace,
    Unlisted,
    differences,
    plan_group,
)
from tests.unit.meetecho.writing.fake_meetecho import NOW, desired_room


def room(desired: DesiredRoom, uuid: str = "u") -> Room:
    return Room(
        uuid=uuid,
        number=str(desired.session_id),
        start=desired.start,
        end=desired.end,
        description=desired.description,
        group=desired.group,
    )


def plan(
    desired_rooms: list[DesiredRoom], rooms: list[Room], *, prune: bool = False, replacing: str = ""
) -> list[Change]:
    return plan_group(desired_rooms, rooms, now=NOW, prune=prune, replacing={replacing})


def test_a_room_as_desired_stays_and_is_no_difference() -> None:
    changes = plan([desired_room()], [room(desired_room())])
    assert changes == [Keep(desired=desired_room(), room=room(desired_room()))]
    assert differences(changes) == []


def test_a_desired_room_that_is_missing_is_created() -> None:
    assert plan([desired_room()], []) == [Create(desired=desired_room())]


def test_a_room_that_differs_is_replaced() -> None:
    old = room(desired_room(minutes=30))
    assert plan([desired_room()], [old]) == [Replace(desired=desired_room(), rooms=(old,))]


def test_a_desired_room_in_the_past_is_left_alone() -> None:
    past = desired_room(hours=-24 * 30)
    assert plan([past], []) == [Past(desired=past)]


def test_a_room_that_has_begun_is_never_deleted() -> None:
    begun = room(desired_room(minutes=24 * 60, hours=-52))
    unknown = Room(uuid="x", number="18")
    for existing in (begun, unknown):
        (finding,) = plan([desired_room()], [existing], prune=True)
        assert isinstance(finding, Finding)
        assert "has begun" in finding.message
        assert plan([], [existing], prune=True) == []
        (two,) = plan([desired_room()], [room(desired_room(), "fits"), existing], prune=True)[1:]
        assert isinstance(two, Finding)


def test_two_rooms_of_one_id_are_left_to_people() -> None:
    rooms = [room(desired_room(), "a"), room(desired_room(), "b")]
    keep, finding = plan([desired_room()], rooms)
    assert isinstance(keep, Keep)
    assert isinstance(finding, Finding)
    assert finding.rooms == tuple(rooms)
    (finding,) = plan([], rooms)
    assert isinstance(finding, Finding)
    (finding,) = plan([desired_room(minutes=5)], rooms)
    assert isinstance(finding, Finding)


def test_prune_keeps_the_one_of_two_rooms_that_fits() -> None:
    rooms = [room(desired_room(minutes=5), "a"), room(desired_room(), "b")]
    keep, delete = plan([desired_room()], rooms, prune=True)
    assert isinstance(keep, Keep)
    assert keep.room.uuid == "b"
    assert isinstance(delete, Delete)
    assert (delete.room.uuid, delete.asks) == ("a", False)


def test_an_interrupted_replacement_is_completed_without_prune() -> None:
    rooms = [room(desired_room(minutes=5), "old"), room(desired_room(), "new")]
    keep, delete = plan([desired_room()], rooms, replacing="18")
    assert isinstance(keep, Keep)
    assert keep.room.uuid == "new"
    assert isinstance(delete, Delete)
    assert delete.room.uuid == "old"


def test_rooms_that_are_not_in_the_file_are_deleted_only_with_prune_and_only_future_ones() -> None:
    future, past = room(desired_room(1), "f"), room(desired_room(2, hours=-24 * 30), "p")
    assert plan([], [future, past]) == [Unlisted(room=future)]
    (delete,) = plan([], [future, past], prune=True)
    assert isinstance(delete, Delete)
    assert (delete.room, delete.asks) == (future, True)


def test_a_room_that_ends_while_it_is_planned_counts_as_past() -> None:
    ends_now = desired_room(minutes=60, hours=0)
    assert plan_group([ends_now], [], now=ends_now.end, prune=False) == [Past(desired=ends_now)]
    just_before = ends_now.end - timedelta(seconds=1)
    assert plan_group([ends_now], [], now=just_before, prune=False) == [Create(desired=ends_now)]
