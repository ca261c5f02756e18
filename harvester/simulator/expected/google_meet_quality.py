"""The quality that Reports' rows tell: a mean or a worst without the other, weighted by the seconds of its stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harvester.simulator.expected.quality import hundredths

_STREAMS = {
    "audio_in": "audio_recv",
    "audio_out": "audio_send",
    "video_in": "video_recv",
    "video_out": "video_send",
    "share_in": "screencast_recv",
    "share_out": "screencast_send",
}
# By measure the parameters behind a stream's name: of the mean, of the worst.
_OWN = {
    "packet_loss_pct": ("packet_loss_mean", "packet_loss_max"),
    "bitrate_kbps": ("bitrate_kbps_mean", None),
    "height_px": ("short_side_median_pixels", None),
    "fps": ("fps_mean", None),
}
_ORDER = ("latency_ms", "jitter_ms", "packet_loss_pct", "bitrate_kbps", "height_px", "fps")
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of one measure. `weight`: the stream's seconds, 0 where they were not told."""

    mean: float | None
    worst: float | None
    weight: int


def of_row(parameters: Mapping[str, Any]) -> dict[Place, Told]:
    """By stream and measure; delay and jitter, which are the whole connection's, on each stream that ran."""
    found: dict[Place, Told] = {}
    for stream, prefix in _STREAMS.items():
        seconds = parameters.get(f"{prefix}_seconds", 0)
        for measure, mean, worst in _measures(parameters, stream, prefix, ran=seconds > 0):
            if mean is not None or worst is not None:
                found[stream, measure] = Told(mean, worst, seconds)
    return found


def _measures(
    parameters: Mapping[str, Any], stream: str, prefix: str, *, ran: bool
) -> Iterator[tuple[str, float | None, float | None]]:
    for measure, (mean, worst) in _OWN.items():
        most = parameters.get(f"{prefix}_{worst}") if worst else None
        yield measure, parameters.get(f"{prefix}_{mean}"), most
    if ran:
        yield "latency_ms", parameters.get("network_rtt_msec_mean"), None
        way = "recv" if stream.endswith("_in") else "send"
        jitter = f"network_{way}_jitter_msec"
        yield "jitter_ms", parameters.get(f"{jitter}_mean"), parameters.get(f"{jitter}_max")


def of_meeting(rows: Iterable[Mapping[Place, Told]]) -> dict[Place, Told]:
    """Over all rows; where nobody told any seconds, each counts alike."""
    by_place: dict[Place, list[Told]] = {}
    for row in rows:
        for place, told in row.items():
            by_place.setdefault(place, []).append(told)
    return {place: _merged(told) for place, told in by_place.items()}


def _merged(parts: Sequence[Told]) -> Told:
    means = [(part.mean, part.weight) for part in parts if part.mean is not None]
    worst = [part.worst for part in parts if part.worst is not None]
    weight = sum(part.weight for part in parts)
    return Told(_mean(means), max(worst, default=None), weight)


def _mean(means: Sequence[tuple[float, int]]) -> float | None:
    if not means:
        return None
    total = sum(weight for _, weight in means)
    if not total:
        return sum(mean for mean, _ in means) / len(means)
    return sum(mean * weight for mean, weight in means) / total


def document(measured: Mapping[Place, Told]) -> dict[str, Any] | None:
    """The `quality` of a document; None where nothing was measured."""
    written: dict[str, Any] = {}
    for stream in _STREAMS:
        measures = {m: _written(measured[stream, m]) for m in _ORDER if (stream, m) in measured}
        if measures:
            written[stream] = measures
    return written or None


def _written(told: Told) -> dict[str, float]:
    found: dict[str, float] = {}
    if told.mean is not None:
        found["mean"] = hundredths(told.mean)
    if told.worst is not None:
        found["worst"] = hundredths(told.worst)
    if told.weight:
        found["samples"] = told.weight
    return found
