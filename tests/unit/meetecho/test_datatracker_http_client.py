"""Requests to the datatracker: pages, pauses, broken records."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from connectors.errors import BrokenResponse, VendorError
from connectors.meetecho import Meetecho
from connectors.meetecho.endpoints import ATTENDED, SESSIONS
from tests.unit.fake_context import FakeContext
from tests.unit.meetecho.fake_api import Account

Build = Callable[..., Meetecho]


def test_pages_are_followed_to_the_last(alone: Build, account: Account) -> None:
    account.session_attended_by(250)
    assert len(alone().datatracker.attendance("18")) == 250
    assert [query.get("offset", "0") for query in account.asked(ATTENDED)] == ["0", "100", "200"]


@pytest.mark.parametrize("lost", [[1], [100, 101, 150], [250], [201, 250]])
def test_page_with_broken_records_is_read_one_by_one(
    lost: list[int], alone: Build, account: Account, context: FakeContext
) -> None:
    account.session_attended_by(250)
    account.broken = {(ATTENDED, number) for number in lost}
    connector = alone()
    rows = connector.datatracker.attendance("18")
    assert {row["id"] for row in rows} == set(range(1, 251)) - set(lost)
    assert connector.datatracker.api.unavailable == len(lost)
    connector.datatracker.attendance("18")
    assert len([notice for notice in context.notices if "cannot show" in notice]) == 1


def test_single_broken_record_leaves_an_empty_list(alone: Build, account: Account) -> None:
    account.session_attended_by(1)
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


@pytest.mark.parametrize(("header", "least"), [("0", 5.0), ("", 5.0), ("30", 30.0)])
def test_retry_after_of_zero_is_not_taken_literally(
    header: str, least: float, alone: Build, account: Account, context: FakeContext
) -> None:
    account.session_attended_by(1)
    headers = {"Retry-After": header} if header else {}
    page = '{"meta": {"next": null}, "objects": []}'
    account.refused[ATTENDED] = [(429, headers, ""), (200, {}, page)]
    before = context.elapsed()
    assert alone().datatracker.attendance("18") == []
    assert context.elapsed() - before >= least


def test_requests_are_a_tenth_of_a_second_apart(alone: Build, account: Account, context: FakeContext) -> None:
    account.session_attended_by(250)
    before = context.elapsed()
    alone().datatracker.attendance("18")
    assert context.elapsed() - before >= 0.2


@pytest.mark.parametrize("number", [None, [], {}, 1.5, True])
def test_a_record_without_an_id_is_broken(alone: Build, account: Account, number: object) -> None:
    page = {"meta": {"total_count": 1}, "objects": [{"id": number}]}
    account.refused[SESSIONS] = [(200, {}, json.dumps(page))]
    with pytest.raises(BrokenResponse, match="without an id"):
        alone().datatracker.api.all_rows(SESSIONS)
