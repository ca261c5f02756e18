"""Media quality, minute by minute: every session draws its minutes from one pool.

With a pool, a vendor's module can encode each minute once, although a page of qualities holds thousands of
minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from random import Random

from harvester.simulator.organisation.meetings import MINUTE
from harvester.simulator.organisation.seeded_random import generator
from harvester.simulator.organisation.sessions import Session

STREAMS = ("audio_in", "audio_out", "video_in", "video_out", "share_in", "share_out")
POOL = 240
_GOOD_MINUTES = 160  # this many minutes at the start of the pool are good, the others are not


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One stream in one minute: ms, ms, %, %, kbit/s, width and height in pixels, frames per second. None:
    not measured."""

    latency: float | None
    jitter: float | None
    loss: float | None
    peak_loss: float | None
    bitrate: float | None
    width: int | None = None
    height: int | None = None
    fps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """Every stream of one minute, None for a stream that did not run.

    `cpu` is the processor load in %: the program's minimum, mean and maximum, and the machine's maximum.
    """

    streams: Mapping[str, Sample | None]
    cpu: tuple[float, float, float, float] | None


class Quality:
    def __init__(self, seed: int) -> None:
        self._seed = seed

    @cached_property
    def minutes(self) -> list[Minute]:
        """The pool."""
        rng = generator(self._seed, "quality")
        return [_minute(rng, good=position < _GOOD_MINUTES) for position in range(POOL)]

    def draw(self, session: Session) -> list[int]:
        """Return one index into the pool for every whole minute of the session."""
        rng = Random(session.bits ^ session.join)
        bounds = (
            (_GOOD_MINUTES // 2, POOL) if session.device.network == "cellular" else (0, _GOOD_MINUTES + 10)
        )
        return [int(rng.random() * (bounds[1] - bounds[0])) + bounds[0] for _ in range(_length(session))]


def _length(session: Session) -> int:
    return max(0, (session.leave - session.join) // MINUTE)


def _minute(rng: Random, *, good: bool) -> Minute:
    streams: dict[str, Sample | None] = {}
    for name in STREAMS:
        medium = name.partition("_")[0]
        silent = rng.random() < {"audio": 0.03, "video": 0.25, "share": 0.7}[medium]
        streams[name] = None if silent else _sample(rng, medium, good=good)
    minimum = rng.randrange(1, 20)
    mean, maximum = minimum + rng.randrange(1, 20), minimum + 20 + rng.randrange(1, 30)
    cpu = None if rng.random() < 0.05 else (minimum, mean, maximum, maximum + rng.randrange(0, 20))
    return Minute(streams=streams, cpu=cpu)


def _sample(rng: Random, medium: str, *, good: bool) -> Sample:
    worse = 1 if good else 6
    loss = rng.choice((0, 0, 0.125, 0.25, 0.5)) * worse
    bitrate = rng.randrange(20, 90) if medium == "audio" else rng.randrange(150, 2400)
    pictures = medium != "audio"
    width, height = rng.choice(((640, 360), (1280, 720), (1920, 1080)))
    return Sample(
        latency=None if rng.random() < 0.05 else rng.randrange(15, 140) * worse,
        jitter=None if rng.random() < 0.05 else rng.randrange(0, 12) * worse,
        loss=loss,
        peak_loss=loss + rng.choice((0, 0.5, 1.5)) * worse,
        bitrate=bitrate + rng.choice((0, 0, 0.25)),
        width=width if pictures else None,
        height=height if pictures else None,
        fps=rng.randrange(5, 31) if pictures else None,
    )
