from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.attendance import to_record
from connectors.models import Session
from connectors.zoom.mapping import to_session
from connectors.zoom.quality import parse_height, parse_number, to_quality, with_quality
from tests.unit.zoom.fake_api import data, participant_row


def qos_row(**changes: Any) -> dict[str, Any]:
    return {**data("metrics_qos")["participants"][0], **changes}


@pytest.mark.parametrize(
    ("sent", "unit", "expected"),
    [
        ("27.15kbps", "kbps", 27.15),
        ("126 ms", "ms", 126),
        ("0ms", "ms", 0),
        ("0.03%", "%", 0.03),
        ("12 fps", "fps", 12),
        (126, "ms", 126),
        ("126", "ms", 126),
        ("", "ms", None),
        ("-", "ms", None),
        ("nan", "ms", None),
        ("inf ms", "ms", None),
        ("126 s", "ms", None),
        (None, "ms", None),
        (True, "ms", None),
    ],
)
def test_number_is_parsed_with_its_own_unit_only(sent: object, unit: str, expected: float | None) -> None:
    assert parse_number(sent, unit) == expected


@pytest.mark.parametrize(
    ("sent", "expected"), [("1280*720", 720), ("", None), ("-", None), (None, None), ("HD", None)]
)
def test_height_is_parsed_from_the_resolution(sent: object, expected: float | None) -> None:
    assert parse_height(sent) == expected


def test_every_minute_is_a_sample() -> None:
    quality = to_quality(qos_row())
    assert quality is not None
    assert quality.to_document() == {
        "audio_in": {
            "latency_ms": {"mean": 113.0, "worst": 126.0, "samples": 2},
            "jitter_ms": {"mean": 0.0, "worst": 0.0, "samples": 2},
            "packet_loss_pct": {"mean": 0.03, "worst": 0.4, "samples": 2},
            "bitrate_kbps": {"mean": 27.15, "worst": 27.15, "samples": 2},
        },
        "video_in": {
            "latency_ms": {"mean": 40.0, "worst": 40.0, "samples": 2},
            "jitter_ms": {"mean": 2.0, "worst": 2.0, "samples": 2},
            "bitrate_kbps": {"mean": 600.0, "worst": 600.0, "samples": 2},
            "height_px": {"mean": 720.0, "worst": 720.0, "samples": 2},
            "fps": {"mean": 12.0, "worst": 12.0, "samples": 2},
        },
        "share_out": {
            "latency_ms": {"mean": 10.0, "worst": 10.0, "samples": 2},
            "jitter_ms": {"mean": 1.0, "worst": 1.0, "samples": 2},
            "packet_loss_pct": {"mean": 0.0, "worst": 0.0, "samples": 2},
            "bitrate_kbps": {"mean": 100.0, "worst": 100.0, "samples": 2},
            "height_px": {"mean": 1080.0, "worst": 1080.0, "samples": 2},
            "fps": {"mean": 5.0, "worst": 5.0, "samples": 2},
        },
        "cpu_pct": {"mean": 4.0, "worst": 11.0, "samples": 2},
    }


@pytest.mark.parametrize(
    "minutes", [None, [], [{}], ["x"], [{"audio_input": None}], [{"audio_input": {"latency": "-1 ms"}}], {}]
)
def test_nothing_measured_is_no_quality(minutes: object) -> None:
    assert to_quality(qos_row(user_qos=minutes)) is None


def placed(rows: list[dict[str, Any]], *stays: dict[str, Any]) -> list[int]:
    """Which of the stays got a quality."""
    sessions: list[Session] = [to_session(stay) for stay in stays]
    return [
        place for place, session in enumerate(with_quality(sessions, rows)) if session.quality is not None
    ]


def test_row_matches_the_session_with_its_user_id_and_join_time() -> None:
    other = participant_row(join_time="2026-11-20T09:30:00Z")
    stranger = participant_row(user_id="1")
    assert placed([qos_row()], stranger, other, participant_row()) == [2]


def test_session_in_the_meeting_is_preferred_to_the_waiting_room() -> None:
    waiting = participant_row(status="in_waiting_room")
    assert placed([qos_row()], waiting, participant_row()) == [1]


def test_otherwise_row_matches_the_session_with_the_longest_overlap() -> None:
    early = participant_row(join_time="2026-11-20T08:00:00Z", leave_time="2026-11-20T09:05:00Z")
    late = participant_row(join_time="2026-11-20T09:06:00Z", leave_time="2026-11-20T09:50:00Z")
    assert placed([qos_row()], early, late) == [1]
    assert placed([qos_row(join_time="", leave_time=None)], early) == [0]
    assert placed([qos_row(user_id="unknown")], early) == []
    assert placed([qos_row(user_id="")], participant_row(user_id="")) == []


def test_repeated_row_counts_once() -> None:
    (session,) = with_quality([to_session(participant_row())], [qos_row(), qos_row()])
    assert session.quality == to_quality(qos_row())


def test_two_rows_of_one_session_are_merged() -> None:
    later = qos_row(user_qos=qos_row()["user_qos"][:1])
    (session,) = with_quality([to_session(participant_row())], [qos_row(), later])
    assert session.quality is not None
    assert session.quality.cpu_pct is not None
    assert session.quality.cpu_pct.samples == 3


def test_meeting_quality_excludes_waiting_rooms() -> None:
    from connectors.models import Detail, Meeting

    when = datetime(2026, 11, 20, tzinfo=UTC)
    meeting = Meeting(vendor="zoom", account="main", uuid="u", detail=Detail.full, harvested_at=when)
    waiting = with_quality([to_session(participant_row(status="in_waiting_room"))], [qos_row()])
    assert to_record(meeting, waiting).meeting.quality is None


def test_series_keep_the_samples_by_the_minute() -> None:
    minutes = qos_row()["user_qos"]
    later = {**minutes[1], "date_time": "2026-11-20T09:03:00Z"}
    row = qos_row(user_qos=[minutes[0], later, {**later, "date_time": ""}])
    (session,) = with_quality([to_session(participant_row())], [row], series=True)
    assert session.quality is not None
    document = session.quality.to_document()
    assert document["audio_in"]["series"] == {
        "start": datetime(2026, 11, 20, 9, 1, tzinfo=UTC),
        "step_s": 60,
        "latency_ms": [126.0, None, 100.0],
        "jitter_ms": [0.0, None, 0.0],
        "packet_loss_pct": document["audio_in"]["series"]["packet_loss_pct"],
    }
    (bare,) = with_quality([to_session(participant_row())], [row])
    assert bare.quality is not None
    assert "series" not in bare.quality.to_document()["audio_in"]


@pytest.mark.parametrize("sent", ["1e308ms", 1e308, 2**80, "9" * 400])
def test_a_number_that_cannot_be_measured_is_absent(sent: object) -> None:
    assert parse_number(sent, "ms") is None


@pytest.mark.parametrize("minutes", [True, 7, "x", {"a": 1}, [None, 7]])
def test_minutes_that_are_no_list_of_objects_have_no_quality(minutes: object) -> None:
    assert to_quality(qos_row(user_qos=minutes)) is None
