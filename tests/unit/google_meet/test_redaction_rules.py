"""No record contains the means to open a meeting, and no error quotes an answer."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
import requests
import responses

from connectors.errors import HarvestError
from connectors.google_meet import GoogleMeet
from connectors.google_meet.redaction_rules import EVENT_FIELDS, redact_event, redact_recording, redact_row
from connectors.models import MeetingRef, Window
from harvester.documents import to_documents
from tests.examples import statuses
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.google_meet.fake_api import DAY, HOST, TOKENS, Google, event, private_key, signed_in

Build = Callable[..., GoogleMeet]
SECRET = "marked-secret-4f1d"

# Everything that opens a meeting, or leads to where it is opened, as the discovery documents name it.
OF_A_SPACE: dict[str, Any] = {
    "phoneAccess": [{"phoneNumber": SECRET, "pin": SECRET, "regionCode": "NO", "languageCode": "nb"}],
    "gatewaySipAccess": [{"uri": f"sip:{SECRET}@example.org", "sipAccessCode": SECRET}],
    "meetingUri": f"https://meet.google.example/{SECRET}",
}
OF_AN_EVENT: dict[str, Any] = {
    "conferenceData": {
        "conferenceId": "wkt-imxi-vuk",
        "conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": SECRET, "iconUri": SECRET},
        "signature": SECRET,
        "notes": f"PIN {SECRET}",
        "parameters": {"addOnParameters": {"parameters": {"pin": SECRET}}},
        "entryPoints": [
            {
                "entryPointType": "phone",
                "uri": f"tel:{SECRET}",
                "label": SECRET,
                "pin": SECRET,
                "accessCode": SECRET,
                "meetingCode": SECRET,
                "passcode": SECRET,
                "password": SECRET,
            }
        ],
    },
    "hangoutLink": f"https://meet.google.example/{SECRET}",
    "description": f"dial in with {SECRET}",
    "location": f"https://elsewhere.example/j/1?pwd={SECRET}",
    "attachments": [{"fileUrl": SECRET}],
    "extendedProperties": {"private": {"passcode": SECRET}},
    "source": {"url": SECRET},
    "htmlLink": SECRET,
}


@pytest.mark.parametrize("name", OF_AN_EVENT)
def test_no_field_of_an_event_that_opens_it_is_kept(name: str) -> None:
    kept = redact_event({**event(), name: OF_AN_EVENT[name]})
    assert SECRET not in json.dumps(kept)
    assert kept["summary"] == "Weekly"


@pytest.mark.parametrize("name", OF_A_SPACE)
def test_no_field_with_a_secret_name_is_kept(name: str) -> None:
    kept = redact_row({"deep": [{**OF_A_SPACE, "name": "x"}], name: OF_A_SPACE[name]})
    assert SECRET not in json.dumps(kept)
    assert kept == {"deep": [{"name": "x"}]}


def test_a_recording_is_kept_without_the_link_to_its_file() -> None:
    recording = {"name": "r", "state": "ENDED", "driveDestination": {"file": SECRET, "exportUri": SECRET}}
    assert redact_recording(recording) == {"name": "r", "state": "ENDED"}


def test_secret_fields_are_not_even_requested() -> None:
    for name in ("entryPoints", "hangoutLink", "description", "location", "pin"):
        assert name not in EVENT_FIELDS


@pytest.mark.parametrize("source", ["auto", "reports", "meet"])
def test_no_secret_leaves_the_connector(
    source: str, meet: Build, google: Google, context: FakeContext
) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    for number in ("conf1", "alone"):
        google.record(number)
        google.spaces["spaces/jQCFfuBOdN5z"].update(OF_A_SPACE)
        google.takes_part(number, signed_in("3", "Ole"), ("2026-11-20T09:00:00Z", "2026-11-20T09:40:00Z"))
        google.recordings[number] = [{"name": "r", "driveDestination": {"exportUri": SECRET}}]
    google.events[HOST, "event1"] = {**event(), **OF_AN_EVENT}
    connector = meet(raw=True, GOOGLE_SOURCE=source)
    found = [ref for ref in connector.meetings(DAY) if isinstance(ref, MeetingRef)]
    assert found
    for ref in (*found, *(replace(ref, row=None) for ref in found)):
        written = b"".join(orjson.dumps(document) for document in to_documents(connector.fetch(ref)))
        assert b"vendor_data" in written
        assert SECRET.encode() not in written
        kept = orjson.dumps({"uuid": ref.uuid, "digest": ref.digest, "hint": dict(ref.hint), "row": ref.row})
        assert SECRET.encode() not in kept
    assert not any(SECRET in notice for notice in context.notices)


def test_no_secret_of_a_planned_meeting_leaves_the_connector(meet: Build, google: Google) -> None:
    google.events[HOST, "event1"] = {**event(), **OF_AN_EVENT}
    connector = meet(raw=True, given={"upcoming": ("7",)})
    window = Window(start=NOW, end=NOW.replace(day=28))
    (ref,) = [ref for ref in connector.meetings(window) if isinstance(ref, MeetingRef)]
    for one in (ref, replace(ref, row=None)):
        written = b"".join(orjson.dumps(document) for document in to_documents(connector.fetch(one)))
        assert b"vendor_data" in written
        assert SECRET.encode() not in written


# What an answer says

BODIES: list[Any] = [
    {
        "error": {
            "code": 1,
            "message": SECRET,
            "status": SECRET,
            "errors": [{"reason": SECRET, "message": SECRET}],
        }
    },
    {"error": SECRET, "error_description": f"{SECRET} {HOST}"},
    f"<html>{SECRET}</html>",
    [SECRET],
    "",
]


def error_of(act: Callable[[], Any]) -> HarvestError | None:
    try:
        act()
    except HarvestError as error:
        return error
    return None


def unmarked(error: BaseException) -> bool:
    text = "".join(traceback.format_exception(error))
    words = str(error)
    return SECRET not in text and HOST not in words and "?" not in words and private_key()[40:80] not in text


@pytest.mark.parametrize("status", statuses(200, 400, 401, 403, 404, 410, 429, 500, 503))
def test_no_api_error_repeats_the_response(
    status: int, meet: Build, google: Google, context: FakeContext
) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    google.record("conf1")
    found = [ref for ref in meet().meetings(DAY) if isinstance(ref, MeetingRef)]
    for body in BODIES:
        google.refused = {("", ""): (status, body)}
        connector = meet()
        for act in (
            lambda it=connector: list(it.meetings(DAY)),
            lambda it=connector: it.fetch(found[0]),
            lambda it=connector: it.fetch(replace(found[0], row=None)),
        ):
            error = error_of(act)
            assert error is None or unmarked(error)
        for result in connector.check():
            assert SECRET not in str(result)
            assert HOST not in str(result)
    assert not any(SECRET in notice or HOST in notice for notice in context.notices)


@pytest.mark.parametrize("status", statuses(200, 400, 401, 403, 404, 500))
def test_no_token_error_repeats_the_response(
    status: int, meet: Build, google: Google, http: responses.RequestsMock
) -> None:
    for body in BODIES:
        http.remove(responses.POST, TOKENS)
        http.post(TOKENS, body=body if isinstance(body, str) else json.dumps(body), status=status)
        with pytest.raises(HarvestError) as refused:
            list(meet().meetings(DAY))
        assert unmarked(refused.value)


def test_no_network_error_repeats_the_request(
    meet: Build, google: Google, http: responses.RequestsMock
) -> None:
    http.remove(responses.POST, TOKENS)
    http.post(TOKENS, body=requests.ConnectionError(f"at {TOKENS}?assertion={SECRET}"))
    with pytest.raises(HarvestError) as refused:
        list(meet().meetings(DAY))
    assert unmarked(refused.value)
