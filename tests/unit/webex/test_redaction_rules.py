"""No record contains the means to open a meeting, and no error quotes an answer."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import requests
import responses

from connectors.errors import HarvestError
from connectors.models import MeetingRef
from connectors.webex import Webex
from connectors.webex.redaction_rules import redact_row
from harvester.documents import to_documents
from tests.examples import statuses
from tests.unit.fake_context import FakeContext
from tests.unit.webex.fake_api import (
    API,
    DAY,
    HOST,
    UUID,
    Account,
    data,
    device,
    items,
    live_row,
    media_row,
    meeting_row,
    participant_row,
    ref,
    settings,
)

Build = Callable[..., Webex]

SECRET = "marked-secret-4f1d"

# Every attribute of a meeting that opens it, or leads to where it is opened, as Cisco's schemas name them.
SECRETS: dict[str, Any] = {
    "password": SECRET,
    "phoneAndVideoSystemPassword": SECRET,
    "panelistPassword": SECRET,
    "phoneAndVideoSystemPanelistPassword": SECRET,
    "hostKey": SECRET,
    "hostPin": SECRET,
    "agenda": f"dial in with {SECRET}",
    "webLink": f"https://site.webex.example/j.php?MTID={SECRET}",
    "registerLink": f"https://site.webex.example/register/{SECRET}",
    "joinLink": f"https://site.webex.example/join/{SECRET}",
    "startLink": f"https://site.webex.example/start/{SECRET}",
    "sipAddress": f"{SECRET}@site.webex.example",
    "dialInIpAddress": SECRET,
    "telephony": {
        "accessCode": SECRET,
        "callInNumbers": [{"label": "toll", "callInNumber": SECRET, "tollType": "toll"}],
        "links": [{"rel": "globalCallinNumbers", "href": f"/v1/{SECRET}", "method": "GET"}],
    },
    "links": [{"rel": "breakoutSessions", "href": f"/v1/meetings/{SECRET}", "method": "GET"}],
    "registration": {"enabledRegistrationId": True, "rules": [{"question": SECRET}]},
    "liveStream": {
        "destination": "Elsewhere",
        "rtmpUrl": f"rtmps://example.org:1935/{SECRET}",
        "streamUrl": f"https://example.org/{SECRET}.m3u8",
    },
    "somethingNew": {"deep": [{"accessCode": SECRET, "address": f"https://example.org/{SECRET}"}]},
    "links_of_old": [f"https://example.org/{SECRET}"],
}


@pytest.mark.parametrize("name", SECRETS)
def test_no_field_that_opens_a_meeting_is_kept(name: str) -> None:
    kept = redact_row({**meeting_row(), name: SECRETS[name]})
    assert SECRET not in json.dumps(kept)
    assert kept["title"] == "Weekly"


def test_flags_and_titles_stay() -> None:
    row = {"hasRegistration": True, "excludePassword": False, "title": "see https://example.org/notes"}
    assert redact_row(row) == row


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("row", [*data("meetings")["items"], data("meeting")])
def test_the_fields_that_ciscos_admin_call_hides_are_removed_from_its_examples(row: dict[str, Any]) -> None:
    hidden = ("password", "phoneAndVideoSystemPassword", "hostKey", "webLink", "sipAddress", "agenda")
    values = {row[name] for name in hidden if name in row} | {"1234567890"}
    kept = set(strings(redact_row(row)))
    assert not values & kept
    assert not [text for text in kept if "://" in text]


def test_no_secret_leaves_the_connector(webex: Build, account: Account, context: FakeContext) -> None:
    ended, live = meeting_row(**SECRETS), live_row(**{**SECRETS, "id": "live"})
    account.has(ended, live, people=[participant_row(**SECRETS)], media=[media_row(**SECRETS)])
    account.on(f"/admin/meetings/{UUID}", ended)
    connector = webex("series", raw=True)
    refs = [found for found in connector.meetings(DAY) if isinstance(found, MeetingRef)]
    assert len(refs) == 2
    context.seconds += 300
    for found in (*refs, ref(None, extras=frozenset({"raw"}))):
        context.seconds += 400
        written = b"".join(orjson.dumps(document) for document in to_documents(connector.fetch(found)))
        assert b"vendor_data" in written
        assert SECRET.encode() not in written
        kept = orjson.dumps({"uuid": found.uuid, "digest": found.digest, "hint": dict(found.hint)})
        assert SECRET.encode() not in kept + orjson.dumps(found.row)
        assert b"@" not in orjson.dumps(dict(found.hint))
    assert SECRET not in str(context.facts) + str(context.leases) + str(context.notices)


EMAIL = "marked.person@example.org"
MARKED = f"{SECRET} {EMAIL}"
STATUSES = statuses(200, 204, 301, 400, 401, 403, 404, 409, 410, 423, 425, 429, 451, 500, 503)


def bodies() -> list[str]:
    kept = {
        "message": f"expired invalid_client analytics-eu.webexapis.com {MARKED}",
        "errors": [{"description": MARKED, "errorCode": 1}],
        "error": MARKED,
        "trackingId": MARKED,
    }
    return [json.dumps(kept), f"<html>{MARKED}</html>", json.dumps([MARKED]), f'{{"items": "{MARKED}', ""]


def assert_unmarked(error: BaseException) -> None:
    shown = "".join(traceback.format_exception(error)) + str(error) + repr(error)
    assert SECRET not in shown
    assert "marked.person" not in shown


@pytest.mark.parametrize("status", STATUSES)
def test_no_api_error_repeats_the_response(
    status: int, account: Account, context: FakeContext, webex: Build
) -> None:
    for body in bodies():
        account.forget()
        context.leases.clear()
        headers = {"Content-Type": "text/html", "X-Marked": MARKED, "Retry-After": MARKED}
        account.on("", body, status=status, headers=headers)
        if status != 200:
            account.on("/meetingParticipants", items(participant_row(device())))
        connector = webex(WEBEX_CLIENT_SECRET=SECRET)
        for act in (
            lambda it=connector: list(it.meetings(DAY)),
            lambda it=connector: it.fetch(ref(meeting_row(EMAIL, hostEmail=EMAIL))),
            lambda it=connector: it.fetch(ref(None)),
        ):
            try:
                act()
            except HarvestError as error:
                assert_unmarked(error)
        for result in connector.check():
            assert SECRET not in str(result)
            assert EMAIL not in str(result)
    assert not any(SECRET in notice or EMAIL in notice for notice in context.notices)


@pytest.mark.parametrize("status", STATUSES)
def test_no_token_error_repeats_the_response(status: int, account: Account, context: FakeContext) -> None:
    for body in bodies():
        account.refuses_tokens(status, body)
        connector = Webex(settings(WEBEX_CLIENT_SECRET=SECRET, WEBEX_REFRESH_TOKEN=EMAIL), context)
        with pytest.raises(HarvestError) as refused:
            list(connector.meetings(DAY))
        assert_unmarked(refused.value)


def test_no_network_error_repeats_the_request(
    account: Account, http: responses.RequestsMock, webex: Build
) -> None:
    connector = webex(WEBEX_CLIENT_SECRET=SECRET)
    connector.auth.header()
    http.reset()
    http.get(f"{API}/meetings", body=requests.ConnectionError(f"at {API}/x?hostEmail={HOST}&t={MARKED}"))
    with pytest.raises(HarvestError) as refused:
        list(connector.meetings(DAY))
    assert_unmarked(refused.value)
    assert "?" not in str(refused.value)
    assert HOST not in str(refused.value)
