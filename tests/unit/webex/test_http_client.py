from __future__ import annotations

from collections.abc import Callable

import pytest
import responses

from connectors.errors import BrokenResponse
from connectors.models import MeetingRef, Window
from connectors.webex import Webex
from tests.unit.webex.fake_api import (
    API,
    DAY,
    Account,
    items,
    link,
    meeting_row,
)

Build = Callable[..., Webex]


def uuids(webex: Webex, window: Window = DAY) -> list[str]:
    return [found.uuid for found in webex.meetings(window) if isinstance(found, MeetingRef)]


def test_next_links_are_followed_with_the_original_parameters(
    webex: Build, account: Account, http: responses.RequestsMock
) -> None:
    second = f"{API}/meetings?cursor=a%2Fb&max=null&odd=1"
    account.on("/meetings", items(meeting_row("a")), headers=link(second))
    account.on("/meetings", items(), headers=link(f"{API}/meetings?cursor=3"), cursor="a/b")
    account.on("/meetings", items(meeting_row("a"), meeting_row("b")), cursor="3")
    assert uuids(webex()) == ["a", "b"], "an empty page goes on, and what comes twice counts once"
    urls = [str(call.request.url) for call in http.calls if call.request.method == "GET"]
    assert urls[1].startswith(second)
    first, *others = account.asked_for("/meetings")
    for asked in others:
        assert {**first, "max": asked["max"]}.items() <= asked.items()


def test_a_next_link_that_lost_the_meeting_type_lists_no_series(webex: Build, account: Account) -> None:
    lost = f"{API}/meetings?from=2026-11-20T00%3A00%3A00Z&max=100&cursor=100.ab12"
    account.on("/meetings", items(meeting_row("a")), headers=link(lost))
    account.on("/meetings", items(meeting_row("series", meetingType="meetingSeries")), cursor="100.ab12")
    account.on("/meetings", items(meeting_row("b")), cursor="100.ab12", meetingType="meeting")
    assert uuids(webex()) == ["a", "b"]


@pytest.mark.parametrize("change", ["meetingType=meetingSeries", "from=2026-10-20T00%3A00%3A00Z"])
def test_a_next_link_to_another_listing_is_an_error(webex: Build, account: Account, change: str) -> None:
    account.on("/meetings", items(meeting_row("a")), headers=link(f"{API}/meetings?{change}&cursor=1"))
    with pytest.raises(BrokenResponse, match="changes the parameter"):
        uuids(webex())


def test_other_links_are_not_followed(webex: Build, account: Account) -> None:
    headers = {"Link": f'<{API}/meetings?p=0>; rel="prev", <{API}/meetings?p=1>; rel="first"'}
    account.on("/meetings", items(meeting_row("a")), headers=headers)
    assert uuids(webex()) == ["a"]


def test_a_repeated_next_link_is_an_error(webex: Build, account: Account) -> None:
    account.on("/meetings", items(meeting_row("a")), headers=link(f"{API}/meetings?cursor=1"))
    with pytest.raises(BrokenResponse, match="twice"):
        uuids(webex())


def test_the_token_is_sent_to_no_other_host(
    webex: Build, account: Account, http: responses.RequestsMock
) -> None:
    account.on("/meetings", items(meeting_row("a")), headers=link("https://elsewhere.example/v1/meetings"))
    with pytest.raises(BrokenResponse, match="another host") as refused:
        uuids(webex())
    assert "elsewhere" not in str(refused.value)
    assert all("webexapis.example" in str(call.request.url) for call in http.calls)


@pytest.mark.parametrize("body", [{}, {"items": None}, {"items": ["x"]}, [], "null"])
def test_a_page_without_its_list_is_an_error(webex: Build, account: Account, body: object) -> None:
    account.on("/meetings", body)
    with pytest.raises(BrokenResponse):
        uuids(webex())
