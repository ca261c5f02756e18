from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from connectors.errors import CredentialsError, Gone, NotReady, VendorError
from connectors.models import Detail, Host, MeetingRef, Reason, Window
from connectors.zoom import Zoom
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.zoom.fake_api import DAY, Account, data, meeting_row, page, participant_row, ref

Build = Callable[..., Zoom]

LIST = "/metrics/meetings"
PARTICIPANTS = "/metrics/meetings/abc%3D%3D/participants"
HEAD = "/metrics/meetings/abc%3D%3D"
QOS = "/metrics/meetings/abc%3D%3D/participants/qos"
TODAY = Window(start=NOW.replace(hour=0), end=NOW.replace(hour=0) + timedelta(days=1))


def test_a_window_that_reaches_now_lists_live_meetings_first(zoom: Build, account: Account) -> None:
    account.quiet()
    started = NOW.replace(hour=5).isoformat()
    both = meeting_row("ends in between", start_time=started)
    account.on(LIST, page("meetings", both), type="past")
    account.on(LIST, page("meetings", {**both, "end_time": "", "duration": ""}), type="live")
    found = [ref for ref in zoom().meetings(TODAY) if isinstance(ref, MeetingRef)]
    assert [(ref.uuid, ref.hint["type"]) for ref in found] == [
        ("ends in between", "live"),
        ("ends in between", "past"),
    ]
    assert [asked["type"] for asked in account.asked_for(LIST)] == ["live", "past", "pastOne"]


def test_past_window_lists_no_live_meetings(zoom: Build, account: Account) -> None:
    account.quiet()
    assert list(zoom().meetings(DAY)) == []
    assert [asked["type"] for asked in account.asked_for(LIST)] == ["past", "pastOne"]
    assert {asked["page_size"] for asked in account.asked_for(LIST)} == {"300"}


def test_webinars_are_listed_with_the_option(zoom: Build, account: Account) -> None:
    account.quiet()
    account.on("/metrics/webinars", page("webinars", meeting_row("w")), type="past")
    (found,) = zoom("webinars").meetings(DAY)
    assert found.hint["kind"] == "webinar"
    account.on("/metrics/webinars/w/participants", page("participants", participant_row(role="panelist")))
    record = zoom("webinars", "qos").fetch(found)
    assert record.sessions[0].role == "panelist"
    assert record.meeting.detail is Detail.basic


def test_only_a_fetch_without_quality_says_so_and_once(
    zoom: Build, account: Account, context: FakeContext
) -> None:
    account.quiet()
    account.on(PARTICIPANTS, page("participants", participant_row()))
    account.on(QOS, page("participants"))
    list(zoom(ZOOM_PLAN="business").meetings(DAY))
    zoom("qos", ZOOM_PLAN="business").fetch(ref(meeting_row()))
    assert not [said for said in context.notices if "have no quality" in said]
    connector = zoom(ZOOM_PLAN="business")
    connector.fetch(ref(meeting_row()))
    connector.fetch(ref(meeting_row()))
    assert sum("have no quality" in said for said in context.notices) == 1


def test_row_is_mapped_to_a_meeting(zoom: Build, account: Account) -> None:
    account.on(PARTICIPANTS, data("metrics_participants"))
    account.on("/users", data("users"), status_="active")
    context = FakeContext(NOW.replace(microsecond=123_456))
    connector = zoom()
    connector = Zoom(connector._settings, context)
    meeting = connector.fetch(ref(meeting_row())).meeting
    assert meeting.document_id == "zoom:main:abc=="
    assert meeting.host == Host(
        host_id="u-mara", name="Mara Lindqvist", email="Mara.Lindqvist@example.org", user_type="Licensed"
    )
    assert meeting.meeting_series_id == meeting.meeting_code == "93201235621"
    assert (meeting.duration, meeting.state, meeting.detail) == (3600, "ended", Detail.basic)
    assert (meeting.has_pstn, meeting.has_3rd_party_audio, meeting.recording) == (True, False, False)
    assert meeting.harvested_at == NOW.replace(microsecond=123_000)
    assert meeting.vendor_data is None


def test_row_is_mapped_to_a_session(zoom: Build, account: Account) -> None:
    account.on(PARTICIPANTS, data("metrics_participants"))
    host, guest, phone, room, *_ = zoom().fetch(ref(meeting_row())).sessions
    assert (host.id, host.user_id, host.role, host.user_type) == ("u-mara", "16778240", "host", "signed_in")
    assert (host.city, host.country, host.location) == ("Berlin", "DE", "Berlin (DE)")
    assert (guest.city, guest.country, guest.location) == (None, None, "New York")
    assert (guest.user_type, phone.user_type, room.user_type) == ("guest", "phone", "room")
    assert (host.app, host.app_version, host.os) == ("Zoom Client for Meetings", "6.2.0", "Windows 11")
    assert (host.duration, host.share_desktop) == (3600, True)


