from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.errors import BrokenResponse, VendorError
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
