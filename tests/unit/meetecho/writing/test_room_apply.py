from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.exit_codes import ExitCode
from connectors.meetecho.writing.room_apply import RoomOutcome, RoomWriter
from connectors.meetecho.writing.wishes import RoomWish
from tests.unit.meetecho.writing.fake_meetecho import NOW, FakeMeetecho, Killed, MemoryLog, wish


class Group:
    """One group at a fake Meetecho, with what a file wishes for it."""

    def __init__(self) -> None:
        self.meetecho = FakeMeetecho()
        self.log = MemoryLog()
        self.writer = RoomWriter(self.meetecho, self.log, lambda: NOW)

    def apply(self, *wishes: RoomWish, faults: Sequence[str] = (), prune: bool = False) -> list[RoomOutcome]:
        self.meetecho.faults = list(faults)
        self.meetecho.requests.clear()
        plan = self.writer.plan("quic", wishes, prune=prune)
        return list(self.writer.apply(plan))

    def has(self, *wishes: RoomWish) -> bool:
        wished = [(w.session_id, f"{w.start:%Y-%m-%d %H:%M:%S}", w.minutes, w.description) for w in wishes]
        return self.meetecho.wished("quic") == sorted(wished)


@pytest.fixture
def group() -> Group:
    return Group()


def results(outcomes: list[RoomOutcome]) -> list[str]:
    return [outcome.result for outcome in outcomes]


def test_a_second_apply_makes_reading_requests_only(group: Group) -> None:
    assert results(group.apply(wish(1), wish(2))) == ["created", "created"]
    assert results(group.apply(wish(1), wish(2))) == ["unchanged", "unchanged"]
    assert group.meetecho.writes() == []
    assert group.has(wish(1), wish(2))


def test_the_new_room_is_created_and_found_before_the_old_one_is_deleted(group: Group) -> None:
    group.apply(wish(1))
    (outcome,) = group.apply(wish(1, minutes=90))
    assert group.meetecho.requests == [
        ("GET", "quic"),
        ("POST", "/meeting/interim/createRoom"),
        ("GET", "quic"),
        ("POST", "/meeting/interim/deleteRoom"),
    ]
    assert (outcome.result, [room.uuid for room in outcome.replaced]) == ("replaced", ["uuid-1"])
    assert group.has(wish(1, minutes=90))
    assert group.log.open_replacements == set()


def test_a_creation_whose_answer_is_lost_is_looked_for_and_not_repeated(group: Group) -> None:
    (outcome,) = group.apply(wish(1), faults=["lost"])
    assert outcome.result == "created"
    assert group.meetecho.writes() == [("POST", "/meeting/interim/createRoom")]
    assert group.has(wish(1))


def test_a_creation_that_did_not_arrive_is_repeated_once(group: Group) -> None:
    assert results(group.apply(wish(1), faults=["dropped"])) == ["created"]
    (outcome,) = group.apply(wish(2), wish(1), faults=["dropped", "dropped"])[:1]
    assert (outcome.result, outcome.exit_code) == ("failed", ExitCode.UNAVAILABLE)
    assert group.has(wish(1))


def test_an_older_room_is_not_taken_for_the_one_whose_answer_was_lost(group: Group) -> None:
    """The old room has the same id: only a room that was not there before is the new one."""
    group.apply(wish(1))
    assert results(group.apply(wish(1, minutes=90), faults=["dropped"])) == ["replaced"]
    assert group.has(wish(1, minutes=90))


def test_a_second_room_that_meetecho_refuses_is_a_finding_and_the_old_room_stays(group: Group) -> None:
    group.apply(wish(1))
    (outcome,) = group.apply(wish(1, minutes=90), faults=["refused"])
    assert (outcome.result, outcome.exit_code) == ("finding", ExitCode.DATAERR)
    assert "refuses a second room" in outcome.message
    assert group.has(wish(1))


def test_a_refused_room_stops_no_other(group: Group) -> None:
    refused, created = group.apply(wish(1), wish(2), faults=["refused", "ok"])
    assert (refused.result, refused.exit_code) == ("failed", ExitCode.DATAERR)
    assert created.result == "created"


def test_a_deletion_whose_answer_is_lost_is_not_repeated(group: Group) -> None:
    group.apply(wish(1))
    assert results(group.apply(prune=True, faults=["lost"])) == ["deleted"]
    assert len(group.meetecho.writes()) == 1
    assert group.has()


def test_a_deletion_token_that_was_used_is_no_error_if_the_room_is_gone(group: Group) -> None:
    group.apply(wish(1))
    plan = group.writer.plan("quic", [], prune=True)
    group.meetecho.rooms["quic"].clear()
    assert results(list(group.writer.apply(plan))) == ["deleted"]


def test_no_other_group_is_touched(group: Group) -> None:
    group.meetecho.add_room(wish(9, group="httpbis"))
    group.apply(wish(1), prune=True)
    group.apply(prune=True)
    assert [room[0] for room in group.meetecho.wished("httpbis")] == [9]


def test_every_write_is_logged_before_it_is_sent_and_without_a_token(group: Group) -> None:
    group.apply(wish(1))
    group.apply(wish(1, minutes=90))
    assert [write.action for write in group.log.writes] == ["create room", "create room", "delete room"]
    assert list(group.log.statuses.values()) == [200, 200, 200]
    assert "token-" not in repr(group.log.writes)


FAULTS = st.lists(
    st.sampled_from(["ok", "ok", "lost", "dropped", "refused", "killed before", "killed after"]), max_size=6
)
WISHES = st.lists(
    st.builds(wish, st.integers(1, 3), minutes=st.sampled_from([30, 60]), hours=st.sampled_from([0, 1])),
    max_size=3,
    unique_by=lambda each: each.session_id,
)


@pytest.mark.hypothesis
@settings(deadline=None)
@given(st.lists(st.tuples(WISHES, FAULTS, st.booleans()), max_size=6), WISHES)
def test_any_sequence_of_wishes_lost_answers_and_kills_ends_with_the_wished_rooms(
    runs: list[tuple[list[RoomWish], list[str], bool]], last: list[RoomWish]
) -> None:
    group = Group()
    group.meetecho.add_room(wish(2, group="httpbis"))
    for wishes, faults, prune in runs:
        try:
            group.apply(*wishes, faults=faults, prune=prune)
        except Killed:
            continue
    assert "finding" not in results(group.apply(*last))
    group.apply(*last, prune=True)
    assert group.has(*last)
    assert all(result == "unchanged" for result in results(group.apply(*last, prune=True)))
    assert group.meetecho.writes() == []
    assert len(group.meetecho.wished("httpbis")) == 1


@pytest.mark.parametrize("killed", ["killed before", "killed after"])
@pytest.mark.parametrize("at", range(6))
def test_a_kill_at_any_request_is_completed_by_the_same_command(group: Group, at: int, killed: str) -> None:
    group.apply(wish(1), wish(2))
    wanted = [wish(1, minutes=90), wish(2), wish(3)]
    try:
        group.apply(*wanted, faults=["ok"] * at + [killed])
    except Killed:
        group.apply(*wanted)
    assert group.has(*wanted)
    group.apply(*wanted)
    assert group.meetecho.writes() == []
