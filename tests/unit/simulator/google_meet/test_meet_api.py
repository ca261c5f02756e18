"""Tests the simulated Meet API: visibility, filters, pages, live and expired conferences, errors."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from harvester.simulator.google_meet import filters, formats
from harvester.simulator.google_meet.account import RECORD_KEPT, ROWS_KEPT, Account
from harvester.simulator.google_meet.attendance import Attendance
from harvester.simulator.google_meet.error_responses import ErrorResponse
from harvester.simulator.google_meet.field_mask import apply_mask, parse_mask
from harvester.simulator.organisation import DAY, QUIET, Case, milliseconds
from tests.unit.simulator.clients import API_SCOPES, GoogleClient, google_client, organisation

MADE = organisation(size=60, days=8)


@pytest.fixture(scope="module")
def google() -> GoogleClient:
    return google_client(size=60, days=8)


def names(google: GoogleClient, email: str, **query: object) -> list[str]:
    rows = google.rows("conferenceRecords", "meet", "/conferenceRecords", email, **query)
    return [row["name"].partition("/")[2] for row in rows]


def test_attended_conferences_are_listed_or_only_owned_ones() -> None:
    both, own = google_client(), google_client(attended=False)
    account = both.google.account
    for person in account.organisation.people[:8]:
        if person.status != "active":
            continue
        attended = names(both, person.email)
        organised = names(own, person.email)
        owned = {c.record_id for c in account.conferences if c.owner == person}
        assert set(organised) == owned
        assert owned <= set(attended)
        guests = [name for name in attended if name not in owned]
        for name in guests[:3]:  # readable, whether listed or not
            assert own.get("meet", f"/conferenceRecords/{name}", person.email).status == 200
    assert guests


def test_every_conference_attended_by_a_person_with_meet_is_listed_to_someone(
    google: GoogleClient,
) -> None:
    people = [p for p in google.google.account.by_email.values() if p.status == "active"]
    seen = {name for person in people for name in names(google, person.email)}
    every = {c.record_id for c in google.google.account.conferences}
    missed = [c for c in google.google.account.conferences if c.record_id not in seen]
    assert seen <= every
    for conference in missed:
        there = google.google.attendance.endpoints(conference)
        assert not [e for e in there if e.person is not None and e.person.status == "active"]


def test_outsiders_cannot_read_a_conference_and_recordings_are_for_owners(google: GoogleClient) -> None:
    conference = google.conference(Case.alone)
    outsider = next(
        p for p in google.google.account.organisation.people if p.status == "active" and p != conference.owner
    )
    answer = google.get("meet", f"/conferenceRecords/{conference.record_id}", outsider.email)
    assert (answer.status, answer.body["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert "errors" not in answer.body["error"]
    mixed = google.conference(Case.mixed)
    guest = next(
        e.person
        for e in google.google.attendance.endpoints(mixed)
        if e.person is not None and e.person.status == "active" and e.person != mixed.owner
    )
    path = f"/conferenceRecords/{mixed.record_id}"
    assert google.get("meet", path, guest.email).status == 200
    assert google.get("meet", f"{path}/recordings", guest.email).status == 403
    assert google.get("meet", f"/spaces/{mixed.code.upper()}", guest.email).body["meetingCode"] == mixed.code


def test_meet_is_switched_off_for_some_people(google: GoogleClient) -> None:
    pending = next(p for p in google.google.account.organisation.people if p.status == "pending")
    assert google.get("meet", "/conferenceRecords", pending.email).status == 403


def test_records_are_listed_latest_first_on_pages_that_may_be_short() -> None:
    google = google_client(size=300, days=8)
    busiest = google.google.account.busiest_host.email
    whole = names(google, busiest, pageSize=100)
    assert names(google, busiest, pageSize=4) == whole
    rows = google.rows("conferenceRecords", "meet", "/conferenceRecords", busiest)
    starts = [filters.nanoseconds(row["startTime"], "") for row in rows]
    assert starts == sorted(starts, reverse=True)
    second = google.get("meet", "/conferenceRecords", busiest, pageSize=4)
    third = google.get(
        "meet", "/conferenceRecords", busiest, pageSize=4, pageToken=second.body["nextPageToken"]
    )
    assert len(third.body["conferenceRecords"]) < 4
    assert "nextPageToken" in third.body


def test_a_page_token_is_valid_for_its_query_and_caller_for_an_hour() -> None:
    google = google_client(size=300, days=8)
    busiest = google.google.account.busiest_host.email
    path = "/conferenceRecords"
    token = google.get("meet", path, busiest, pageSize=2).body["nextPageToken"]
    assert google.get("meet", path, busiest, pageSize=2, pageToken=token).status == 200
    for query, caller in (({"pageSize": 3}, busiest), ({"pageSize": 2}, google.admin)):
        refused = google.get("meet", path, caller, **query, pageToken=token)
        assert (refused.status, refused.body["error"]["status"]) == (400, "INVALID_ARGUMENT")
    google.clock.seconds += 3601
    google.tokens.clear()
    assert google.get("meet", path, busiest, pageSize=2, pageToken=token).status == 400


def test_live_conferences_and_their_present_participants_have_no_end(google: GoogleClient) -> None:
    live = google.conference(Case.live_crowd)
    seer = google.seer(live).email
    assert live.record_id in names(google, seer, filter="end_time IS NULL")
    row = google.get("meet", f"/conferenceRecords/{live.record_id}", seer).body
    assert not {"endTime", "expireTime"} & row.keys()
    participants = google.rows(
        "participants", "meet", f"/conferenceRecords/{live.record_id}/participants", seer
    )
    assert {"latestEndTime" in participant for participant in participants} == {True, False}
    there = google.rows(
        "participants",
        "meet",
        f"/conferenceRecords/{live.record_id}/participants",
        seer,
        filter="latest_end_time IS NULL",
    )
    assert there == [p for p in participants if "latestEndTime" not in p]
    space = google.get("meet", f"/spaces/{live.space}", seer).body
    assert space["activeConference"] == {"conferenceRecord": f"conferenceRecords/{live.record_id}"}


def test_a_record_expires_thirty_days_after_its_end() -> None:
    google = google_client(size=200, days=40)
    account = google.google.account
    now = account.organisation.now
    owned = [(c, c.owner) for c in account.conferences if c.owner is not None and c.owner.status == "active"]
    old, host = next((c, owner) for c, owner in owned if c.meeting.end < now - 30 * DAY - 1000)
    assert google.get("meet", f"/conferenceRecords/{old.record_id}", host.email).status == 404
    assert old.record_id not in names(google, host.email)
    young, host = next((c, owner) for c, owner in owned if c.meeting.end > now - 30 * DAY)
    assert google.get("meet", f"/conferenceRecords/{young.record_id}", host.email).status == 200


def test_participants_are_accounts_telephones_and_anonymous_users(google: GoogleClient) -> None:
    mixed = google.conference(Case.mixed)
    seer = google.seer(mixed).email
    rows = google.rows("participants", "meet", f"/conferenceRecords/{mixed.record_id}/participants", seer)
    kinds = [({"signedinUser", "anonymousUser", "phoneUser"} & row.keys()) for row in rows]
    assert {len(kind) for kind in kinds} == {1}
    assert set().union(*kinds) == {"signedinUser", "anonymousUser", "phoneUser"}
    assert not [row for row in rows if "@" in str(row)]


def test_a_rejoin_is_another_session_and_some_people_use_two_devices() -> None:
    google = google_client(size=200, days=8)
    attendance = google.google.attendance
    back = second = phones = 0
    for conference in google.google.account.conferences:
        for participant in attendance.participants(conference, MADE.now):
            if participant.endpoints[0].joined_by == "account":
                back += len(participant.endpoints) > 1
                second += any(endpoint.second for endpoint in participant.endpoints)
            phones += any(e.second and e.joined_by == "phone" for e in participant.endpoints)
            assert len({e.session_name for e in participant.endpoints}) == len(participant.endpoints)
    assert back > 10
    assert second > 3
    assert phones > 1


def test_no_space_has_two_conferences_at_once() -> None:
    account = Account(organisation(size=2000, days=30))
    by_space: dict[str, int] = {}
    shared = 0
    for conference in account.conferences:
        shared += conference.space in by_space
        assert conference.start > by_space.get(conference.space, 0)
        by_space[conference.space] = conference.end
    assert shared > 300


def test_the_ids_are_equal_for_some_conferences_or_as_the_options_say() -> None:
    def agree(ids: str) -> set[bool]:
        return {c.record_id == c.reports_id for c in google_client(ids=ids).google.account.conferences}

    assert agree("mixed") == {True, False}
    assert agree("same") == {True}
    assert agree("other") == {False}


def test_nothing_happens_in_the_hour_after_now() -> None:
    for seed in range(3):
        made = organisation(size=200, days=8, seed=seed)
        account = Account(made)
        attendance = Attendance(account)
        hush, wake = made.now - 60_000, made.now + QUIET
        for conference in account.conferences:
            happens = [conference.start // 10**6, conference.end // 10**6]
            for endpoint in attendance.endpoints(conference):
                happens += [endpoint.start // 10**6, endpoint.left_at, endpoint.known_at]
                assert conference.start <= endpoint.start < endpoint.end
                assert endpoint.end <= conference.end or conference.meeting.end > made.now
                assert endpoint.known_at >= endpoint.left_at
            assert not [instant for instant in happens if hush < instant <= wake], conference.meeting.case


def test_nothing_expires_in_the_hour_after_now() -> None:
    for seed in range(3):
        made = organisation(size=400, days=200, seed=seed)
        account = Account(made)
        assert len(account.conferences) > 300
        for kept in (RECORD_KEPT, ROWS_KEPT):
            near = [c.meeting for c in account.conferences if abs(made.now - c.meeting.end - kept) < 3 * DAY]
            assert near
            for meeting in near:
                for instant in (meeting.start, meeting.end):
                    assert not made.now - kept - 60_000 <= instant <= made.now - kept + QUIET


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ('start_time>="2026-11-20T09:00:00Z"', True),
        ('start_time >= "2026-11-20T10:00:00+01:00" AND start_time<"2026-11-20T09:00:00.000000001Z"', True),
        ('start_time>"2026-11-20T09:00:00Z"', False),
        ("end_time IS NULL", True),
        ("end_time IS NOT NULL", False),
        ('end_time>="2000-01-01T00:00:00Z"', False),
        ('end_time>="2000-01-01T00:00:00Z" OR end_time IS NULL AND space.name = "spaces/a\\"b"', True),
        ('(end_time IS NULL OR space.name="x") AND start_time<"2026-11-20T09:00:00Z"', False),
    ],
)
def test_filters_match(text: str, fits: bool) -> None:
    nine = milliseconds(datetime(2026, 11, 20, 9, tzinfo=UTC)) * 10**6
    facts: dict[str, str | int | None] = {"start_time": nine, "end_time": None, "space.name": 'spaces/a"b'}
    assert filters.parse_meet_filter(text, "start_time", "end_time", "space.name")(facts.get) is fits


@pytest.mark.parametrize(
    "text",
    [
        "start_time",
        'organizer="ana"',
        "start_time>=2026-11-20T09:00:00Z",
        'start_time>="yesterday"',
        'start_time>="2026-11-20T09:00:00"',
        "end_time IS",
        'start_time>="2026-11-20T09:00:00Z" AND',
        'start_time>="2026-11-20T09:00:00Z" garbage',
        "(end_time IS NULL",
        "%",
    ],
)
def test_malformed_filters_are_refused(google: GoogleClient, text: str) -> None:
    answer = google.get("meet", "/conferenceRecords", filter=text)
    assert (answer.status, answer.body["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_the_quota_is_600_calls_a_minute_per_user_and_6000_in_all() -> None:
    google = google_client()
    google.token("meet", google.admin)

    def burst(count: int, email: str) -> list[int]:
        statuses = []
        for _ in range(count):
            statuses.append(google.get("meet", "/conferenceRecords/none", email).status)
            google.clock.seconds -= 0.3
        return statuses

    assert burst(601, google.admin) == [404] * 600 + [429]
    refused = google.get("meet", "/conferenceRecords/none")
    assert refused.body["error"]["status"] == "RESOURCE_EXHAUSTED"
    other = google.google.account.busiest_host.email
    assert burst(1, other) == [404]
    google.clock.seconds += 61
    assert burst(1, google.admin) == [404]
    classes = google.google.traffic()["classes"]
    assert classes["meet user"]["peak"] == 602
    assert classes["meet user"]["refused"] == 2


def test_some_rate_limit_errors_have_retry_after() -> None:
    google = google_client()
    with_header = set()
    for _ in range(604):
        answer = google.get("meet", "/conferenceRecords/none")
        google.clock.seconds -= 0.3
        if answer.status == 429:
            with_header.add("retry-after" in answer.headers)
    assert with_header == {True, False}


def test_a_disabled_api_and_a_missing_scope_are_different_errors() -> None:
    google = google_client(disabled=("meet",))
    off = google.get("meet", "/conferenceRecords").body["error"]
    assert off["details"][0]["reason"] == "SERVICE_DISABLED"
    google = google_client()
    google.tokens["meet", google.admin] = google.token("calendar", google.admin)
    missing = google.get("meet", "/conferenceRecords").body["error"]
    assert missing["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    assert API_SCOPES["meet"] not in str(missing)


def test_unknown_resources_and_missing_tokens_are_refused() -> None:
    google = google_client()
    assert google.get("meet", "/conferenceRecords/none").status == 404
    assert google.get("meet", "/conferenceRecords/-/participants").status == 404
    google.tokens["meet", google.admin] = "ya29.invented"
    assert google.get("meet", "/conferenceRecords").status == 401


def test_fields_selects_parts_of_an_answer() -> None:
    body = {"a": [{"b": 1, "c": {"d": 2, "e": 3}}], "f": 4, "g": 5}
    assert apply_mask(body, parse_mask("a(b,c/d),f")) == {
        "a": [{"b": 1, "c": {"d": 2}}],
        "f": 4,
    }
    assert apply_mask(body, parse_mask("*")) == body
    for wrong in ("a(b", "a)", "a//b"):
        with pytest.raises(ErrorResponse):
            parse_mask(wrong)


def test_instants_have_as_many_decimals_as_needed() -> None:
    nine = milliseconds(datetime(2026, 11, 20, 9, tzinfo=UTC)) * 10**6
    texts = [formats.stamp(nine + more)[19:] for more in (0, 5_000_000, 5_000, 5)]
    assert texts == ["Z", ".005Z", ".000005Z", ".000000005Z"]
    assert formats.milliseconds_stamp(nine // 10**6).endswith("09:00:00.000Z")
