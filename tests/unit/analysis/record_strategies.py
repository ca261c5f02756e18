"""Invented meeting records for tests of the analysis, as hypothesis strategies, and how to write them to a file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from connectors.attendance import to_record
from connectors.models import Detail, Meeting, MeetingRecord, Session, session_key
from harvester.documents import encode, to_documents

HARVESTED = datetime(2026, 11, 21, 2, tzinfo=UTC)
CLOCK_CHANGE = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
"""Half an hour before the clocks of Berlin go back; meetings around it span the change, midnights and more than a day."""

instants = st.integers(0, 40 * 3600 * 10).map(lambda tenths: CLOCK_CHANGE + timedelta(seconds=tenths / 10))
texts = st.sampled_from(["Ada", "ada", "=1+1", "A,B", 'say "hi"', "Ω\nx", "-5", "@x"])


@st.composite
def sessions(draw: st.DrawFn, number: int) -> Session:
    join = draw(st.none() | instants)
    leave = draw(st.none() | instants)
    if join is not None and leave is not None and leave < join:
        join, leave = leave, join
    return Session(
        key=session_key(str(number), draw(st.sampled_from("abcdef"))),
        stay=draw(st.sampled_from(["meeting", "meeting", "breakout", "waiting_room"])),
        id=draw(st.none() | st.sampled_from(["u1", "u2"])),
        user_id=draw(st.none() | st.sampled_from(["p1", "p2"])),
        user_name=draw(st.none() | texts),
        email=draw(st.none() | st.sampled_from(["ada@example.org", "bob@example.org"])),
        join_time=join,
        leave_time=leave,
    )


@st.composite
def records(draw: st.DrawFn, number: int) -> MeetingRecord:
    start = draw(st.none() | instants)
    meeting = Meeting(
        vendor=draw(st.sampled_from(["zoom", "webex", "unheard-of"])),
        account="main",
        uuid=f"meeting-{number}",
        detail=Detail.full,
        harvested_at=HARVESTED,
        topic=draw(st.none() | texts),
        meeting_series_id=draw(st.none() | st.sampled_from(["1", "2"])),
        start_time=start,
        end_time=start and start + timedelta(seconds=draw(st.integers(0, 30 * 3600))),
        scheduled_start_time=CLOCK_CHANGE,
        state="ended",
    )
    return to_record(meeting, draw(st.lists(sessions(number), max_size=6)))


several = st.integers(0, 4).flatmap(lambda count: st.tuples(*(records(number) for number in range(count))))


def documents(records: Iterable[MeetingRecord]) -> list[Any]:
    return [document for record in records for document in to_documents(record)]


def write(path: Path, documents: Iterable[Any]) -> Path:
    path.write_bytes(b"".join(encode(document) + b"\n" for document in documents))
    return path
