from __future__ import annotations

from typing import Any

import pytest

from connectors.quality import Measure, Quality
from connectors.teams.quality import duration_ms, to_quality
from tests.unit.teams.fake_api import session_row, session_rows


def quality(row: dict[str, Any], side: str = "caller") -> Quality:
    found = to_quality(row, side)
    assert found is not None
    return found


def segment(*streams: dict[str, Any], label: str = "main-audio", seconds: int = 60) -> dict[str, Any]:
    return {
        "startDateTime": "2026-11-20T09:00:00Z",
        "endDateTime": f"2026-11-20T09:{seconds // 60:02d}:{seconds % 60:02d}Z",
        "media": [{"label": label, "streams": list(streams)}],
    }


def out(**values: Any) -> dict[str, Any]:
    return {"streamDirection": "callerToCallee", **values}


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("PT0.016S", 16),
        ("PT0S", 0),
        ("PT1M1.5S", 61_500),
        ("PT2H", 7_200_000),
        ("P1DT2H", 93_600_000),
        ("P1W", 604_800_000),
        ("PT0.0000005S", 0.0005),
    ],
)
def test_durations_are_iso_8601(text: str, milliseconds: float) -> None:
    assert duration_ms(text) == pytest.approx(milliseconds)


@pytest.mark.parametrize("value", [None, "", "P", "PT", "0.016", "-PT1S", "PT1.5M", 0.016, True, [], "PT٣S "])
def test_what_is_no_duration_is_absent(value: object) -> None:
    assert duration_ms(value) is None


def test_averages_are_weighted_by_the_seconds_of_their_segments() -> None:
    """61 ms for 45 minutes and 91 ms for 15; the worst is the highest of the maxima, not of the averages."""
    audio = quality(session_row(0)).audio_out
    assert audio is not None
    assert audio.measures["latency_ms"] == Measure(mean=pytest.approx(68.5), worst=500, samples=3600)
    assert audio.measures["jitter_ms"] == Measure(mean=pytest.approx(7.75), worst=20, samples=3600)
    assert audio.measures["packet_loss_pct"] == Measure(
        mean=pytest.approx(1.75), worst=pytest.approx(3.74), samples=3600
    )


def test_an_extreme_that_is_not_reported_is_absent() -> None:
    audio = quality(session_row(0)).audio_in
    assert audio is not None
    assert audio.measures["latency_ms"] == Measure(mean=50, worst=None, samples=2700)
    assert audio.measures["packet_loss_pct"] == Measure(mean=0, worst=None, samples=2700)


def test_video_has_frames_and_its_own_loss() -> None:
    found = quality(session_row(0))
    assert found.video_out is not None
    assert found.video_in is not None
    assert found.video_out.measures["packet_loss_pct"] == Measure(
        mean=pytest.approx(0.2), worst=None, samples=2700
    )
    assert found.video_out.measures["fps"] == Measure(mean=27.5, worst=None, samples=2700)
    assert found.video_in.measures["fps"] == Measure(mean=14, worst=None, samples=2700)


def test_the_general_loss_of_video_counts_before_its_own() -> None:
    rates = {"averagePacketLossRate": 0.5, "averageVideoPacketLossRate": 0.1}
    video = quality({"segments": [segment(out(**rates), label="main-video")]}).video_out
    assert video is not None
    assert video.measures["packet_loss_pct"] == Measure(mean=50, worst=None, samples=60)


def test_shared_content_is_a_stream_of_its_own() -> None:
    share = quality(session_row(0)).share_in
    assert share is not None
    assert share.measures["fps"] == Measure(mean=5, worst=None, samples=900)


def test_directions_are_those_of_the_side() -> None:
    direct = session_rows("sessions_escalated")[0]
    assert quality(direct, "caller").audio_out == quality(direct, "callee").audio_in
    assert quality(direct, "caller").audio_in == quality(direct, "callee").audio_out


def test_there_is_no_bit_rate_height_cpu_or_series() -> None:
    found = quality(session_row(0))
    assert found.cpu_pct is None
    for stream in (found.audio_out, found.video_out, found.share_in):
        assert stream is not None
        assert not stream.measures.keys() & {"bitrate_kbps", "height_px"}
        assert stream.series is None


@pytest.mark.parametrize("label", ["data", "unknown", None, 7, "audio"])
def test_media_with_another_label_are_not_mapped(label: Any) -> None:
    assert to_quality({"segments": [segment(out(averageJitter="PT1S"), label=label)]}, "caller") is None


@pytest.mark.parametrize(
    "rates",
    [
        {"averagePacketLossRate": -1},
        {"averagePacketLossRate": 3.5},
        {"averagePacketLossRate": "0.1"},
        {"averageJitter": None},
        {"averageRoundTripTime": "soon"},
        {},
    ],
)
def test_a_value_that_cannot_be_is_absent(rates: dict[str, Any]) -> None:
    assert to_quality({"segments": [segment(out(**rates))]}, "caller") is None


def test_a_direction_that_is_not_known_is_not_mapped() -> None:
    stream = {"streamDirection": "unknownFutureValue", "averageJitter": "PT1S"}
    assert to_quality({"segments": [segment(stream)]}, "caller") is None


def test_segments_without_a_length_count_alike_if_all_are_so() -> None:
    parts = [segment(out(averageJitter=f"PT{n}S"), seconds=0) for n in (1, 3)]
    audio = quality({"segments": parts}).audio_out
    assert audio is not None
    assert audio.measures["jitter_ms"] == Measure(mean=2000, worst=None, samples=None)


@pytest.mark.parametrize("segments", [None, [], [None], [{"media": None}], [{"media": [{"streams": None}]}]])
def test_a_session_without_media_has_no_quality(segments: Any) -> None:
    assert to_quality({"segments": segments}, "caller") is None


def test_only_the_segments_with_a_value_count_as_its_samples() -> None:
    parts = [
        segment(out(averageJitter="PT1S", averagePacketLossRate=0.5)),
        segment(out(averageJitter="PT3S")),
    ]
    audio = quality({"segments": parts}).audio_out
    assert audio is not None
    assert audio.measures["jitter_ms"] == Measure(mean=2000, worst=None, samples=120)
    assert audio.measures["packet_loss_pct"] == Measure(mean=50, worst=None, samples=60)


def test_a_maximum_alone_has_no_mean_and_no_samples() -> None:
    audio = quality({"segments": [segment(out(maxJitter="PT1S"))]}).audio_out
    assert audio is not None
    assert audio.measures["jitter_ms"] == Measure(mean=None, worst=1000, samples=None)
