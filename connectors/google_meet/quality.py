"""Map a row of Reports to `Quality`: means and extremes of each stream over the whole session, without samples.

Round trip and jitter are reported once per endpoint and direction, and count for every stream that ran. A stream's
seconds count as its samples: they weight means over several sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.parsing import as_number
from connectors.quality import Measure, Quality, Stream

Row = Mapping[str, Any]

STREAMS = {
    "audio_in": "audio_recv",
    "audio_out": "audio_send",
    "video_in": "video_recv",
    "video_out": "video_send",
    "share_in": "screencast_recv",
    "share_out": "screencast_send",
}


def to_quality(row: Row) -> Quality | None:
    """The quality of one row; `None` if nothing was measured."""
    streams: dict[str, Any] = {
        name: _to_stream(row, prefix, incoming=name.endswith("_in")) for name, prefix in STREAMS.items()
    }
    return Quality(**streams) if any(streams.values()) else None


def _to_stream(row: Row, name: str, *, incoming: bool) -> Stream | None:
    seconds = _whole_seconds(row.get(f"{name}_seconds"))
    samples = seconds or None

    def measure(mean: str = "", worst: str = "") -> Measure | None:
        mean_value, worst_value = _non_negative(row.get(mean)), _non_negative(row.get(worst))
        if mean_value is None and worst_value is None:
            return None
        return Measure(mean=mean_value, worst=worst_value, samples=samples)

    measures = {
        "packet_loss_pct": measure(f"{name}_packet_loss_mean", f"{name}_packet_loss_max"),
        "bitrate_kbps": measure(f"{name}_bitrate_kbps_mean"),
        "height_px": measure(f"{name}_short_side_median_pixels"),
        "fps": measure(f"{name}_fps_mean"),
    }
    if samples:
        measures["latency_ms"] = measure("network_rtt_msec_mean")
        measures["jitter_ms"] = (
            measure("network_recv_jitter_msec_mean", "network_recv_jitter_msec_max")
            if incoming
            else measure("network_send_jitter_msec_mean")
        )
    return Stream.from_measures(measures)


def _non_negative(value: Any) -> float | None:
    number = as_number(value)
    return number if number is not None and number >= 0 else None


def _whole_seconds(value: Any) -> int:
    number = _non_negative(value)
    return 0 if number is None else int(number)
