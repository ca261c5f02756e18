from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given

from connectors.errors import BrokenResponse, CredentialsError, QuotaExhausted
from connectors.models import MeetingRef, Window
from connectors.response_decisions import Response
from connectors.webex import Webex
from connectors.webex.errors import response_classifier
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.odd_responses import check_decision, odd_responses
from tests.unit.webex.fake_api import (
    DAY,
    HOST,
    Account,
    items,
    meeting_row,
    participant_row,
)

Build = Callable[..., Webex]


def uuids(webex: Webex, window: Window = DAY) -> list[str]:
    return [found.uuid for found in webex.meetings(window) if isinstance(found, MeetingRef)]


def test_a_refused_listing_names_the_scope_and_the_role(webex: Build, account: Account) -> None:
    account.on("/meetings", {"message": f"not for {HOST}"}, status=403)
    with pytest.raises(CredentialsError, match="meeting:admin_schedule_read") as refused:
        uuids(webex())
    assert HOST not in str(refused.value)


@pytest.mark.parametrize(
    ("headers", "least"), [({"Retry-After": "40"}, 40), ({"Retry-After": "0"}, 1), ({}, 15)]
)
@pytest.mark.parametrize("status", [429, 423])
def test_a_throttled_request_waits_as_long_as_webex_says(
    webex: Build, account: Account, context: FakeContext, status: int, headers: dict[str, str], least: float
) -> None:
    if status == 423 and not headers:
        return
    connector = webex()
    connector.auth.token()
    began = context.seconds
    account.on("/meetings", items())
    account.answers[0][2].insert(0, (status, headers, "{}"))
    assert uuids(connector) == []
    assert context.seconds - began >= least


def test_a_pause_of_an_hour_ends_the_run_with_the_time_to_resume(webex: Build, account: Account) -> None:
    account.on("/meetings", {}, status=429, headers={"Retry-After": "3600"})
    with pytest.raises(QuotaExhausted) as spent:
        uuids(webex())
    assert NOW + timedelta(hours=1) <= spent.value.until <= NOW + timedelta(hours=1, seconds=9)


GATEWAY = {"Via": "1.1 gateway"}


@pytest.mark.parametrize("status", [400, 403, 404, 410])
@pytest.mark.parametrize("path", ["/meetings", "/meetingParticipants"])
def test_an_error_without_a_tracking_id_is_not_one_of_webex(
    webex: Build, account: Account, status: int, path: str
) -> None:
    """A gateway's: the scope would count as missing, or the meeting be stored without its participants."""
    account.has(meeting_row(), people=[participant_row()])
    connector = webex()
    (ref,) = connector.meetings(DAY)
    assert isinstance(ref, MeetingRef)
    account.on(path, {"message": "Forbidden"}, status=status, headers=GATEWAY)
    with pytest.raises(BrokenResponse, match="not the vendor's") as error:
        if path == "/meetings":
            uuids(connector)
        else:
            connector.fetch(ref)
    assert error.value.status is None


@given(odd_responses("Webex: GET /meetings"))
def test_no_odd_response_ends_in_a_bug(response: Response) -> None:
    check_decision(response_classifier(FakeContext()), response)
