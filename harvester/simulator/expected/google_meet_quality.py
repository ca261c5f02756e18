"""Quality from Reports' rows: some measures have only a mean or only a worst value, weighted by the seconds
of the stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harvester.simulator.expected.minute_quality import round_to_hundredths

_STREAMS = {
    "audio_in": "audio_recv",
    "audio_out": "audio_send",
    "video_in": "video_recv",
    "video_out": "video_send",
    "share_in": "screencast_recv",
    "share_out": "screencast_send",
}
# By measure, the end of the parameter names of a stream's mean and worst value.
_STREAM_PARAMETERS = {
    "packet_loss_pct": ("packet_loss_mean", "packet_loss_max"),
    "bitrate_kbps": ("bitrate_kbps_mean", None),
    "height_px": ("short_side_median_pixels", None),
    "fps": ("fps_mean", None),
}
_MEASURES = ("latency_ms", "jitter_ms", "packet_loss_pct", "bitrate_kbps", "height_px", "fps")
MeasureKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measure. `weight`: seconds of the stream, 0 if unknown."""

    mean: float | None
    worst: float | None
    weight: int


def of_row(parameters: Mapping[str, Any]) -> dict[MeasureKey, Measurement]:
    """Return the measures by stream; latency and jitter belong to the whole connection and are set on each
    stream that ran."""
    measurements: dict[MeasureKey, Measurement] = {}
    for stream, prefix in _STREAMS.items():
        seconds = parameters.get(f"{prefix}_seconds", 0)
        for measure, mean, worst in _measures(parameters, stream, prefix, ran=seconds > 0):
            if mean is not None or worst is not None:
                measurements[stream, measure] = Measurement(mean, worst, seconds)
    return measurements


def _measures(
    parameters: Mapping[str, Any], stream: str, prefix: str, *, ran: bool
) -> Iterator[tuple[str, float | None, float | None]]:
    for measure, (mean, worst) in _STREAM_PARAMETERS.items():
        maximum = parameters.get(f"{prefix}_{worst}") if worst else None
        yield measure, parameters.get(f"{prefix}_{mean}"), maximum
    if ran:
        yield "latency_ms", parameters.get("network_rtt_msec_mean"), None
        way = "recv" if stream.endswith("_in") else "send"
        jitter = f"network_{way}_jitter_msec"
        yield "jitter_ms", parameters.get(f"{jitter}_mean"), parameters.get(f"{jitter}_max")


def of_meeting(rows: Iterable[Mapping[MeasureKey, Measurement]]) -> dict[MeasureKey, Measurement]:
    """Merge all rows; if no row has seconds, each counts equally."""
    by_place: dict[MeasureKey, list[Measurement]] = {}
    for row in rows:
        for key, measurement in row.items():
            by_place.setdefault(key, []).append(measurement)
    return {key: _merge(measurement) for key, measurement in by_place.items()}


def _merge(parts: Sequence[Measurement]) -> Measurement:
    joined_by = [(part.mean, part.weight) for part in parts if part.mean is not None]
    worst = [part.worst for part in parts if part.worst is not None]
    weight = sum(part.weight for part in parts)
    return Measurement(_mean(joined_by), max(worst, default=None), weight)


def _mean(joined_by: Sequence[tuple[float, int]]) -> float | None:
    if not joined_by:
        return None
    total = sum(weight for _, weight in joined_by)
    if not total:
        return sum(mean for mean, _ in joined_by) / len(joined_by)
    return sum(mean * weight for mean, weight in joined_by) / total


def document(measured: Mapping[MeasureKey, Measurement]) -> dict[str, Any] | None:
    """Return the `quality` field of a document, None if nothing was measured."""
    document_fields: dict[str, Any] = {}
    for stream in _STREAMS:
        measures = {m: _measure_document(measured[stream, m]) for m in _MEASURES if (stream, m) in measured}
        if measures:
            document_fields[stream] = measures
    return document_fields or None


def _measure_document(measurement: Measurement) -> dict[str, float]:
    measurements: dict[str, float] = {}
    if measurement.mean is not None:
        measurements["mean"] = round_to_hundredths(measurement.mean)
    if measurement.worst is not None:
        measurements["worst"] = round_to_hundredths(measurement.worst)
    if measurement.weight:
        measurements["samples"] = measurement.weight
    return measurements
