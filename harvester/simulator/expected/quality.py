"""The quality of a stay and of a meeting, out of the minutes that they had."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from typing import Any

from harvester.simulator.organisation import Minute
from harvester.simulator.organisation.quality import STREAMS, Sample

_MEASURES = ("latency_ms", "jitter_ms", "packet_loss_pct", "bitrate_kbps", "height_px", "fps")
_LOW_IS_BAD = {"bitrate_kbps", "height_px", "fps"}

Place = tuple[str, str]
Measured = tuple[float, float, int]
"""Mean, worst, samples."""


Told = tuple[Place, float | None, float | None]
"""Where, a sample, and a peak that can only make the worst worse."""


def of_stay(minutes: Iterable[Sequence[Told]]) -> dict[Place, Measured]:
    """By stream and measure; the processor's load under ("cpu_pct", "")."""
    samples: dict[Place, list[float]] = {}
    peaks: dict[Place, list[float]] = {}
    for place, value, peak in chain.from_iterable(minutes):
        if value is not None:
            samples.setdefault(place, []).append(value)
        if peak is not None:
            peaks.setdefault(place, []).append(peak)
    return {
        place: (sum(seen) / len(seen), _worst(place, seen + peaks.get(place, [])), len(seen))
        for place, seen in samples.items()
    }


def told(minute: Minute) -> Iterator[Told]:
    """What one minute adds."""
    for stream, sample in minute.streams.items():
        if sample is not None:
            for measure, value in zip(_MEASURES, _values(sample), strict=True):
                yield (stream, measure), value, sample.peak_loss if measure == "packet_loss_pct" else None
    if minute.cpu is not None:
        _, mean, most, _ = minute.cpu
        yield ("cpu_pct", ""), mean, most


def of_columns(
    columns: Mapping[Place, Sequence[float | None]], places: Sequence[int], peaks: Mapping[Place, Sequence[float | None]]
) -> dict[Place, Measured]:  # fmt: skip
    """The same as `of_stay`, out of a column of all the pool's minutes for each place: faster for many stays."""
    measured: dict[Place, Measured] = {}
    for place, column in columns.items():
        seen = [value for minute in places if (value := column[minute]) is not None]
        if seen:
            peak = peaks.get(place, ())
            most = [value for minute in places if (value := peak[minute]) is not None] if peak else []
            measured[place] = (sum(seen) / len(seen), _worst(place, seen + most), len(seen))
    return measured


def _values(sample: Sample) -> tuple[float | None, ...]:
    return sample.latency, sample.jitter, sample.loss, sample.bitrate, sample.height, sample.fps


def _worst(place: Place, values: Sequence[float]) -> float:
    return min(values) if place[1] in _LOW_IS_BAD else max(values)


def of_meeting(stays: Sequence[dict[Place, Measured]]) -> dict[Place, Measured]:
    """Over the stays: the mean weighted by samples."""
    merged: dict[Place, Measured] = {}
    for place in {place: None for stay in stays for place in stay}:
        parts = [stay[place] for stay in stays if place in stay]
        count = sum(samples for _, _, samples in parts)
        mean = sum(mean * samples for mean, _, samples in parts) / count
        merged[place] = (mean, _worst(place, [worst for _, worst, _ in parts]), count)
    return merged


def document(measured: dict[Place, Measured]) -> dict[str, Any] | None:
    """The `quality` of a document; None where nothing was measured."""
    written: dict[str, Any] = {}
    for stream in STREAMS:
        measures = {m: _written(measured[stream, m]) for m in _MEASURES if (stream, m) in measured}
        if measures:
            written[stream] = measures
    if ("cpu_pct", "") in measured:
        written["cpu_pct"] = _written(measured["cpu_pct", ""])
    return written or None


def _written(measured: Measured) -> dict[str, float]:
    mean, worst, samples = measured
    return {"mean": hundredths(mean), "worst": hundredths(worst), "samples": samples}


def hundredths(value: float) -> float:
    """Rounded as the fraction that it stands for, halves to the even hundredth."""
    hundredths = value * 100
    if abs(hundredths % 1 - 0.5) > 0.001:  # no half, whatever the noise of binary fractions
        return round(hundredths) / 100
    return float(round(Fraction(value).limit_denominator(10**6), 2))
