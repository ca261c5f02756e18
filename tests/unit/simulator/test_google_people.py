"""The Directory and the calendars."""

from __future__ import annotations

from typing import Any

import pytest

from harvester.simulator.google_meet.events import Event, has_calendar
from harvester.simulator.google_meet.rules import Question
from harvester.simulator.organisation import QUIET, Person, milliseconds
from tests.unit.simulator.client import NOW, Googled, googled

NOW_SPELLED = "2026-11-20T12:00:00Z"


@pytest.fixture(scope="module")
def google() -> Googled:
    return googled(size=300, days=8)


def reason(google: Googled, api: str, path: str, email: str = "", **query: object) -> tuple[int, str]:
    answer = google.get(api, path, email, **query)
    return answer.status, answer.body["error"]["errors"][0]["reason"]


def test_everybody_with_an_account_the_suspended_too(google: Googled) -> None:
    users = google.rows("users", "directory", "/users", customer="my_customer", maxResults=7)
    people = [p for p in google.google.account.organisation.people if p.standing != "departed"]
    assert [user["primaryEmail"] for user in users] == [person.email for person in people]
    assert {user["suspended"] for user in users} == {True, False}
    assert all(user["id"].isdigit() for user in users)
    active = google.rows("users", "directory", "/users", domain="example.org", query="isSuspended=false")
    assert active == [user for user in users if not user["suspended"]]
    by_name = google.rows("users", "directory", "/users", customer="my_customer", orderBy="email")
    assert [user["primaryEmail"] for user in by_name] == sorted(user["primaryEmail"] for user in users)


def test_a_user_by_id_address_or_alias(google: Googled) -> None:
    user = next(
        u for u in google.rows("users", "directory", "/users", customer="my_customer") if "aliases" in u
    )
    for key in (user["id"], user["primaryEmail"], user["aliases"][0]):
        assert google.get("directory", f"/users/{key}").body == user
    gone = next(p for p in google.google.account.organisation.people if p.standing == "departed")
    assert reason(google, "directory", f"/users/{gone.email}") == (404, "notFound")
    assert gone.email in str(
        google.rows("users", "directory", "/users", customer="my_customer", showDeleted="true")
    )


def test_what_the_directory_refuses(google: Googled) -> None:
    assert reason(google, "directory", "/users") == (400, "badRequest")
    assert reason(google, "directory", "/users", customer="C0other") == (404, "notFound")
    assert reason(google, "directory", "/users", customer="my_customer", query="colour=red") == (
        400,
        "invalid",
    )
    host = google.google.account.busiest_host.email
    assert reason(google, "directory", "/users", host, customer="my_customer") == (403, "forbidden")


def test_too_many_questions_to_the_directory_are_a_403() -> None:
    google = googled()
    asked = Question(
        path=("users",),
        query={},
        instant=0,
        seconds=0,
        scopes=frozenset(),
        person=google.google.account.administrator,
    )
    for _ in range(2400):
        google.google.counters.admit("directory", asked)
    reasons = set()
    for _ in range(4):
        answer = google.get("directory", "/users", customer="my_customer")
        google.clock.seconds -= 0.3
        reasons.add((answer.status, answer.body["error"]["errors"][0]["reason"]))
    assert reasons == {(403, "userRateLimitExceeded"), (403, "quotaExceeded")}


def test_too_many_questions_to_calendar_are_a_403_or_a_429() -> None:
    google = googled()
    seen = set()
    for _ in range(604):
        answer = google.get("calendar", "/calendars/primary/events/none")
        google.clock.seconds -= 0.3
        if answer.status != 404:
            seen.add((answer.status, answer.body["error"]["errors"][0]["reason"]))
    assert seen == {
        (403, "rateLimitExceeded"), (403, "userRateLimitExceeded"), (429, "rateLimitExceeded"), (403, "quotaExceeded"),
    }  # fmt: skip


def events(google: Googled, email: str, **query: object) -> list[dict[str, Any]]:
    return google.rows("items", "calendar", f"/calendars/{email}/events", email, **query)