def test_raw_keeps_the_rows(zoom: Build, account: Account) -> None:
    account.on(PARTICIPANTS, page("participants", participant_row()))
    record = zoom(raw=True).fetch(ref(meeting_row()))
    assert record.meeting.vendor_data == meeting_row()
    assert record.sessions[0].vendor_data == participant_row()


def test_meeting_from_the_journal_is_requested_again(zoom: Build, account: Account) -> None:
    account.on(HEAD, meeting_row("another spelling", topic="Renamed"), type="past")
    account.on(PARTICIPANTS, page("participants"), type="past")
    record = zoom().fetch(_journaled())
    assert record.meeting.uuid == "abc=="
    assert record.meeting.topic == "Renamed"
    assert record.meeting.participants == 0  # the list was read, and was empty


def _journaled(**hint: str):
    listed = ref(meeting_row(), **hint)
    return type(listed)(
        uuid=listed.uuid, start_time=listed.start_time, digest=listed.digest, hint=listed.hint, row=None
    )


@pytest.mark.parametrize("now_under", ["past", "pastOne", "live"])
def test_formerly_live_meeting_is_found_under_its_present_type(
    zoom: Build, account: Account, now_under: str
) -> None:
    account.on(HEAD, meeting_row(), type=now_under)
    account.on(PARTICIPANTS, page("participants", participant_row()), type=now_under)
    record = zoom().fetch(_journaled(type="live"))
    assert record.meeting.state == ("live" if now_under == "live" else "ended")
    assert len(record.sessions) == 1


def test_missing_meeting_is_not_ready_and_gone_after_a_day(zoom: Build, context: FakeContext) -> None:
    with pytest.raises(NotReady) as later:
        zoom().fetch(_journaled(type="live"))
    assert NOW < later.value.until <= datetime(2026, 11, 21, 10, tzinfo=UTC)
    context.start += timedelta(days=1)
    with pytest.raises(Gone):
        zoom().fetch(_journaled(type="live"))


@pytest.mark.parametrize(("code", "reason"), [(12702, Reason.expired), (1010, Reason.not_ours)])
def test_named_codes_make_a_meeting_without_a_row_gone(
    zoom: Build, account: Account, code: int, reason: Reason
) -> None:
    account.on(HEAD, {"code": code, "message": "no"}, status=400)
    with pytest.raises(Gone) as gone:
        zoom().fetch(_journaled())
    assert gone.value.reason is reason


@pytest.mark.parametrize("code", [12702, 1010])
@pytest.mark.parametrize("listed", [True, False])
def test_meeting_without_details_is_stored_from_its_row(
    zoom: Build, account: Account, code: int, listed: bool
) -> None:
    account.on(HEAD, meeting_row())
    account.on(PARTICIPANTS, {"code": code, "message": "no"}, status=400)
    record = zoom().fetch(ref(meeting_row()) if listed else _journaled())
    assert record.listed_only
    assert (record.pending, record.sessions) == (None, ())
    assert (record.meeting.detail, record.meeting.participants) == (Detail.basic, None)
    assert record.meeting.topic == meeting_row()["topic"]


def test_live_meeting_without_participants_stays_pending(
    zoom: Build, account: Account, context: FakeContext
) -> None:
    context.start += timedelta(days=2)
    record = zoom().fetch(ref(meeting_row(end_time=""), type="live"))  # 3001 for its participants
    assert record.pending is not None
    assert (record.pending.reason, record.listed_only) == (Reason.live, False)


@pytest.mark.parametrize("body", [{"message": "no code"}, {"code": 9999, "message": "?"}, "<html>"])
def test_unknown_404_fails_the_meeting(zoom: Build, account: Account, body: object) -> None:
    account.on(PARTICIPANTS, body, status=404)
    with pytest.raises(VendorError):
        zoom().fetch(ref(meeting_row()))


def test_quality_makes_the_record_full(zoom: Build, account: Account) -> None:
    account.on(PARTICIPANTS, data("metrics_participants"))
    account.on(QOS, data("metrics_qos"), type="past")
    record = zoom("qos").fetch(ref(meeting_row()))
    assert record.meeting.detail is Detail.full
    assert record.sessions[0].quality is not None
    assert record.meeting.quality == record.sessions[0].quality
    assert account.asked_for(QOS)[0]["page_size"] == "10"


@pytest.mark.parametrize("code", [3001, 300])
def test_meeting_of_one_participant_is_done_without_quality(zoom: Build, account: Account, code: int) -> None:
    account.on(PARTICIPANTS, page("participants", participant_row()), type="pastOne")
    account.on(QOS, {"code": code, "message": "no"}, status=404)
    record = zoom("qos").fetch(ref(meeting_row(participants=1), type="pastOne"))
    assert (record.meeting.detail, record.pending) == (Detail.basic, None)
    assert account.asked_for(QOS)[0]["type"] == "past"


