"""How well a stay or a meeting worked: one shape for every vendor's measurements.

A `Measure` is what was seen of one quantity: the mean over its samples, the worst of them, and how many there were.
Which end is the worst depends on the quantity: the highest delay and loss, the lowest bitrate, height and frame rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from math import fsum
from typing import Any

STREAMS = ("audio_in", "audio_out", "video_in", "video_out", "share_in", "share_out")
MEASURES = ("latency_ms", "jitter_ms", "packet_loss_pct", "bitrate_kbps", "height_px", "fps")
LOWEST_IS_WORST = frozenset({"bitrate_kbps", "height_px", "fps"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    mean: float
    worst: float
    samples: int

    def document(self) -> dict[str, Any]:
        return {"mean": _rounded(self.mean), "worst": _rounded(self.worst), "samples": self.samples}


def _rounded(value: float) -> float:
    """Two decimals, halves to the even one. The noise of binary fractions goes first, or it would decide which way a
    half is rounded, and the order in which the sessions were read would show in a document."""
    return round(round(value * 100, 6)) / 100


def measured(
    name: str, samples: Iterable[float | None], extremes: Iterable[float | None] = ()
) -> Measure | None:
    """One measure of the quantity `name` out of its samples, `None` where nothing was sampled.

    `extremes` are peaks that a vendor tells beside its averages (a maximum loss per minute): they can make the
    worst worse, and count for nothing else. Negative values are the vendors' word for "not measured".
    """
    seen = [value for value in samples if value is not None and value >= 0]
    if not seen:
        return None
    worst = min if name in LOWEST_IS_WORST else max
    peaks = [value for value in extremes if value is not None and value >= 0]
    return Measure(mean=fsum(seen) / len(seen), worst=worst(seen + peaks), samples=len(seen))


def merged(name: str, measures: Sequence[Measure]) -> Measure | None:
    """One measure for several stays, the mean weighted by samples."""
    if not measures:
        return None
    samples = sum(measure.samples for measure in measures)
    worst = min if name in LOWEST_IS_WORST else max
    return Measure(
        mean=fsum(measure.mean * measure.samples for measure in measures) / samples,
        worst=worst(measure.worst for measure in measures),
        samples=samples,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One direction of one medium; `height_px` and `fps` only of pictures."""

    latency_ms: Measure | None = None
    jitter_ms: Measure | None = None
    packet_loss_pct: Measure | None = None
    bitrate_kbps: Measure | None = None
    height_px: Measure | None = None
    fps: Measure | None = None

    def document(self) -> dict[str, Any]:
        return {name: told.document() for name in MEASURES if (told := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    audio_in: Stream | None = None
    audio_out: Stream | None = None
    video_in: Stream | None = None
    video_out: Stream | None = None
    share_in: Stream | None = None
    share_out: Stream | None = None
    cpu_pct: Measure | None = None

    @classmethod
    def merged(cls, qualities: Sequence[Quality]) -> Quality:
        """The quality of a meeting: each measure of each stream over all its sessions."""
        streams = {}
        for name in STREAMS:
            told = [stream for quality in qualities if (stream := getattr(quality, name)) is not None]
            if told:
                streams[name] = Stream(
                    **{
                        measure.name: merged(
                            measure.name, [m for s in told if (m := getattr(s, measure.name)) is not None]
                        )
                        for measure in fields(Stream)
                    }
                )
        cpu = merged("cpu_pct", [quality.cpu_pct for quality in qualities if quality.cpu_pct is not None])
        return cls(**streams, cpu_pct=cpu)

    def document(self) -> dict[str, Any]:
        """As in the README; empty where nothing was measured."""
        told: dict[str, Any] = {}
        for name in STREAMS:
            stream: Stream | None = getattr(self, name)
            if stream is not None and (measures := stream.document()):
                told[name] = measures
        if self.cpu_pct is not None:
            told["cpu_pct"] = self.cpu_pct.document()
        return told
