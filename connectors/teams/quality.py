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
from dataclasses import dataclass
from datetime import timedelta
from math import fsum
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A stream in one segment."""

    row: Row
    seconds: float


def to_quality(session: Row, side: str) -> Quality | None:
    """The quality as the participant on this side (`caller` or `callee`) received and sent it; `None` if nothing was
    measured."""
    parts: dict[str, list[_Part]] = defaultdict(list)
    for medium, direction, part in _streams(session):
        if direction == OUTGOING[side]:
            parts[f"{medium}_out"].append(part)
        elif direction == INCOMING[side]:
            parts[f"{medium}_in"].append(part)
    streams: dict[str, Any] = {name: _to_stream(found, name) for name, found in parts.items()}
    return Quality(**streams) if any(streams.values()) else None


def duration_ms(value: Any) -> float | None:
    """Milliseconds of an ISO 8601 duration such as `PT0.016S` or `P1DT2H`; `None` for anything else."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or not any(match.groups()):
        return None
    amounts = {name: float(text) for name, text in zip(_PARTS, match.groups(), strict=True) if text}
    seconds = amounts.pop("seconds", 0.0)
    # The seconds on their own: a timedelta would cut them to microseconds.
    return (timedelta(**amounts).total_seconds() + seconds) * 1000 if amounts else seconds * 1000


def _streams(session: Row) -> Iterator[tuple[str, Any, _Part]]:
    for segment in as_dicts(session.get("segments")):
        seconds = _seconds(segment)
        for media in as_dicts(segment.get("media")):
            medium = _medium(media.get("label"))
            if medium is not None:
                for row in as_dicts(media.get("streams")):
                    yield medium, row.get("streamDirection"), _Part(row=row, seconds=seconds)


def _medium(label: Any) -> str | None:
    if not isinstance(label, str):
        return None
    return next((medium for start, medium in MEDIA.items() if label.startswith(start)), None)


def _seconds(segment: Row) -> float:
    start, end = parse_instant(segment.get("startDateTime")), parse_instant(segment.get("endDateTime"))
    return max(0.0, (end - start).total_seconds()) if start and end else 0.0


def _to_stream(parts: Sequence[_Part], name: str) -> Stream | None:
    measures = {
        "latency_ms": _measure(parts, _delay("averageRoundTripTime"), _delay("maxRoundTripTime")),
        "jitter_ms": _measure(parts, _delay("averageJitter"), _delay("maxJitter")),
    }
    if name.startswith("audio"):
        measures["packet_loss_pct"] = _measure(
            parts, _percent("averagePacketLossRate"), _percent("maxPacketLossRate")
        )
    else:
        losses = _percent("averagePacketLossRate", "averageVideoPacketLossRate")
        measures["packet_loss_pct"] = _measure(parts, losses, _percent("maxPacketLossRate"))
        measures["fps"] = _measure(parts, _frames, lambda _: None)
    return Stream.from_measures(measures)


def _measure(
    parts: Sequence[_Part], average: Callable[[Row], float | None], worst: Callable[[Row], float | None]
) -> Measure | None:
    """Averages weighted by the seconds of their segments, and the highest of the maxima."""
    means = [(value, part.seconds) for part in parts if (value := average(part.row)) is not None]
    if not any(seconds for _, seconds in means):
        means = [(value, 1.0) for value, _ in means]
    maxima = [value for part in parts if (value := worst(part.row)) is not None]
    if not means and not maxima:
        return None
    weight = fsum(seconds for _, seconds in means)
    measured = fsum(part.seconds for part in parts if average(part.row) is not None)
    return Measure(
        mean=fsum(value * seconds for value, seconds in means) / weight if means else None,
        worst=max(maxima, default=None),
        samples=int(measured) or None,
    )


def _delay(field: str) -> Callable[[Row], float | None]:
    return lambda row: duration_ms(row.get(field))


def _percent(*fields: str) -> Callable[[Row], float | None]:
    """The first of these ratios that is there, in percent."""

    def value(row: Row) -> float | None:
        ratio = next((number for field in fields if (number := as_number(row.get(field))) is not None), None)
        return ratio * 100 if ratio is not None and 0 <= ratio <= 1 else None

    return value


def _frames(row: Row) -> float | None:
    fields = ("averageVideoFrameRate", "averageReceivedFrameRate")
    numbers = (as_number(row.get(field)) for field in fields)
    return next((number for number in numbers if number is not None and number >= 0), None)
