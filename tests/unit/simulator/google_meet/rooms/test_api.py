"""Tests the Calendar API of the simulated rooms."""

from __future__ import annotations

from typing import Any

import pytest

from harvester.simulator.google_meet.rooms.calendar import RoomCalendar
from tests.unit.simulator.rooms_client import RoomsClient, events_path, reason, rooms_client

NOON = "2026-11-20T12:00:00Z"
TIMES = {"start": {"dateTime": NOON}, "end": {"dateTime": "2026-11-20T13:00:00Z"}}


@pytest.fixture
def client() -> RoomsClient:
    return rooms_client()


@pytest.fixture
def calendar(client: RoomsClient) -> RoomCalendar:
    return client.calendars[0]


def test_only_the_last_page_has_a_sync_token_and_every_page_the_zone(
    client: RoomsClient, calendar: RoomCalendar
) -> None:
    pages = [client.events(calendar, singleEvents="true", maxResults=5).body]
    while "nextPageToken" in pages[-1]:
        token = pages[-1]["nextPageToken"]
        pages.append(client.events(calendar, singleEvents="true", maxResults=5, pageToken=token).body)
    assert len(pages) > 3
    assert ["nextSyncToken" in page for page in pages] == [False] * (len(pages) - 1) + [True]
    assert {page["timeZone"] for page in pages} == {calendar.room.zone}
    visible = [event.id for event in calendar.events() if event.status != "cancelled"]
    assert [row["id"] for page in pages for row in page["items"]] == visible


def test_time_min_bounds_the_end(client: RoomsClient, calendar: RoomCalendar) -> None:
    rows, _ = client.listed(calendar, singleEvents="true", timeMin=NOON)
    now = client.google.google.account.organisation.now
    expected = [
        event.id
        for event in calendar.events()
        if event.interval(calendar.room.zone)[1] > now and event.status != "cancelled"
    ]
    assert [row["id"] for row in rows] == expected


def test_a_recurring_event_is_one_row_unless_it_is_expanded(
    client: RoomsClient, calendar: RoomCalendar
) -> None:
    expanded, _ = client.listed(calendar, singleEvents="true")
    instances = [row for row in expanded if "recurringEventId" in row]
    masters = [row for row in client.listed(calendar)[0] if "recurrence" in row]
    assert [row["id"] for row in masters] == list({row["recurringEventId"] for row in instances})
    assert len(instances) > 5


def test_a_sync_token_returns_changes_only(client: RoomsClient, calendar: RoomCalendar) -> None:
    rows, token = client.listed(calendar, singleEvents="true")
    assert client.listed(calendar, singleEvents="true", syncToken=token)[0] == []
    gone, changed = rows[0]["id"], rows[1]["id"]
    name = calendar.room.name
    client.change(cancel=[{"room": name, "id": gone}], put=[{"room": name, "id": changed, "summary": "New"}])
    seen, later = client.listed(calendar, singleEvents="true", syncToken=token)
    by_id = {row["id"]: row for row in seen}
    assert set(by_id) == {gone, changed}
    assert by_id[changed]["summary"] == "New"
    assert by_id[gone]["status"] == "cancelled"
    assert "start" not in by_id[gone]
    assert client.listed(calendar, singleEvents="true", syncToken=later)[0] == []


@pytest.mark.parametrize(
    "more",
    [{"timeMin": NOON}, {"orderBy": "startTime"}, {"q": "x"}, {"showDeleted": "false"}, {"singleEvents": "false"}],
)  # fmt: skip
def test_a_sync_token_refuses_other_parameters(
    more: dict[str, str], client: RoomsClient, calendar: RoomCalendar
) -> None:
    _, token = client.listed(calendar, singleEvents="true")
    query = {"singleEvents": "true", "syncToken": token, **more}
    assert client.events(calendar, **query).status == 400


def test_a_sync_token_of_another_calendar_is_refused(client: RoomsClient) -> None:
    _, token = client.listed(client.calendars[0], singleEvents="true")
    assert client.events(client.calendars[1], singleEvents="true", syncToken=token).status == 400


def test_an_expired_sync_token_is_gone(client: RoomsClient, calendar: RoomCalendar) -> None:
    _, token = client.listed(calendar)
    client.change(expire=[calendar.room.name])
    assert reason(client.events(calendar, syncToken=token)) == (410, "fullSyncRequired")
    _, fresh = client.listed(calendar)
    assert client.events(calendar, syncToken=fresh).status == 200


def test_an_inserted_event_keeps_its_id_for_ever(client: RoomsClient, calendar: RoomCalendar) -> None:
    properties = {"private": {"by": "panel"}}
    body = {**TIMES, "id": "abcde12345", "summary": "Booked", "extendedProperties": properties}
    path = events_path(calendar)
    inserted = client.send("POST", path, body)
    assert inserted.status == 200
    assert inserted.body["created"] == "2026-11-20T12:00:00.200Z"
    found = client.send("GET", f"{path}/abcde12345").body
    assert (found["summary"], found["extendedProperties"]) == ("Booked", properties)
    assert reason(client.send("POST", path, body)) == (409, "duplicate")
    deleted = client.send("DELETE", f"{path}/abcde12345")
    assert (deleted.status, deleted.content) == (204, b"")
    assert reason(client.send("DELETE", f"{path}/abcde12345")) == (410, "deleted")
    assert client.send("GET", f"{path}/abcde12345").body["status"] == "cancelled"
    assert reason(client.send("POST", path, body)) == (409, "duplicate")
    assert reason(client.send("DELETE", f"{path}/unknown")) == (404, "notFound")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"start": TIMES["start"]},
        {**TIMES, "id": "UPPERCASE"},
        {**TIMES, "id": "abcd"},
        {"start": TIMES["end"], "end": TIMES["start"]},
        {"start": {"dateTime": "2026-11-20T12:00:00"}, "end": TIMES["end"]},
        {"start": {"date": "2026-11-20"}, "end": TIMES["end"]},
    ],
)
def test_a_malformed_event_is_refused(body: object, client: RoomsClient, calendar: RoomCalendar) -> None:
    before = calendar.events()
    assert client.send("POST", events_path(calendar), body).status == 400
    assert calendar.events() == before