def test_what_is_to_come_is_in_the_calendar_of_who_called_it(google: Googled) -> None:
    account = google.google.account
    host = account.busiest_host
    told = events(
        google, host.email, timeMin=NOW_SPELLED, singleEvents="true", orderBy="startTime", maxResults=3
    )
    planned = [e for e in account.events.on_calendar[host.index] if e.end > milliseconds(NOW) and not e.gone]
    assert [event["id"] for event in told] == [event.id for event in planned]
    assert {
        event.start > account.organisation.now + QUIET for event in planned if event.start > milliseconds(NOW)
    } == {True}
    codes = [e["conferenceData"]["conferenceId"] for e in told if "conferenceData" in e]
    assert codes
    assert any(code == conference.code for code in codes for conference in account.conferences)


def test_a_page_may_be_short_or_empty_and_not_the_last(google: Googled) -> None:
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


def test_a_recurring_event_counts_once_unless_it_is_expanded(google: Googled) -> None:
    host = google.google.account.busiest_host.email
    masters = [event for event in events(google, host) if "recurrence" in event]
    instances = [event for event in events(google, host, singleEvents="true") if "recurringEventId" in event]
    assert {event["id"] for event in masters} == {event["recurringEventId"] for event in instances}
    assert len(instances) > len(masters) > 0
    assert google.get("calendar", f"/calendars/primary/events/{masters[0]['id']}", host).status == 200


def one(google: Googled, **wanted: object) -> Event:
    """An event of somebody who has a calendar."""
    return next(
        event
        for event in google.google.account.events.all
        if event.owner.standing == "active"
        and has_calendar(event.owner)
        and event.conferencing == "meet"
        and all(getattr(event, name) == value for name, value in wanted.items())
    )


def uninvited(google: Googled, event: Event) -> Person:
    people = google.google.account.organisation.people
    invited = (event.owner, *event.guests)
    return next(p for p in people if p.standing == "active" and has_calendar(p) and p not in invited)


def test_private_events_show_others_nothing_but_the_time(google: Googled) -> None:
    event = one(google, private=True, gone="")
    path = f"/calendars/{event.owner.email}/events/{event.id}"
    assert google.get("calendar", path, event.owner.email).body["summary"] == event.summary
    shown = google.get("calendar", path, uninvited(google, event).email).body
    assert shown["visibility"] == "private"
    assert not {"summary", "conferenceData", "attendees"} & shown.keys()


def test_events_that_are_gone_say_so_in_two_ways(google: Googled) -> None:
    lost, deleted = one(google, gone="notFound"), one(google, gone="deleted")
    assert reason(google, "calendar", f"/calendars/primary/events/{lost.id}", lost.owner.email) == (
        404,
        "notFound",
    )
    assert reason(google, "calendar", f"/calendars/primary/events/{deleted.id}", deleted.owner.email) == (
        410,
        "deleted",
    )
    assert deleted.id not in str(events(google, deleted.owner.email, singleEvents="true"))


def test_some_have_no_calendar_and_nobody_reads_those_of_the_departed(google: Googled) -> None:
    people = google.google.account.organisation.people
    without = next(p for p in people if p.standing == "active" and not has_calendar(p))
    assert reason(google, "calendar", "/calendars/primary/events", without.email) == (403, "notACalendarUser")
    for standing in ("departed", "inactive"):
        person = next(p for p in people if p.standing == standing)
        assert reason(google, "calendar", f"/calendars/{person.email}/events") == (404, "notFound")


def test_what_calendar_refuses(google: Googled) -> None:
    path = "/calendars/primary/events"
    assert reason(google, "calendar", path, orderBy="startTime") == (400, "invalid")
    assert reason(google, "calendar", path, timeMin="2026-11-20T12:00:00") == (400, "invalid")
    assert reason(google, "calendar", path, syncToken="sync-1") == (410, "fullSyncRequired")
    assert reason(google, "calendar", path, syncToken="sync-1", timeMin=NOW_SPELLED) == (400, "invalid")


def test_some_events_were_planned_and_never_took_place(google: Googled) -> None:
    account = google.google.account
    held = {conference.code for conference in account.conferences}
    past = [e for e in account.events.all if e.conferencing == "meet" and e.end < account.organisation.now]
    assert [event for event in past if event.code not in held]
    instant = [c for c in account.conferences if c.event is None]
    assert instant


def test_reports_tell_instances_of_some_events_and_series_of_others(google: Googled) -> None:
    told = {
        (c.event_told == c.event.id)
        for c in google.google.account.conferences
        if c.event is not None and c.event.series
    }
    assert told == {True, False}
