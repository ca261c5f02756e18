from __future__ import annotations

from typing import Any

import pytest

from connectors.attendance import to_record
from connectors.models import Detail, Host, Meeting, MeetingRecord, Session, session_key
from connectors.parsing import parse_instant
from connectors.webex.mapping import state_of, to_meeting, to_sessions, with_audio
from connectors.webex.media_rows import to_media_row
from connectors.webex.quality import to_quality, with_quality
from connectors.webex.redaction_rules import redact_row
from harvester.documents import to_documents
from tests.unit.fake_context import NOW
from tests.unit.webex.fake_api import UUID, data, device, live_row, meeting_row, participant_row, without


def meeting(row: dict[str, Any]) -> Meeting:
    return to_meeting(row, account="main", detail=Detail.full, harvested_at=NOW)


def sessions(*rows: dict[str, Any]) -> list[Session]:
    return [session for row in rows for session in to_sessions(row)]


def official() -> dict[str, Any]:
    """Cisco's example of an ended instance."""
    (row,) = [row for row in data("meetings")["items"] if row["meetingType"] == "meeting"][:1]
    return row


def test_published_instance_is_mapped() -> None:
    found = meeting(redact_row(official()))
    assert found == Meeting(
        vendor="webex",
        account="main",
        uuid="870f51ff287b41be84648412901e0402_I_167427437874906709",
        detail=Detail.full,
        harvested_at=NOW,
        meeting_series_id="870f51ff287b41be84648412901e0402",
        topic="Example Daily Meeting",
        host=Host(
            host_id="Y2lzY29zcGFyazovL3VzL1BFT1BMRS9jN2ZkNzNmMi05ZjFlLTQ3ZjctYWEwNS05ZWI5OGJiNjljYzY",
            name="John Andersen",
            email="john.andersen@example.org",
        ),
        start_time=parse_instant("2019-11-01T12:12:15Z"),
        end_time=parse_instant("2019-11-01T12:51:33Z"),
        duration=39 * 60 + 18,
        state="ended",
        recording=True,
    )


@pytest.mark.parametrize("row", [*data("meetings")["items"], data("meeting"), data("admin_meeting")])
def test_every_published_meeting_becomes_a_document(row: dict[str, Any]) -> None:
    found = meeting(redact_row(row))
    assert found.topic == row["title"]
    assert found.start_time == parse_instant(row["start"])
    assert list(to_documents(MeetingRecord(meeting=found)))


def test_published_participant_is_mapped() -> None:
    device_stay, breakout = sessions(*data("participants")["items"])
    assert device_stay == Session(
        key=session_key(
            "560d7b784f5143e3be2fc3064a5c4999_3c2e2338-e950-43bf-b588-573773ee43d1",
            "8ccced6c-b812-4dff-a5dd-4c5c28f8d47d",
        ),
        stay="waiting_room",
        user_id="560d7b784f5143e3be2fc3064a5c4999_3c2e2338-e950-43bf-b588-573773ee43d1",
        user_name="Joe Doe",
        email="joeDoe@example.org",
        role="host",
        device="webex_meeting_center_mac",
        join_time=parse_instant("2019-04-23T17:31:00Z"),
        leave_time=parse_instant("2019-04-23T17:32:00Z"),
        duration=60,
    )
    assert (breakout.stay, breakout.breakout_id) == ("breakout", "c84ba778-2f46-4dc6-9459-398694732d70")
    assert breakout.key == session_key(
        "560d7b784f5143e3be2fc3064a5c4999_3c2e2338-e950-43bf-b588-573773ee43d1",
        None,
        "c84ba778-2f46-4dc6-9459-398694732d70",
        parse_instant("2022-10-25T09:05:00Z"),
    )
    assert breakout.duration == 300


def test_published_quality_is_mapped() -> None:
    (row,) = data("qualities")["items"]
    picture = {"fps": {"mean": 25.94, "worst": 25.94, "samples": 1}}
    quality = to_quality(to_media_row(row))
    assert quality is not None
    assert quality.to_document() == {
        "video_in": {"jitter_ms": {"mean": 170.0, "worst": 170.0, "samples": 1}, **picture},
        "video_out": picture,
        "share_in": picture,
        "share_out": picture,
    }
    (alone,) = with_quality([], [row])
    assert alone.key == session_key(
        "8635cbf0ca1a4573b27348e560679b25_I_158174534545967299_57", "3324C9D0-9EA7-45A2-B249-5B62A384AFEF"
    )
    assert alone.user_name == "John Andersen"
    assert (alone.app, alone.app_version, alone.os) == ("Teams_Mobile_Client (iOS)", "40.5.0.210", "mac")
    assert (alone.ip_address, alone.network_type) == ("10.24.72.54", "wifi")
    assert alone.duration == 120


def test_live_instance_has_a_number_and_no_end() -> None:
    found = meeting(live_row(end="2026-11-20T10:00:00Z"))
    assert (found.state, found.end_time, found.duration) == ("live", None, None)
    assert found.meeting_code == "23726108570"
    assert state_of({"state": "lobby"}) == "live"
    assert state_of({}) == "live"
    assert state_of({"end": "2026-11-20T10:00:00Z"}) == "ended"


