"""Quality from the streams of a leg: the mean of each measure is weighted by the seconds of its segments."""

from __future__ import annotations

from collections.abc import Iterator

from harvester.simulator.expected.google_meet_quality import MeasureKey, Measurement, document, of_meeting
from harvester.simulator.teams.attendance import Leg
from harvester.simulator.teams.formats import TICKS
from harvester.simulator.teams.media import Values

_STREAMS = {"main-audio": "audio", "main-video": "video", "applicationsharing-video": "share"}
_OTHER_WAY = {"in": "out", "out": "in"}


def of_leg(leg: Leg, *, reverse: bool) -> dict[MeasureKey, Measurement]:
    """Return the measures by stream, as the caller received and sent them, or the callee if `reverse` is set."""
    parts: list[dict[MeasureKey, Measurement]] = []
    for segment in leg.segments:
        weight = (segment.end - segment.start) // TICKS
        for medium in segment.media:
            name = next((name for label, name in _STREAMS.items() if medium.label.startswith(label)), None)
            for way, values in medium.streams.items():
                stream = f"{name}_{_OTHER_WAY[way] if reverse else way}"
                parts.append({(stream, m): found for m, found in _measures(values, weight)})
    return of_meeting(parts)


def _measures(values: Values, weight: int) -> Iterator[tuple[str, Measurement]]:
    loss = values.video_loss if values.loss is None else values.loss
    for name, mean, worst in (
        ("latency_ms", values.latency, values.worst_latency),
        ("jitter_ms", values.jitter, values.worst_jitter),
        ("packet_loss_pct", loss, values.worst_loss),
        ("fps", values.fps, None),
    ):
        if mean is not None:
            yield name, Measurement(mean, worst, weight)


__all__ = ["document", "of_leg", "of_meeting"]
