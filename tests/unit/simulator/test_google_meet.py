"""Meet's rules: who sees what, filters, pages, what is live and what has expired, and how it refuses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from harvester.simulator.google_meet import filters, rules, spelling
from harvester.simulator.google_meet.account import RECORD_KEPT, ROWS_KEPT, Account
from harvester.simulator.google_meet.presence import Presences
from harvester.simulator.organisation import DAY, QUIET, Case, milliseconds
from tests.unit.simulator.client import API_SCOPES, Googled, googled, organisation

MADE = organisation(size=60, days=8)


@pytest.fixture(scope="module")
def google() -> Googled:
    return googled(size=60, days=8)


def names(google: Googled, email: str, **query: object) -> list[str]:
    rows = google.rows("conferenceRecords", "meet", "/conferenceRecords", email, **query)
    return [row["name"].partition("/")[2] for row in rows]


def test_attended_conferences_are_listed_or_only_ones_own() -> None:
    both, own = googled(), googled(attended=False)
    account = both.google.account
    for person in account.organisation.people[:8]:
        if person.standing != "active":
            continue
        attended = names(both, person.email)
        organised = names(own, person.email)
        owned = {c.record for c in account.conferences if c.owner == person}
        assert set(organised) == owned
        assert owned <= set(attended)
        guests = [name for name in attended if name not in owned]
        for name in guests[:3]:  # may be read, listed or not
            assert own.get("meet", f"/conferenceRecords/{name}", person.email).status == 200
    assert guests


def test_everybody_together_sees_every_conference_that_somebody_with_meet_came_to(google: Googled) -> None:
    people = [p for p in google.google.account.by_email.values() if p.standing == "active"]
    seen = {name for person in people for name in names(google, person.email)}
    every = {c.record for c in google.google.account.conferences}
    missed = [c for c in google.google.account.conferences if c.record not in seen]
    assert seen <= every
    for conference in missed:
        there = google.google.presences.endpoints(conference)
        assert not [e for e in there if e.person is not None and e.person.standing == "active"]


def test_others_may_not_read_and_recordings_are_for_owners(google: Googled) -> None:
    conference = google.conference(Case.alone)
    outsider = next(
        p
        for p in google.google.account.organisation.people
        if p.standing == "active" and p != conference.owner
    )
    answer = google.get("meet", f"/conferenceRecords/{conference.record}", outsider.email)
    assert (answer.status, answer.body["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert "errors" not in answer.body["error"]
    mixed = google.conference(Case.mixed)
    guest = next(
        e.person
        for e in google.google.presences.endpoints(mixed)
        if e.person is not None and e.person.standing == "active" and e.person != mixed.owner
    )
    path = f"/conferenceRecords/{mixed.record}"
    assert google.get("meet", path, guest.email).status == 200
    assert google.get("meet", f"{path}/recordings", guest.email).status == 403
    assert google.get("meet", f"/spaces/{mixed.code.upper()}", guest.email).body["meetingCode"] == mixed.code


def test_meet_is_turned_off_for_some(google: Googled) -> None:
    pending = next(p for p in google.google.account.organisation.people if p.standing == "pending")
    assert google.get("meet", "/conferenceRecords", pending.email).status == 403


def test_records_come_latest_first_over_pages_that_may_be_short() -> None:
    google = googled(size=300, days=8)
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


def test_a_page_token_is_good_for_its_query_for_its_caller_and_for_an_hour() -> None:
    google = googled(size=300, days=8)
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


def test_live_conferences_have_no_end_and_neither_have_those_who_are_there(google: Googled) -> None:
    live = google.conference(Case.live_crowd)
    seer = google.seer(live).email
    assert live.record in names(google, seer, filter="end_time IS NULL")
    row = google.get("meet", f"/conferenceRecords/{live.record}", seer).body
    assert not {"endTime", "expireTime"} & row.keys()
    everybody = google.rows("participants", "meet", f"/conferenceRecords/{live.record}/participants", seer)
    assert {"latestEndTime" in participant for participant in everybody} == {True, False}
    there = google.rows(
        "participants",
        "meet",
        f"/conferenceRecords/{live.record}/participants",
        seer,
        filter="latest_end_time IS NULL",
    )
    assert there == [p for p in everybody if "latestEndTime" not in p]
    space = google.get("meet", f"/spaces/{live.space}", seer).body
    assert space["activeConference"] == {"conferenceRecord": f"conferenceRecords/{live.record}"}


def test_a_record_is_gone_thirty_days_after_its_end() -> None:
    google = googled(size=200, days=40)
    account = google.google.account
    now = account.organisation.now
    owned = [
        (c, c.owner) for c in account.conferences if c.owner is not None and c.owner.standing == "active"
    ]
    old, host = next((c, owner) for c, owner in owned if c.meeting.end < now - 30 * DAY - 1000)
    assert google.get("meet", f"/conferenceRecords/{old.record}", host.email).status == 404
    assert old.record not in names(google, host.email)
    young, host = next((c, owner) for c, owner in owned if c.meeting.end > now - 30 * DAY)
    assert google.get("meet", f"/conferenceRecords/{young.record}", host.email).status == 200


def test_participants_are_accounts_telephones_and_the_nameless(google: Googled) -> None:
    mixed = google.conference(Case.mixed)
    seer = google.seer(mixed).email
    rows = google.rows("participants", "meet", f"/conferenceRecords/{mixed.record}/participants", seer)
    kinds = [({"signedinUser", "anonymousUser", "phoneUser"} & row.keys()) for row in rows]
    assert {len(kind) for kind in kinds} == {1}
    assert set().union(*kinds) == {"signedinUser", "anonymousUser", "phoneUser"}
    assert not [row for row in rows if "@" in str(row)]


def test_somebody_who_comes_back_has_another_session_and_some_a_second_screen() -> None:
    google = googled(size=200, days=8)
    presences = google.google.presences
    back = second = phones = 0
    for conference in google.google.account.conferences:
        for participant in presences.participants(conference, MADE.now):
            if participant.endpoints[0].means == "account":
                back += len(participant.endpoints) > 1
                second += any(endpoint.second for endpoint in participant.endpoints)
            phones += any(e.second and e.means == "phone" for e in participant.endpoints)
            assert len({e.session for e in participant.endpoints}) == len(participant.endpoints)
    assert back > 10
    assert second > 3
    assert phones > 1


def test_no_two_conferences_are_in_one_space_at_once() -> None:
    account = Account(organisation(size=2000, days=30))
    by_space: dict[str, int] = {}
    shared = 0
    for conference in account.conferences:
        shared += conference.space in by_space
        assert conference.start > by_space.get(conference.space, 0)
        by_space[conference.space] = conference.end
    assert shared > 300


def test_the_ids_agree_for_some_or_as_the_terms_say() -> None:
    def agree(ids: str) -> set[bool]:
        return {c.record == c.reported for c in googled(ids=ids).google.account.conferences}

    assert agree("mixed") == {True, False}
    assert agree("same") == {True}
    assert agree("other") == {False}


def test_nothing_happens_in_the_hour_after_now() -> None:
    for seed in range(3):
        made = organisation(size=200, days=8, seed=seed)
        account = Account(made)
        presences = Presences(account)
        hush, wake = made.now - 60_000, made.now + QUIET
        for conference in account.conferences:
            happens = [conference.start // 10**6, conference.end // 10**6]
            for endpoint in presences.endpoints(conference):
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
def test_filters(text: str, fits: bool) -> None:
    nine = milliseconds(datetime(2026, 11, 20, 9, tzinfo=UTC)) * 10**6
    facts: dict[str, str | int | None] = {"start_time": nine, "end_time": None, "space.name": 'spaces/a"b'}
    assert filters.meet(text, "start_time", "end_time", "space.name")(facts.get) is fits


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
def test_filters_that_cannot_be_read_are_refused(google: Googled, text: str) -> None:
    answer = google.get("meet", "/conferenceRecords", filter=text)
    assert (answer.status, answer.body["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_six_hundred_calls_a_minute_for_a_user_and_six_thousand_for_all() -> None:
    google = googled()
    google.token("meet", google.admin)

    def burst(count: int, email: str) -> list[int]:
        told = []
        for _ in range(count):
            told.append(google.get("meet", "/conferenceRecords/none", email).status)
            google.clock.seconds -= 0.3
        return told

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


def test_some_refusals_say_how_long_to_wait_and_some_do_not() -> None:
    google = googled()
    told = set()
    for _ in range(604):
        answer = google.get("meet", "/conferenceRecords/none")
        google.clock.seconds -= 0.3
        if answer.status == 429:
            told.add("retry-after" in answer.headers)
    assert told == {True, False}


def test_an_api_that_is_off_and_a_scope_that_is_missing_are_told_apart() -> None:
    google = googled(disabled=("meet",))
    off = google.get("meet", "/conferenceRecords").body["error"]
    assert off["details"][0]["reason"] == "SERVICE_DISABLED"
    google = googled()
    google.tokens["meet", google.admin] = google.token("calendar", google.admin)
    missing = google.get("meet", "/conferenceRecords").body["error"]
    assert missing["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    assert API_SCOPES["meet"] not in str(missing)


def test_what_is_not_there_and_who_has_no_token() -> None:
    google = googled()
    assert google.get("meet", "/conferenceRecords/none").status == 404
    assert google.get("meet", "/conferenceRecords/-/participants").status == 404
    google.tokens["meet", google.admin] = "ya29.invented"
    assert google.get("meet", "/conferenceRecords").status == 401


def test_fields_leave_out_what_is_not_asked_for() -> None:
    body = {"a": [{"b": 1, "c": {"d": 2, "e": 3}}], "f": 4, "g": 5}
    assert rules.selected(body, rules.mask("a(b,c/d),f")) == {"a": [{"b": 1, "c": {"d": 2}}], "f": 4}
    assert rules.selected(body, rules.mask("*")) == body
    for wrong in ("a(b", "a)", "a//b"):
        with pytest.raises(rules.Refusal):
            rules.mask(wrong)


def test_instants_have_as_many_digits_as_they_take() -> None:
    nine = milliseconds(datetime(2026, 11, 20, 9, tzinfo=UTC)) * 10**6
    told = [spelling.stamp(nine + more)[19:] for more in (0, 5_000_000, 5_000, 5)]
    assert told == ["Z", ".005Z", ".000005Z", ".000000005Z"]
    assert spelling.to_the_millisecond(nine // 10**6).endswith("09:00:00.000Z")
