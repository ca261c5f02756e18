"""Rows of Reports and of Meet as meetings and sessions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.google_meet.conference_grouping import Conference, LateRow, best_record, group_by_conference
from connectors.google_meet.mapping import to_record_session, to_session
from connectors.google_meet.quality import to_quality
from connectors.google_meet.reports_rows import (
    code_spellings,
    flatten,
    join_time,
    leave_time,
    normalize_code,
    row_identity,
)
from connectors.models import session_key
from tests.unit.google_meet.fake_api import GUEST, HOST, activity


def row(**changes: Any) -> dict[str, Any]:
    (found,) = flatten(activity("conf1", "2026-11-20T09:30:00.250Z", **changes))
    return found


@pytest.mark.parametrize("told", ["WKTIMXIVUK", "wktimxivuk", "wkt-imxi-vuk", " WKT-IMXI-VUK "])
def test_codes_are_normalized(told: str) -> None:
    assert normalize_code(told) == "wkt-imxi-vuk"
    assert code_spellings("wkt-imxi-vuk") == ("WKTIMXIVUK", "wkt-imxi-vuk", "wktimxivuk")


@pytest.mark.parametrize(("told", "code"), [("", None), (None, None), (7, None), ("Nick-Name", "nick-name")])
def test_other_texts_are_only_lower_cased(told: object, code: str | None) -> None:
    assert normalize_code(told) == code


def test_row_is_mapped_to_a_session() -> None:
    session = to_session(row(endpoint_id="boq_1", end_call_reason="normal"))
    assert session.key == session_key("boq_1")
    assert session.join_time == datetime(2026, 11, 20, 9, 20, tzinfo=UTC)
    assert session.leave_time == datetime(2026, 11, 20, 9, 30, 0, 250_000, tzinfo=UTC)
    assert (session.duration, session.leave_reason) == (600, "normal")
    assert (session.id, session.email, session.user_name) == ("3", GUEST, "Ole Berg")
    assert (session.device, session.ip_address, session.country, session.location) == (
        "web",
        "192.0.2.7",
        "NO",
        "Oslo",
    )
    assert (session.user_type, session.role, session.stay) == ("signed_in", None, "meeting")


@pytest.mark.parametrize("stayed", [None, "-12", "x"])
def test_join_without_start_and_duration_is_absent(stayed: str | None) -> None:
    session = to_session(row(start_timestamp_seconds=None, duration_seconds=stayed))
    assert session.leave_time == datetime(2026, 11, 20, 9, 30, 0, 250_000, tzinfo=UTC)
    assert (session.join_time, session.duration) == (None, None)


def test_missing_start_is_the_end_minus_the_duration() -> None:
    told = row(start_timestamp_seconds=None, stayed=90)
    assert leave_time(told) is not None
    assert (leave_time(told) - join_time(told)).total_seconds() == 90  # type: ignore[operator]  # the fixture has both times
    assert join_time(row(start_timestamp_seconds=10**13, stayed=60)) == join_time(
        row(stayed=60, start_timestamp_seconds=None)
    )


@pytest.mark.parametrize(
    ("changes", "kind", "email"),
    [
        ({}, "signed_in", GUEST),
        ({"identifier": "li***@s***.com"}, "signed_in", None),
        ({"identifier": "room-7", "identifier_type": "device_id", "device_type": "chromebox"}, "room", None),
        ({"identifier": "+47", "identifier_type": "phone_number"}, "phone", None),
        ({"identifier": None, "identifier_type": None, "device_type": "pstn_in"}, "phone", None),
        ({"identifier": None, "identifier_type": None}, "guest", None),
    ],
)
def test_user_type_and_email_of_a_row(changes: dict[str, Any], kind: str, email: str | None) -> None:
    session = to_session(row(**changes))
    assert (session.user_type, session.email) == (kind, email)


def test_organizer_is_the_host_and_the_directory_has_the_name() -> None:
    session = to_session(row(identifier=HOST.upper(), display_name=None), name="Mara Lindqvist")
    assert (session.role, session.user_name) == ("host", "Mara Lindqvist")


def test_participant_session_is_mapped() -> None:
    participant = {"name": "p", "signedinUser": {"user": "users/42", "displayName": "Room"}}
    session = to_record_session(
        participant, {"name": "p/s", "startTime": "2026-11-20T09:00:00.123456789Z"}, email="a@example.org"
    )
    assert (session.key, session.id, session.user_type) == (session_key("p/s"), "42", "signed_in")
    assert (session.leave_time, session.duration, session.email) == (None, None, "a@example.org")
    assert to_record_session({"anonymousUser": {"displayName": "X"}}, {"name": "s"}).user_type == "guest"
    assert to_record_session({"phoneUser": {"displayName": "+4"}}, {"name": "s"}).user_type == "phone"
    assert to_record_session({}, {"name": "s"}).user_type is None


def test_row_is_mapped_to_quality() -> None:
    told = row(
        audio_recv_seconds=500,
        audio_recv_packet_loss_mean=1,
        audio_recv_packet_loss_max=7,
        audio_send_seconds=300,
        audio_send_bitrate_kbps_mean=32,
        video_send_packet_loss_max=4,
        video_recv_seconds=100,
        video_recv_short_side_median_pixels=720,
        video_recv_fps_mean=25,
        network_rtt_msec_mean=40,
        network_recv_jitter_msec_mean=3,
        network_recv_jitter_msec_max=30,
        network_send_jitter_msec_mean=5,
        screencast_recv_seconds=0,
    )
    quality = to_quality(told)
    assert quality is not None
    document = quality.to_document()
    assert document["audio_in"]["packet_loss_pct"] == {"mean": 1, "worst": 7, "samples": 500}
    assert document["audio_in"]["latency_ms"] == {"mean": 40, "samples": 500}
    assert document["audio_in"]["jitter_ms"] == {"mean": 3, "worst": 30, "samples": 500}
    assert document["audio_out"]["jitter_ms"] == {"mean": 5, "samples": 300}
    assert document["audio_out"]["bitrate_kbps"] == {"mean": 32, "samples": 300}
    assert document["video_in"]["height_px"] == {"mean": 720, "samples": 100}
    assert document["video_in"]["fps"] == {"mean": 25, "samples": 100}
    assert document["video_out"] == {"packet_loss_pct": {"worst": 4}}
    assert "share_in" not in document
    assert to_quality(row()) is None


def test_every_published_parameter_is_accepted() -> None:
    listed = json.loads(
        (Path(__file__).parents[2] / "data" / "google_meet" / "call_ended_parameters.json").read_text(
            encoding="utf-8"
        )
    )
    names = [name.split(" ")[0] for group in listed.values() for name in group]
    for value in ("", "x", "99", "-1", "9" * 40):
        parameters = [{"name": name, "intValue": value} for name in names]
        item = {
            "id": {"time": "2026-11-20T09:00:00Z"},
            "events": [{"name": "call_ended", "parameters": parameters}],
        }
        for told in flatten(item):
            assert to_session({**told, "conference_id": "c"}).key


# Conferences out of a stream of rows


START = 1_795_000_000


@st.composite
def listings(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows of several conferences, each without a gap longer than the margin."""
    rows = []
    for number in range(draw(st.integers(1, 6))):
        begin = START + draw(st.integers(0, 200_000))
        for endpoint in range(draw(st.integers(1, 5))):
            join = begin + draw(st.integers(0, 3000))
            begin_end = join + draw(st.integers(0, 90_000))
            at = datetime.fromtimestamp(begin_end, UTC).isoformat()
            rows.append(
                {
                    "conference_id": f"c{number}",
                    "@time": at,
                    "@qualifier": str(endpoint),
                    "start_timestamp_seconds": join,
                    "duration_seconds": begin_end - join,
                }
            )
    return rows


