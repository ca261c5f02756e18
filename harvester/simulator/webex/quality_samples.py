"""What Webex measured in every minute of the organisation's pool, before anybody spells it."""

from __future__ import annotations

from collections.abc import Iterator

from harvester.simulator.organisation import Minute
from harvester.simulator.organisation.quality import Sample

MEASURES = ("latency_ms", "jitter_ms", "packet_loss_pct", "bitrate_kbps", "height_px", "fps")
LOADS = ("processAverageCPU", "processMaxCPU", "systemAverageCPU", "systemMaxCPU")
_OF_PICTURES = 4  # the last two measures are of pictures only


def samples(place: int, minute: Minute) -> Iterator[tuple[str, str, float | None]]:
    """Stream, measure and value of everything that there is a sample of, None where nothing was measured."""
    for stream, sample in minute.streams.items():
        names = MEASURES[:_OF_PICTURES] if stream.startswith("audio") else MEASURES
        values = (None,) * len(MEASURES) if sample is None else _values(place, sample)
        for measure, value in zip(names, values, strict=False):
            yield stream, measure, value


def _values(place: int, sample: Sample) -> tuple[float | None, ...]:
    # Pictures a second as Webex counts them are never whole.
    frames = None if sample.fps is None else sample.fps + (0.940001 if place % 3 else 0.5)
    return sample.latency, sample.jitter, sample.loss, sample.bitrate, sample.height, frames


def loads(minute: Minute) -> tuple[float | None, float | None, float | None, float | None]:
    """The processor's load in %: the program's mean and most, the whole machine's mean and most."""
    if minute.cpu is None:
        return None, None, None, None
    _, mean, most, machine = minute.cpu
    return mean, most, (mean + machine) / 2, machine