def test_reading_scopes_do_not_write_and_freebusy_does_not_read(
    client: RoomsClient, calendar: RoomCalendar
) -> None:
    path = events_path(calendar)
    refused = (403, "insufficientPermissions")
    assert reason(client.send("POST", path, TIMES, scope="calendar.events.readonly")) == refused
    assert reason(client.send("DELETE", f"{path}/x", scope="calendar.events.readonly")) == refused
    assert reason(client.send("GET", path, scope="calendar.freebusy")) == refused
    assert reason(client.send("POST", "/freeBusy", {}, scope="calendar.events.readonly")) == refused


def test_a_refused_room_does_not_stop_the_others() -> None:
    client = rooms_client(rooms_refused=("Birch",))
    assert reason(client.events(client.named("Birch"))) == (403, "requiredAccessLevel")
    assert client.events(client.named("Aurora")).status == 200
    client.change(refuse={"Birch": 404, "Aurora": 403})
    assert reason(client.events(client.named("Birch"))) == (404, "notFound")
    assert client.events(client.named("Aurora")).status == 403


def test_planned_faults_happen_before_or_after_the_request(
    client: RoomsClient, calendar: RoomCalendar
) -> None:
    insertion, path = "POST calendar calendars/{id}/events", events_path(calendar)
    client.change(faults=[{"kind": "error", "call": insertion}, {"kind": "error_after", "call": insertion}])
    assert client.send("POST", path, {**TIMES, "id": "first12345"}).status == 503
    assert calendar.find("first12345") is None
    assert client.send("POST", path, {**TIMES, "id": "second12345"}).status == 503
    assert calendar.find("second12345") is not None
    client.change(faults=[{"kind": "quota", "room": calendar.room.name}, {"kind": "too_many"}])
    assert reason(client.events(calendar)) == (403, "rateLimitExceeded")
    assert reason(client.events(client.calendars[1])) == (429, "rateLimitExceeded")
    assert client.events(calendar).status == 200


def freebusy(client: RoomsClient, *keys: str, end: str = "2026-11-21T12:00:00Z") -> dict[str, Any]:
    body = {"timeMin": NOON, "timeMax": end, "items": [{"id": key} for key in keys]}
    answer = client.send("POST", "/freeBusy", body, scope="calendar.freebusy")
    assert answer.status == 200, answer.content
    calendars: dict[str, Any] = answer.body["calendars"]
    return calendars


def test_freebusy_has_merged_intervals_and_errors_by_calendar() -> None:
    client = rooms_client(rooms=60, rooms_freebusy_only=True)
    chain = client.named("Birch")
    client.change(
        put=[
            {"room": "Birch", "start": "2026-11-20T20:00:00Z", "end": "2026-11-20T21:00:00Z"},
            {"room": "Birch", "start": "2026-11-20T21:00:00Z", "end": "2026-11-20T22:00:00Z"},
            {"room": "Birch", "start": "2026-11-20T22:30:00Z", "end": "2026-11-20T22:45:00Z", "answer": "declined"},
        ]
    )  # fmt: skip
    found = freebusy(client, chain.room.email, "nobody@example.org")
    busy = found[chain.room.email]["busy"]
    assert {"start": "2026-11-20T20:00:00Z", "end": "2026-11-20T22:00:00Z"} in busy
    assert not [each for each in busy if each["start"].startswith("2026-11-20T22:30")]
    assert found["nobody@example.org"]["errors"][0]["reason"] == "notFound"
    everything = freebusy(client, *(each.room.email for each in client.calendars))
    errors = [each["errors"][0]["reason"] for each in everything.values() if "errors" in each]
    assert errors == ["tooManyCalendarsRequested"] * 10
    assert client.events(chain).status == 403


def test_freebusy_refuses_more_than_ninety_days(client: RoomsClient) -> None:
    body = {"timeMin": NOON, "timeMax": "2027-11-20T12:00:00Z", "items": []}
    answer = client.send("POST", "/freeBusy", body, scope="calendar.freebusy")
    assert reason(answer) == (400, "timeRangeTooLong")


def test_rooms_are_resources_of_the_administrator(client: RoomsClient) -> None:
    path, scope = "/customer/my_customer/resources/calendars", "admin.directory.resource.calendar.readonly"
    admin = client.google.admin
    body = client.send("GET", path, scope=scope, api="directory", email=admin, maxResults=500).body
    rooms = [row for row in body["items"] if row["resourceCategory"] == "CONFERENCE_ROOM"]
    assert [row["resourceEmail"] for row in rooms] == [each.room.email for each in client.calendars]
    assert len(body["items"]) == len(rooms) + 1
    assert client.send("GET", path, scope=scope, api="directory").status == 403
    other = client.send("GET", path, scope="admin.directory.user.readonly", api="directory", email=admin)
    assert other.status == 403
