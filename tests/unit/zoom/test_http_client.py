from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from connectors.errors import BrokenResponse, VendorError
from connectors.models import Window
from connectors.zoom import Zoom
from tests.unit.fake_context import FakeContext
from tests.unit.zoom.fake_api import DAY, Account, meeting_row, page, participant_row, ref

Build = Callable[..., Zoom]
LIST = "/metrics/meetings"
PARTICIPANTS = "/metrics/meetings/abc%3D%3D/participants"


def test_every_page_is_read_with_the_same_parameters(zoom: Build, account: Account) -> None:
    account.quiet()
    account.on(LIST, page("meetings", meeting_row("1"), token="t1"), type="past")
    account.on(LIST, page("meetings", token="t2"), type="past", next_page_token="t1")
    account.on(LIST, page("meetings", meeting_row("2")), type="past", next_page_token="t2")
    assert {found.uuid for found in zoom().meetings(DAY)} == {"1", "2"}
    asked = [
        {k: v for k, v in query.items() if k != "next_page_token"} for query in account.asked_for(LIST)[:3]
    ]
    assert asked[0] == asked[1] == asked[2]


def test_an_expired_page_token_restarts_the_listing(zoom: Build, account: Account) -> None:
    account.quiet()
    expired = {"code": 300, "message": "The next page token is invalid or expired."}
    account.on(LIST, page("meetings", meeting_row("1"), token="t1"), type="past")
    account.then(
        LIST, (400, expired), (200, page("meetings", meeting_row("2"))), type="past", next_page_token="t1"
    )
    assert {found.uuid for found in zoom().meetings(DAY)} == {"1", "2"}


def test_a_page_token_that_always_expires_is_an_error(zoom: Build, account: Account) -> None:
    account.quiet()
    account.on(LIST, page("meetings", meeting_row("1"), token="t1"), type="past")
    account.on(
        LIST, {"code": 300, "message": "The next page token is invalid or expired."}, next_page_token="t1"
    )
    with pytest.raises(VendorError, match="page token has expired"):
        list(zoom().meetings(DAY))


def test_participants_of_a_restarted_listing_are_not_doubled(zoom: Build, account: Account) -> None:
    expired = {"code": 300, "message": "The next page token is invalid or expired."}
    account.on(PARTICIPANTS, page("participants", participant_row(), token="t1"))
    account.then(PARTICIPANTS, (400, expired), (200, page("participants")), next_page_token="t1")
    harvest = zoom().fetch(ref(meeting_row()))
    assert len(harvest.sessions) == 1
    assert harvest.collisions == 0


def counted(key: str, total: object, *rows: object, token: str = "") -> dict[str, object]:
    return {**page(key, *rows, token=token), "total_records": total}


@pytest.mark.parametrize("total", [137, "137"])
def test_a_listing_shorter_than_its_total_is_read_once_more_and_then_an_error(
    zoom: Build, account: Account, total: object
) -> None:
    account.quiet()
    account.on(LIST, counted("meetings", total, meeting_row("1"), meeting_row("2")), type="past")
    with pytest.raises(VendorError, match="too few rows: 2, although Zoom counts 137"):
        list(zoom().meetings(DAY))
    assert len(account.asked_for(LIST)) == 2


def test_a_listing_that_is_complete_the_second_time_is_accepted(zoom: Build, account: Account) -> None:
    account.quiet()
    complete = counted("meetings", 2, meeting_row("1"), meeting_row("2"))
    account.on(LIST, counted("meetings", 2, meeting_row("1")), complete, type="past")
    assert {found.uuid for found in zoom().meetings(DAY)} == {"1", "2"}


def test_the_rows_of_all_pages_are_compared_with_the_total(zoom: Build, account: Account) -> None:
    account.quiet()
    account.on(LIST, counted("meetings", 2, meeting_row("1"), token="t1"), type="past")
    account.on(LIST, counted("meetings", 3, meeting_row("2")), type="past", next_page_token="t1")
    assert {found.uuid for found in zoom().meetings(DAY)} == {"1", "2"}  # one more ended in between


def shifting(account: Account, *second: dict[str, Any]) -> None:
    """Two pages of which the second has a meeting of the first one; and then the same pages with other rows on the second."""
    account.quiet()
    first = counted("meetings", 3, meeting_row("1"), meeting_row("2"), token="t1")
    account.on(LIST, first, type="past")
    account.on(
        LIST,
        counted("meetings", 3, meeting_row("2")),
        counted("meetings", 3, *second),
        type="past",
        next_page_token="t1",
    )


def test_a_meeting_that_pages_lost_when_they_shifted_is_listed_again(zoom: Build, account: Account) -> None:
    shifting(account, meeting_row("3"))
    assert {found.uuid for found in zoom().meetings(DAY)} == {"1", "2", "3"}


def test_a_meeting_that_zoom_always_lists_twice_is_no_error(zoom: Build, account: Account) -> None:
    shifting(account, meeting_row("2"))
    assert {found.uuid for found in zoom().meetings(DAY)} == {"1", "2"}
    assert len([query for query in account.asked_for(LIST) if query["type"] == "past"]) == 4


@pytest.mark.parametrize("total", [None, "", "many", True, -1, 0])
def test_a_total_that_is_no_number_is_ignored(zoom: Build, account: Account, total: object) -> None:
    account.quiet()
    account.on(LIST, counted("meetings", total, meeting_row("1")), type="past")
    assert [found.uuid for found in zoom().meetings(DAY)] == ["1"]


def test_the_total_of_live_meetings_may_fall_while_they_are_listed(
    zoom: Build, account: Account, context: FakeContext
) -> None:
    account.quiet()
    account.on(LIST, counted("meetings", 3, meeting_row("1")), type="live")
    today = Window(start=context.now() - timedelta(hours=1), end=context.now() + timedelta(hours=1))
    list(zoom().meetings(today))
    assert len(account.asked_for(LIST)) == 3


def test_fewer_participants_than_the_total_fail_the_meeting(zoom: Build, account: Account) -> None:
    account.on(PARTICIPANTS, counted("participants", 318, participant_row()))
    with pytest.raises(VendorError, match="too few rows: 1, although Zoom counts 318"):
        zoom().fetch(ref(meeting_row()))
    assert len(account.asked_for(PARTICIPANTS)) == 2


def test_a_repeated_page_token_is_an_error(zoom: Build, account: Account) -> None:
    account.on(LIST, page("meetings", meeting_row("1"), token="round"))
    with pytest.raises(BrokenResponse, match="same page token"):
        list(zoom().meetings(DAY))


@pytest.mark.parametrize(
    "body", [{}, {"meetings": None}, {"meetings": {}}, {"meetings": ["x"]}, [], {"meetings": [{"id": 1}]}]
)
def test_a_response_without_its_list_is_an_error(zoom: Build, account: Account, body: object) -> None:
    account.on(LIST, body)
    with pytest.raises(BrokenResponse):
        list(zoom().meetings(DAY))


def test_heavy_calls_and_lists_count_against_one_daily_quota(
    zoom: Build, account: Account, context: FakeContext
) -> None:
    account.quiet()
    connector = zoom(share=0.5)
    list(connector.meetings(DAY))
    connector.fetch(ref(meeting_row()))
    assert context.spent == {"heavy": 3}  # two lists, one of participants; /users counts against nothing