def whole(rows: list[dict[str, Any]]) -> dict[str, list[tuple[str, str, str]]]:
    found: dict[str, list[tuple[str, str, str]]] = {}
    for told in rows:
        found.setdefault(told["conference_id"], []).append(row_identity(told))
    return {key: sorted(set(value)) for key, value in found.items()}


@given(listings(), st.integers(1, 4))
def test_every_conference_is_yielded_once_with_all_its_rows(rows: list[dict[str, Any]], size: int) -> None:
    newest_first = sorted(rows, key=lambda told: told["@time"], reverse=True)
    pages = [newest_first[at : at + size] for at in range(0, len(newest_first), size)]
    found = list(group_by_conference(pages))
    assert not [one for one in found if isinstance(one, LateRow)]
    told = {one.id: sorted(map(row_identity, one.rows)) for one in found if isinstance(one, Conference)}
    assert len(found) == len(told)
    assert told == whole(rows)


@given(st.permutations(range(12)), st.data())
def test_late_rows_are_reported(order: list[int], data: st.DataObject) -> None:
    rows = data.draw(listings())
    shuffled = [rows[place % len(rows)] for place in order] + rows
    told: dict[str, set[tuple[str, str, str]]] = {}
    late: set[str] = set()
    for found in group_by_conference([[one] for one in shuffled]):
        if isinstance(found, LateRow):
            late.add(found.conference)
        else:
            assert found.id not in told
            told[found.id] = set(map(row_identity, found.rows))
    for conference, identities in whole(rows).items():
        assert conference in late or told[conference] == set(identities)


