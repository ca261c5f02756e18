"""The quality of a session and of a meeting, from its minutes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from typing import Any

from harvester.simulator.organisation import Minute
from harvester.simulator.organisation.quality import STREAMS, Sample

_MEASURES = ("latency_ms", "jitter_ms", "packet_loss_pct", "bitrate_kbps", "height_px", "fps")
_LOW_IS_BAD = {"bitrate_kbps", "height_px", "fps"}

MeasureKey = tuple[str, str]
Measured = tuple[float, float, int]
"""Mean, worst value, number of samples."""


Reading = tuple[MeasureKey, float | None, float | None]
"""Key, value, and a peak that only affects the worst value."""


def of_session(minutes: Iterable[Sequence[Reading]]) -> dict[MeasureKey, Measured]:
    """Return the measured values by stream and measure; the processor load has the key ("cpu_pct", "")."""
    samples: dict[MeasureKey, list[float]] = {}
    peaks: dict[MeasureKey, list[float]] = {}
    for key, value, peak in chain.from_iterable(minutes):
        if value is not None:
            samples.setdefault(key, []).append(value)
        if peak is not None:
            peaks.setdefault(key, []).append(peak)
    return {
        key: (sum(seen) / len(seen), _worst(key, seen + peaks.get(key, [])), len(seen))
        for key, seen in samples.items()
    }


def readings(minute: Minute) -> Iterator[Reading]:
    """Yield the values of one minute."""
    for stream, sample in minute.streams.items():
        if sample is not None:
            for measure, value in zip(_MEASURES, _values(sample), strict=True):
                yield (stream, measure), value, sample.peak_loss if measure == "packet_loss_pct" else None
    if minute.cpu is not None:
        _, mean, maximum, _ = minute.cpu
        yield ("cpu_pct", ""), mean, maximum


def of_columns(
    columns: Mapping[MeasureKey, Sequence[float | None]], positions: Sequence[int], peaks: Mapping[MeasureKey, Sequence[float | None]]
) -> dict[MeasureKey, Measured]:  # fmt: skip
    """Return the same as `of_session` from one column per key over all minutes of the pool; faster for many
    sessions."""
    measured: dict[MeasureKey, Measured] = {}
    for key, column in columns.items():
        seen = [value for minute in positions if (value := column[minute]) is not None]
        if seen:
            peak = peaks.get(key, ())
            maximum = [value for minute in positions if (value := peak[minute]) is not None] if peak else []
            measured[key] = (sum(seen) / len(seen), _worst(key, seen + maximum), len(seen))
    return measured


def _values(sample: Sample) -> tuple[float | None, ...]:
    return sample.latency, sample.jitter, sample.loss, sample.bitrate, sample.height, sample.fps


def _worst(key: MeasureKey, values: Sequence[float]) -> float:
    return min(values) if key[1] in _LOW_IS_BAD else max(values)


def of_meeting(sessions: Sequence[dict[MeasureKey, Measured]]) -> dict[MeasureKey, Measured]:
    """Merge sessions: the mean is weighted by the number of samples."""
    merged: dict[MeasureKey, Measured] = {}
    for key in {key: None for session in sessions for key in session}:
        parts = [session[key] for session in sessions if key in session]
        count = sum(samples for _, _, samples in parts)
        mean = sum(mean * samples for mean, _, samples in parts) / count
        merged[key] = (mean, _worst(key, [worst for _, worst, _ in parts]), count)
    return merged


def document(measured: dict[MeasureKey, Measured]) -> dict[str, Any] | None:
    """Return the `quality` field of a document, None if nothing was measured."""
    document_fields: dict[str, Any] = {}
    for stream in STREAMS:
        measures = {m: _measure_document(measured[stream, m]) for m in _MEASURES if (stream, m) in measured}
        if measures:
            document_fields[stream] = measures
    if ("cpu_pct", "") in measured:
        document_fields["cpu_pct"] = _measure_document(measured["cpu_pct", ""])
    return document_fields or None


def _measure_document(measured: Measured) -> dict[str, float]:
    mean, worst, samples = measured
    return {"mean": round_to_hundredths(mean), "worst": round_to_hundredths(worst), "samples": samples}


def round_to_hundredths(value: float) -> float:
    """Round as the fraction it represents, halves to the even hundredth."""
    round_to_hundredths = value * 100
    if abs(round_to_hundredths % 1 - 0.5) > 0.001:  # not a half, whatever the noise of binary fractions
        return round(round_to_hundredths) / 100
    return float(round(Fraction(value).limit_denominator(10**6), 2))