def test_only_the_id_is_required() -> None:
    found = meeting({"id": "u"})
    assert found == Meeting(
        vendor="webex", account="main", uuid="u", detail=Detail.full, harvested_at=NOW, state="live"
    )
    (stay,) = sessions({})
    assert stay == Session(key=session_key(None, None))


@pytest.mark.parametrize("odd", [None, "", 7, True, [], {}, "1970-01-01T00:00:00.000Z", "soon"])
def test_odd_values_and_1970_are_absent(odd: object) -> None:
    row = participant_row(device(joinedTime=odd, leftTime=odd, durationSecond=-1), host=odd, coHost=odd)
    (stay,) = sessions(row)
    assert (stay.join_time, stay.leave_time, stay.duration) == (None, None, None)
    found = meeting(meeting_row(start=odd, title=["x"], hasRecording="yes"))
    assert (found.start_time, found.topic, found.recording) == (None, None, None)


def test_each_device_and_each_rejoin_is_a_session() -> None:
    again = device(correlationId="corr-2", joinedTime="2026-11-20T09:41:00Z", leftTime="2026-11-20T09:45:00Z")
    stays = sessions(participant_row(device(), again))
    assert [stay.key for stay in stays] == [
        session_key(f"{UUID}_p-1", "corr-1"),
        session_key(f"{UUID}_p-1", "corr-2"),
    ]
    record = to_record(meeting(meeting_row()), stays)
    assert record.meeting.participant_sessions == 2
    assert record.meeting.participants == 1
    assert record.meeting.participant_seconds == 2400 + 240


def test_without_devices_the_participants_times_count() -> None:
    for row in (participant_row(devices=[]), without(participant_row(), "devices")):
        (stay,) = sessions(row)
        assert stay.key == session_key(f"{UUID}_p-1", None)
        assert stay.duration == 2400
        assert stay.device is None


def test_session_with_an_unknown_end_keeps_the_reported_duration() -> None:
    (stay,) = sessions(participant_row(device(leftTime="1970-01-01T00:00:00.000Z")))
    assert (stay.leave_time, stay.duration) == (None, 2400)


def test_lobby_is_a_waiting_room_and_is_not_counted() -> None:
    record = to_record(meeting(live_row()), sessions(participant_row(state="lobby")))
    assert record.sessions[0].stay == "waiting_room"
    assert record.meeting.participants == 0


def test_breakout_is_a_session_of_the_same_person() -> None:
    attended = {
        "id": "bo-1",
        "name": "Room 1",
        "joinedTime": "2026-11-20T09:10:00Z",
        "leftTime": "2026-11-20T09:20:00Z",
    }
    stays = sessions(participant_row(breakoutSessionsAttended=[attended, {**attended, "joinedTime": None}]))
    assert [stay.stay for stay in stays] == ["meeting", "breakout", "breakout"]
    assert len({stay.key for stay in stays}) == 3
    assert stays[1].breakout_id == "bo-1"
    record = to_record(meeting(meeting_row()), stays)
    assert (record.meeting.participant_sessions, record.meeting.participants) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "role"),
    [
        ({"host": True, "coHost": True}, "host"),
        ({"coHost": True}, "cohost"),
        ({}, "attendee"),
        ({"host": None}, None),
    ],
)
def test_role_comes_from_the_flags(changes: dict[str, Any], role: str | None) -> None:
    assert sessions(participant_row(**changes))[0].role == role


def test_participant_with_only_a_telephone_is_a_phone() -> None:
    call = device(audioType="pstn", callType="callIn", deviceType="")
    assert sessions(participant_row(call, email=""))[0].user_type == "phone"
    assert sessions(participant_row(call))[0].user_type is None, "an address: at a computer, dialled in"
    at_computer = device(audioType="pstn", callType="callBack")
    assert sessions(participant_row(at_computer, email=""))[0].user_type is None
    assert sessions(participant_row())[0].user_type is None, "signed in or guest: Webex does not say"


def test_audio_kinds_come_from_the_devices() -> None:
    bare = meeting(meeting_row())
    rows = [participant_row(), participant_row(device(audioType="pstn"))]
    assert (with_audio(bare, rows).has_pstn, with_audio(bare, rows).has_voip) == (True, True)
    assert with_audio(bare, rows[:1]).has_pstn is False
    assert with_audio(bare, [participant_row(device(audioType=None))]).has_pstn is None


def test_raw_keeps_the_rows_of_a_session() -> None:
    first, second = to_sessions(participant_row(device(), device(correlationId="corr-2")), raw=True)
    assert first.vendor_data is not None
    assert second.vendor_data is not None
    assert first.vendor_data["device"]["correlationId"] == "corr-1"
    assert second.vendor_data["device"]["correlationId"] == "corr-2"
    assert "devices" not in first.vendor_data


@pytest.mark.parametrize("odd", [[], {}, {"a": 1}, 7, 1e308, True])
def test_fields_of_other_types_are_as_good_as_absent(odd: object) -> None:
    assert state_of({**meeting_row(), "state": odd}) == "ended"
    row = participant_row(email=odd, devices=[device(audioType=odd)], state=odd, host=odd)
    (session,) = sessions(row)
    assert (session.stay, session.user_type) == ("meeting", None)
    assert with_audio(meeting(meeting_row()), [row]).has_pstn in {None, False}
