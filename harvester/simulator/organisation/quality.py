"""How well the media worked, minute by minute: every stay draws its minutes from one pool.

A pool, because a page of qualities holds thousands of minutes and a vendor's module can then write each of them once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from random import Random

from harvester.simulator.organisation.meetings import MINUTE
from harvester.simulator.organisation.seeded_random import dice
from harvester.simulator.organisation.sessions import Stay

STREAMS = ("audio_in", "audio_out", "video_in", "video_out", "share_in", "share_out")
POOL = 240
_GOOD = 160  # the first so many minutes of the pool are good, the rest are not


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One stream in one minute: ms, ms, %, %, kbit/s, pixels wide and high, pictures a second. None: not measured."""

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
    """Every stream of one minute, None where nothing ran; processor load in %: the program's least, mean and most,
    and the whole machine's most."""

    streams: Mapping[str, Sample | None]
    cpu: tuple[float, float, float, float] | None


class Quality:
    def __init__(self, seed: int) -> None:
        self._seed = seed

    @cached_property
    def minutes(self) -> list[Minute]:
        """The pool."""
        rolls = dice(self._seed, "quality")
        return [_minute(rolls, good=place < _GOOD) for place in range(POOL)]

    def of(self, stay: Stay) -> list[int]:
        """One place in the pool for every whole minute of the stay."""
        rolls = Random(stay.bits ^ stay.join)
        bounds = (_GOOD // 2, POOL) if stay.kit.network == "cellular" else (0, _GOOD + 10)
        return [int(rolls.random() * (bounds[1] - bounds[0])) + bounds[0] for _ in range(_length(stay))]


def _length(stay: Stay) -> int:
    return max(0, (stay.leave - stay.join) // MINUTE)


def _minute(rolls: Random, *, good: bool) -> Minute:
    streams: dict[str, Sample | None] = {}
    for name in STREAMS:
        medium = name.partition("_")[0]
        silent = rolls.random() < {"audio": 0.03, "video": 0.25, "share": 0.7}[medium]
        streams[name] = None if silent else _sample(rolls, medium, good=good)
    least = rolls.randrange(1, 20)
    mean, most = least + rolls.randrange(1, 20), least + 20 + rolls.randrange(1, 30)
    cpu = None if rolls.random() < 0.05 else (least, mean, most, most + rolls.randrange(0, 20))
    return Minute(streams=streams, cpu=cpu)


def _sample(rolls: Random, medium: str, *, good: bool) -> Sample:
    worse = 1 if good else 6
    loss = rolls.choice((0, 0, 0.125, 0.25, 0.5)) * worse
    bitrate = rolls.randrange(20, 90) if medium == "audio" else rolls.randrange(150, 2400)
    pictures = medium != "audio"
    width, height = rolls.choice(((640, 360), (1280, 720), (1920, 1080)))
    return Sample(
        latency=None if rolls.random() < 0.05 else rolls.randrange(15, 140) * worse,
        jitter=None if rolls.random() < 0.05 else rolls.randrange(0, 12) * worse,
        loss=loss,
        peak_loss=loss + rolls.choice((0, 0.5, 1.5)) * worse,
        bitrate=bitrate + rolls.choice((0, 0, 0.25)),
        width=width if pictures else None,
        height=height if pictures else None,
        fps=rolls.randrange(5, 31) if pictures else None,
    )
