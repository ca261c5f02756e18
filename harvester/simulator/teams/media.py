"""The media of a leg: segments with the same connection, and the streams of each in both directions.

Values are the organisation's: milliseconds, percent, frames per second. Rows write them as Microsoft does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harvester.simulator.organisation import Device, Minute, Session
from harvester.simulator.organisation.quality import Sample
from harvester.simulator.teams.formats import TICKS

Way = Literal["in", "out"]
Connection = Literal["wired", "wifi", "mobile", "tunnel", "unknown"]
_CONNECTIONS: dict[str, Connection] = {
    "wired": "wired",
    "wifi": "wifi",
    "cellular": "mobile",
    "unknown": "unknown",
}
_WAYS: tuple[Way, ...] = ("in", "out")
_LABELS = {"audio": "main-audio", "video": "main-video", "share": "applicationsharing-video"}
_SHORTEST = 180  # seconds of a leg that has more than one segment
MASKED = ("", "203.0.113.xxx")
"""Texts that are sent instead of an address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What was measured of one stream; None for what the client did not send.

    video_loss: the loss of a video stream, of which `loss` is then None.
    """

    latency: float | None
    worst_latency: float | None
    jitter: float | None = None
    worst_jitter: float | None = None
    loss: float | None = None
    worst_loss: float | None = None
    video_loss: float | None = None
    fps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """One medium of a segment; `streams` are those that the participant received and sent."""

    label: str
    streams: Mapping[Way, Values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How the participant was connected. Both addresses are texts as sent, which may be masked or empty."""

    connection: Connection
    public: str | None
    local: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of a leg. `start` and `end` are ticks; `media` is empty if the client reported nothing."""

    position: int
    start: int
    end: int
    media: Sequence[Medium]


def segments(
    session: Session, minutes: Sequence[Minute], start: int, end: int, *, video: bool, shared: bool
) -> Iterator[Segment]:
    """Yield one to three segments of whole seconds."""
    bits, length = session.bits, (end - start) // TICKS
    count = 1 + (bits >> 4) % 3 if length >= _SHORTEST else 1
    silent = bits % 8 == 0 or session.device.platform == "phone"
    for position in range(count):
        first, last = length * position // count, length * (position + 1) // count
        minute = minutes[(bits + position * 7) % len(minutes)]
        lost = silent or (position == 0 and count > 1 and bits >> 7 & 15 == 3)
        media = [] if lost else list(_media(minute, bits, position, video=video, shared=shared))
        yield Segment(
            position=position,
            start=start + first * TICKS,
            end=end if position == count - 1 else start + last * TICKS,
            media=media,
        )


def poor_segment(start: int, end: int, bits: int) -> Segment:
    """Return a segment of a client that left early: it has round trip times and no other value."""
    known = Values(latency=40 + bits % 60, worst_latency=120 + bits % 60)
    medium = Medium(label="main-audio", streams={"in": known, "out": known})
    return Segment(position=0, start=start, end=end, media=[medium])


def network(device: Device, bits: int, position: int) -> Network:
    """Return how a participant was connected in the segment at this position."""
    connection = _CONNECTIONS[device.network]
    if connection != "unknown":
        if device.index % 17 == 6:
            connection = "tunnel"
        elif position and bits >> 9 & 3 == 2:
            connection = "wired" if connection == "wifi" else "wifi"
    # The organisation has texts with two dots that are not an address.
    masked = device.ip is not None and device.ip.count(".") == 2
    public = MASKED[device.index % len(MASKED)] if masked else device.ip
    local = f"192.168.{device.index % 250}.{1 + device.index % 200}" if device.index % 3 else None
    return Network(connection=connection, public=public, local=local)


def _media(minute: Minute, bits: int, position: int, *, video: bool, shared: bool) -> Iterator[Medium]:
    """Yield the media in an order that no client promises."""
    names = ["audio", *(["video"] if video else []), *(["share"] if shared else [])]
    if (bits + position) % 3 == 1:
        names.reverse()
    if (bits + position) % 5 == 2:
        yield Medium(label="data", streams={})
    for name in names:
        streams: dict[Way, Values] = {}
        for way in _WAYS:
            sample = minute.streams[f"{name}_{way}"]
            if sample is not None:
                streams[way] = _values(sample, name, bits)
        yield Medium(label=_label(name, bits), streams=streams)
    if bits % 7 == 4:
        yield Medium(label="unknown", streams={})


def _label(name: str, bits: int) -> str:
    return f"{_LABELS[name]}-1" if name == "video" and bits % 13 == 0 else _LABELS[name]


def _values(sample: Sample, name: str, bits: int) -> Values:
    latency, jitter = sample.latency, sample.jitter
    only_video_loss = name == "video" and bits % 4 == 1
    return Values(
        latency=latency,
        worst_latency=None if latency is None else latency * 1.5 + 2,
        jitter=jitter,
        worst_jitter=None if jitter is None else jitter * 2 + 1,
        loss=None if only_video_loss else sample.loss,
        worst_loss=None if only_video_loss else sample.peak_loss,
        video_loss=sample.loss if only_video_loss else None,
        fps=None if name == "audio" else sample.fps,
    )
