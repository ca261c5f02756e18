"""Zoom's rows and their quirks: empty values, formats, free text, hidden ids."""

from __future__ import annotations

import pytest

from connectors.models import Detail
from connectors.zoom.mapping import to_meeting, to_reported_meeting, to_reported_session, to_session
from tests.unit.fake_context import NOW
from tests.unit.zoom.fake_api import data, meeting_row, participant_row


def of_dashboard(row, state="ended"):
    return to_meeting(row, account="main", detail=Detail.basic, state=state, harvested_at=NOW)


def test_session_keys_depend_on_user_id_join_status_and_breakout() -> None:
    rows = [
        participant_row(),
        participant_row(user_id="1"),
        participant_row(join_time="2026-11-20T09:00:01Z"),
        participant_row(status="in_waiting_room"),
        participant_row(bo_mtg_id="bo-2"),
    ]
    assert len({to_session(row).key for row in rows}) == len(rows)


def test_hidden_email_is_absent() -> None:
    assert to_session(participant_row(email="")).email is None
    assert to_reported_session({"id": "", "user_email": "", "user_id": "1"}).email is None


def test_guests_have_no_id_and_the_same_key() -> None:
    guest = to_session(participant_row(id="", participant_user_id=""))
    assert guest.id is None
    assert guest.user_type == "guest"
    assert guest.key == to_session(participant_row()).key
    without = participant_row(id="")
    del without["participant_user_id"]
    assert to_session(without).id is None


def test_null_and_empty_values_are_absent() -> None:
    session = to_session(participant_row(device=None, os="", network_type=None, camera=None, role=None))
    assert (session.device, session.os, session.network_type, session.role) == (None,) * 4


def test_invalid_ip_address_is_kept_as_sent() -> None:
    assert to_session(participant_row(ip_address="120.000.000")).ip_address == "120.000.000"


def test_empty_ip_address_is_absent() -> None:
    assert to_session(participant_row(ip_address="")).ip_address is None


@pytest.mark.parametrize(
    ("device", "user_type"),
    [
        ("Unknown + Phone", "signed_in"),
        ("WIN", "signed_in"),
        ("win 10+ 17763", "signed_in"),
        ("Windows 11", "signed_in"),
        ("Web Browser Chrome 129", "signed_in"),
        ("Phone", "phone"),
        ("H.323/SIP", "room"),
        ("Zoom Rooms", "room"),
    ],
)
def test_device_is_free_text_and_decides_the_user_type(device: str, user_type: str) -> None:
    session = to_session(participant_row(device=device))
    assert session.device == device
    assert session.user_type == user_type


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        ("00:56", 56),
        ("16:08", 968),
        ("01:00:00", 3600),
        ("26:03:04", 93784),
        ("30:00", 1800),
        ("", None),
        (None, None),
        (12, None),  # in an example of Zoom's; the unit is not documented
    ],
)
def test_dashboard_duration_in_every_format(sent: object, seconds: int | None) -> None:
    assert of_dashboard(meeting_row(duration=sent, end_time="")).duration == seconds


@pytest.mark.parametrize(
    ("sent", "seconds"), [(61, 3660), ("61", 3660), ("20:00", 1200), ("", None), (-1, None)]
)
def test_reported_meeting_duration_is_in_minutes(sent: object, seconds: int | None) -> None:
    row = {**data("report_user_meetings")["meetings"][0], "end_time": "", "duration": sent}
    assert to_reported_meeting(row, account="main", harvested_at=NOW, host_id=None).duration == seconds


@pytest.mark.parametrize(("sent", "seconds"), [(1680, 1680), ("1680", 1680), ("20:00", 1200), (None, None)])
def test_reported_session_duration_is_in_seconds(sent: object, seconds: int | None) -> None:
    row = {**data("report_participants")["participants"][1], "leave_time": "", "duration": sent}
    assert to_reported_session(row).duration == seconds


def test_duration_from_start_to_end_takes_precedence() -> None:
    row = data("report_user_meetings")["meetings"][0]
    assert to_reported_meeting(row, account="main", harvested_at=NOW, host_id=None).duration == 3600
    assert of_dashboard(meeting_row(duration="00:01")).duration == 3600


def test_number_sign_in_a_name_is_kept() -> None:
    assert to_session(participant_row(user_name="Okafor# Tomé")).user_name == "Okafor# Tomé"


def test_personal_room_number_is_the_series_id() -> None:
    meeting = of_dashboard(meeting_row("pmi", id=3035575664))
    assert meeting.uuid == "pmi"
    assert meeting.meeting_series_id == meeting.meeting_code == "3035575664"


def test_numbers_and_texts_are_interchangeable() -> None:
    assert to_session(participant_row(user_id=16778240)).key == to_session(participant_row()).key
    assert of_dashboard(meeting_row(id="93201235621")).meeting_series_id == "93201235621"
    assert of_dashboard(meeting_row(has_video=1, has_pstn="false")).has_video is True
    assert of_dashboard(meeting_row(has_video=1, has_pstn="false")).has_pstn is False
    assert of_dashboard(meeting_row(topic=["odd"])).topic is None


def test_unknown_fields_change_nothing() -> None:
    assert to_session(participant_row(aic_disclaimer=True, brand_new={"a": [1]})) == to_session(
        participant_row()
    )
    assert of_dashboard(meeting_row(has_external_participant=True)) == of_dashboard(meeting_row())
