"""Tests the simulated Calendar API."""

from __future__ import annotations

from typing import Any

import pytest

from harvester.simulator.google_meet.calendar_events import CalendarEvent, has_calendar
from harvester.simulator.organisation import QUIET, Person, milliseconds
from tests.unit.simulator.clients import NOW, GoogleClient, google_client

NOW_SPELLED = "2026-11-20T12:00:00Z"


@pytest.fixture(scope="module")
def google() -> GoogleClient:
    return google_client(size=300, days=8)


def reason(google: GoogleClient, api: str, path: str, email: str = "", **query: object) -> tuple[int, str]:
    answer = google.get(api, path, email, **query)
    return answer.status, answer.body["error"]["errors"][0]["reason"]


def test_too_many_calendar_requests_are_a_403_or_a_429() -> None:
    google = google_client()
    seen = set()
    for _ in range(604):
        answer = google.get("calendar", "/calendars/primary/events/none")
        google.clock.seconds -= 0.3
        if answer.status != 404:
            seen.add((answer.status, answer.body["error"]["errors"][0]["reason"]))
    assert seen == {
        (403, "rateLimitExceeded"), (403, "userRateLimitExceeded"), (429, "rateLimitExceeded"), (403, "quotaExceeded"),
    }  # fmt: skip


def events(google: GoogleClient, email: str, **query: object) -> list[dict[str, Any]]:
    return google.rows("items", "calendar", f"/calendars/{email}/events", email, **query)


def test_future_events_are_in_their_organizers_calendar(google: GoogleClient) -> None:
    account = google.google.account
    host = account.busiest_host
    listed = events(
        google, host.email, timeMin=NOW_SPELLED, singleEvents="true", orderBy="startTime", maxResults=3
    )
    planned = [
        e for e in account.events.on_calendar[host.index] if e.end > milliseconds(NOW) and not e.removed
    ]
    assert [event["id"] for event in listed] == [event.id for event in planned]
    assert {
        event.start > account.organisation.now + QUIET for event in planned if event.start > milliseconds(NOW)
    } == {True}
    codes = [e["conferenceData"]["conferenceId"] for e in listed if "conferenceData" in e]
    assert codes
    assert any(code == conference.code for code in codes for conference in account.conferences)


def test_a_page_before_the_last_may_be_short_or_empty(google: GoogleClient) -> None:
    host = google.google.account.busiest_host.email
    sizes, token = [], ""
    while True:
        page = google.get(
            "calendar", "/calendars/primary/events", host, singleEvents="true", maxResults=4,
            **({"pageToken": token} if token else {}),
        ).body  # fmt: skip
        sizes.append(len(page["items"]))
        token = page.get("nextPageToken", "")
        assert bool(token) is ("nextSyncToken" not in page)
        if not token:
            break
    assert 0 in sizes[:-1]
    assert sum(sizes) == len(events(google, host, singleEvents="true"))


def test_a_recurring_event_counts_once_unless_it_is_expanded(google: GoogleClient) -> None:
    host = google.google.account.busiest_host.email
    masters = [event for event in events(google, host) if "recurrence" in event]
    instances = [event for event in events(google, host, singleEvents="true") if "recurringEventId" in event]
    assert {event["id"] for event in masters} == {event["recurringEventId"] for event in instances}
    assert len(instances) > len(masters) > 0
    assert google.get("calendar", f"/calendars/primary/events/{masters[0]['id']}", host).status == 200


def one(google: GoogleClient, **wanted: object) -> CalendarEvent:
    """Return an event of an owner with a calendar."""
    return next(
        event
        for event in google.google.account.events.all
        if event.owner.status == "active"
        and has_calendar(event.owner)
        and event.conferencing == "meet"
        and all(getattr(event, name) == value for name, value in wanted.items())
    )


def uninvited(google: GoogleClient, event: CalendarEvent) -> Person:
    people = google.google.account.organisation.people
    invited = (event.owner, *event.guests)
    return next(p for p in people if p.status == "active" and has_calendar(p) and p not in invited)


def test_private_events_show_others_only_the_time(google: GoogleClient) -> None:
    event = one(google, private=True, removed="")
    path = f"/calendars/{event.owner.email}/events/{event.id}"
    assert google.get("calendar", path, event.owner.email).body["summary"] == event.summary
    shown = google.get("calendar", path, uninvited(google, event).email).body
    assert shown["visibility"] == "private"
    assert not {"summary", "conferenceData", "attendees"} & shown.keys()


def test_removed_events_return_one_of_two_errors(google: GoogleClient) -> None:
    lost, deleted = one(google, removed="notFound"), one(google, removed="deleted")
    assert reason(google, "calendar", f"/calendars/primary/events/{lost.id}", lost.owner.email) == (
        404,
        "notFound",
    )
    assert reason(google, "calendar", f"/calendars/primary/events/{deleted.id}", deleted.owner.email) == (
        410,
        "deleted",
    )
    assert deleted.id not in str(events(google, deleted.owner.email, singleEvents="true"))


def test_some_people_have_no_calendar_and_departed_peoples_cannot_be_read(google: GoogleClient) -> None:
    people = google.google.account.organisation.people
    without = next(p for p in people if p.status == "active" and not has_calendar(p))
    assert reason(google, "calendar", "/calendars/primary/events", without.email) == (403, "notACalendarUser")
    for status in ("departed", "inactive"):
        person = next(p for p in people if p.status == status)
        assert reason(google, "calendar", f"/calendars/{person.email}/events") == (404, "notFound")


def test_requests_that_calendar_refuses(google: GoogleClient) -> None:
    path = "/calendars/primary/events"
    assert reason(google, "calendar", path, orderBy="startTime") == (400, "invalid")
    assert reason(google, "calendar", path, timeMin="2026-11-20T12:00:00") == (400, "invalid")
    assert reason(google, "calendar", path, syncToken="sync-1") == (410, "fullSyncRequired")
    assert reason(google, "calendar", path, syncToken="sync-1", timeMin=NOW_SPELLED) == (400, "invalid")


def test_some_events_were_planned_and_never_took_place(google: GoogleClient) -> None:
    account = google.google.account
    held = {conference.code for conference in account.conferences}
    past = [e for e in account.events.all if e.conferencing == "meet" and e.end < account.organisation.now]
    assert [event for event in past if event.code not in held]
    instant = [c for c in account.conferences if c.event is None]
    assert instant


def test_reports_have_the_instance_of_some_events_and_the_series_of_others(google: GoogleClient) -> None:
    is_series = {
        (c.event_id_in_reports == c.event.id)
        for c in google.google.account.conferences
        if c.event is not None and c.event.series
    }
    assert is_series == {True, False}
