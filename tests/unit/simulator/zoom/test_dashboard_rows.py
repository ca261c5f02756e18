"""Tests that each of Zoom's quirks occurs in the answers for an organisation of forty meetings."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import chain
from typing import Any

import pytest

from harvester.simulator.organisation import Case
from harvester.simulator.zoom.account import Instance, Quirk
from tests.unit.simulator.clients import ZoomClient, coded, zoom_client

Row = dict[str, Any]


@pytest.fixture(scope="module")
def zoom() -> ZoomClient:
    return zoom_client(size=40)


@pytest.fixture(scope="module")
def listed(zoom: ZoomClient) -> dict[str, Row]:
    return {row["uuid"]: row for kind in ("past", "pastOne", "live") for row in zoom.listed(kind)}


@pytest.fixture(scope="module")
def rows(zoom: ZoomClient) -> list[Row]:
    """Return every participant row of every past meeting that can be read."""
    skipped = {Case.live, Case.live_crowd, Case.deleted, Case.records_pending, Case.webinar}
    readable = [i for i in zoom.zoom.account.instances if i.meeting.case not in skipped]
    return list(chain.from_iterable(zoom.participants(instance) for instance in readable))


@pytest.fixture(scope="module")
def big() -> ZoomClient:
    return zoom_client(size=300)


def quirky(zoom: ZoomClient, quirk: Quirk) -> Instance:
    return next(instance for instance in zoom.zoom.account.instances if quirk in instance.quirks)


@pytest.mark.parametrize("seed", [1, 2, 7])
def test_forty_meetings_contain_every_quirk(seed: int) -> None:
    instances = zoom_client(size=40, seed=seed).zoom.account.instances
    assert {quirk for instance in instances for quirk in instance.quirks} == set(Quirk)


def test_a_live_meeting_has_empty_strings_for_its_end(zoom: ZoomClient, listed: dict[str, Row]) -> None:
    live = next(i for i in zoom.zoom.account.instances if i.meeting.case is Case.live_crowd)
    row = listed[live.uuid]
    assert (row["end_time"], row["duration"]) == ("", "")
    there = zoom.participants(live, type="live")
    assert {"leave_time" in row for row in there} == {True, False}


def test_a_blank_meeting_has_no_times_and_no_count_but_may_have_rows(
    zoom: ZoomClient, listed: dict[str, Row]
) -> None:
    for quirk in (Quirk.blank, Quirk.blank_empty):
        instance = quirky(zoom, quirk)
        row = listed[instance.uuid]
        assert [row[name] for name in ("start_time", "end_time", "duration", "participants")] == [
            "",
            "",
            "",
            0,
        ]
        assert bool(zoom.participants(instance)) is (quirk is Quirk.blank)


def test_an_ended_meeting_may_lack_its_end(zoom: ZoomClient, listed: dict[str, Row]) -> None:
    row = listed[quirky(zoom, Quirk.no_end).uuid]
    assert row["end_time"] is None
    assert row["start_time"]
    assert row["duration"]


def test_durations_have_minutes_and_seconds_or_hours_even_above_a_day(listed: dict[str, Row]) -> None:
    texts = {row["duration"] for row in listed.values() if row["duration"]}
    assert any(re.fullmatch(r"\d\d:\d\d", text) for text in texts)
    assert any(re.fullmatch(r"00:\d\d:\d\d", text) for text in texts)
    assert any(int(text.split(":")[0]) >= 24 for text in texts if text.count(":") == 2)


def test_durations_agree_with_the_times(listed: dict[str, Row]) -> None:
    for row in listed.values():
        if row["start_time"] and row["end_time"]:
            times = (datetime.fromisoformat(row[name]) for name in ("end_time", "start_time"))
            end, start = times
            seconds = 0
            for part in row["duration"].split(":"):
                seconds = seconds * 60 + int(part)
            assert seconds == (end - start).total_seconds()


def test_flags_may_be_null_or_missing(zoom: ZoomClient, listed: dict[str, Row]) -> None:
    assert listed[quirky(zoom, Quirk.flags_null).uuid]["has_pstn"] is None
    assert "has_pstn" not in listed[quirky(zoom, Quirk.flags_missing).uuid]


def test_zooms_own_count_differs_from_its_rows(zoom: ZoomClient, listed: dict[str, Row]) -> None:
    instance = quirky(zoom, Quirk.miscounted)
    assert listed[instance.uuid]["participants"] != len(zoom.participants(instance))


def test_hosts_have_no_id_and_some_an_address_with_capitals(listed: dict[str, Row]) -> None:
    assert not any("host_id" in row for row in listed.values())
    emails = {row["email"] for row in listed.values()}
    assert any(email != email.lower() for email in emails)


def test_guests_have_an_empty_id_and_sometimes_no_key_for_the_other_one(rows: list[Row]) -> None:
    guests = [row for row in rows if row["id"] == ""]
    assert guests
    assert {"participant_user_id" in row for row in guests} == {True, False}
    assert {row["email"] == "" for row in guests} == {True, False}
    assert all(row["participant_user_id"] == row["id"] for row in rows if row["id"])


def test_missing_values_are_empty_null_or_without_key(rows: list[Row]) -> None:
    as_setting = {row.get("user_name", "missing") for row in rows}
    assert "" in as_setting
    for name in ("os", "location", "leave_reason", "role", "status", "device", "share_desktop", "camera"):
        values = [row.get(name, "missing") for row in rows]
        assert any(value in ("", None, "missing") for value in values), name
    everything = [
        row.get(name, "missing")
        for row in rows
        for name in ("leave_reason", "role", "status", "ip_address", "os")
    ]
    assert {"", None, "missing"} <= set(everything)


def test_devices_are_free_text(rows: list[Row]) -> None:
    devices = {row.get("device") for row in rows}
    assert {"Phone", "Zoom Rooms", "H.323/SIP", "Unknown + Phone"} & devices
    assert len(devices) > 8


def test_addresses_may_be_invalid_or_of_either_kind(rows: list[Row]) -> None:
    addresses = {row.get("ip_address") or "" for row in rows}
    assert "120.000.000" in addresses
    assert any(":" in address for address in addresses)
    assert any(address.startswith("192.0.2.") for address in addresses)


def test_locations_have_a_country_or_not(rows: list[Row]) -> None:
    locations = {row.get("location") or "" for row in rows}
    assert any(re.fullmatch(r".+ \([A-Z]{2}\)", location) for location in locations)
    assert {"New York", "India"} & locations


def test_waiting_rooms_and_breakouts_are_rows_too(rows: list[Row]) -> None:
    assert {"in_meeting", "in_waiting_room"} <= {row.get("status") for row in rows}
    assert any(row.get("bo_mtg_id") for row in rows)


def test_a_waiting_room_may_share_user_id_and_join_time_with_the_meeting(big: ZoomClient) -> None:
    shared = 0
    for instance in big.zoom.account.instances:
        if instance.meeting.case is Case.mixed:
            keys = [(row["user_id"], row["join_time"]) for row in big.participants(instance)]
            shared += len(keys) - len(set(keys))
    assert shared > 10


def test_user_ids_are_sometimes_numbers(zoom: ZoomClient) -> None:
    kinds = {type(row["user_id"]) for row in zoom.participants(quirky(zoom, Quirk.numbers))}
    assert kinds == {int, str}


def test_some_rows_occur_twice(zoom: ZoomClient) -> None:
    returned = zoom.participants(quirky(zoom, Quirk.duplicates))
    assert len(returned) - len({repr(row) for row in returned}) == 3


def test_different_rows_may_have_the_same_ids_and_join_time(zoom: ZoomClient) -> None:
    returned = zoom.participants(quirky(zoom, Quirk.collision))
    by_key: dict[tuple[Any, ...], set[str]] = {}
    for row in returned:
        by_key.setdefault(
            (row["user_id"], row["join_time"], row.get("status"), row.get("bo_mtg_id")), set()
        ).add(row["leave_time"])
    assert sum(len(ends) > 1 for ends in by_key.values()) == 3


def test_some_instants_have_milliseconds(zoom: ZoomClient) -> None:
    returned = zoom.participants(quirky(zoom, Quirk.fractions))
    assert any(re.search(r"\.\d{3}Z$", row["join_time"]) for row in returned)


def test_a_protected_meeting_has_neither_names_nor_locations(zoom: ZoomClient) -> None:
    for row in zoom.participants(quirky(zoom, Quirk.hidden)):
        assert not any(row.get(name) for name in ("user_name", "email", "ip_address", "location"))


def test_a_lone_surrogate_is_sent_as_an_escape(big: ZoomClient) -> None:
    raw = b"".join(
        big.get(f"/metrics/meetings/{coded(i.uuid)}/participants", type="past", page_size=300).content
        for i in big.zoom.account.instances
        if i.meeting.case is Case.mixed
    )
    assert rb"cut off \ud83d here" in raw


def test_names_have_a_hash_where_a_comma_was(big: ZoomClient) -> None:
    names = {
        row.get("user_name") or ""
        for i in big.zoom.account.instances
        if i.meeting.case is Case.mixed
        for row in big.participants(i)
    }
    assert "Lima# Ana (Finance)" in names
    assert not any("," in name for name in names)


def test_unknown_fields_occur(big: ZoomClient, rows: list[Row]) -> None:
    assert any("aic_disclaimer" in row for row in rows)
    assert any("a_field_of_tomorrow" in row for row in big.listed("past"))


def test_qualities_are_strings_with_units_or_empty(zoom: ZoomClient) -> None:
    mixed = next(i for i in zoom.zoom.account.instances if i.meeting.case is Case.mixed)
    path = f"/metrics/meetings/{coded(mixed.uuid)}/participants/qos"
    returned = zoom.rows(path, "participants", type="past", page_size=10)
    minutes = [minute for row in returned for minute in row["user_qos"]]
    texts = {minute[name]["latency"] for minute in minutes for name in minute if "put" in name}
    assert "" in texts or "-" in texts
    assert any(re.fullmatch(r"\d+ ?ms", text) for text in texts)
    assert any(
        re.fullmatch(r"\d+\*\d+", minute["video_input"]["resolution"])
        for minute in minutes
        if "video_input" in minute
    )
    assert any(
        re.fullmatch(r"\d+%", minute["cpu_usage"]["zoom_avg_cpu_usage"])
        for minute in minutes
        if "cpu_usage" in minute
    )


def test_participants_still_present_have_no_qualities(zoom: ZoomClient) -> None:
    live = next(i for i in zoom.zoom.account.instances if i.meeting.case is Case.live_crowd)
    path = f"/metrics/meetings/{coded(live.uuid)}/participants/qos"
    for row in zoom.rows(path, "participants", type="live", page_size=10):
        assert row["user_qos"] == [] or "leave_time" in row


def test_report_rows_may_have_the_id_only_under_its_new_name(big: ZoomClient) -> None:
    mixed = [i for i in big.zoom.account.instances if i.meeting.case is Case.mixed]
    returned = [
        row
        for i in mixed
        for row in big.rows(f"/report/meetings/{coded(i.uuid)}/participants", "participants", page_size=300)
    ]
    assert any(row["id"] == "" and row.get("participant_user_id") for row in returned)