def test_few_rows_are_in_memory() -> None:
    held: list[int] = []

    def pages() -> Any:
        for hour in range(200, 0, -1):
            at = START + hour * 3600
            yield [
                {
                    "conference_id": f"c{hour}",
                    "@time": datetime.fromtimestamp(at, UTC).isoformat(),
                    "@qualifier": "1",
                    "start_timestamp_seconds": at - 1800,
                }
            ]
            held.append(hour)

    for found in group_by_conference(pages()):
        assert isinstance(found, Conference)
        if held[-1:] != [1]:
            assert int(found.id[1:]) - (held[-1] if held else 200) <= 4


def test_best_record_is_found_by_id_or_time() -> None:
    conference = Conference.from_rows("conf1", [row()])
    early = {
        "name": "conferenceRecords/a",
        "startTime": "2026-11-20T07:00:00Z",
        "endTime": "2026-11-20T08:00:00Z",
    }
    right = {
        "name": "conferenceRecords/b",
        "startTime": "2026-11-20T09:19:59Z",
        "endTime": "2026-11-20T09:30:01Z",
    }
    live = {"name": "conferenceRecords/c", "startTime": "2026-11-20T09:29:00Z"}
    named = {"name": "conferenceRecords/conf1"}
    assert best_record(conference, [early, right, live]) is right
    assert best_record(conference, [early, right, named]) is named
    assert best_record(conference, [live]) is live
    assert best_record(conference, [early]) is None


@pytest.mark.parametrize(
    ("joined", "start", "first_known"),
    [("09:05", "09:05", "09:05"), ("09:35", None, "09:30"), (None, None, "09:30")],
)
def test_start_of_a_conference_is_absent_if_an_earlier_join_may_be_missing(
    joined: str | None, start: str | None, first_known: str
) -> None:
    def at(clock: str | None) -> datetime | None:
        return None if clock is None else datetime.fromisoformat(f"2026-11-20T{clock}:00Z")

    (unknown,) = flatten(
        activity("c", "2026-11-20T09:30:00Z", start_timestamp_seconds=None, duration_seconds=None)
    )
    (known,) = flatten(activity("c", "2026-11-20T09:40:00Z"))
    begins = at(joined)
    if begins is not None:
        known["start_timestamp_seconds"] = int(begins.timestamp())
    conference = Conference.from_rows("c", [unknown] if begins is None else [unknown, known])
    assert (conference.start, conference.first_known) == (at(start), at(first_known))
