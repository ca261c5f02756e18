"""Zoom's oddities are on the wire: each of them, in an organisation of forty meetings."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import chain
from typing import Any

import pytest

from harvester.simulator.organisation import Case
from harvester.simulator.zoom.account import Instance, Quirk
from tests.unit.simulator.client import Zoomed, coded, zoomed

Row = dict[str, Any]


@pytest.fixture(scope="module")
def zoom() -> Zoomed:
    return zoomed(size=40)


@pytest.fixture(scope="module")
def listed(zoom: Zoomed) -> dict[str, Row]:
    return {row["uuid"]: row for kind in ("past", "pastOne", "live") for row in zoom.listed(kind)}


@pytest.fixture(scope="module")
def rows(zoom: Zoomed) -> list[Row]:
    """Every participants row of every past meeting that can be read."""
    skipped = {Case.live, Case.live_crowd, Case.deleted, Case.unsettled, Case.webinar}
    readable = [i for i in zoom.zoom.account.instances if i.meeting.case not in skipped]
    return list(chain.from_iterable(zoom.participants(instance) for instance in readable))


@pytest.fixture(scope="module")
def big() -> Zoomed:
    return zoomed(size=300)


def quirky(zoom: Zoomed, quirk: Quirk) -> Instance:
    return next(instance for instance in zoom.zoom.account.instances if quirk in instance.quirks)


@pytest.mark.parametrize("seed", [1, 2, 7])
def test_forty_meetings_are_enough_for_every_quirk(seed: int) -> None:
    instances = zoomed(size=40, seed=seed).zoom.account.instances
    assert {quirk for instance in instances for quirk in instance.quirks} == set(Quirk)


def test_a_live_meeting_has_empty_strings_for_its_end(zoom: Zoomed, listed: dict[str, Row]) -> None:
    live = next(i for i in zoom.zoom.account.instances if i.meeting.case is Case.live_crowd)
    row = listed[live.uuid]
    assert (row["end_time"], row["duration"]) == ("", "")
    there = zoom.participants(live, type="live")
    assert {"leave_time" in row for row in there} == {True, False}


def test_a_blank_meeting_has_no_times_and_nobody_but_may_have_rows(
    zoom: Zoomed, listed: dict[str, Row]
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


def test_a_meeting_may_be_over_without_an_end(zoom: Zoomed, listed: dict[str, Row]) -> None:
    row = listed[quirky(zoom, Quirk.no_end).uuid]
    assert row["end_time"] is None
    assert row["start_time"]
    assert row["duration"]


def test_durations_are_minutes_and_seconds_or_hours_even_past_a_day(listed: dict[str, Row]) -> None:
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


def test_flags_may_be_null_or_missing(zoom: Zoomed, listed: dict[str, Row]) -> None:
    assert listed[quirky(zoom, Quirk.flags_null).uuid]["has_pstn"] is None
    assert "has_pstn" not in listed[quirky(zoom, Quirk.flags_missing).uuid]


def test_zooms_own_count_differs_from_its_rows(zoom: Zoomed, listed: dict[str, Row]) -> None:
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


def test_what_is_not_told_is_empty_or_null_or_missing(rows: list[Row]) -> None:
    spelled = {row.get("user_name", "missing") for row in rows}
    assert "" in spelled
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


def test_a_waiting_room_may_share_user_id_and_join_time_with_the_meeting(big: Zoomed) -> None:
    shared = 0
    for instance in big.zoom.account.instances:
        if instance.meeting.case is Case.mixed:
            keys = [(row["user_id"], row["join_time"]) for row in big.participants(instance)]
            shared += len(keys) - len(set(keys))
    assert shared > 10


def test_user_ids_are_sometimes_numbers(zoom: Zoomed) -> None:
    kinds = {type(row["user_id"]) for row in zoom.participants(quirky(zoom, Quirk.numbers))}
    assert kinds == {int, str}


def test_some_rows_come_twice(zoom: Zoomed) -> None:
    told = zoom.participants(quirky(zoom, Quirk.duplicates))
    assert len(told) - len({repr(row) for row in told}) == 3


def test_different_rows_may_have_the_same_ids_and_join_time(zoom: Zoomed) -> None:
    told = zoom.participants(quirky(zoom, Quirk.collision))
    by_key: dict[tuple[Any, ...], set[str]] = {}
    for row in told:
        by_key.setdefault(
            (row["user_id"], row["join_time"], row.get("status"), row.get("bo_mtg_id")), set()
        ).add(row["leave_time"])
    assert sum(len(ends) > 1 for ends in by_key.values()) == 3


def test_some_instants_have_milliseconds(zoom: Zoomed) -> None:
    told = zoom.participants(quirky(zoom, Quirk.fractions))
    assert any(re.search(r"\.\d{3}Z$", row["join_time"]) for row in told)


def test_a_protected_meeting_tells_neither_names_nor_places(zoom: Zoomed) -> None:
    for row in zoom.participants(quirky(zoom, Quirk.hidden)):
        assert not any(row.get(name) for name in ("user_name", "email", "ip_address", "location"))


def test_half_a_character_is_sent_as_an_escape(big: Zoomed) -> None:
    raw = b"".join(
        big.get(f"/metrics/meetings/{coded(i.uuid)}/participants", type="past", page_size=300).content
        for i in big.zoom.account.instances
        if i.meeting.case is Case.mixed
    )
    assert rb"cut off \ud83d here" in raw


def test_names_have_a_hash_where_a_comma_was(big: Zoomed) -> None:
    names = {
        row.get("user_name") or ""
        for i in big.zoom.account.instances
        if i.meeting.case is Case.mixed
        for row in big.participants(i)
    }
    assert "Lima# Ana (Finance)" in names
    assert not any("," in name for name in names)


def test_fields_of_tomorrow_turn_up(big: Zoomed, rows: list[Row]) -> None:
    assert any("aic_disclaimer" in row for row in rows)
    assert any("a_field_of_tomorrow" in row for row in big.listed("past"))


def test_qualities_are_texts_with_units_or_empty(zoom: Zoomed) -> None:
    mixed = next(i for i in zoom.zoom.account.instances if i.meeting.case is Case.mixed)
    path = f"/metrics/meetings/{coded(mixed.uuid)}/participants/qos"
    told = zoom.rows(path, "participants", type="past", page_size=10)
    minutes = [minute for row in told for minute in row["user_qos"]]
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


def test_qualities_of_the_living_are_not_there_yet(zoom: Zoomed) -> None:
    live = next(i for i in zoom.zoom.account.instances if i.meeting.case is Case.live_crowd)
    path = f"/metrics/meetings/{coded(live.uuid)}/participants/qos"
    for row in zoom.rows(path, "participants", type="live", page_size=10):
        assert row["user_qos"] == [] or "leave_time" in row


def test_report_rows_may_have_the_id_under_its_new_name_only(big: Zoomed) -> None:
    mixed = [i for i in big.zoom.account.instances if i.meeting.case is Case.mixed]
    told = [
        row
        for i in mixed
        for row in big.rows(f"/report/meetings/{coded(i.uuid)}/participants", "participants", page_size=300)
    ]
    assert any(row["id"] == "" and row.get("participant_user_id") for row in told)
