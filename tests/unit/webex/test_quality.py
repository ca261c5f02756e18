from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.models import Session, session_key
from connectors.quality import MEASURES, Measure, Quality
from connectors.webex.mapping import to_sessions
from connectors.webex.media_rows import to_media_row
from connectors.webex.quality import to_quality, with_quality
from tests.unit.webex.fake_api import UUID, device, media_row, participant_row, stream, without


def stays(*rows: dict[str, Any]) -> list[Session]:
    return [session for row in rows for session in to_sessions(row)]


def quality_of(row: dict[str, Any], *, series: bool = False) -> Quality | None:
    return to_quality(to_media_row(row), series=series)


def placed(media: list[dict[str, Any]], *sessions: Session) -> list[int]:
    """Which sessions got a quality; those after the given ones are of their own."""
    sessions = with_quality(sessions, media)
    return [place for place, session in enumerate(sessions) if session.quality is not None]


def test_unmeasured_values_are_ignored() -> None:
    quality = quality_of(media_row())
    assert quality is not None
    assert quality.to_document() == {
        "audio_in": {
            "latency_ms": {"mean": 50.25, "worst": 60.5, "samples": 2},
            "packet_loss_pct": {"mean": 1.0, "worst": 1.5, "samples": 2},
            "bitrate_kbps": {"mean": 30.0, "worst": 20.0, "samples": 3},
        },
        "cpu_pct": {"mean": 15.0, "worst": 90.0, "samples": 2},
    }


@pytest.mark.parametrize(
    "odd",
    [
        *(None, [], {}, "x", 7, [None], ["x"]),
        *([{"latency": samples}] for samples in (None, 7, "7", {"7": 7}, ["5"], [[7]], [-1, None])),
    ],
)
def test_malformed_streams_have_no_quality(odd: object) -> None:
    assert quality_of(media_row(audioIn=odd, resources=odd)) is None


def test_samples_that_are_not_numbers_are_ignored() -> None:
    quality = quality_of(media_row(audioIn=[stream(latency=[10, None, "7", -1, 20.5])]))
    assert quality is not None
    assert quality.audio_in is not None
    assert quality.audio_in.measures["latency_ms"] == Measure(mean=15.25, worst=20.5, samples=2)


def test_only_video_has_height_and_frame_rate() -> None:
    picture = stream(resolutionHeight=[720, 360], frameRate=[25.940001, 12])
    quality = quality_of(media_row(videoOut=[picture], audioOut=[picture]))
    assert quality is not None
    document = quality.to_document()
    assert document["video_out"]["height_px"] == {"mean": 540.0, "worst": 360.0, "samples": 2}
    assert document["video_out"]["fps"] == {"mean": 18.97, "worst": 12.0, "samples": 2}
    assert "fps" not in document["audio_out"]


def test_interrupted_stream_is_merged() -> None:
    quality = quality_of(media_row(audioIn=[stream(latency=[10]), stream(latency=[40, 70])]))
    assert quality is not None
    assert quality.audio_in is not None
    assert quality.audio_in.measures["latency_ms"].to_document() == {
        "mean": 40.0,
        "worst": 70.0,
        "samples": 3,
    }


def test_odd_part_of_an_interrupted_stream_costs_itself_only() -> None:
    parts = [stream(latency=[10], jitter=[1]), stream(latency=7, jitter=[5, None]), stream(latency=[30])]
    quality = quality_of(media_row(audioIn=parts))
    assert quality is not None
    assert quality.audio_in is not None
    assert quality.audio_in.measures["latency_ms"] == Measure(mean=20, worst=30, samples=2)
    assert quality.audio_in.measures["jitter_ms"] == Measure(mean=3, worst=5, samples=2)


