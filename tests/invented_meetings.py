"""Invented meetings for tests of sinks: one with every field, and any number of plain ones."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import structs

from connectors.attendance import to_record
from connectors.models import Detail, Host, Meeting, MeetingRecord, Session, session_key
from connectors.quality import MEASURES, STREAMS, Measure, Quality, Stream
from harvester.documents import Document
from harvester.sinks.base import Load

START = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
HARVESTED = datetime(2026, 11, 21, 2, 0, 0, 123_000, tzinfo=UTC)
SERIES = {"start": "2026-11-20T09:30:00Z", "step_s": 60, "latency_ms": [10, None], "jitter_ms": [1, 2]}


def quality() -> Quality:
    """Every measure of every stream that can have it; audio has no height and no frame rate."""
    measure = Measure(mean=12.5, worst=80.25, samples=4)
    streams = {
        name: Stream(measures=dict.fromkeys(MEASURES[:4] if name.startswith("audio") else MEASURES, measure))
        for name in STREAMS
    }
    return Quality(**streams, cpu_pct=measure)


def full_meeting() -> Meeting:
    return Meeting(
        vendor="zoom",
        account="main",
        uuid="/abc//def==",
        detail=Detail.full,
        harvested_at=HARVESTED,
        meeting_series_id="9876543210123",
        meeting_code="987 6543 2101",
        topic="Planning – «Ünïcödé» 会议",
        host=Host(host_id="h1", name="Ada Example", email="ada@example.org", user_type="Licensed"),
        start_time=START,
        end_time=START + timedelta(hours=1),
        scheduled_start_time=START - timedelta(minutes=5),
        scheduled_end_time=START + timedelta(hours=1),
        duration=3600,
        state="ended",
        has_pstn=True,
        has_voip=True,
        has_3rd_party_audio=False,
        has_video=True,
        has_screen_share=True,
        recording=False,
        quality=quality(),
        vendor_data={"uuid": "/abc//def==", "nested": {"list": [1, "two", None], "long": "x" * 40_000}},
    )


def full_session() -> Session:
    return Session(
        key=session_key("16778240", START, "in_meeting", None),
        stay="breakout",
        breakout_id="b1",
        id="u1",
        user_id="16778240",
        user_name="Grace Example",
        email="grace@example.org",
        user_type="signed_in",
        role="attendee",
        device="Windows",
        os="Windows 11",
        app="Zoom Workplace",
        app_version="6.2.11",
        ip_address="192.0.2.7",
        country="US",
        city="Springfield",
        location="Springfield (US)",
        data_center="United States (SC Top)",
        network_type="Wifi",
        join_time=START + timedelta(minutes=1),
        leave_time=START + timedelta(minutes=50),
        duration=2940,
        share_application=True,
        share_desktop=False,
        share_whiteboard=False,
        recording=False,
        leave_reason="left the meeting",
        quality=quality(),
        vendor_data={"user_id": "16778240", "camera": ""},
    )


def full_harvest() -> MeetingRecord:
    return to_record(full_meeting(), [full_session()])


def with_series(document: Document) -> dict[str, Any]:
    """The document with `--series`."""
    answer = dict(document["quality"])
    answer["audio_in"] = {**answer["audio_in"], "series": SERIES}
    return {**document, "quality": answer}


def plain(
    number: int, *, sessions: int = 3, detail: Detail = Detail.basic, when: datetime = HARVESTED
) -> MeetingRecord:
    """A small meeting, identified by `number`; their starts are a minute apart."""
    start = START + timedelta(minutes=number)
    meeting = Meeting(
        vendor="zoom",
        account="main",
        uuid=f"meeting-{number}",
        detail=detail,
        harvested_at=when,
        topic="Planning",
        start_time=start,
        end_time=start + timedelta(minutes=30),
    )
    stays = [
        Session(
            key=session_key(str(number), str(place)),
            user_name=f"Person {place}",
            join_time=start + timedelta(seconds=place),
            leave_time=start + timedelta(minutes=20),
        )
        for place in range(sessions)
    ]
    return to_record(meeting, stays)


def many(count: int, **more: Any) -> Iterator[MeetingRecord]:
    return (plain(number, **more) for number in range(count))


def spoiled(harvest: MeetingRecord, **changes: Any) -> MeetingRecord:
    """The record with changed fields in its first session, without type checks."""
    first, *others = harvest.sessions
    return replace(harvest, sessions=[structs.replace(first, **changes), *others])


def loads(records: Iterable[MeetingRecord], *, new: Container[str] = ()) -> Iterator[Load]:
    """The records for a sink. `new` are uuids of meetings that were never stored."""
    for record in records:
        yield Load(record=record, is_new=record.meeting.uuid in new)
