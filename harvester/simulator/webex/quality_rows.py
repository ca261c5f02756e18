"""Rows of the meeting qualities: one per media session, with a list of numbers for each measure of each
stream.

Every minute of the organisation's pool is encoded once; rows are assembled from these parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from harvester.simulator.http_bodies import encode_json
from harvester.simulator.organisation import MINUTE, Organisation
from harvester.simulator.webex import quality_samples
from harvester.simulator.webex.account import Instance, Quirk
from harvester.simulator.webex.attendance import MediaSession
from harvester.simulator.webex.formats import exact

_STREAMS = {
    "video_in": "videoIn", "video_out": "videoOut", "audio_in": "audioIn", "audio_out": "audioOut",
    "share_in": "shareIn", "share_out": "shareOut",
}  # fmt: skip
_ARRAYS = {
    "packet_loss_pct": "packetLoss", "latency_ms": "latency", "height_px": "resolutionHeight", "fps": "frameRate",
    "bitrate_kbps": "mediaBitRate", "jitter_ms": "jitter",
}  # fmt: skip
# Field names of an older page of the documentation, which programs of that time look for.
_OLD_NAMES = {
    "meetingInstanceId": "meetingId",
    "webexUserName": "displayName",
    "webexUserEmail": "email",
    "joinTime": "joined",
    "clientType": "client",
}
_NETWORKS = {"wired": "ethernet", "wifi": "wifi", "cellular": "cellular", "unknown": "unknown"}
_CLIENTS = {
    "windows": "WEBEX_MEETINGS_CLIENT (Windows)", "mac": "WEBEX_MEETINGS_CLIENT (Mac)",
    "linux": "WEBEX_MEETINGS_CLIENT (Linux)", "ios": "Teams_Mobile_Client (iOS)",
    "android": "Teams_Mobile_Client (Android)", "web": "WEB_CLIENT", "room": "ROOM_DEVICE", "sip": "SIP",
}  # fmt: skip
_SPLIT = 40  # minutes from which a stream may come in two parts
NOT_MEASURED = b"-1"


def device_fields(media_session: MediaSession) -> dict[str, str | None]:
    """Return what a row says about the device, under Webex's names; None for a missing field."""
    device = media_session.device
    system, _, version = device.system.partition(" ")
    has_version = device.platform not in {"sip", "web"}
    return {
        "clientType": None if device.index % 37 == 5 else _CLIENTS[device.platform],
        "clientVersion": f"4{device.index % 5}.{device.index % 12}.0.{device.index % 400}"
        if has_version
        else None,
        "osType": system.lower() or None if device.platform != "web" else None,
        "osVersion": version or None if device.platform != "web" else None,
        "hardwareType": f"hardware {device.index % 40}" if device.index % 3 else None,
        "networkType": None
        if device.index % 31 == 2
        else _NETWORKS["unknown" if device.index % 29 == 4 else device.network],
        "publicIP": device.valid_ip,
        "serverRegion": None if device.index % 17 == 6 else device.location.data_center,
    }


