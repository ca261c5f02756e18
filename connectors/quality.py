"""Audio and video quality of a session or a meeting, in one shape for all vendors.

A `Measure` summarizes the samples of one quantity: their mean, the worst of them, and their number. The worst is the
highest delay, jitter, loss and CPU load, and the lowest bitrate, height and frame rate. A `Series` holds the samples
themselves, over time; it is kept only with `--series`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum, isfinite
from operator import mul
from typing import Any

import msgspec

from connectors.parsing import LARGEST_NUMBER

STREAMS = ("audio_in", "audio_out", "video_in", "video_out", "share_in", "share_out")
MEASURES = ("latency_ms", "jitter_ms", "packet_loss_pct", "bitrate_kbps", "height_px", "fps")
SERIES_MEASURES = ("latency_ms", "jitter_ms", "packet_loss_pct")
MAX_SERIES_LENGTH = 20_000
"""Two weeks of one sample a minute. A longer series must contain a wrong instant."""

LARGEST_COUNT = 2**31 - 1
"""What Elasticsearch's `integer` holds. More samples than that are counted by a wrong instant."""

LOWEST_IS_WORST = frozenset({"bitrate_kbps", "height_px", "fps"})

_WORST: Mapping[str, Callable[..., float]] = {
    name: min if name in LOWEST_IS_WORST else max for name in (*MEASURES, "cpu_pct")
}


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """A summary of the samples of one quantity. Google reports some means without extremes, and the reverse.

    A struct, since a frozen dataclass takes ten times as long to build: a meeting has hundreds.
    """

    mean: float | None
    worst: float | None
    samples: int | None

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {}
        if self.mean is not None:
            document["mean"] = _round(self.mean)
        if self.worst is not None:
            document["worst"] = _round(self.worst)
        if self.samples and self.samples <= LARGEST_COUNT:
            document["samples"] = self.samples
        return document


def _round(value: float) -> float:
    """Two decimals, half to even.

    The inner rounding removes the noise of binary fractions. Without it, the noise would decide which way a half is
    rounded, so a document would depend on the order in which sessions were read.
    """
    hundredths = value * 100
    nearest = round(hundredths)
    # Nearly always: then the noise decides nothing, and rounding it away takes long.
    if -0.49 < hundredths - nearest < 0.49:
        return nearest / 100
    return round(round(hundredths, 6)) / 100


def summarize(
    name: str, samples: Iterable[float | None], extremes: Iterable[float | None] = ()
) -> Measure | None:
    """The measure of the quantity `name` from its samples; `None` if there are none.

    `extremes` are peaks that a vendor reports beside its averages, such as a maximum loss per minute. They count for the
    worst value only. Negative values mean "not measured" at all vendors.
    """
    values = [value for value in samples if value is not None and value >= 0]
    return to_measure(name, values, [value for value in extremes if value is not None and value >= 0])


def to_measure(name: str, samples: Sequence[float], extremes: Sequence[float] = ()) -> Measure | None:
    """The same for samples and extremes that are all numbers."""
    # Sorting takes less time than a loop that leaves out what was not measured and a second one that finds the worst.
    values = sorted(samples)
    values = values[bisect_left(values, 0.0) :]
    if values and values[-1] > LARGEST_NUMBER:
        values = values[: bisect_right(values, LARGEST_NUMBER)]
    if not values:
        return None
    worst = values[0] if name in LOWEST_IS_WORST else values[-1]
    if extremes:
        worst = _WORST[name]([worst, *(value for value in extremes if 0 <= value <= LARGEST_NUMBER)])
    return Measure(mean=fsum(values) / len(values), worst=worst, samples=len(values))


