"""Values from the datatracker: names of people, planned times."""

from __future__ import annotations

from collections.abc import Callable

from connectors.meetecho import Meetecho
from connectors.meetecho.datatracker_api import PlannedTime, to_planned_time
from connectors.meetecho.endpoints import PEOPLE
from tests.unit.meetecho.fake_api import Account, data

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
