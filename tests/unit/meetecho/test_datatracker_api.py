"""Values from the datatracker: names of people, planned times."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from connectors.errors import BrokenResponse
from connectors.meetecho import Meetecho
from connectors.meetecho.datatracker_api import PlannedTime, to_planned_time
from connectors.meetecho.endpoints import ATTENDED, PEOPLE, SESSIONS, TIMESLOTS
from connectors.models import Reason, SkippedPartition
from tests.unit.meetecho.fake_api import DAY, Account, data

Build = Callable[..., Meetecho]


def test_names_are_requested_together_and_once(alone: Build, account: Account) -> None:
    account.session_attended_by(60)
    datatracker = alone().datatracker
    people = [str(number) for number in range(1, 61)]
    assert datatracker.names(people)["60"] == "Person 60"
    assert datatracker.names(people) == {number: f"Person {number}" for number in people}
    assert len(account.asked(PEOPLE)) == 2


def test_names_are_requested_one_by_one_if_necessary(alone: Build, account: Account) -> None:
    account.session_attended_by(4)
    account.refused["id__in"] = [(400, {}, "marked-body")]
    account.broken = {(PEOPLE, 3)}
    datatracker = alone().datatracker
    assert datatracker.names(["1", "2", "3"]) == {"1": "Person 1", "2": "Person 2"}
    assert datatracker.names(["2", "4"]) == {"2": "Person 2", "4": "Person 4"}
    assert len(account.asked("id__in")) == 1


def test_recorded_timeslot_is_mapped() -> None:
    slot = to_planned_time(data("dt_v1_meeting_timeslot")["objects"][0])
    assert isinstance(slot, PlannedTime)
    assert slot.end is not None
    assert (slot.start.isoformat(), (slot.end - slot.start).total_seconds()) == (
        "2020-08-05T13:00:00+00:00",
        9000,
    )


@pytest.mark.parametrize("odd", [None, [], {}, 1.5, ""])
@pytest.mark.parametrize("field", ["group", "meeting"])
def test_a_session_whose_group_or_meeting_cannot_be_read_is_not_left_out_in_silence(
    alone: Build, account: Account, field: str, odd: object
) -> None:
    account.session()
    account.refused[SESSIONS] = [(200, {}, one_row({**account.tables[SESSIONS][18], field: odd}))]
    with pytest.raises(BrokenResponse, match=f"without a readable `{field}`"):
        alone().datatracker.sessions("7")


@pytest.mark.parametrize("odd", [None, [], {}])
def test_attendance_of_no_session_is_not_left_out_in_silence(
    alone: Build, account: Account, odd: object
) -> None:
    account.refused[ATTENDED] = [(200, {}, one_row({"id": 1, "session": odd}))]
    with pytest.raises(BrokenResponse, match="without a readable `session`"):
        alone().datatracker.attendance("18")


@pytest.mark.parametrize("odd", [None, [], "soon", 7])
def test_a_session_whose_time_cannot_be_read_is_not_left_out_in_silence(
    alone: Build, account: Account, odd: object
) -> None:
    account.session()
    for slot in account.tables[TIMESLOTS].values():
        slot["time"] = odd
    found = list(alone().meetings(DAY))
    assert [(one.partition, one.reason) for one in found if isinstance(one, SkippedPartition)] == [
        ("group acro", Reason.error)
    ]


def one_row(row: dict[str, object]) -> str:
    return json.dumps({"meta": {"total_count": 1, "next": None}, "objects": [row]})
