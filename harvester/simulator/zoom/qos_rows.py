"""Rows of Zoom's quality of service: strings with units, one element per minute, at most ten sessions per
request.

Every minute of the organisation's pool is encoded once; pages are assembled from these parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import orjson

from harvester.simulator.organisation import MINUTE, Minute, Organisation
from harvester.simulator.organisation.quality import Sample
from harvester.simulator.zoom.account import Instance
from harvester.simulator.zoom.attendance import SessionRecord
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
    def _encoded_minutes(self) -> list[bytes]:
        return [
            _encode_minute(position, minute) for position, minute in enumerate(self._organisation.minutes)
        ]

    def row(self, instance: Instance, record: SessionRecord, instant: int) -> dict[str, Any]:
        """Return a session with its minutes, encoded as JSON (bytes in a row are inserted as they are).

        Zoom has no minutes of participants who are still present. Some rows start a second after their
        session.
        """
        row = self._rows.row(instance, record, instant)
        row = {name: row[name] for name in _COPIED if name in row}
        if record.bits >> 20 & 15 == 0:
            row["join_time"] = stamp(record.join + 1000)
        still_present = record.leave > instant
        row["user_qos"] = [] if still_present else b"[" + b",".join(self._minutes(record)) + b"]"
        return row

    def _minutes(self, record: SessionRecord) -> Iterator[bytes]:
        when = record.join
        for position in self._organisation.quality_minutes(record.session):
            yield b'{"date_time":"' + stamp(when).encode() + b'",' + self._encoded_minutes[position]
            when += MINUTE


def measured_records(records: Sequence[SessionRecord]) -> list[SessionRecord]:
    """Return the records that have a row here, each once."""
    return list({id(record): record for record in records if record.measured}.values())


def _encode_minute(position: int, minute: Minute) -> bytes:
    """Return the element without its instant. A value that was not measured is "", "-" or missing."""
    empty = ("", "-")[position % 2]
    streams: dict[str, Any] = {}
    for name, sample in minute.streams.items():
        pictures = not name.startswith("audio")
        if sample is not None:
            streams[_NAMES[name]] = _measure_texts(sample, position, empty, pictures=pictures)
        elif position % 3:
            streams[_NAMES[name]] = _empty_texts(empty, pictures=pictures)
    if minute.cpu is not None:
        keys = ("zoom_min_cpu_usage", "zoom_avg_cpu_usage", "zoom_max_cpu_usage", "system_max_cpu_usage")
        streams["cpu_usage"] = dict(zip(keys, (f"{load}%" for load in minute.cpu), strict=True))
    return orjson.dumps(streams)[1:] if streams else b'"wifi_rssi":{}}'


def _measure_texts(sample: Sample, position: int, empty: str, *, pictures: bool) -> dict[str, str]:
    gap = " " if position % 2 else ""
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


def _empty_texts(empty: str, *, pictures: bool) -> dict[str, str]:
    keys = ["bitrate", "latency", "jitter", "avg_loss", "max_loss"]
    return dict.fromkeys(keys + ["resolution", "frame_rate"] * pictures, empty)
