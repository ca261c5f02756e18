"""What Webex measured in every minute of the organisation's pool, before it is formatted."""

from __future__ import annotations

from collections.abc import Iterator

from harvester.simulator.organisation import Minute
from harvester.simulator.organisation.quality import Sample

MEASURES = ("latency_ms", "jitter_ms", "packet_loss_pct", "bitrate_kbps", "height_px", "fps")
LOADS = ("processAverageCPU", "processMaxCPU", "systemAverageCPU", "systemMaxCPU")
_OF_PICTURES = 4  # the last two measures exist for video only


def samples(position: int, minute: Minute) -> Iterator[tuple[str, str, float | None]]:
    """Yield stream, measure and value of every sample, None if nothing was measured."""
    for stream, sample in minute.streams.items():
        names = MEASURES[:_OF_PICTURES] if stream.startswith("audio") else MEASURES
        values = (None,) * len(MEASURES) if sample is None else _values(position, sample)
        for measure, value in zip(names, values, strict=False):
            yield stream, measure, value


def _values(position: int, sample: Sample) -> tuple[float | None, ...]:
    # Webex's frame rates are never whole numbers.
    frames = None if sample.fps is None else sample.fps + (0.940001 if position % 3 else 0.5)
    return sample.latency, sample.jitter, sample.loss, sample.bitrate, sample.height, frames


def loads(minute: Minute) -> tuple[float | None, float | None, float | None, float | None]:
    """Return the processor load in %: mean and maximum of the program, mean and maximum of the machine."""
    if minute.cpu is None:
        return None, None, None, None
    _, mean, maximum, machine = minute.cpu
    return mean, maximum, (mean + machine) / 2, machine
