from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import Unreachable
from connectors.exit_codes import ExitCode
from connectors.meetecho.writing.calls import Fetched
from connectors.meetecho.writing.desired_state import DesiredRoom
from connectors.meetecho.writing.room_apply import RoomOutcome, RoomWriter
from tests.unit.meetecho.writing.fake_meetecho import NOW, FakeMeetecho, Killed, MemoryLog, desired_room


class Group:
    """One group at a fake Meetecho, and its rooms in a file."""

    def __init__(self) -> None:
        self.meetecho = FakeMeetecho()
        self.log = MemoryLog()
        self.writer = RoomWriter(self.meetecho, self.log, lambda: NOW)

    def apply(
        self, *desired_rooms: DesiredRoom, faults: Sequence[str] = (), prune: bool = False
    ) -> list[RoomOutcome]:
        self.meetecho.faults = list(faults)
        self.meetecho.requests.clear()
        plan = self.writer.plan("quic", desired_rooms, prune=prune)
        return list(self.writer.apply(plan))

    def has(self, *desired_rooms: DesiredRoom) -> bool:
        desired = [
            (w.session_id, f"{w.start:%Y-%m-%d %H:%M:%S}", w.minutes, w.description) for w in desired_rooms
        ]
        return self.meetecho.room_values("quic") == sorted(desired)


@pytest.fixture
def group() -> Group:
    return Group()


def results(outcomes: list[RoomOutcome]) -> list[str]:
    return [outcome.result for outcome in outcomes]


def test_a_second_apply_makes_reading_requests_only(group: Group) -> None:
    assert results(group.apply(desired_room(1), desired_room(2))) == ["created", "created"]
    assert results(group.apply(desired_room(1), desired_room(2))) == ["unchanged", "unchanged"]
    assert group.meetecho.writes() == []
    assert group.has(desired_room(1), desired_room(2))


def test_the_new_room_is_created_and_found_before_the_old_one_is_deleted(group: Group) -> None:
    group.apply(desired_room(1))
    (outcome,) = group.apply(desired_room(1, minutes=90))
    assert group.meetecho.requests == [
        ("GET", "quic"),
        ("POST", "/meeting/interim/createRoom"),
        ("GET", "quic"),
        ("POST", "/meeting/interim/deleteRoom"),
    ]
    assert (outcome.result, [room.uuid for room in outcome.replaced]) == ("replaced", ["uuid-1"])
    assert group.has(desired_room(1, minutes=90))
    assert group.log.open_replacements == set()


def test_a_creation_with_a_lost_answer_is_looked_for_and_not_repeated(group: Group) -> None:
    (outcome,) = group.apply(desired_room(1), faults=["lost"])
    assert outcome.result == "created"
    assert group.meetecho.writes() == [("POST", "/meeting/interim/createRoom")]
    assert group.has(desired_room(1))


def test_a_creation_that_did_not_arrive_is_repeated_once(group: Group) -> None:
    assert results(group.apply(desired_room(1), faults=["dropped"])) == ["created"]
    (outcome,) = group.apply(desired_room(2), desired_room(1), faults=["dropped", "dropped"])[:1]
    assert (outcome.result, outcome.exit_code) == ("failed", ExitCode.UNAVAILABLE)
    assert group.has(desired_room(1))


def test_an_older_room_is_not_mistaken_for_a_creation_with_a_lost_answer(group: Group) -> None:
    """The old room has the same id: only a room that was not there before is the new one."""
    group.apply(desired_room(1))
    assert results(group.apply(desired_room(1, minutes=90), faults=["dropped"])) == ["replaced"]
    assert group.has(desired_room(1, minutes=90))


def test_a_second_room_that_meetecho_refuses_is_a_finding_and_the_old_room_stays(group: Group) -> None:
    group.apply(desired_room(1))
    (outcome,) = group.apply(desired_room(1, minutes=90), faults=["refused"])
    assert (outcome.result, outcome.exit_code) == ("finding", ExitCode.DATAERR)
    assert "refuses a second room" in outcome.message
    assert group.has(desired_room(1))


def test_a_refusal_does_not_end_an_earlier_replacement_that_was_killed(group: Group) -> None:
    group.apply(desired_room(1, hours=1))
    with pytest.raises(Killed):
        group.apply(desired_room(1, minutes=90), faults=["killed after"])
    (refused,) = group.apply(desired_room(1), faults=["refused"])
    assert refused.result == "finding"
    assert results(group.apply(desired_room(1))) == ["replaced"]
    assert group.has(desired_room(1))