class QualityRows:
    def __init__(self, organisation: Organisation) -> None:
        self._minutes = organisation.minutes

    @cached_property
    def _encoded_minutes(self) -> dict[tuple[str, str], list[bytes]]:
        """For each stream and measure, the value of every minute of the pool."""
        encoded_minutes: dict[tuple[str, str], list[bytes]] = {}
        for position, minute in enumerate(self._minutes):
            for stream, measure, value in quality_samples.samples(position, minute):
                encoded_minutes.setdefault((stream, measure), []).append(_number(value))
        return encoded_minutes

    @cached_property
    def _loads(self) -> list[list[bytes]]:
        minute_loads = [quality_samples.loads(minute) for minute in self._minutes]
        return [
            [_number(loads[position]) for loads in minute_loads]
            for position in range(len(quality_samples.LOADS))
        ]

    def row(self, instance: Instance, media_session: MediaSession) -> bytes:
        row: dict[str, Any] = {
            "meetingInstanceId": instance.id,
            "webexUserName": media_session.name,
            "webexUserEmail": media_session.email,
            "joinTime": exact(media_session.join),
            "leaveTime": exact(media_session.leave),
            "joinMeetingTime": f"{media_session.bits % 9000 / 1000:.3f}",
            **device_fields(media_session),
            "participantId": media_session.participant,
            "participantSessionId": media_session.session_id,
        }
        if (address := media_session.device.valid_ip) is not None:
            row["maskedPublicIP"] = f"{address.rpartition('.')[0]}.0"
            row["localIP"] = (
                f"192.168.{media_session.device.index % 250}.{1 + media_session.device.index % 200}"
            )
        # A missing value is "" or its key is missing; networkType is never "".
        empty = media_session.bits & 32
        row = {
            name: value or ""
            for name, value in row.items()
            if value is not None or (empty and name != "networkType")
        }
        if Quirk.old_names in instance.quirks:
            row = {_OLD_NAMES.get(name, name): value for name, value in row.items()}
        for stream, name in _STREAMS.items():
            row[name] = b"[" + b",".join(self._parts(instance, media_session, stream)) + b"]"
        row["resources"] = self._resources(media_session)
        return encode_json(row)

    def _parts(self, instance: Instance, media_session: MediaSession, stream: str) -> list[bytes]:
        """Return the stream: two parts if its codec changed, none if it did not run."""
        minutes = media_session.minutes
        latency = self._encoded_minutes[stream, "packet_loss_pct"]
        if not minutes or all(latency[position] == NOT_MEASURED for position in minutes):
            return [] if media_session.bits & 4 else [self._part(instance, media_session, stream, 0, 0)]
        if len(minutes) >= _SPLIT and media_session.bits >> 9 & 3 == 0:
            half = len(minutes) // 2
            return [
                self._part(instance, media_session, stream, 0, half),
                self._part(instance, media_session, stream, half, len(minutes)),
            ]
        return [self._part(instance, media_session, stream, 0, len(minutes))]

    def _part(
        self, instance: Instance, media_session: MediaSession, stream: str, first: int, last: int
    ) -> bytes:
        heard = stream.startswith("audio")
        minutes = media_session.minutes[first:last]
        end = (
            media_session.leave if last == len(media_session.minutes) else media_session.join + last * MINUTE
        )
        head = (
            f'"samplingInterval":60,"startTime":"{exact(media_session.join + first * MINUTE)}","endTime":"{exact(end)}",'
            f'"codec":"{"Opus" if heard else "H.264 BP" if first == 0 else "AV1"}",'
            f'"transportType":"{"TCP" if media_session.bits & 128 else "UDP"}"'
        ).encode()
        pieces = [head]
        for measure, name in _ARRAYS.items():
            values = self._encoded_minutes.get((stream, measure))
            if values is None:
                pieces.append(_of_pictures_only(instance, media_session, name))
            else:
                pieces.append(_array(name, [values[position] for position in minutes]))
        return b"{" + b",".join(piece for piece in pieces if piece) + b"}"

    def _resources(self, media_session: MediaSession) -> bytes:
        if not media_session.minutes and media_session.bits & 8:
            return b"[]"
        arrays = [
            _array(name, [values[position] for position in media_session.minutes])
            for name, values in zip(quality_samples.LOADS, self._loads, strict=True)
        ]
        return b"[{" + b",".join(arrays) + b"}]"


def _number(value: float | None) -> bytes:
    return NOT_MEASURED if value is None else f"{value}".encode()


def _array(name: str, values: Sequence[bytes]) -> bytes:
    return b'"' + name.encode() + b'":[' + b",".join(values) + b"]"


def _of_pictures_only(instance: Instance, media_session: MediaSession, name: str) -> bytes:
    """Return an array that audio should not have; the published example has frame rates of audio all the
    same."""
    if Quirk.heard_frames in instance.quirks and name == "frameRate":
        return _array(name, [b"25.940001"])
    if media_session.bits & 2048:
        return b""
    return b'"' + name.encode() + (b'":[]' if media_session.bits & 4096 else b'":null')
