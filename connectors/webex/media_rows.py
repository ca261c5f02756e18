"""The rows of `GET /meeting/qualities`: media sessions of one participant, whose streams are lists of samples.

Schema `MediaSessionQuality` of https://github.com/webex/webex-openapi-specs (2026-05). An older page of Cisco's and programs
of 2022 have other names for the participant's fields; both are read. A row has a thousand samples. So msgspec decodes the body
into these structs at once, which takes half the time of decoding it into dicts and reading the numbers from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, ClassVar, TypeVar

import msgspec

from connectors.parsing import as_dicts, as_list, as_number
from connectors.quality import MEASURES


class Part(msgspec.Struct):
    """A part of a row's samples: of a stream until it was interrupted. A sample that was not measured is -1."""

    lists: ClassVar[tuple[str, ...]]
    """The fields with samples."""


class AudioPart(Part):
    lists: ClassVar[tuple[str, ...]] = MEASURES[:4]
    start_time: Any = msgspec.field(name="startTime", default=None)
    sampling_interval: Any = msgspec.field(name="samplingInterval", default=None)
    latency_ms: list[float] = msgspec.field(name="latency", default_factory=list)
    jitter_ms: list[float] = msgspec.field(name="jitter", default_factory=list)
    packet_loss_pct: list[float] = msgspec.field(name="packetLoss", default_factory=list)
    bitrate_kbps: list[float] = msgspec.field(name="mediaBitRate", default_factory=list)


class VideoPart(AudioPart):
    lists: ClassVar[tuple[str, ...]] = MEASURES
    height_px: list[float] = msgspec.field(name="resolutionHeight", default_factory=list)
    fps: list[float] = msgspec.field(name="frameRate", default_factory=list)


class ComputerPart(Part):
    lists: ClassVar[tuple[str, ...]] = ("cpu_averages", "cpu_peaks")
    cpu_averages: list[float] = msgspec.field(name="systemAverageCPU", default_factory=list)
    cpu_peaks: list[float] = msgspec.field(name="systemMaxCPU", default_factory=list)


class MediaRow(msgspec.Struct, rename="camel"):
    """`email`, `display_name`, `joined`, `left` and `client` are the names of 2022. Texts and times are as they were sent."""

    participant_id: Any = None
    participant_session_id: Any = None
    webex_user_email: Any = None
    email: Any = None
    webex_user_name: Any = None
    display_name: Any = None
    join_time: Any = None
    joined: Any = None
    leave_time: Any = None
    left: Any = None
    hardware_type: Any = None
    os_type: Any = None
    client_type: Any = None
    client: Any = None
    client_version: Any = None
    public_ip: Any = msgspec.field(name="publicIP", default=None)
    server_region: Any = None
    network_type: Any = None
    audio_in: list[AudioPart] = []
    audio_out: list[AudioPart] = []
    video_in: list[VideoPart] = []
    video_out: list[VideoPart] = []
    share_in: list[VideoPart] = []
    share_out: list[VideoPart] = []
    resources: list[ComputerPart] = []


class MediaPage(msgspec.Struct):
    items: list[MediaRow]


_LISTS_OF_PARTS = ("audioIn", "audioOut", "videoIn", "videoOut", "shareIn", "shareOut", "resources")
_LISTS_OF_SAMPLES = frozenset(
    field.encode_name
    for part in (VideoPart, ComputerPart)
    for field in msgspec.structs.fields(part)
    if field.name in part.lists
)
_Part = TypeVar("_Part", bound=Part)


def joined(parts: Sequence[_Part]) -> _Part:
    """One part with the samples of all."""
    first = parts[0]
    if len(parts) == 1:  # nearly always
        return first
    samples = {name: [*chain.from_iterable(getattr(part, name) for part in parts)] for name in first.lists}
    return msgspec.structs.replace(first, **samples)


def to_media_row(row: Mapping[str, Any]) -> MediaRow:
    """A row that was decoded into a dict. What has another type than it should have is absent."""
    try:
        return msgspec.convert(row, MediaRow)
    except msgspec.ValidationError:
        lists = {name: [_readable(part) for part in as_dicts(row.get(name))] for name in _LISTS_OF_PARTS}
        return msgspec.convert({**row, **lists}, MediaRow)


def _readable(part: Mapping[str, Any]) -> dict[str, Any]:
    """The part with a sample that was not measured in place of each one that is no number."""
    return {
        name: [-1.0 if (number := as_number(sample)) is None else number for sample in as_list(value)]
        if name in _LISTS_OF_SAMPLES
        else value
        for name, value in part.items()
    }