def test_missing_quality_makes_the_meeting_pending(
    zoom: Build, account: Account, context: FakeContext
) -> None:
    account.on(PARTICIPANTS, page("participants", participant_row()))
    record = zoom("qos").fetch(ref(meeting_row()))
    assert record.pending is not None
    assert record.pending.reason is Reason.quality
    context.start += timedelta(days=1)
    assert zoom("qos").fetch(ref(meeting_row())).pending is None


def test_webinars_without_the_add_on_name_the_option(zoom: Build, account: Account) -> None:
    account.quiet()
    account.on("/metrics/webinars", {"code": 200, "message": "No permission."}, status=400)
    with pytest.raises(CredentialsError, match="omit --webinars"):
        list(zoom("webinars").meetings(DAY))


def test_series_are_kept_with_qos_and_have_no_effect_without(
    zoom: Build, account: Account, context: FakeContext
) -> None:
    account.on(PARTICIPANTS, page("participants", participant_row()))
    account.on(QOS, data("metrics_qos"))
    (session,) = zoom("qos", "series").fetch(ref(meeting_row())).sessions
    assert session.quality is not None
    assert session.quality.to_document()["audio_in"]["series"]["step_s"] == 60
    zoom("series").fetch(ref(meeting_row()))
    assert any("--series has no effect without --qos" in notice for notice in context.notices)


def test_rejoin_is_another_session_of_the_same_person(zoom: Build, account: Account) -> None:
    first = participant_row(leave_time="2026-11-20T09:30:00Z")
    again = participant_row(user_id="16999999", join_time="2026-11-20T09:20:00Z")
    account.on(PARTICIPANTS, page("participants", first, again))
    record = zoom().fetch(ref(meeting_row(participants=30)))
    assert len({session.key for session in record.sessions}) == 2
    assert record.meeting.participant_sessions == 2
    assert record.meeting.participants == 1  # Zoom's own number counts joins
    assert record.meeting.participant_seconds == 3600  # ten minutes were there twice, and count once


def test_waiting_rooms_and_breakouts_are_separate_sessions(zoom: Build, account: Account) -> None:
    account.on(PARTICIPANTS, data("metrics_participants"))
    record = zoom().fetch(ref(meeting_row()))
    assert [session.stay for session in record.sessions] == [*["meeting"] * 4, "waiting_room", "breakout"]
    assert record.sessions[5].breakout_id == "bo-1=="
    assert record.meeting.participant_sessions == 4
    assert record.meeting.participants == 4


def test_guests_without_any_id_are_numbered(zoom: Build, account: Account) -> None:
    guests = [
        participant_row(id="", participant_user_id="", user_id="", email="", user_name=name)
        for name in ("Ben", "Ada", "Ben")
    ]
    account.on(PARTICIPANTS, page("participants", *guests))
    record = zoom().fetch(ref(meeting_row()))
    assert [session.user_name for session in record.sessions] == ["Ada", "Ben"]  # equal rows are one
    assert record.sessions[1].key == record.sessions[0].key + "-2"
    assert record.collisions == 1


def test_account_under_a_baa_has_sessions_without_personal_data(zoom: Build, account: Account) -> None:
    hidden = participant_row(
        id="", participant_user_id="", user_name="", email="", ip_address="", location=""
    )
    account.on(PARTICIPANTS, page("participants", hidden, {**hidden, "user_id": "2"}))
    record = zoom().fetch(ref(meeting_row()))
    session = record.sessions[0]
    assert (session.user_name, session.email, session.ip_address, session.location) == (None,) * 4
    assert record.meeting.participants == 2  # distinguished by user_id


def test_live_meeting_has_no_end_and_no_duration(zoom: Build, account: Account) -> None:
    row = meeting_row(end_time="", duration="")
    staying = participant_row()
    del staying["leave_time"]
    account.on(PARTICIPANTS, page("participants", staying), type="live")
    record = zoom().fetch(ref(row, type="live"))
    assert (record.meeting.end_time, record.meeting.duration) == (None, None)
    assert (record.meeting.state, record.meeting.detail) == ("live", Detail.live)
    assert record.pending is not None
    assert record.pending.reason is Reason.live
    assert record.sessions[0].leave_time is None


def test_counts_are_computed_from_the_sessions(zoom: Build, account: Account) -> None:
    account.on(PARTICIPANTS, {**page("participants", participant_row()), "total_records": 1})
    meeting = zoom().fetch(ref(meeting_row(participants=42))).meeting
    assert (meeting.participants, meeting.participant_sessions) == (1, 1)
