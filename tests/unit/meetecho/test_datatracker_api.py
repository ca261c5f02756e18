"""Requests to the datatracker: pages, pauses, broken records, names."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from connectors.errors import BrokenResponse, VendorError
from connectors.meetecho import Meetecho
from connectors.meetecho.datatracker_api import PlannedTime, to_planned_time
from connectors.meetecho.endpoints import ATTENDED, PEOPLE
from tests.unit.fake_context import FakeContext
from tests.unit.meetecho.fake_api import Account, data

Build = Callable[..., Meetecho]


def full(account: Account, count: int) -> None:
    account.session()
    for person in range(1, count + 1):
        account.attends(person)


def test_pages_are_followed_to_the_last(alone: Build, account: Account) -> None:
    full(account, 250)
    assert len(alone().datatracker.attendance("18")) == 250
    assert [query.get("offset", "0") for query in account.asked(ATTENDED)] == ["0", "100", "200"]


@pytest.mark.parametrize("lost", [[1], [100, 101, 150], [250], [201, 250]])
def test_page_with_broken_records_is_read_one_by_one(
    lost: list[int], alone: Build, account: Account, context: FakeContext
) -> None:
    full(account, 250)
    account.broken = {(ATTENDED, number) for number in lost}
    connector = alone()
    rows = connector.datatracker.attendance("18")
    assert {row["id"] for row in rows} == set(range(1, 251)) - set(lost)
    assert connector.datatracker.api.unavailable == len(lost)
    connector.datatracker.attendance("18")
    assert len([said for said in context.told if "cannot show" in said]) == 1


def test_single_broken_record_leaves_an_empty_list(alone: Build, account: Account) -> None:
    full(account, 1)
    account.broken = {(ATTENDED, 1)}
    datatracker = alone().datatracker
    assert (datatracker.attendance("18"), datatracker.attendance_count("18")) == ([], None)


def test_missing_endpoint_is_an_error(alone: Build, account: Account) -> None:
    account.refused[ATTENDED] = [(404, {}, "marked-body")]
    with pytest.raises(VendorError, match="404"):
        alone().datatracker.attendance("18")
    assert len(account.asked(ATTENDED)) < 20


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "{}",
        '{"meta": {}, "objects": [1]}',
        '{"objects": []}',
        '{"meta": {"total_count": 2}, "objects": [{"id": 1, "session": "/api/v1/meeting/session/18/"}]}',
        '{"meta": {"next": "https://elsewhere.example/x?offset=1"}, "objects": []}',
        '{"meta": {"next": "/api/v1/meeting/attended/?offset=1"}, "objects": []}',
    ],
)
def test_malformed_response_is_an_error(body: str, alone: Build, account: Account) -> None:
    account.refused[ATTENDED] = [(200, {}, body)]
    with pytest.raises(BrokenResponse):
        alone().datatracker.attendance("18")


def test_a_next_page_that_lost_the_session_lists_the_attendance_of_this_session_only(
    alone: Build, account: Account
) -> None:
    first = {
        "meta": {"total_count": 2, "next": f"{ATTENDED}?offset=1"},
        "objects": [{"id": 1, "session": "/api/v1/meeting/session/18/"}],
    }
    second = {
        "meta": {"total_count": 2, "next": None},
        "objects": [{"id": 2, "session": "/api/v1/meeting/session/18/"}],
    }
    account.refused[ATTENDED] = [(200, {}, json.dumps(first)), (200, {}, json.dumps(second))]
    assert [row["id"] for row in alone().datatracker.attendance("18")] == [1, 2]
    asked, following = account.asked(ATTENDED)
    assert following == {**asked, "offset": "1"}


def test_a_next_page_of_another_session_is_an_error(alone: Build, account: Account) -> None:
    page = {
        "meta": {"total_count": 2, "next": f"{ATTENDED}?session=19&offset=1"},
        "objects": [{"id": 1, "session": "/api/v1/meeting/session/18/"}],
    }
    account.refused[ATTENDED] = [(200, {}, json.dumps(page))]
    with pytest.raises(BrokenResponse, match="changes the parameter session"):
        alone().datatracker.attendance("18")


@pytest.mark.parametrize(("told", "least"), [("0", 5.0), ("", 5.0), ("30", 30.0)])
def test_retry_after_of_zero_is_not_taken_literally(
    told: str, least: float, alone: Build, account: Account, context: FakeContext
) -> None:
    full(account, 1)
    headers = {"Retry-After": told} if told else {}
    page = '{"meta": {"next": null}, "objects": []}'
    account.refused[ATTENDED] = [(429, headers, ""), (200, {}, page)]
    before = context.elapsed()
    assert alone().datatracker.attendance("18") == []
    assert context.elapsed() - before >= least


def test_requests_are_a_tenth_of_a_second_apart(alone: Build, account: Account, context: FakeContext) -> None:
    full(account, 250)
    before = context.elapsed()
    alone().datatracker.attendance("18")
    assert context.elapsed() - before >= 0.2


def test_names_are_requested_together_and_once(alone: Build, account: Account) -> None:
    full(account, 60)
    datatracker = alone().datatracker
    people = [str(number) for number in range(1, 61)]
    assert datatracker.names(people)["60"] == "Person 60"
    assert datatracker.names(people) == {number: f"Person {number}" for number in people}
    assert len(account.asked(PEOPLE)) == 2


def test_names_are_requested_one_by_one_if_necessary(alone: Build, account: Account) -> None:
    full(account, 4)
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