def merge_measures(name: str, measures: Sequence[Measure]) -> Measure | None:
    """One measure for several sessions. Means are weighted by their samples, or equally if no sample counts are known."""
    if not measures:
        return None
    means = [m.mean for m in measures if m.mean is not None]
    weights = [m.samples or 0 for m in measures if m.mean is not None]
    if not any(weights):
        weights = [1] * len(means)
    return Measure(
        mean=fsum(map(mul, means, weights)) / sum(weights) if means else None,
        worst=_WORST[name]([m.worst for m in measures if m.worst is not None], default=None),
        samples=sum([m.samples or 0 for m in measures]) or None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Samples at even steps from `start`. A missing sample is `None`; a quantity without samples has an empty tuple."""

    start: datetime
    step_s: float
    """Seconds from one sample to the next."""
    latency_ms: tuple[float | None, ...] = ()
    jitter_ms: tuple[float | None, ...] = ()
    packet_loss_pct: tuple[float | None, ...] = ()

    def to_document(self) -> dict[str, Any]:
        step = int(self.step_s) if self.step_s == int(self.step_s) else self.step_s
        document: dict[str, Any] = {"start": self.start, "step_s": step}
        for name in SERIES_MEASURES:
            if samples := getattr(self, name):
                document[name] = [None if value is None else _round(value) for value in samples]
        return document

    def points(self) -> list[Point]:
        """The instant of each step, with its samples by quantity."""
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
    """A series with each sample at the step nearest to its time. Of two samples at one step, the first counts.

    `None` if there are no samples, or their times cannot be right.
    """
    if not points or not (isfinite(step_s) and step_s > 0):
        return None
    start = min(when for when, _ in points)
    if (max(when for when, _ in points) - start).total_seconds() / step_s > MAX_SERIES_LENGTH:
        return None
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
    """One series from the parts of one session, with the shortest of their steps.

    If the parts are too far apart for one series, the longest part.
    """
    if len(parts) < 2:
        return parts[0] if parts else None
    points = [point for part in sorted(parts, key=lambda part: part.start) for point in part.points()]
    whole = to_series(points, min(part.step_s for part in parts))
    return whole or max(parts, key=lambda part: len(part.points()))


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """One direction of one medium. Audio has no `height_px` and no `fps`."""

    measures: Mapping[str, Measure]
    """By name, in the order of `MEASURES`; only those that there are."""
    series: Series | None = None

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {name: each.to_document() for name, each in self.measures.items()}
        if self.series is not None:
            document["series"] = self.series.to_document()
        return document

    @classmethod
    def from_measures(
        cls, measures: Mapping[str, Measure | None], series: Series | None = None
    ) -> Stream | None:
        """The stream with these measures, by name; `None` if there are none."""
        found = {name: measure for name in MEASURES if (measure := measures.get(name)) is not None}
        return cls(measures=found, series=series) if found else None

    @classmethod
    def merge(cls, streams: Sequence[Stream], *, same_session: bool) -> Stream | None:
        """One stream for several; see `Quality.merge`."""
        measures = {
            name: merge_measures(
                name, [m for stream in streams if (m := stream.measures.get(name)) is not None]
            )
            for name in MEASURES
        }
        parts = [stream.series for stream in streams if stream.series is not None]
        return cls.from_measures(measures, join_series(parts) if same_session else None)


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """The quality of one session or meeting, as the participant's client received (`in`) and sent (`out`) it."""

    audio_in: Stream | None = None
    audio_out: Stream | None = None
    video_in: Stream | None = None
    video_out: Stream | None = None
    share_in: Stream | None = None
    share_out: Stream | None = None
    cpu_pct: Measure | None = None

    @classmethod
    def merge(cls, qualities: Sequence[Quality], *, same_session: bool = False) -> Quality:
        """The quality of a meeting: each measure of each stream over all its sessions.

        With `same_session`, these are parts of one session, and their series are joined. Otherwise series are dropped:
        several people have no common series.
        """
        if same_session and len(qualities) == 1:
            return qualities[0]
        streams = {}
        for name in STREAMS:
            parts = [stream for quality in qualities if (stream := getattr(quality, name)) is not None]
            if parts:
                streams[name] = Stream.merge(parts, same_session=same_session)
        cpu = merge_measures(
            "cpu_pct", [quality.cpu_pct for quality in qualities if quality.cpu_pct is not None]
        )
        return cls(**streams, cpu_pct=cpu)

    def to_document(self) -> dict[str, Any]:
        """The `quality` object of a document (docs/documents.md); empty if nothing was measured."""
        document: dict[str, Any] = {}
        for name in STREAMS:
            stream: Stream | None = getattr(self, name)
            if stream is not None and (measures := stream.to_document()):
                document[name] = measures
        if self.cpu_pct is not None:
            document["cpu_pct"] = self.cpu_pct.to_document()
        return document
