"""Rows of Reports as quality."""

from __future__ import annotations

from connectors.google_meet.quality import to_quality
from tests.unit.google_meet.fake_api import row


def test_row_is_mapped_to_quality() -> None:
    measured = row(
        audio_recv_seconds=500,
        audio_recv_packet_loss_mean=1,
        audio_recv_packet_loss_max=7,
        audio_send_seconds=300,
        audio_send_bitrate_kbps_mean=32,
        video_send_packet_loss_max=4,
        video_recv_seconds=100,
        video_recv_short_side_median_pixels=720,
        video_recv_fps_mean=25,
        network_rtt_msec_mean=40,
        network_recv_jitter_msec_mean=3,
        network_recv_jitter_msec_max=30,
        network_send_jitter_msec_mean=5,
        screencast_recv_seconds=0,
    )
    quality = to_quality(measured)
    assert quality is not None
    document = quality.to_document()
    assert document["audio_in"]["packet_loss_pct"] == {"mean": 1, "worst": 7, "samples": 500}
    assert document["audio_in"]["latency_ms"] == {"mean": 40, "samples": 500}
    assert document["audio_in"]["jitter_ms"] == {"mean": 3, "worst": 30, "samples": 500}
    assert document["audio_out"]["jitter_ms"] == {"mean": 5, "samples": 300}
    assert document["audio_out"]["bitrate_kbps"] == {"mean": 32, "samples": 300}
    assert document["video_in"]["height_px"] == {"mean": 720, "samples": 100}
    assert document["video_in"]["fps"] == {"mean": 25, "samples": 100}
    assert document["video_out"] == {"packet_loss_pct": {"worst": 4}}
    assert "share_in" not in document
    assert to_quality(row()) is None
