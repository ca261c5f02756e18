"""Zoom's oddities, one by one. The numbers are those of the list of them that the connector was written from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from connectors.errors import Gone, NotReady
from connectors.models import Detail, MeetingRef, Pending, Reason, SkippedPartition
from connectors.zoom import Zoom
from connectors.zoom.mapping import to_meeting, to_reported_meeting, to_reported_session, to_session
from tests.unit.fake_context import NOW
from tests.unit.zoom.fake_api import DAY, Account, data, meeting_row, page, participant_row, ref

Build = Callable[..., Zoom]

PARTICIPANTS = "/metrics/meetings/abc%3D%3D/participants"


def of_dashboard(row, state="ended"):
    return to_meeting(row, account="main", detail=Detail.basic, state=state, harvested_at=NOW)


def test_quirk_01_a_rejoin_is_another_session_of_the_same_person(zoom: Build, account: Account) -> None:
    first = participant_row(leave_time="2026-11-20T09:30:00Z")
    again = participant_row(user_id="16999999", join_time="2026-11-20T09:20:00Z")
    account.on(PARTICIPANTS, page("participants", first, again))
    harvest = zoom().fetch(ref(meeting_row(participants=30)))
    assert len({session.key for session in harvest.sessions}) == 2
    assert harvest.meeting.participant_sessions == 2
    assert harvest.meeting.participants == 1  # Zoom's own number counts joins
    assert harvest.meeting.participant_seconds == 3600  # ten minutes were there twice, and count once


def test_quirk_01_waiting_rooms_and_breakouts_are_stays_of_their_own(zoom: Build, account: Account) -> None:
    account.on(PARTICIPANTS, data("metrics_participants"))
    harvest = zoom().fetch(ref(meeting_row()))
    assert [session.stay for session in harvest.sessions] == [*["meeting"] * 4, "waiting_room", "breakout"]
    assert harvest.sessions[5].breakout_id == "bo-1=="
    assert harvest.meeting.participant_sessions == 4
    assert harvest.meeting.participants == 4


def test_quirk_02_what_tells_stays_apart_is_user_id_join_status_and_breakout() -> None:
    rows = [
        participant_row(),
        participant_row(user_id="1"),
        participant_row(join_time="2026-11-20T09:00:01Z"),
        participant_row(status="in_waiting_room"),
        participant_row(bo_mtg_id="bo-2"),
    ]
    assert len({to_session(row).key for row in rows}) == len(rows)


def test_quirk_02_guests_without_any_id_stay_apart(zoom: Build, account: Account) -> None:
    guests = [
        participant_row(id="", participant_user_id="", user_id="", email="", user_name=name)
        for name in ("Ben", "Ada", "Ben")
    ]
    account.on(PARTICIPANTS, page("participants", *guests))
    harvest = zoom().fetch(ref(meeting_row()))
    assert [session.user_name for session in harvest.sessions] == ["Ada", "Ben"]  # equal rows are one
    assert harvest.sessions[1].key == harvest.sessions[0].key + "-2"
    assert harvest.collisions == 1


def test_quirk_03_the_same_number_under_a_new_uuid_is_another_meeting(zoom: Build, account: Account) -> None:
    account.quiet()
    account.on(
        "/metrics/meetings",
        page("meetings", meeting_row("one"), meeting_row("two", start_time="2026-11-20T10:01:00Z")),
        type="past",
    )
    assert [found.uuid for found in zoom().meetings(DAY)] == ["one", "two"]
    assert (
        of_dashboard(meeting_row("one")).meeting_series_id
        == of_dashboard(meeting_row("two")).meeting_series_id
    )


def test_quirk_04_an_e_mail_that_is_hidden_is_absent() -> None:
    assert to_session(participant_row(email="")).email is None
    assert to_reported_session({"id": "", "user_email": "", "user_id": "1"}).email is None


def test_quirk_05_guests_have_no_id_and_the_key_needs_none() -> None:
    guest = to_session(participant_row(id="", participant_user_id=""))
    assert guest.id is None
    assert guest.user_type == "guest"
    assert guest.key == to_session(participant_row()).key
    without = participant_row(id="")
    del without["participant_user_id"]
    assert to_session(without).id is None


def test_quirk_06_an_account_under_a_baa_shows_stays_without_any_person(
    zoom: Build, account: Account
) -> None:
    hidden = participant_row(
        id="", participant_user_id="", user_name="", email="", ip_address="", location=""
    )
    account.on(PARTICIPANTS, page("participants", hidden, {**hidden, "user_id": "2"}))
    harvest = zoom().fetch(ref(meeting_row()))
    session = harvest.sessions[0]
    assert (session.user_name, session.email, session.ip_address, session.location) == (None,) * 4
    assert harvest.meeting.participants == 2  # told apart by user_id


def test_quirk_07_nulls_and_empty_strings_are_absent() -> None:
    session = to_session(participant_row(device=None, os="", network_type=None, camera=None, role=None))
    assert (session.device, session.os, session.network_type, session.role) == (None,) * 4


def test_quirk_08_an_invalid_ip_address_is_kept_as_sent() -> None:
    assert to_session(participant_row(ip_address="120.000.000")).ip_address == "120.000.000"


def test_quirk_08_an_empty_ip_address_is_absent() -> None:
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
def test_quirk_09_device_is_free_text_and_kept(device: str, user_type: str) -> None:
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
        (12, None),  # in an example of Zoom's; in which unit, nobody says
    ],
)
def test_quirk_10_duration_in_every_spelling_of_the_dashboard(sent: object, seconds: int | None) -> None:
    assert of_dashboard(meeting_row(duration=sent, end_time="")).duration == seconds


@pytest.mark.parametrize(
    ("sent", "seconds"), [(61, 3660), ("61", 3660), ("20:00", 1200), ("", None), (-1, None)]
)
def test_quirk_10_reports_count_minutes_of_meetings(sent: object, seconds: int | None) -> None:
    row = {**data("report_user_meetings")["meetings"][0], "end_time": "", "duration": sent}
    assert to_reported_meeting(row, account="main", harvested_at=NOW, host_id=None).duration == seconds


@pytest.mark.parametrize(("sent", "seconds"), [(1680, 1680), ("1680", 1680), ("20:00", 1200), (None, None)])
def test_quirk_10_reports_count_seconds_of_participants(sent: object, seconds: int | None) -> None:
    row = {**data("report_participants")["participants"][1], "leave_time": "", "duration": sent}
    assert to_reported_session(row).duration == seconds


def test_quirk_10_from_start_to_end_beats_what_zoom_rounded_up() -> None:
    row = data("report_user_meetings")["meetings"][0]
    assert to_reported_meeting(row, account="main", harvested_at=NOW, host_id=None).duration == 3600
    assert of_dashboard(meeting_row(duration="00:01")).duration == 3600


def test_quirk_11_a_live_meeting_has_neither_end_nor_duration(zoom: Build, account: Account) -> None:
    row = meeting_row(end_time="", duration="")
    staying = participant_row()
    del staying["leave_time"]
    account.on(PARTICIPANTS, page("participants", staying), type="live")
    harvest = zoom().fetch(ref(row, type="live"))
    assert (harvest.meeting.end_time, harvest.meeting.duration) == (None, None)
    assert (harvest.meeting.state, harvest.meeting.detail) == ("live", Detail.live)
    assert harvest.pending is not None
    assert harvest.pending.reason is Reason.live
    assert harvest.sessions[0].leave_time is None


def test_quirk_12_a_blank_past_meeting_is_listed_and_filed_by_its_first_join(
    zoom: Build, account: Account
) -> None:
    blank = meeting_row(start_time="", end_time="", duration="", participants=0)
    account.quiet()
    account.on("/metrics/meetings", page("meetings", blank), type="past")
    account.on(PARTICIPANTS, data("metrics_participants"))
    (found,) = zoom().meetings(DAY)
    assert isinstance(found, MeetingRef)
    assert found.start_time is None
    harvest = zoom().fetch(found)
    assert harvest.timestamp == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert harvest.meeting.state == "ended"
    assert (harvest.meeting.start_time, harvest.meeting.duration) == (None, None)


def test_quirk_12_without_any_session_there_is_nothing_to_store_yet(
    zoom: Build, account: Account, context
) -> None:
    account.quiet()
    blank = ref(meeting_row(start_time="", end_time="", duration=""), end="2026-11-21T00:00:00+00:00")
    with pytest.raises(NotReady) as later:
        zoom().fetch(blank)
    assert later.value.reason is Reason.no_time
    context.start += timedelta(days=8)
    with pytest.raises(Gone) as gone:
        zoom().fetch(blank)
    assert gone.value.reason is Reason.no_time


def test_quirk_13_a_week_is_read_again_and_details_may_come_a_day_late(zoom: Build, account: Account) -> None:
    assert Zoom.lookback >= timedelta(days=7)
    harvest = zoom().fetch(ref(meeting_row()))  # 3001 for its participants
    assert harvest.pending is not None
    assert harvest.pending.reason is Reason.not_ended
    assert harvest.meeting.detail is Detail.basic
    assert harvest.meeting.participants is None
    assert harvest.sessions == ()


def test_quirk_13_a_meeting_that_has_just_ended_is_read_once_more(zoom: Build, account: Account) -> None:
    account.on(PARTICIPANTS, page("participants", participant_row()))
    ended = (NOW - timedelta(minutes=30)).isoformat()
    harvest = zoom().fetch(ref(meeting_row(participants=1, end_time=ended)))
    assert harvest.pending == Pending(until=NOW + timedelta(minutes=90), reason=Reason.settling)


def test_quirk_13_joins_that_the_listing_counts_and_nobody_tells_are_waited_for_until_a_day_has_passed(
    zoom: Build, account: Account, context
) -> None:
    account.on(PARTICIPANTS, page("participants", participant_row()))
    short = ref(meeting_row(participants=2, end_time=(NOW - timedelta(hours=5)).isoformat()))
    pending = zoom().fetch(short).pending
    assert pending is not None
    assert pending.reason is Reason.settling
    assert pending.until <= NOW + timedelta(hours=1, minutes=1)
    context.start += timedelta(hours=20)
    assert zoom().fetch(short).pending is None


def test_quirk_13_a_day_after_its_end_it_is_gone(zoom: Build, context) -> None:
    context.start += timedelta(days=1)
    with pytest.raises(Gone) as gone:
        zoom().fetch(ref(meeting_row()))
    assert gone.value.reason is Reason.deleted


def test_quirk_14_figures_are_counted_from_the_sessions_and_not_taken_from_zoom(
    zoom: Build, account: Account
) -> None:
    account.on(PARTICIPANTS, {**page("participants", participant_row()), "total_records": 99})
    meeting = zoom().fetch(ref(meeting_row(participants=42))).meeting
    assert (meeting.participants, meeting.participant_sessions) == (1, 1)


def test_quirk_15_meetings_of_one_person_are_asked_for_by_themselves(zoom: Build, account: Account) -> None:
    account.quiet()
    account.on("/metrics/meetings", page("meetings", meeting_row("alone")), type="pastOne")
    (found,) = zoom().meetings(DAY)
    assert isinstance(found, MeetingRef)
    assert found.hint["type"] == "pastOne"
    zoom().fetch(found)
    assert account.asked_for("/metrics/meetings/alone/participants")[0]["type"] == "pastOne"


def test_quirk_15_of_reports_one_person_is_all_that_is_known(zoom: Build, account: Account) -> None:
    row = data("report_user_meetings")["meetings"][0]
    harvest = zoom(ZOOM_PLAN="pro").fetch(ref(row, source="reports", type="pastOne", user="u-mara"))
    assert harvest.meeting.participants == 1
    assert (harvest.meeting.participant_sessions, harvest.meeting.participant_seconds) == (None, None)
    assert account.asked == []


def test_quirk_16_whole_days_are_asked_for_and_filtered_by_start(zoom: Build, account: Account) -> None:
    account.quiet()
    rows = [
        meeting_row("before", start_time="2026-11-19T23:59:59Z"),
        meeting_row("first", start_time="2026-11-20T00:00:00Z"),
        meeting_row("over midnight", start_time="2026-11-20T23:59:59Z", end_time="2026-11-21T01:00:00Z"),
        meeting_row("first", start_time="2026-11-20T00:00:00Z"),
        meeting_row("after", start_time="2026-11-21T00:00:00Z"),
    ]
    account.on("/metrics/meetings", page("meetings", *rows), type="past")
    assert {found.uuid for found in zoom().meetings(DAY)} == {"first", "over midnight"}
    asked = account.asked_for("/metrics/meetings")[0]
    assert (asked["from"], asked["to"]) == ("2026-11-19", "2026-11-21")


def test_quirk_17_a_number_sign_in_a_name_is_left_where_it_is() -> None:
    assert to_session(participant_row(user_name="Okafor# Tomé")).user_name == "Okafor# Tomé"


def test_quirk_18_a_personal_room_has_the_same_number_every_time() -> None:
    meeting = of_dashboard(meeting_row("pmi", id=3035575664))
    assert meeting.uuid == "pmi"
    assert meeting.meeting_series_id == meeting.meeting_code == "3035575664"


def test_quirk_19_numbers_and_texts_stand_in_for_each_other() -> None:
    assert to_session(participant_row(user_id=16778240)).key == to_session(participant_row()).key
    assert of_dashboard(meeting_row(id="93201235621")).meeting_series_id == "93201235621"
    assert of_dashboard(meeting_row(has_video=1, has_pstn="false")).has_video is True
    assert of_dashboard(meeting_row(has_video=1, has_pstn="false")).has_pstn is False
    assert of_dashboard(meeting_row(topic=["odd"])).topic is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [(1001, Reason.unknown_user), (1010, Reason.not_ours), (3161, Reason.refused)],
)
def test_quirk_20_a_host_whom_zoom_lists_and_cannot_find_is_skipped_for_good(
    zoom: Build, account: Account, code: int, reason: Reason
) -> None:
    account.quiet()
    account.on("/report/users", page("users", {"id": "u-lost"}, {"id": "u-mara"}), type="active")
    account.on("/report/users/u-lost/meetings", {"code": code, "message": "no"}, status=404)
    account.on("/report/users/u-mara/meetings", data("report_user_meetings"), type="past")
    skipped, found = zoom(ZOOM_PLAN="pro").meetings(DAY)
    assert isinstance(skipped, SkippedPartition)
    assert (skipped.reason, skipped.permanent) == (reason, True)
    assert "u-lost" not in skipped.partition
    assert isinstance(found, MeetingRef)


def test_quirk_21_fields_that_are_not_known_change_nothing() -> None:
    assert to_session(participant_row(aic_disclaimer=True, brand_new={"a": [1]})) == to_session(
        participant_row()
    )
    assert of_dashboard(meeting_row(has_external_participant=True)) == of_dashboard(meeting_row())
