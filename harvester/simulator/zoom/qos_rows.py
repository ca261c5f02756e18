"""Zoom's quality of service: strings with units, one element a minute, ten stays a request at the most.

Every minute of the organisation's pool is encoded once; a page is then put together from ready pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import orjson

from harvester.simulator.organisation import MINUTE, Minute, Organisation
from harvester.simulator.organisation.quality import Sample
from harvester.simulator.zoom.account import Instance
from harvester.simulator.zoom.attendance import Presence
from harvester.simulator.zoom.dashboard_rows import ParticipantRows
from harvester.simulator.zoom.formats import stamp

_NAMES = {
    "audio_in": "audio_input",
    "audio_out": "audio_output",
    "video_in": "video_input",
    "video_out": "video_output",
    "share_in": "as_input",
    "share_out": "as_output",
}
_COPIED = ("id", "user_id", "user_name", "email", "device", "client", "os", "ip_address", "internal_ip_addresses",
           "location", "join_time", "leave_time", "pc_name", "domain", "mac_addr", "harddisk_id", "version")  # fmt: skip


class QosRows:
    def __init__(self, organisation: Organisation, rows: ParticipantRows) -> None:
        self._organisation = organisation
        self._rows = rows

    @cached_property
    def _pieces(self) -> list[bytes]:
        return [_piece(place, minute) for place, minute in enumerate(self._organisation.minutes)]

    def row(self, instance: Instance, presence: Presence, instant: int) -> dict[str, Any]:
        """One stay with its minutes, as JSON already (bytes in a row are to be copied); of somebody who is still there Zoom has none yet.

        Some rows begin a second after the stay that they are about.
        """
        row = self._rows.row(instance, presence, instant)
        row = {name: row[name] for name in _COPIED if name in row}
        if presence.bits >> 20 & 15 == 0:
            row["join_time"] = stamp(presence.join + 1000)
        there = presence.leave > instant
        row["user_qos"] = [] if there else b"[" + b",".join(self._minutes(presence)) + b"]"
        return row

    def _minutes(self, presence: Presence) -> Iterator[bytes]:
        when = presence.join
        for place in self._organisation.quality(presence.stay):
            yield b'{"date_time":"' + stamp(when).encode() + b'",' + self._pieces[place]
            when += MINUTE


def listed(presences: Sequence[Presence]) -> list[Presence]:
    """The stays that have a row here, each once."""
    return list({id(presence): presence for presence in presences if presence.measured}.values())


def _piece(place: int, minute: Minute) -> bytes:
    """The element without its instant. What was not measured is "", "-" or not there."""
    empty = ("", "-")[place % 2]
    told: dict[str, Any] = {}
    for name, sample in minute.streams.items():
        pictures = not name.startswith("audio")
        if sample is not None:
            told[_NAMES[name]] = _texts(sample, place, empty, pictures=pictures)
        elif place % 3:
            told[_NAMES[name]] = _silence(empty, pictures=pictures)
    if minute.cpu is not None:
        keys = ("zoom_min_cpu_usage", "zoom_avg_cpu_usage", "zoom_max_cpu_usage", "system_max_cpu_usage")
        told["cpu_usage"] = dict(zip(keys, (f"{load}%" for load in minute.cpu), strict=True))
    return orjson.dumps(told)[1:] if told else b'"wifi_rssi":{}}'


def _texts(sample: Sample, place: int, empty: str, *, pictures: bool) -> dict[str, str]:
    gap = " " if place % 2 else ""
    texts = {
        "bitrate": _text(sample.bitrate, f"{gap}kbps", empty),
        "latency": _text(sample.latency, f"{gap}ms", empty),
        "jitter": _text(sample.jitter, f"{gap}ms", empty),
        "avg_loss": _text(sample.loss, "%", empty),
        "max_loss": _text(sample.peak_loss, "%", empty),
    }
    if pictures:
        texts["resolution"] = f"{sample.width}*{sample.height}" if sample.height else empty
        texts["frame_rate"] = _text(sample.fps, " fps", empty)
    return texts


def _text(value: float | None, unit: str, empty: str) -> str:
    return empty if value is None else f"{value}{unit}"


def _silence(empty: str, *, pictures: bool) -> dict[str, str]:
    keys = ["bitrate", "latency", "jitter", "avg_loss", "max_loss"]
    return dict.fromkeys(keys + ["resolution", "frame_rate"] * pictures, empty)
