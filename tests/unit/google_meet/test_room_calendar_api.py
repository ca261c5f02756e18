"""connectors/google_meet/room_calendar_api.py: requests as Google's library builds them, and the meaning of the answers."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import responses

from connectors.errors import BrokenResponse, HarvestError, Unreachable, VendorError
from connectors.google_meet.auth import GoogleTokens
from connectors.google_meet.endpoints import CALENDAR, CALENDAR_BOOKING
from connectors.google_meet.http_client import GoogleClient
from connectors.google_meet.room_calendar_api import (
    Channel,
    NewEvent,
    RoomCalendars,
    RoomResource,
    SyncTokenExpired,
    is_doubtful,
)
from connectors.google_meet.room_events import RoomEvent
from tests.unit.fake_context import FakeContext
from tests.unit.google_meet.fake_api import TOKENS, settings

NINE = datetime(2026, 11, 30, 9, tzinfo=UTC)
TEN = datetime(2026, 11, 30, 10, tzinfo=UTC)
ROOM = "blue@resource.example.org"
CALENDAR_URL = "https://calendar.google.example/calendar/v3"
EVENTS = f"{CALENDAR_URL}/calendars/blue%40resource.example.org/events"


def row(name: str, **more: Any) -> dict[str, Any]:
    times = {"start": {"dateTime": "2026-11-30T09:00:00Z"}, "end": {"dateTime": "2026-11-30T10:00:00Z"}}
    return {"id": name, **times, **more}


def event(name: str, **more: Any) -> RoomEvent:
    return RoomEvent(id=name, start=NINE, end=TEN, guests=0, **more)


@pytest.fixture
def calendars(http: responses.RequestsMock, context: FakeContext) -> RoomCalendars:
    return build(http, context)


def build(http: responses.RequestsMock, context: FakeContext, *, booking: bool = False) -> RoomCalendars:
    http.post(TOKENS, json={"access_token": "t", "expires_in": 3600})
    values = settings()
    tokens = GoogleTokens(values, context)
    return RoomCalendars(GoogleClient(values, tokens, context), tokens, booking=booking)


def query(http: responses.RequestsMock, number: int = -1) -> dict[str, str]:
    found = parse_qs(urlsplit(str(http.calls[number].request.url)).query)
    return {name: values[0] for name, values in found.items()}


def test_a_full_reading_has_every_page_and_the_token_of_the_last(
    calendars: RoomCalendars, http: responses.RequestsMock
) -> None:
    http.get(EVENTS, json={"items": [row("a")], "nextPageToken": "p2"})
    http.get(EVENTS, json={"nextPageToken": "p3"})
    http.get(
        EVENTS,
        json={"items": [row("b"), row("c", start={})], "nextSyncToken": "s1", "timeZone": "Asia/Tokyo"},
    )
    reading = calendars.read(ROOM, NINE)
    assert reading.events == (event("a"), event("b"))
    assert (reading.sync_token, reading.time_zone, reading.unreadable) == ("s1", "Asia/Tokyo", 1)
    first = query(http, 1)
    assert first["timeMin"] == "2026-11-30T09:00:00.000Z"
    assert first["singleEvents"] == "true"
    assert "orderBy" not in first
    assert "description" not in first["fields"]
    assert query(http)["pageToken"] == "p3"


def test_changes_are_requested_with_the_token_alone(
    calendars: RoomCalendars, http: responses.RequestsMock
) -> None:
    http.get(EVENTS, json={"items": [{"id": "a", "status": "cancelled"}], "nextSyncToken": "s2"})
    reading = calendars.changes(ROOM, "s1")
    assert [(each.id, each.cancelled) for each in reading.events] == [("a", True)]
    assert query(http)["syncToken"] == "s1"
    assert "timeMin" not in query(http)


def test_an_expired_sync_token_has_its_own_error(
    calendars: RoomCalendars, http: responses.RequestsMock
) -> None:
    http.get(EVENTS, status=410, json={"error": {"errors": [{"reason": "fullSyncRequired"}]}})
    with pytest.raises(SyncTokenExpired):
        calendars.changes(ROOM, "s1")


def test_a_last_page_without_a_sync_token_is_refused(
    calendars: RoomCalendars, http: responses.RequestsMock
) -> None:
    http.get(EVENTS, json={"items": []})
    with pytest.raises(BrokenResponse, match="no sync token"):
        calendars.read(ROOM, NINE)


def test_busy_intervals_are_requested_for_50_calendars_at_a_time(
    calendars: RoomCalendars, http: responses.RequestsMock
) -> None:
    names = [f"r{number}@example.org" for number in range(51)]
    busy = {"busy": [{"start": "2026-11-30T09:00:00Z", "end": "2026-11-30T10:00:00Z"}]}
    http.post(f"{CALENDAR_URL}/freeBusy", json={"calendars": dict.fromkeys(names[:50], busy)})
    http.post(f"{CALENDAR_URL}/freeBusy", json={"calendars": {}})
    found = dict(calendars.free_busy(names, NINE, TEN))
    assert found["r0@example.org"] == (RoomEvent(id="busy-0", start=NINE, end=TEN),)
    assert isinstance(found["r50@example.org"], VendorError)
    sizes = [
        len(json.loads(call.request.body)["items"]) for call in http.calls if "freeBusy" in call.request.url
    ]
    assert sizes == [50, 1]


def test_a_calendar_that_is_not_shared_does_not_hide_the_others(
    calendars: RoomCalendars, http: responses.RequestsMock
) -> None:
    answer = {"a": {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []}, "b": {"busy": []}}
    http.post(f"{CALENDAR_URL}/freeBusy", json={"calendars": answer})
    found = dict(calendars.free_busy(["a", "b"], NINE, TEN))
    assert isinstance(found["a"], VendorError)
    assert "not shared" in str(found["a"])
    assert found["b"] == ()


def test_the_companys_rooms_are_listed(calendars: RoomCalendars, http: responses.RequestsMock) -> None:
    items = [
        {"resourceEmail": ROOM, "resourceName": "Blue", "capacity": 6, "buildingId": "HQ", "floorName": "2"},
        {"resourceEmail": "car@resource.example.org", "resourceName": "Car", "resourceCategory": "OTHER"},
        {"resourceName": "without a calendar"},
    ]
    http.get(
        "https://admin.google.example/admin/directory/v1/customer/my_customer/resources/calendars",
        json={"items": items},
    )
    assert calendars.resources() == [
        RoomResource(name="Blue", calendar=ROOM, capacity=6, building="HQ", floor="2")
    ]


BOOKING = NewEvent(id="abc123", start=NINE, end=TEN, title="Walk-in", properties={"client": "panel"})


def test_a_booking_is_inserted_with_the_callers_id(
    http: responses.RequestsMock, context: FakeContext
) -> None:
    http.post(EVENTS, json=row("abc123", extendedProperties={"private": {"client": "panel"}}))
    booked = build(http, context, booking=True).insert(ROOM, BOOKING)
    assert booked == event("abc123", properties={"client": "panel"})
    assert json.loads(http.calls[-1].request.body) == {
        "id": "abc123",
        "summary": "Walk-in",
        "start": {"dateTime": "2026-11-30T09:00:00.000Z", "timeZone": "UTC"},
        "end": {"dateTime": "2026-11-30T10:00:00.000Z", "timeZone": "UTC"},
        "extendedProperties": {"private": {"client": "panel"}},
    }


def test_an_insertion_without_an_answer_is_sent_once_and_doubtful(
    http: responses.RequestsMock, context: FakeContext
) -> None:
    http.post(EVENTS, status=503, json={"error": {}})
    with pytest.raises(HarvestError) as failed:
        build(http, context, booking=True).insert(ROOM, BOOKING)
    assert is_doubtful(failed.value)
    assert sum("/events" in call.request.url for call in http.calls) == 1


@pytest.mark.parametrize(
    ("error", "doubtful"),
    [
        (Unreachable("no answer"), True),
        (BrokenResponse("a page", status=None), True),
        (VendorError("gateway", status=502), True),
        (VendorError("refused", status=403), False),
        (VendorError("exists", status=409), False),
    ],
)
def test_which_insertions_are_doubtful(error: HarvestError, doubtful: bool) -> None:
    assert is_doubtful(error) is doubtful


def test_deleting_twice_is_no_error(http: responses.RequestsMock, context: FakeContext) -> None:
    calendars = build(http, context, booking=True)
    http.delete(f"{EVENTS}/abc123", status=204)
    assert calendars.delete(ROOM, "abc123") is True
    http.delete(f"{EVENTS}/abc124", status=410, json={"error": {"errors": [{"reason": "deleted"}]}})
    assert calendars.delete(ROOM, "abc124") is False


def test_an_event_that_was_deleted_is_none(calendars: RoomCalendars, http: responses.RequestsMock) -> None:
    http.get(f"{EVENTS}/gone", json={"id": "gone", "status": "cancelled"})
    http.get(f"{EVENTS}/none", status=404, json={"error": {}})
    assert calendars.get(ROOM, "gone") is None
    assert calendars.get(ROOM, "none") is None


def test_a_channel_is_opened_and_stopped(calendars: RoomCalendars, http: responses.RequestsMock) -> None:
    http.post(f"{EVENTS}/watch", json={"resourceId": "r1", "expiration": "1796000000000"})
    channel = calendars.watch(ROOM, channel="u1", token="secret", address="https://rooms.example.org/webhook")
    assert channel == Channel(
        id="u1", resource_id="r1", expires_at=datetime.fromtimestamp(1796000000, UTC), token="secret"
    )
    assert "secret" not in repr(channel)
    http.post(f"{CALENDAR_URL}/channels/stop", status=204)
    calendars.stop(channel)
    assert json.loads(http.calls[-1].request.body) == {"id": "u1", "resourceId": "r1"}


@pytest.mark.parametrize(("booking", "scope"), [(False, CALENDAR.scope), (True, CALENDAR_BOOKING.scope)])
def test_the_scope_to_change_events_is_requested_only_to_book(
    http: responses.RequestsMock, context: FakeContext, booking: bool, scope: str
) -> None:
    http.get(EVENTS, json={"nextSyncToken": "s1"})
    build(http, context, booking=booking).read(ROOM, NINE)
    assertion = parse_qs(unquote(http.calls[0].request.body.decode()))["assertion"][0]
    assert scope in _claims(assertion)["scope"].split()


def _claims(assertion: str) -> dict[str, Any]:
    payload = assertion.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
