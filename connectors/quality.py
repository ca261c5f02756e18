"""How well a stay or a meeting worked: one shape for every vendor's measurements.

A `Measure` is what was seen of one quantity: the mean over its samples, the worst of them, and how many there were.
Which end is the worst depends on the quantity: the highest delay and loss, the lowest bitrate, height and frame rate.
A `Series` is the samples themselves, over time: kept where `--series` asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum, isfinite
from typing import Any

STREAMS = ("audio_in", "audio_out", "video_in", "video_out", "share_in", "share_out")
MEASURES = ("latency_ms", "jitter_ms", "packet_loss_pct", "bitrate_kbps", "height_px", "fps")
SERIES_MEASURES = ("latency_ms", "jitter_ms", "packet_loss_pct")
MAX_SERIES_LENGTH = 20_000
"""Two weeks by the minute: what would be longer holds an instant that cannot be true."""

LOWEST_IS_WORST = frozenset({"bitrate_kbps", "height_px", "fps"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """`None` is what a vendor does not tell: Google means without extremes, or an extreme without a mean."""

    mean: float | None
    worst: float | None
    samples: int | None

    def to_document(self) -> dict[str, Any]:
        told: dict[str, Any] = {}
        if self.mean is not None:
            told["mean"] = _round(self.mean)
        if self.worst is not None:
            told["worst"] = _round(self.worst)
        if self.samples:
            told["samples"] = self.samples
        return told


def _round(value: float) -> float:
    """Two decimals, halves to the even one. The noise of binary fractions goes first, or it would decide which way a
    half is rounded, and the order in which the sessions were read would show in a document."""
    return round(round(value * 100, 6)) / 100


def summarize(
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


def merge_measures(name: str, measures: Sequence[Measure]) -> Measure | None:
    """One measure for several stays, the mean weighted by samples; where none of them has any, each mean counts alike."""
    if not measures:
        return None
    means = [(m.mean, m.samples or 0) for m in measures if m.mean is not None]
    if not any(samples for _, samples in means):
        means = [(mean, 1) for mean, _ in means]
    weight = sum(samples for _, samples in means)
    worst = min if name in LOWEST_IS_WORST else max
    return Measure(
        mean=fsum(mean * samples for mean, samples in means) / weight if means else None,
        worst=worst((m.worst for m in measures if m.worst is not None), default=None),
        samples=sum(m.samples or 0 for m in measures) or None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Samples at even steps from `start` on, `None` where there is none; a quantity without any has no list."""

    start: datetime
    step_s: float
    latency_ms: tuple[float | None, ...] = ()
    jitter_ms: tuple[float | None, ...] = ()
    packet_loss_pct: tuple[float | None, ...] = ()

    def to_document(self) -> dict[str, Any]:
        step = int(self.step_s) if self.step_s == int(self.step_s) else self.step_s
        told: dict[str, Any] = {"start": self.start, "step_s": step}
        for name in SERIES_MEASURES:
            if samples := getattr(self, name):
                told[name] = [None if value is None else _round(value) for value in samples]
        return told

    def points(self) -> list[Point]:
        step = timedelta(seconds=self.step_s)
        lists = [getattr(self, name) for name in SERIES_MEASURES]
        return [
            (
                self.start + place * step,
                {n: s[place] for n, s in zip(SERIES_MEASURES, lists, strict=True) if s},
            )
            for place in range(max(map(len, lists)))
        ]


Point = tuple[datetime, Mapping[str, float | None]]


def to_series(points: Sequence[Point], step_s: float) -> Series | None:
    """Samples on even steps, each in the place that is nearest to its time; of two in one place the first.

    `None` where nothing was sampled, and where the times cannot be true.
    """
    if not points or not (isfinite(step_s) and step_s > 0):
        return None
    start = min(when for when, _ in points)
    places = [round((when - start).total_seconds() / step_s) for when, _ in points]
    size = max(places) + 1
    if size > MAX_SERIES_LENGTH:
        return None
    lists: dict[str, list[float | None]] = {}
    for place, (_, samples) in zip(places, points, strict=True):
        for name, value in samples.items():
            if value is not None and value >= 0:
                into = lists.setdefault(name, [None] * size)
                into[place] = value if into[place] is None else into[place]
    if not lists:
        return None
    return Series(start=start, step_s=step_s, **{name: tuple(values) for name, values in lists.items()})


def join_series(parts: Sequence[Series]) -> Series | None:
    """One series for several parts of one stay, by the finest of their steps; the longest part where they are too far
    apart to be one."""
    if len(parts) < 2:
        return parts[0] if parts else None
    points = [point for part in sorted(parts, key=lambda part: part.start) for point in part.points()]
    whole = to_series(points, min(part.step_s for part in parts))
    return whole or max(parts, key=lambda part: len(part.points()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One direction of one medium; `height_px` and `fps` only of pictures."""

    latency_ms: Measure | None = None
    jitter_ms: Measure | None = None
    packet_loss_pct: Measure | None = None
    bitrate_kbps: Measure | None = None
    height_px: Measure | None = None
    fps: Measure | None = None
    series: Series | None = None

    def to_document(self) -> dict[str, Any]:
        told = {name: told.to_document() for name in MEASURES if (told := getattr(self, name)) is not None}
        return told if self.series is None else {**told, "series": self.series.to_document()}

    @classmethod
    def from_measures(
        cls, measures: Mapping[str, Measure | None], series: Series | None = None
    ) -> Stream | None:
        """Out of measures by name; `None` where nothing was measured."""
        if not any(measures.values()):
            return None
        latency, jitter, loss, bitrate, height, fps = (measures.get(name) for name in MEASURES)
        return cls(
            latency_ms=latency,
            jitter_ms=jitter,
            packet_loss_pct=loss,
            bitrate_kbps=bitrate,
            height_px=height,
            fps=fps,
            series=series,
        )

    @classmethod
    def merge(cls, streams: Sequence[Stream], *, same_session: bool) -> Stream | None:
        measures = {
            name: merge_measures(name, [m for stream in streams if (m := getattr(stream, name)) is not None])
            for name in MEASURES
        }
        parts = [stream.series for stream in streams if stream.series is not None]
        return cls.from_measures(measures, join_series(parts) if same_session else None)


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
    def merge(cls, qualities: Sequence[Quality], *, same_session: bool = False) -> Quality:
        """The quality of a meeting: each measure of each stream over all its sessions. `one_stay`: these are parts of
        one session, whose series are parts of one series; those of several people make none."""
        streams = {}
        for name in STREAMS:
            told = [stream for quality in qualities if (stream := getattr(quality, name)) is not None]
            if told:
                streams[name] = Stream.merge(told, same_session=same_session)
        cpu = merge_measures(
            "cpu_pct", [quality.cpu_pct for quality in qualities if quality.cpu_pct is not None]
        )
        return cls(**streams, cpu_pct=cpu)

    def to_document(self) -> dict[str, Any]:
        """As in the README; empty where nothing was measured."""
        told: dict[str, Any] = {}
        for name in STREAMS:
            stream: Stream | None = getattr(self, name)
            if stream is not None and (measures := stream.to_document()):
                told[name] = measures
        if self.cpu_pct is not None:
            told["cpu_pct"] = self.cpu_pct.to_document()
        return told