def test_a_refused_room_stops_no_other(group: Group) -> None:
    refused, created = group.apply(desired_room(1), desired_room(2), faults=["refused", "ok"])
    assert (refused.result, refused.exit_code) == ("failed", ExitCode.DATAERR)
    assert created.result == "created"


def test_a_group_with_unreadable_rooms_fails_only_its_own_plan(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = Unreachable("Meetecho: GET /meeting/interim/fetchRooms: no connection")

    def fetch_rooms(_group: str) -> Fetched:
        raise error

    monkeypatch.setattr(group.meetecho, "fetch_rooms", fetch_rooms)
    plan = group.writer.plan("quic", [desired_room(1)], prune=False)
    assert plan.error is error
    assert plan.exit_code is ExitCode.UNAVAILABLE
    assert results(list(group.writer.apply(plan))) == ["failed"]
    assert group.meetecho.writes() == []


def test_a_deletion_with_a_lost_answer_is_not_repeated(group: Group) -> None:
    group.apply(desired_room(1))
    assert results(group.apply(prune=True, faults=["lost"])) == ["deleted"]
    assert len(group.meetecho.writes()) == 1
    assert group.has()


def test_a_deletion_token_that_was_used_is_no_error_if_the_room_is_gone(group: Group) -> None:
    group.apply(desired_room(1))
    plan = group.writer.plan("quic", [], prune=True)
    group.meetecho.rooms["quic"].clear()
    assert results(list(group.writer.apply(plan))) == ["deleted"]


def test_no_other_group_is_touched(group: Group) -> None:
    group.meetecho.add_room(desired_room(9, group="httpbis"))
    group.apply(desired_room(1), prune=True)
    group.apply(prune=True)
    assert [room[0] for room in group.meetecho.room_values("httpbis")] == [9]


def test_every_write_is_logged_before_it_is_sent_and_without_a_token(group: Group) -> None:
    group.apply(desired_room(1))
    group.apply(desired_room(1, minutes=90))
    assert [write.action for write in group.log.writes] == ["create room", "create room", "delete room"]
    assert list(group.log.statuses.values()) == [200, 200, 200]
    assert "token-" not in repr(group.log.writes)


FAULTS = st.lists(
    st.sampled_from(["ok", "ok", "lost", "dropped", "refused", "killed before", "killed after"]), max_size=6
)
ROOMS = st.lists(
    st.builds(
        desired_room, st.integers(1, 3), minutes=st.sampled_from([30, 60]), hours=st.sampled_from([0, 1])
    ),
    max_size=3,
    unique_by=lambda each: each.session_id,
)


@pytest.mark.hypothesis
@given(st.lists(st.tuples(ROOMS, FAULTS, st.booleans()), max_size=6), ROOMS)
def test_any_sequence_of_files_lost_answers_and_kills_ends_with_the_desired_rooms(
    runs: list[tuple[list[DesiredRoom], list[str], bool]], last: list[DesiredRoom]
) -> None:
    group = Group()
    group.meetecho.add_room(desired_room(2, group="httpbis"))
    for desired_rooms, faults, prune in runs:
        try:
            group.apply(*desired_rooms, faults=faults, prune=prune)
        except Killed:
            continue
    # A replacement that was killed leaves two rooms. The same file, or a later one that has the room, repairs that; if the
    # room is in no file any more, people decide.
    found = {outcome.number for outcome in group.apply(*last) if outcome.result == "finding"}
    assert not found & {str(each.session_id) for each in last}
    group.apply(*last, prune=True)
    assert group.has(*last)
    assert all(result == "unchanged" for result in results(group.apply(*last, prune=True)))
    assert group.meetecho.writes() == []
    assert len(group.meetecho.room_values("httpbis")) == 1


@pytest.mark.parametrize("killed", ["killed before", "killed after"])
@pytest.mark.parametrize("at", range(6))
def test_a_kill_at_any_request_is_completed_by_the_same_command(group: Group, at: int, killed: str) -> None:
    group.apply(desired_room(1), desired_room(2))
    wanted = [desired_room(1, minutes=90), desired_room(2), desired_room(3)]
    try:
        group.apply(*wanted, faults=["ok"] * at + [killed])
    except Killed:
        group.apply(*wanted)
    assert group.has(*wanted)
    group.apply(*wanted)
    assert group.meetecho.writes() == []