def test_measures_are_in_the_order_of_all_vendors() -> None:
    lists = {
        key: [1.0]
        for key in ("frameRate", "resolutionHeight", "mediaBitRate", "packetLoss", "jitter", "latency")
    }
    quality = quality_of(media_row(videoIn=[lists]))
    assert quality is not None
    assert quality.video_in is not None
    assert tuple(quality.video_in.measures) == MEASURES


def test_row_matches_a_session_of_the_same_person() -> None:
    other = participant_row(device(correlationId="c-2"), id="p-2", email="ida@example.org", displayName="Ida")
    assert placed([media_row()], *stays(other, participant_row())) == [1]
    assert placed([media_row(webexUserEmail="OLE.BERG@example.org")], *stays(other, participant_row())) == [1]


def test_row_matches_by_name_if_either_has_no_address() -> None:
    nameless = participant_row(email="")
    assert placed([media_row()], *stays(nameless)) == [0]
    assert placed([media_row(webexUserEmail="")], *stays(participant_row())) == [0]
    namesake = participant_row(email="another.ole.berg@example.org")
    assert placed([media_row()], *stays(namesake)) == [1], "another person of that name"


def test_row_matches_the_longest_overlap_then_the_earliest_session() -> None:
    early = device(leftTime="2026-11-20T09:05:00Z")
    late = device(correlationId="c-2", joinedTime="2026-11-20T09:06:00Z")
    assert placed([media_row()], *stays(participant_row(early, late))) == [1]
    same = device(correlationId="c-2", joinedTime="2026-11-20T09:00:10Z")
    row = media_row(joinTime="2026-11-20T09:10:00Z", leaveTime="2026-11-20T09:20:00Z")
    assert placed([row], *stays(participant_row(device(), same))) == [1]


def test_breakouts_and_lobbies_have_no_quality() -> None:
    attended = {
        "id": "bo-1",
        "joinedTime": "2026-11-20T09:00:00Z",
        "leftTime": "2026-11-20T10:00:00Z",
    }
    assert placed([media_row()], *stays(participant_row(breakoutSessionsAttended=[attended]))) == [0]
    assert placed([media_row()], *stays(participant_row(state="lobby"))) == [1]


def test_unmatched_media_session_becomes_a_session() -> None:
    late = media_row(joinTime="2026-11-20T11:00:00.000Z", leaveTime="2026-11-20T11:10:00.000Z")
    sessions = with_quality(stays(participant_row()), [late])
    assert [session.quality is not None for session in sessions] == [False, True]
    assert sessions[1].key == session_key(f"{UUID}_57", "3324C9D0-9EA7-45A2-B249-5B62A384AFEF")
    assert sessions[1].email == "ole.berg@example.org"
    assert sessions[1].join_time == datetime(2026, 11, 20, 11, tzinfo=UTC)
    assert sessions[1].duration == 600


def test_row_with_unknown_times_still_matches() -> None:
    assert placed([media_row(joinTime="", leaveTime=None)], *stays(participant_row())) == [0]
    assert placed([media_row()], *stays(participant_row(device(joinedTime="", leftTime="")))) == [0]


def test_rows_of_one_session_are_merged_and_repeated_rows_count_once() -> None:
    second = media_row(participantSessionId="other", audioIn=[stream(latency=[100, 100])])
    (session,) = with_quality(stays(participant_row()), [media_row(), media_row(), second])
    assert session.quality is not None
    assert session.quality.audio_in is not None
    assert session.quality.audio_in.measures["latency_ms"].to_document() == {
        "mean": 75.12,
        "worst": 100.0,
        "samples": 4,
    }


def test_machine_fields_come_from_the_quality() -> None:
    (session,) = with_quality(stays(participant_row()), [media_row()])
    assert (session.app, session.app_version, session.os) == ("Webex Desktop", "46.1.0", "mac")
    assert (session.ip_address, session.network_type) == ("192.0.2.7", "wifi")
    assert session.data_center == "Frankfurt, Germany"
    assert session.device == "webex_meeting_center_mac"
    (session,) = with_quality(stays(participant_row()), [media_row(networkType="unknown")])
    assert session.network_type is None


