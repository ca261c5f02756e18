"""Reports' rows: when they come, how they are spelled, what they leave out; and the rules of asking for them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from harvester.simulator.google_meet.account import ROWS_KEPT
from harvester.simulator.google_meet.rules import Refusal
from harvester.simulator.organisation import DAY, HOUR, Case
from tests.unit.simulator.client import ACTIVITIES, NOW, Googled, googled

Row = dict[str, Any]


@pytest.fixture(scope="module")
def google() -> Googled:
    return googled(size=120, days=8)


@pytest.fixture(scope="module")
def rows(google: Googled) -> list[Row]:
    return google.ended_calls(maxResults=1000)


def refused(google: Googled, **query: object) -> tuple[int, str]:
    answer = google.get("reports", ACTIVITIES, **query)
    return answer.status, answer.body["error"]["errors"][0]["reason"]


def test_a_row_for_every_endpoint_that_has_left_and_is_known_newest_first(
    google: Googled, rows: list[Row]
) -> None:
    now = google.google.account.organisation.now
    known = [
        e.id
        for c in google.google.account.conferences
        for e in google.google.presences.rows(c)
        if e.reported(now)
    ]
    assert Counter(row["endpoint_id"] for row in rows) == Counter(known)
    times = [row["time"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert all(len(time) == 24 for time in times)


def test_rows_are_spelled_as_google_does(rows: list[Row]) -> None:
    for row in rows:
        assert row["meeting_code"].isupper()
        assert row["meeting_code"].isalpha()
        assert isinstance(row["duration_seconds"], str)
        assert isinstance(row["is_external"], bool)
        left = datetime.fromisoformat(row["time"])
        if "start_timestamp_seconds" in row:
            lasted = left.timestamp() - int(row["start_timestamp_seconds"])
            assert 0 <= lasted - int(row["duration_seconds"]) < 1
    assert {"start_timestamp_seconds" in row for row in rows} == {True, False}
    assert {row["actor"]["callerType"] for row in rows} == {"USER", "KEY"}
    assert all(("profileId" in row["actor"]) is (not row["is_external"]) for row in rows if "ip_address" in row
               and row.get("identifier_type") == "email_address")  # fmt: skip


def test_outsiders_are_shown_obscured_or_kept_back(rows: list[Row]) -> None:
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


def test_what_was_not_measured_is_left_out(rows: list[Row]) -> None:
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


def test_some_come_days_late_and_those_of_late_conferences_after_the_quiet_hour(google: Googled) -> None:
    presences, account = google.google.presences, google.google.account
    lags = [(e.known_at - e.left_at) / HOUR for c in account.conferences for e in presences.rows(c)]
    assert sum(lag < 1 for lag in lags) > 0.6 * len(lags)
    assert sum(lag > 24 for lag in lags) > 5
    late = presences.rows(google.conference(Case.late))
    assert {endpoint.reported(account.organisation.now) for endpoint in late} == {True, False}
    unsettled = presences.rows(google.conference(Case.unsettled))
    assert not [endpoint for endpoint in unsettled if endpoint.reported(account.organisation.now)]
    later = googled(size=120, days=8, later=timedelta(hours=4)).ended_calls()
    ended = {endpoint.id for endpoint in unsettled}
    assert ended <= {row["endpoint_id"] for row in later}


def test_pages_and_the_time_that_is_asked_for(google: Googled, rows: list[Row]) -> None:
    paged = google.ended_calls(maxResults=100)
    assert [row["endpoint_id"] for row in paged] == [row["endpoint_id"] for row in rows]
    low, high = rows[300]["time"], rows[100]["time"]
    between = google.ended_calls(startTime=low, endTime=high)
    assert [row["endpoint_id"] for row in between] == [row["endpoint_id"] for row in rows[100:301]]


def test_rows_are_kept_for_180_days() -> None:
    google = googled(size=120, days=200)
    rows = google.ended_calls()
    now = google.google.account.organisation.now
    oldest = datetime.fromisoformat(rows[-1]["time"]).timestamp() * 1000
    assert now - ROWS_KEPT <= oldest < now - ROWS_KEPT + 20 * DAY


def test_filters_and_users(google: Googled, rows: list[Row]) -> None:
    code = rows[50]["meeting_code"]
    of_code = google.ended_calls(filters=f"meeting_code=={code}")
    assert of_code == [row for row in rows if row["meeting_code"] == code]
    assert google.ended_calls(filters=f"meeting_code=={code.lower()}") == []
    long = google.ended_calls(
        filters="duration_seconds>3600,meeting_code==NONE,unknown==1," + f"meeting_code=={code}"
    )
    assert long == [row for row in of_code if int(row["duration_seconds"]) > 3600]
    host = google.google.account.busiest_host
    path = f"/activity/users/{google.google.account.user_id(host)}/applications/meet"
    own = google.rows("items", "reports", path, eventName="call_ended")
    assert len(own) == sum(row["actor"].get("email") == host.email for row in rows)


def test_an_item_may_hold_other_events_and_is_told_whole(google: Googled) -> None:
    named = google.rows("items", "reports", ACTIVITIES, eventName="presentation_stopped")
    assert named
    for item in named:
        assert [event["name"] for event in item["events"]] == ["presentation_stopped", "call_ended"]


def test_what_cannot_be_asked(google: Googled) -> None:
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


def test_250_filtered_queries_a_minute_and_then_503() -> None:
    google = googled()
    statuses = []
    for _ in range(252):
        statuses.append(google.get("reports", ACTIVITIES, eventName="other").status)
        google.clock.seconds -= 0.3
    assert statuses == [200] * 250 + [503] * 2
    assert google.get("reports", ACTIVITIES, maxResults=1).status == 200  # nothing filtered


def test_both_shapes_of_errors() -> None:
    refusal = Refusal(403, "No.", reason="forbidden", detail="SERVICE_DISABLED")
    assert refusal.body(older=True)["error"]["errors"] == [
        {"message": "No.", "domain": "global", "reason": "forbidden"}
    ]
    assert "errors" not in refusal.body(older=False)["error"]
    assert refusal.body(older=False)["error"]["details"][0]["reason"] == "SERVICE_DISABLED"


def test_of_foreign_conferences_only_ones_own_people_are_told(google: Googled, rows: list[Row]) -> None:
    foreign = google.conference(Case.webinar)
    told = [row for row in rows if row["conference_id"] == foreign.reported]
    assert told
    assert not [row for row in told if row["is_external"] or "organizer_email" in row]
