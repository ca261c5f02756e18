"""Tests the simulated Zoom API: ids in paths, types, dates, pages, and deleted or unready meetings."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from harvester.simulator.organisation import Case
from harvester.simulator.zoom.account import Instance
from tests.unit.simulator.clients import FROM, TO, ZoomClient, coded, zoom_client


@pytest.fixture(scope="module")
def zoom() -> ZoomClient:
    return zoom_client()


def instances(zoom: ZoomClient) -> list[Instance]:
    return zoom.zoom.account.instances


def case(zoom: ZoomClient, wanted: Case) -> Instance:
    return next(instance for instance in instances(zoom) if instance.meeting.case is wanted)


def past(zoom: ZoomClient, key: str, *, end: str = "/participants", kind: str = "past") -> Any:
    return zoom.get(f"/metrics/meetings/{key}{end}", type=kind, page_size=300)


def test_some_uuids_begin_with_a_slash_or_contain_two_or_a_plus(zoom: ZoomClient) -> None:
    uuids = [instance.uuid for instance in instances(zoom)]
    assert any(uuid.startswith("/") for uuid in uuids)
    assert any("//" in uuid for uuid in uuids)
    assert any("+" in uuid for uuid in uuids)
    assert len(set(uuids)) == len(uuids)


def test_a_uuid_with_a_leading_or_a_double_slash_must_be_encoded_twice(zoom: ZoomClient) -> None:
    odd = [i for i in instances(zoom) if i.uuid.startswith("/") or "//" in i.uuid]
    readable = [i for i in odd if i.meeting.case in {Case.plain, Case.recurring}]
    assert readable
    for instance in readable:
        assert past(zoom, coded(instance.uuid)).status == 200
        once = past(zoom, quote(instance.uuid, safe=""))
        assert (once.status, once.body["code"]) == (404, 3001)
        assert past(zoom, instance.uuid).status == 404


def test_a_uuid_with_one_slash_inside_may_be_encoded_once_or_twice(zoom: ZoomClient) -> None:
    one = next(
        i for i in instances(zoom)
        if "/" in i.uuid and not i.uuid.startswith("/") and "//" not in i.uuid and i.meeting.case is Case.recurring
    )  # fmt: skip
    once = quote(one.uuid, safe="")
    assert past(zoom, once).status == past(zoom, quote(once, safe="")).status == 200


def test_a_number_finds_the_last_instance_only(zoom: ZoomClient) -> None:
    by_number: dict[int, list[Instance]] = {}
    for instance in instances(zoom):
        if instance.meeting.case is Case.recurring:
            by_number.setdefault(instance.number, []).append(instance)
    series = max(by_number.values(), key=len)
    assert len(series) > 1
    assert past(zoom, str(series[0].number), end="").body["uuid"] == series[-1].uuid
    listed = zoom.get(f"/past_meetings/{series[0].number}/instances").body["meetings"]
    assert {row["uuid"] for row in listed} >= {instance.uuid for instance in series}


def test_numbers_exceed_32_bits_and_those_of_rooms_have_ten_digits(zoom: ZoomClient) -> None:
    assert all(instance.number > 2**31 for instance in instances(zoom))
    assert len(str(case(zoom, Case.personal).number)) == 10
    assert len(str(case(zoom, Case.recurring).number)) == 11


def test_the_default_type_is_live(zoom: ZoomClient) -> None:
    ended = case(zoom, Case.recurring)
    forgotten = zoom.get(f"/metrics/meetings/{coded(ended.uuid)}/participants")
    assert (forgotten.status, forgotten.body["code"]) == (404, 3001)
    running = case(zoom, Case.live)
    assert zoom.get(f"/metrics/meetings/{coded(running.uuid)}/participants").status == 200
    listed = zoom.get("/metrics/meetings", **{"from": FROM, "to": TO}).body["meetings"]
    assert running.uuid in {row["uuid"] for row in listed}
    assert ended.uuid not in {row["uuid"] for row in listed}


@pytest.mark.parametrize(
    ("wanted", "right"), [(Case.recurring, "past"), (Case.alone, "pastOne"), (Case.live, "live")]
)
def test_a_wrong_type_finds_nothing(zoom: ZoomClient, wanted: Case, right: str) -> None:
    key = coded(case(zoom, wanted).uuid)
    for kind in ("past", "pastOne", "live"):
        for end in ("", "/participants"):
            assert past(zoom, key, end=end, kind=kind).status == (200 if kind == right else 404)


def test_qualities_exclude_meetings_of_one_person(zoom: ZoomClient) -> None:
    key = coded(case(zoom, Case.alone).uuid)
    answer = zoom.get(f"/metrics/meetings/{key}/participants/qos", type="past", page_size=10)
    assert (answer.status, answer.body["code"]) == (404, 3001)
    assert zoom.get(f"/metrics/meetings/{key}/participants/qos", type="pastOne").status == 400


def test_the_three_types_together_list_every_meeting_once(zoom: ZoomClient) -> None:
    listed = [row["uuid"] for kind in ("past", "pastOne", "live") for row in zoom.listed(kind)]
    webinars = [row["uuid"] for row in zoom.listed("past", "webinars")]
    assert len(set(listed)) == len(listed)
    assert sorted(listed + webinars) == sorted(instance.uuid for instance in instances(zoom))


def test_a_listing_covers_the_requested_utc_days(zoom: ZoomClient) -> None:
    whole = {row["uuid"]: row["start_time"] for row in zoom.listed("past") if row["start_time"]}
    day = zoom.rows(
        "/metrics/meetings", "meetings", **{"from": "2026-11-18", "to": "2026-11-18", "type": "past"}
    )
    shown = {row["uuid"] for row in day if row["start_time"]}
    assert shown == {uuid for uuid, start in whole.items() if start.startswith("2026-11-18")}


def test_a_time_of_day_counts_only_in_dates_with_zeros(zoom: ZoomClient) -> None:
    def count(start: str, end: str) -> int:
        return len(zoom.rows("/metrics/meetings", "meetings", **{"from": start, "to": end, "type": "past"}))

    day = count("2026-11-18", "2026-11-18")
    morning = count("2026-11-18 00:00:00", "2026-11-18 11:59:59")
    assert 0 < morning < day
    assert morning + count("2026-11-18 12:00:00", "2026-11-18T23:59:59Z") == day
    assert count("2026-11-18 00:00:00", "2026-11-18 11:59:59") < day
    assert zoom.get("/metrics/meetings", **{"from": "2026-9-1", "to": "2026-9-2 00:00:00"}).status == 200


@pytest.mark.parametrize(
    ("start", "end"),
    [("2026-10-01", "2026-11-02"), ("2026-05-19", "2026-05-20"), ("2025-11-01", "2025-11-02")],
)
@pytest.mark.parametrize("path", ["/metrics/meetings", "/metrics/webinars", "/report/users"])
def test_a_range_is_at_most_a_month_within_the_last_six(
    zoom: ZoomClient, path: str, start: str, end: str
) -> None:
    answer = zoom.get(path, **{"from": start, "to": end})
    assert answer.status == 400
    assert answer.body == {
        "code": 300,
        "message": "The request can only be queried for a month that falls within the last six months.",
    }


@pytest.mark.parametrize(
    "query",
    [
        {}, {"from": FROM}, {"to": TO}, {"from": TO, "to": FROM}, {"from": "yesterday", "to": TO},
        {"from": "2026-11-31", "to": TO}, {"from": FROM, "to": TO, "type": "future"},
        {"from": FROM, "to": TO, "page_size": 301}, {"from": FROM, "to": TO, "page_size": 0},
        {"from": FROM, "to": TO, "page_size": "many"},
    ],
)  # fmt: skip
def test_malformed_parameters_are_refused_with_300(zoom: ZoomClient, query: dict[str, object]) -> None:
    answer = zoom.get("/metrics/meetings", **query)
    assert (answer.status, answer.body["code"]) == (400, 300)
    assert answer.body["errors"][0]["field"]


def test_exactly_one_month_and_exactly_six_months_are_allowed(zoom: ZoomClient) -> None:
    assert zoom.get("/metrics/meetings", **{"from": "2026-10-20", "to": "2026-11-20"}).status == 200
    assert zoom.get("/metrics/meetings", **{"from": "2026-05-20", "to": "2026-06-20"}).status == 200


def test_a_page_has_thirty_rows_by_default_and_every_row_occurs_once(zoom: ZoomClient) -> None:
    huge = case(zoom, Case.huge)
    path = f"/metrics/meetings/{coded(huge.uuid)}/participants"
    first = zoom.get(path, type="past").body
    assert first["page_size"] == len(first["participants"]) == 30
    assert first["total_records"] > 300
    assert first["page_count"] == -(-first["total_records"] // 30)
    assert first["next_page_token"]
    for size in (30, 300):
        rows = zoom.rows(path, "participants", type="past", page_size=size)
        assert len(rows) == first["total_records"]
        assert len({(row["user_id"], row["join_time"], row.get("bo_mtg_id")) for row in rows}) == len(rows)


def test_a_page_of_qualities_has_one_row_by_default_and_at_most_ten(zoom: ZoomClient) -> None:
    path = f"/metrics/meetings/{coded(case(zoom, Case.mixed).uuid)}/participants/qos"
    assert len(zoom.get(path, type="past").body["participants"]) == 1
    assert len(zoom.get(path, type="past", page_size=10).body["participants"]) == 10
    assert zoom.get(path, type="past", page_size=11).status == 400


def test_a_page_token_is_valid_for_its_query_and_fifteen_minutes() -> None:
    zoom = zoom_client()
    path = f"/metrics/meetings/{coded(case(zoom, Case.huge).uuid)}/participants"
    token = zoom.get(path, type="past", page_size=100).body["next_page_token"]

    def parameters(**query: object) -> tuple[int, int]:
        answer = zoom.get(path, **{"type": "past", "page_size": 100, "next_page_token": token, **query})
        return answer.status, answer.body.get("code", 0)

    assert parameters() == parameters() == (200, 0)
    refused = (400, 300)
    assert parameters(page_size=101) == parameters(include_fields="registrant_id") == refused
    assert parameters(next_page_token="made-up") == parameters(next_page_token="x" * 400) == refused
    zoom.clock.seconds = 899
    zoom.clock.seconds += 14 * 60 - 899
    assert parameters() == (200, 0)
    zoom.clock.seconds = 15 * 60 + 10
    answer = zoom.get(path, type="past", page_size=100, next_page_token=token)
    assert answer.body == {"code": 300, "message": "The next page token is invalid or expired."}


def test_a_deleted_meeting_is_listed_and_not_found(zoom: ZoomClient) -> None:
    deleted = case(zoom, Case.deleted)
    assert deleted.uuid in {row["uuid"] for row in zoom.listed("past")}
    for path in (
        f"/metrics/meetings/{coded(deleted.uuid)}/participants",
        f"/past_meetings/{coded(deleted.uuid)}",
    ):
        answer = zoom.get(path, type="past")
        assert (answer.status, answer.body["code"]) == (404, 3001)


def test_a_meeting_is_listed_before_its_records_are_ready() -> None:
    fresh = zoom_client()
    records_pending = case(fresh, Case.records_pending)
    path = f"/metrics/meetings/{coded(records_pending.uuid)}/participants"
    assert records_pending.uuid in {row["uuid"] for row in fresh.listed("past")}
    for minute in (0, 59):
        fresh.clock.seconds = minute * 60
        fresh.renew()
        assert fresh.get(path, type="past").body["code"] == 3001
    later = zoom_client(later=timedelta(hours=4))
    assert later.get(path, type="past").status == 200


def test_late_rows_appear_after_the_quiet_hour(zoom: ZoomClient) -> None:
    late = case(zoom, Case.late)
    later = zoom_client(later=timedelta(hours=4))
    assert len(zoom.participants(late)) < len(later.participants(case(later, Case.late)))


def test_a_live_meeting_becomes_past_when_it_ends() -> None:
    later = zoom_client(later=timedelta(hours=6))
    ended = case(later, Case.live_crowd)
    assert ended.uuid in {row["uuid"] for row in later.listed("past")}
    assert all(row["leave_time"] for row in later.participants(ended))


def test_a_meeting_older_than_a_year_is_refused() -> None:
    zoom = zoom_client(days=400, size=200)
    old = next(
        i for i in instances(zoom) if i.meeting.start < zoom.zoom.account.organisation.now - 366 * 86_400_000
    )
    answer = past(zoom, coded(old.uuid))
    if old.meeting.case is not Case.deleted:
        assert (answer.status, answer.body["code"]) == (400, 12702)


def test_a_webinar_is_not_found_as_a_meeting(zoom: ZoomClient) -> None:
    webinar = case(zoom, Case.webinar)
    answer = past(zoom, coded(webinar.uuid))
    assert (answer.status, answer.body["code"]) == (400, 300)
    assert answer.body["message"].startswith("Can not access webinar info")
    rows = zoom.rows(f"/metrics/webinars/{coded(webinar.uuid)}/participants", "participants", type="past")
    assert "panelist" in {row.get("role") for row in rows}
    assert zoom.get(f"/metrics/webinars/{coded(case(zoom, Case.recurring).uuid)}", type="past").status == 404


def test_users_are_listed_by_status_and_departed_ones_not_at_all(zoom: ZoomClient) -> None:
    listed = {s: zoom.rows("/users", "users", status=s) for s in ("active", "inactive", "pending")}
    assert all(listed.values())
    assert all("id" in row for row in listed["active"] + listed["inactive"])
    assert not any("id" in row for row in listed["pending"])
    gone = case(zoom, Case.departed_host).meeting.host
    assert gone.email not in {row["email"] for rows in listed.values() for row in rows}


def test_a_deleted_host_is_reported_and_unknown(zoom: ZoomClient) -> None:
    gone = case(zoom, Case.departed_host).meeting.host
    period = {"from": FROM, "to": TO}
    hosts = zoom.rows("/report/users", "users", **period, type="active")
    host = next(row for row in hosts if row["email"] == gone.email)
    answer = zoom.get(f"/report/users/{host['id']}/meetings", **period)
    assert (answer.status, answer.body["code"]) == (404, 1001)


def test_the_reports_list_each_hosts_meetings_and_webinars(zoom: ZoomClient) -> None:
    period = {"from": FROM, "to": TO}
    found = []
    for host in zoom.rows("/report/users", "users", **period, type="active", page_size=300):
        for kind in ("past", "pastOne"):
            answer = zoom.get(f"/report/users/{host['id']}/meetings", **period, type=kind, page_size=300)
            found += answer.body.get("meetings", [])
    wanted = {
        i.uuid for i in instances(zoom)
        if i.meeting.case not in {Case.live, Case.live_crowd} and i.meeting.host.status != "departed"
    }  # fmt: skip
    assert {row["uuid"] for row in found} == wanted
    assert {row["type"] for row in found} == {1, 2, 4, 5, 8}
    assert all(isinstance(row["duration"], int) for row in found)
    by_email = zoom.get(f"/report/users/{quote(found[0]['user_email'])}/meetings", **period)
    assert by_email.body["total_records"] >= 1


def test_the_reports_have_sessions_without_devices(zoom: ZoomClient) -> None:
    mixed = case(zoom, Case.mixed)
    rows = zoom.rows(f"/report/meetings/{coded(mixed.uuid)}/participants", "participants", page_size=300)
    assert len(rows) == len(zoom.participants(mixed))
    assert all({"user_id", "join_time", "leave_time", "duration"} <= row.keys() for row in rows)
    assert not any(row.keys() & {"device", "ip_address", "location", "role"} for row in rows)
    assert zoom.get(f"/report/meetings/{coded(case(zoom, Case.alone).uuid)}/participants").status == 404


def test_past_meetings_have_the_hosts_id(zoom: ZoomClient) -> None:
    some = case(zoom, Case.recurring)
    users = {row["email"]: row["id"] for row in zoom.rows("/users", "users", page_size=300)}
    row = zoom.get(f"/past_meetings/{coded(some.uuid)}").body
    assert row["host_id"] == users[some.meeting.host.email]
    listed = zoom.rows(f"/past_meetings/{coded(some.uuid)}/participants", "participants")
    assert {"internal_user", "name", "user_email"} <= listed[0].keys()
    assert (
        zoom.get(f"/past_meetings/{coded(case(zoom, Case.alone).uuid)}/participants").body["participants"]
        == []
    )


def test_every_answer_is_json(zoom: ZoomClient) -> None:
    for instance in instances(zoom):
        json.loads(past(zoom, coded(instance.uuid)).content)
