"""Map the media of a session to `Quality`: averages and maxima of each stream, over its segments.

Units: https://learn.microsoft.com/graph/api/resources/callrecords-mediastream (2026): durations are ISO 8601, rates of lost
packets are ratios from 0 to 1, and `averageRoundTripTime` is a round trip. There is no bit rate (`averageBandwidthEstimate` is
what the network could carry), no resolution, and no sample over time. Which labels shared content has in call records is not
documented; `applicationsharing-video` is that of Graph's calls.

The seconds of the segments count as samples: they weight means over several sessions.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from math import fsum
from operator import mul
from typing import Any

from connectors.parsing import as_dicts, as_number, parse_instant
from connectors.quality import Measure, Quality, Stream

Row = Mapping[str, Any]

MEDIA = {"main-audio": "audio", "main-video": "video", "applicationsharing-video": "share"}
"""The media by the beginning of their label; others are not mapped."""

OUTGOING = {"caller": "callerToCallee", "callee": "calleeToCaller"}
INCOMING = {"caller": "calleeToCaller", "callee": "callerToCallee"}

_DURATION = re.compile(
    r"P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,10}(?:\.\d{1,12})?)S)?)?"
)
_PARTS = ("weeks", "days", "hours", "minutes", "seconds")

_Part = tuple[Row, float]
"""A stream in one segment, and the seconds of the segment."""


def to_quality(session: Row, side: str) -> Quality | None:
    """The quality as the participant on this side (`caller` or `callee`) received and sent it; `None` if nothing was
    measured."""
    parts: dict[str, list[_Part]] = defaultdict(list)
    ways = {OUTGOING[side]: "out", INCOMING[side]: "in"}
    for medium, row, seconds in _streams(session):
        direction = row.get("streamDirection")
        if isinstance(direction, str) and direction in ways:
            parts[f"{medium}_{ways[direction]}"].append((row, seconds))
    streams: dict[str, Any] = {name: _to_stream(found, name) for name, found in parts.items()}
    return Quality(**streams) if any(streams.values()) else None


def duration_ms(value: Any) -> float | None:
    """Milliseconds of an ISO 8601 duration such as `PT0.016S` or `P1DT2H`; `None` for anything else."""
    return _parsed_ms(value) if isinstance(value, str) else None


@lru_cache(maxsize=4096)  # tens for each participant, mostly whole milliseconds below a second
def _parsed_ms(text: str) -> float | None:
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        return None
    amounts = {name: float(text) for name, text in zip(_PARTS, match.groups(), strict=True) if text}
    seconds = amounts.pop("seconds", 0.0)
    # The seconds on their own: a timedelta would cut them to microseconds.
    return (timedelta(**amounts).total_seconds() + seconds) * 1000


def _streams(session: Row) -> Iterator[tuple[str, Row, float]]:
    """Medium, stream, and the seconds of its segment."""
    for segment in as_dicts(session.get("segments")):
        found = as_dicts(segment.get("media"))
        seconds = _seconds(segment) if found else 0.0
        for media in found:
            medium = _medium(media.get("label"))
            if medium is not None:
                for row in as_dicts(media.get("streams")):
                    yield medium, row, seconds


def _medium(label: Any) -> str | None:
    if not isinstance(label, str):
        return None
    return MEDIA.get(label) or next((MEDIA[start] for start in MEDIA if label.startswith(start)), None)


def _seconds(segment: Row) -> float:
    start, end = parse_instant(segment.get("startDateTime")), parse_instant(segment.get("endDateTime"))
    return max(0.0, (end - start).total_seconds()) if start and end else 0.0


def _to_stream(parts: Sequence[_Part], name: str) -> Stream | None:
    measures = {
        "latency_ms": _measure(parts, duration_ms, "averageRoundTripTime", "maxRoundTripTime"),
        "jitter_ms": _measure(parts, duration_ms, "averageJitter", "maxJitter"),
    }
    if name.startswith("audio"):
        measures["packet_loss_pct"] = _measure(parts, _percent, "averagePacketLossRate", "maxPacketLossRate")
    else:
        measures["packet_loss_pct"] = _measure(
            parts, _percent, "averagePacketLossRate", "maxPacketLossRate", "averageVideoPacketLossRate"
        )
        measures["fps"] = _measure(parts, _frames, "averageVideoFrameRate", None, "averageReceivedFrameRate")
    return Stream.from_measures(measures)


def _measure(
    parts: Sequence[_Part],
    convert: Callable[[Any], float | None],
    average: str,
    maximum: str | None,
    instead: str | None = None,
) -> Measure | None:
    """Averages weighted by the seconds of their segments, and the highest of the maxima. `instead`: the field of an average
    that counts if there is no other."""
    means: list[float] = []
    weights: list[float] = []
    maxima: list[float] = []
    for row, seconds in parts:
        value = row.get(average)
        if value is None and instead is not None:
            value = row.get(instead)
        if value is not None and (mean := convert(value)) is not None:
            means.append(mean)
            weights.append(seconds)
        value = None if maximum is None else row.get(maximum)
        if value is not None and (worst := convert(value)) is not None:
            maxima.append(worst)
    if not means and not maxima:
        return None
    return Measure(
        mean=_weighted(means, weights),
        worst=max(maxima) if maxima else None,
        samples=int(fsum(weights)) or None,
    )


def _weighted(means: Sequence[float], weights: Sequence[float]) -> float | None:
    if len(means) < 2:
        return means[0] if means else None
    weight = fsum(weights)
    return fsum(map(mul, means, weights)) / weight if weight else fsum(means) / len(means)


def _percent(ratio: Any) -> float | None:
    number = ratio if type(ratio) is float else as_number(ratio)
    return number * 100 if number is not None and 0 <= number <= 1 else None


def _frames(rate: Any) -> float | None:
    number = as_number(rate)
    return number if number is not None and number >= 0 else None
