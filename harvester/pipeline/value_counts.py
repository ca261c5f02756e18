"""How many values a meeting and its sessions have, which the journal keeps, to recognize rows that have lost their values.

Counted is what a vendor sends, not the fields that a connector computes or always fills, nor the breakout room, which is part
of a session's key. Personal fields are counted apart, since `HARVESTER_PII=drop` leaves them out.
"""

from __future__ import annotations

from operator import attrgetter

from connectors.models import Meeting, MeetingRecord, Session
from harvester.state.session_digest import SAMPLE, SessionSummary

NEUTRAL_VALUE = 16
"""A neutral value counts as much, and a personal one as 1."""

_key = attrgetter("key")


def summarize(record: MeetingRecord) -> SessionSummary:
    ordered = sorted(record.sessions, key=_key)
    return SessionSummary.of(
        [session.key for session in ordered],
        [count_session(session) for session in ordered[:SAMPLE]],
        meeting=count_meeting(record.meeting),
    )


def count_session(session: Session) -> int:
    # Called for every session of most meetings: loops and getters cost three times as much.
    neutral = (
        (session.os is not None)
        + (session.app is not None)
        + (session.app_version is not None)
        + (session.country is not None)
        + (session.city is not None)
        + (session.location is not None)
        + (session.data_center is not None)
        + (session.network_type is not None)
        + (session.join_time is not None)
        + (session.leave_time is not None)
        + (session.share_application is not None)
        + (session.share_desktop is not None)
        + (session.share_whiteboard is not None)
        + (session.recording is not None)
        + (session.quality is not None)
    )
    personal = (
        (session.id is not None)
        + (session.user_id is not None)
        + (session.user_name is not None)
        + (session.email is not None)
        + (session.device is not None)
        + (session.ip_address is not None)
        + (session.leave_reason is not None)
    )
    return NEUTRAL_VALUE * neutral + personal


def count_meeting(meeting: Meeting) -> int:
    neutral = (
        (meeting.meeting_series_id is not None)
        + (meeting.meeting_code is not None)
        + (meeting.start_time is not None)
        + (meeting.end_time is not None)
        + (meeting.scheduled_start_time is not None)
        + (meeting.scheduled_end_time is not None)
        + (meeting.has_pstn is not None)
        + (meeting.has_voip is not None)
        + (meeting.has_3rd_party_audio is not None)
        + (meeting.has_video is not None)
        + (meeting.has_screen_share is not None)
        + (meeting.recording is not None)
    )
    personal = int(meeting.topic is not None)
    if (host := meeting.host) is not None:
        neutral += host.user_type is not None
        personal += (host.host_id is not None) + (host.name is not None) + (host.email is not None)
    return NEUTRAL_VALUE * neutral + personal
