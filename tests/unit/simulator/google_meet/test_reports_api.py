"""Tests the simulated Reports API: when rows appear, their format, absent fields, and the parameters of queries."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from harvester.simulator.google_meet.account import ROWS_KEPT
from harvester.simulator.google_meet.error_responses import ErrorResponse
from harvester.simulator.organisation import DAY, HOUR, Case
from tests.unit.simulator.clients import ACTIVITIES, NOW, GoogleClient, google_client

Row = dict[str, Any]


@pytest.fixture(scope="module")
def google() -> GoogleClient:
    return google_client(size=120, days=8)


@pytest.fixture(scope="module")
def rows(google: GoogleClient) -> list[Row]:
    return google.ended_calls(maxResults=1000)


def refused(google: GoogleClient, **query: object) -> tuple[int, str]:
    answer = google.get("reports", ACTIVITIES, **query)
    return answer.status, answer.body["error"]["errors"][0]["reason"]


def test_every_known_endpoint_that_has_left_has_a_row_newest_first(
    google: GoogleClient, rows: list[Row]
) -> None:
    now = google.google.account.organisation.now
    known = [
        e.id
        for c in google.google.account.conferences
        for e in google.google.attendance.reported_endpoints(c)
        if e.is_reported(now)
    ]
    assert Counter(row["endpoint_id"] for row in rows) == Counter(known)
    times = [row["time"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert all(len(time) == 24 for time in times)


def test_rows_have_googles_format(rows: list[Row]) -> None:
    for row in rows:
        assert row["meeting_code"].isupper()
        assert row["meeting_code"].isalpha()
        assert isinstance(row.get("duration_seconds", ""), str)
        assert isinstance(row["is_external"], bool)
        left = datetime.fromisoformat(row["time"])
        if "start_timestamp_seconds" in row:
            lasted = left.timestamp() - int(row["start_timestamp_seconds"])
            assert 0 <= lasted - int(row["duration_seconds"]) < 1
    assert {"start_timestamp_seconds" in row for row in rows} == {True, False}
    without_start = [row.get("duration_seconds") for row in rows if "start_timestamp_seconds" not in row]
    assert {None, "-12"} < set(without_start)
    assert {row["actor"]["callerType"] for row in rows} == {"USER", "KEY"}
    assert all(("profileId" in row["actor"]) is (not row["is_external"]) for row in rows if "ip_address" in row
               and row.get("identifier_type") == "email_address")  # fmt: skip


def test_external_addresses_are_shown_obscured_or_withheld(rows: list[Row]) -> None:
    outside = [
        row for row in rows if row["is_external"] and row["device_type"] not in {"pstn_in", "pstn_out"}
    ]
    shown = {("identifier" in row, "*" in row.get("identifier", "")) for row in outside}
    assert shown == {(True, True), (True, False), (False, False)}
    assert not [row for row in outside if "ip_address" in row]
    assert {row.get("identifier_type") for row in rows} == {
        "email_address",
        "phone_number",
        "device_id",
        None,
    }
    assert {"web", "ios", "android", "pstn_in", "chromebox"} <= {row["device_type"] for row in rows}


def test_unmeasured_values_are_missing(rows: list[Row]) -> None:
    phones = [row for row in rows if row["device_type"].startswith("pstn")]
    assert phones
    assert not [row for row in phones if any(name.startswith(("audio", "network")) for name in row)]
    assert {"video_send_fps_mean" in row for row in rows} == {True, False}
    silent = [row for row in rows if row.get("screencast_send_seconds") == "0"]
    assert silent
    assert not [row for row in silent if "screencast_send_fps_mean" in row]
    assert [row for row in rows if "audio_recv_packet_loss_mean" in row and "audio_recv_seconds" not in row]
    assert [
        row
        for row in rows
        if "network_recv_jitter_msec_max" in row and "network_recv_jitter_msec_mean" not in row
    ]


def test_some_rows_are_days_late_and_those_of_late_conferences_appear_after_the_quiet_hour(
    google: GoogleClient,
) -> None:
    attendance, account = google.google.attendance, google.google.account
    lags = [
        (e.known_at - e.left_at) / HOUR for c in account.conferences for e in attendance.reported_endpoints(c)
    ]
    assert sum(lag < 1 for lag in lags) > 0.6 * len(lags)
    assert sum(lag > 24 for lag in lags) > 5
    late = attendance.reported_endpoints(google.conference(Case.late))
    assert {endpoint.is_reported(account.organisation.now) for endpoint in late} == {True, False}
    records_pending = attendance.reported_endpoints(google.conference(Case.records_pending))
    assert not [endpoint for endpoint in records_pending if endpoint.is_reported(account.organisation.now)]
    later = google_client(size=120, days=8, later=timedelta(hours=4)).ended_calls()
    ended = {endpoint.id for endpoint in records_pending}
    assert ended <= {row["endpoint_id"] for row in later}


def test_paging_and_time_range(google: GoogleClient, rows: list[Row]) -> None:
    paged = google.ended_calls(maxResults=100)
    assert [row["endpoint_id"] for row in paged] == [row["endpoint_id"] for row in rows]
    low, high = rows[300]["time"], rows[100]["time"]
    between = google.ended_calls(startTime=low, endTime=high)
    assert [row["endpoint_id"] for row in between] == [row["endpoint_id"] for row in rows[100:301]]


def test_rows_are_kept_for_180_days() -> None:
    google = google_client(size=30, days=200)
    rows = google.ended_calls()
    now = google.google.account.organisation.now
    oldest = datetime.fromisoformat(rows[-1]["time"]).timestamp() * 1000
    assert now - ROWS_KEPT <= oldest < now - ROWS_KEPT + 20 * DAY


def test_filters_and_users(google: GoogleClient, rows: list[Row]) -> None:
    code = rows[50]["meeting_code"]
    of_code = google.ended_calls(filters=f"meeting_code=={code}")
    assert of_code == [row for row in rows if row["meeting_code"] == code]
    assert google.ended_calls(filters=f"meeting_code=={code.lower()}") == []
    long = google.ended_calls(
        filters="duration_seconds>3600,meeting_code==NONE,unknown==1," + f"meeting_code=={code}"
    )
    assert long == [row for row in of_code if int(row.get("duration_seconds", "0")) > 3600]
    host = google.google.account.busiest_host
    path = f"/activity/users/{google.google.account.user_id(host)}/applications/meet"
    own = google.rows("items", "reports", path, eventName="call_ended")
    assert len(own) == sum(row["actor"].get("email") == host.email for row in rows)


def test_an_item_may_have_other_events_and_is_returned_whole(google: GoogleClient) -> None:
    named = google.rows("items", "reports", ACTIVITIES, eventName="presentation_stopped")
    assert named
    for item in named:
        assert [event["name"] for event in item["events"]] == ["presentation_stopped", "call_ended"]


def test_invalid_queries_are_refused(google: GoogleClient) -> None:
    later = (NOW + timedelta(hours=6)).isoformat()
    assert refused(google, endTime=later) == (400, "invalid")
    assert refused(google, startTime="2026-11-20T09:00:00Z", endTime="2026-11-20T08:00:00Z") == (
        400,
        "invalid",
    )
    assert refused(google, startTime="2026-11-20") == (400, "invalid")
    assert refused(google, maxResults=1001) == (400, "invalidParameter")
    assert refused(google, filters="meeting_code==A") == (400, "invalid")
    assert refused(google, includeSensitiveData="true") == (400, "invalid")
    host = google.google.account.busiest_host.email
    assert google.get("reports", ACTIVITIES, host).status == 403


def test_the_quota_is_250_filtered_queries_a_minute_then_503() -> None:
    google = google_client()
    statuses = []
    for _ in range(252):
        statuses.append(google.get("reports", ACTIVITIES, eventName="other").status)
        google.clock.seconds -= 0.3
    assert statuses == [200] * 250 + [503] * 2
    assert google.get("reports", ACTIVITIES, maxResults=1).status == 200  # not filtered


def test_both_forms_of_errors() -> None:
    refusal = ErrorResponse(403, "No.", reason="forbidden", detail="SERVICE_DISABLED")
    assert refusal.body(older=True)["error"]["errors"] == [
        {"message": "No.", "domain": "global", "reason": "forbidden"}
    ]
    assert "errors" not in refusal.body(older=False)["error"]
    assert refusal.body(older=False)["error"]["details"][0]["reason"] == "SERVICE_DISABLED"


def test_foreign_conferences_have_rows_of_members_only(google: GoogleClient, rows: list[Row]) -> None:
    foreign = google.conference(Case.webinar)
    foreign_rows = [row for row in rows if row["conference_id"] == foreign.reports_id]
    assert foreign_rows
    assert not [row for row in foreign_rows if row["is_external"] or "organizer_email" in row]
