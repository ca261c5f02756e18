"""Rows of Reports and of Meet as meetings and sessions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.google_meet.mapping import to_record_session, to_session
from connectors.google_meet.reports_rows import (
    flatten,
)
from connectors.models import session_key
from tests.unit.google_meet.fake_api import GUEST, HOST, row


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
        for found in flatten(item):
            assert to_session({**found, "conference_id": "c"}).key
