"""Validates the simulated Google's answers against the discovery documents in the google-api-python-client
wheel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import google_auth_httplib2
import pytest
import requests
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials
from googleapiclient.discovery import build
from jsonschema import Draft7Validator

from harvester.simulator.google_meet.scopes import AUTH
from harvester.simulator.organisation import Case
from harvester.simulator.server import Options, serving
from tests.unit.simulator.clients import ACTIVITIES, API_SCOPES, NOW, Answer, GoogleClient, google_client
from tests.unit.simulator.rooms_client import RoomsClient, events_path, rooms_client

DOCUMENTS = {
    "meet": "meet.v2",
    "reports": "admin.reports_v1",
    "directory": "admin.directory_v1",
    "calendar": "calendar.v3",
}


def strict(part: Any) -> Any:
    """Convert to a JSON schema that allows described fields only."""
    if isinstance(part, list):
        return [strict(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return {"$ref": f"#/definitions/{part['$ref']}"}
    if part.get("type") == "any":
        return {}
    kept = {
        name: strict(inner)
        for name, inner in part.items()
        if name in {"type", "properties", "items", "additionalProperties", "enum"}
    }
    if "properties" in part:
        kept["properties"] = {name: strict(inner) for name, inner in part["properties"].items()}
        kept.setdefault("additionalProperties", False)
    return kept


@cache
def published(api: str) -> dict[str, Any]:
    path = files("googleapiclient") / "discovery_cache" / "documents" / f"{DOCUMENTS[api]}.json"
    answer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {name: strict(schema) for name, schema in answer["schemas"].items()}


def check(api: str, schema: str, answer: Answer) -> Any:
    assert answer.status == 200, answer.content
    assert answer.headers["content-type"].startswith("application/json")
    checked = {"$ref": f"#/definitions/{schema}", "definitions": published(api)}
    errors = [
        f"{schema} {list(error.absolute_path)}: {error.message[:200]}"
        for error in Draft7Validator(checked).iter_errors(answer.body)
    ]
    assert errors == []
    return answer.body


@pytest.fixture(scope="module")
def google() -> GoogleClient:
    return google_client(size=60, days=8)


@pytest.mark.parametrize("case", [Case.mixed, Case.live_crowd, Case.webinar])
def test_conferences(google: GoogleClient, case: Case) -> None:
    conference = google.conference(case)
    seer = google.seer(conference).email
    listed = check(
        "meet", "ListConferenceRecordsResponse", google.get("meet", "/conferenceRecords", seer, pageSize=100)
    )
    name = f"/conferenceRecords/{conference.record_id}"
    assert check("meet", "ConferenceRecord", google.get("meet", name, seer)) in listed["conferenceRecords"]
    fields = "participants,nextPageToken,totalSize"
    answer = check(
        "meet", "ListParticipantsResponse", google.get("meet", f"{name}/participants", seer, fields=fields)
    )
    assert answer["totalSize"] == len(answer["participants"])
    for participant in answer["participants"]:
        check("meet", "Participant", google.get("meet", f"/{participant['name']}", seer))
        sessions = google.get("meet", f"/{participant['name']}/participantSessions", seer)
        for session in check("meet", "ListParticipantSessionsResponse", sessions)["participantSessions"]:
            check("meet", "ParticipantSession", google.get("meet", f"/{session['name']}", seer))
    check("meet", "Space", google.get("meet", f"/spaces/{conference.space}", seer))


def test_recordings(google: GoogleClient) -> None:
    recorded = next(c for c in google.google.account.conferences if c.meeting.recorded and c.owner)
    seer = google.seer(recorded).email
    path = f"/conferenceRecords/{recorded.record_id}/recordings"
    [row] = check("meet", "ListRecordingsResponse", google.get("meet", path, seer))["recordings"]
    check("meet", "Recording", google.get("meet", f"/{row['name']}", seer))


@pytest.mark.slow
def test_activities(google: GoogleClient) -> None:
    body = check("reports", "Activities", google.get("reports", ACTIVITIES))
    assert len(body["items"]) > 100
    check("reports", "Activities", google.get("reports", ACTIVITIES, eventName="nothing_of_the_kind"))


def test_users(google: GoogleClient) -> None:
    body = check("directory", "Users", google.get("directory", "/users", customer="my_customer"))
    for user in body["users"][:40]:
        check("directory", "User", google.get("directory", f"/users/{user['id']}"))


def test_events(google: GoogleClient) -> None:
    seen = 0
    for person in google.google.account.organisation.people[:12]:
        if person.status != "active" or person.index % 17 == 6:
            continue
        path = f"/calendars/{person.email}/events"
        for single in ("true", "false"):
            answer = google.get("calendar", path, person.email, singleEvents=single)
            for event in check("calendar", "Events", answer)["items"]:
                seen += 1
                check("calendar", "Event", google.get("calendar", f"{path}/{event['id']}", person.email))
    assert seen > 50


@pytest.fixture(scope="module")
def rooms() -> RoomsClient:
    return rooms_client()


@pytest.mark.slow
def test_rooms_and_their_events(rooms: RoomsClient) -> None:
    path, scope = "/customer/my_customer/resources/calendars", "admin.directory.resource.calendar.readonly"
    admin = rooms.google.admin
    resources = rooms.send("GET", path, scope=scope, api="directory", email=admin)
    assert len(check("directory", "CalendarResources", resources)["items"]) == 21
    for calendar in rooms.calendars[2:10]:
        events = check("calendar", "Events", rooms.events(calendar, singleEvents="true", maxResults=2500))
        assert check("calendar", "Events", rooms.events(calendar, maxResults=2500))["items"]
        path = f"{events_path(calendar)}/{events['items'][0]['id']}"
        check("calendar", "Event", rooms.send("GET", path))


def test_bookings_free_busy_and_channels(rooms: RoomsClient) -> None:
    calendar = rooms.calendars[0]
    times = {
        "start": {"dateTime": "2026-11-20T12:00:00Z"},
        "end": {"dateTime": "2026-11-20T13:00:00Z"},
    }
    token = rooms.listed(calendar)[1]
    event = check("calendar", "Event", rooms.send("POST", events_path(calendar), times))
    rooms.send("DELETE", f"{events_path(calendar)}/{event['id']}")
    [row] = check("calendar", "Events", rooms.events(calendar, syncToken=token))["items"]
    assert row["status"] == "cancelled"
    query = {"timeMin": "2026-11-20T12:00:00Z", "timeMax": "2026-11-21T12:00:00Z"}
    items = [{"id": calendar.room.email}, {"id": "nobody"}]
    answer = rooms.send("POST", "/freeBusy", {**query, "items": items}, scope="calendar.freebusy")
    assert len(check("calendar", "FreeBusyResponse", answer)["calendars"]) == 2
    channel = {"id": "c", "type": "web_hook", "address": "https://example.org/webhook"}
    check("calendar", "Channel", rooms.send("POST", f"{events_path(calendar)}/watch", channel))


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, str]]:
    with serving(Options(size=40, days=3, now=NOW, vendors=("google-meet",))) as settings:
        yield settings


def test_googles_client_library_reads_the_simulator(served: dict[str, str]) -> None:
    whole = Credentials.from_service_account_file(
        served["GOOGLE_CREDENTIALS"], scopes=[AUTH + API_SCOPES["reports"]]
    )
    http = google_auth_httplib2.AuthorizedHttp(whole.with_subject(served["GOOGLE_ADMIN"]))
    options = {"api_endpoint": served["GOOGLE_ADMIN_API_URL"]}
    with build("admin", "reports_v1", http=http, client_options=options, static_discovery=True) as reports:
        request = reports.activities().list(userKey="all", applicationName="meet", maxResults=50)
        seen: set[str] = set()
        while request is not None:
            page = request.execute()
            assert not seen & {item["id"]["uniqueQualifier"] for item in page["items"]}
            seen |= {item["id"]["uniqueQualifier"] for item in page["items"]}
            request = reports.activities().list_next(request, page)
    assert len(seen) > 50


def test_a_long_query_is_sent_as_a_body(served: dict[str, str]) -> None:
    credentials = Credentials.from_service_account_file(
        served["GOOGLE_CREDENTIALS"], scopes=[AUTH + API_SCOPES["meet"]], subject=served["GOOGLE_ADMIN"]
    )
    credentials.refresh(Request())
    answer = requests.post(
        f"{served['GOOGLE_MEET_API_URL']}/v2/conferenceRecords",
        data={"filter": " OR ".join(f'space.name = "spaces/{n:08}"' for n in range(200))},
        headers={"x-http-method-override": "GET", "Authorization": f"Bearer {credentials.token}"},
        timeout=60,
    )
    assert (answer.status_code, answer.json()) == (200, {})


@pytest.mark.parametrize(
    ("api", "schema", "wrong"),
    [
        ("meet", "ConferenceRecord", {"title": "Google has none"}),
        ("reports", "Activities", {"items": [{"id": {"time": 5}}]}),
        ("directory", "Users", {"users": [{"mail": "ana@example.org"}]}),
        ("calendar", "Event", {"attendees": [{"email": 1}]}),
    ],
)
def test_the_check_finds_undescribed_fields(api: str, schema: str, wrong: dict[str, Any]) -> None:
    answer = Answer(200, {"content-type": "application/json"}, json.dumps(wrong).encode())
    with pytest.raises(AssertionError):
        check(api, schema, answer)