def test_field_names_of_2022_are_read() -> None:
    new = ("meetingInstanceId", "webexUserName", "webexUserEmail", "joinTime", "clientType")
    old = {
        "meetingId": UUID,
        "displayName": "Ole Berg",
        "email": "ole.berg@example.org",
        "joined": "2026-11-20T09:00:30.000Z",
        "client": "Webex Desktop",
    }
    (session,) = with_quality(stays(participant_row()), [{**without(media_row(), *new), **old}])
    assert session.quality is not None
    assert session.app == "Webex Desktop"
    (alone,) = with_quality([], [{**without(media_row(), *new), **old}])
    assert (alone.user_name, alone.email) == ("Ole Berg", "ole.berg@example.org")
    assert alone.join_time == datetime(2026, 11, 20, 9, 0, 30, tzinfo=UTC)


def test_series_keep_the_samples_with_null_for_missing_ones() -> None:
    (session,) = with_quality(stays(participant_row()), [media_row()], series=True)
    assert session.quality is not None
    series = session.quality.to_document()["audio_in"]["series"]
    assert series == {
        "start": datetime(2026, 11, 20, 9, 1, tzinfo=UTC),
        "step_s": 60,
        "latency_ms": [40.0, 60.5, None],
        "packet_loss_pct": [0.5, None, 1.5],
    }
    (without_series,) = with_quality(stays(participant_row()), [media_row()])
    assert without_series.quality is not None
    assert "series" not in without_series.quality.to_document()["audio_in"]


def test_parts_of_one_session_are_one_series() -> None:
    later = stream(startTime="2026-11-20T09:06:00.000Z", latency=[80], packetLoss=[])
    (session,) = with_quality(
        stays(participant_row()), [media_row(), media_row(audioIn=[later])], series=True
    )
    assert session.quality is not None
    series = session.quality.to_document()["audio_in"]["series"]
    assert series["latency_ms"] == [40.0, 60.5, None, None, None, 80.0]


@pytest.mark.parametrize("odd", [{"startTime": ""}, {"samplingInterval": 0}, {"samplingInterval": None}])
def test_without_a_start_or_a_step_there_is_no_series(odd: dict[str, Any]) -> None:
    quality = quality_of(media_row(audioIn=[stream(**odd)]), series=True)
    assert quality is not None
    assert "series" not in quality.to_document()["audio_in"]


def test_raw_keeps_every_row_of_a_session() -> None:
    (session,) = with_quality(stays(participant_row()), [media_row()], raw=True)
    assert session.vendor_data is not None
    assert session.vendor_data["qualities"][0]["participantId"] == f"{UUID}_57"


@pytest.mark.parametrize("odd", [1e308, 2**63, 1e13, True, "40", None, [40.0], {"a": 1}, -1, -0.5, -(2**63)])
def test_samples_that_cannot_be_measured_are_ignored(odd: object) -> None:
    quality = quality_of(media_row(audioIn=[stream(latency=[odd, 40.0, odd])], resources=[]))
    assert quality is not None
    assert quality.to_document()["audio_in"]["latency_ms"] == {"mean": 40.0, "worst": 40.0, "samples": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"startTime": "9999-12-31T23:59:59Z"},
        {"startTime": "9900-12-31T23:59:59Z", "samplingInterval": 86_399},
        {"samplingInterval": 1e-308},
        {"latency": [1.0] * 30_000},
    ],
)
def test_a_series_that_cannot_be_right_does_not_cost_the_quality(changes: dict[str, Any]) -> None:
    parts = [stream(**changes), stream(startTime="2026-11-20T09:30:00Z", latency=[5.0])]
    quality = quality_of(media_row(audioIn=parts), series=True)
    assert quality is not None
    assert quality.to_document()["audio_in"]["latency_ms"]["samples"]
