"""The rows of the meeting qualities: a row for a media session, in it a list of numbers for each measure of each stream.

Every minute of the organisation's pool is spelled once; a row is then put together from ready pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from harvester.simulator.organisation import MINUTE, Organisation
from harvester.simulator.responses import encoded
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
# An older page of the documentation has these names: what a program from then looks for.
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


def station(session: MediaSession) -> dict[str, str | None]:
    """What a row tells of the device, under Webex's names; None: not told."""
    kit = session.kit
    system, _, version = kit.system.partition(" ")
    version_told = kit.platform not in {"sip", "web"}
    return {
        "clientType": None if kit.index % 37 == 5 else _CLIENTS[kit.platform],
        "clientVersion": f"4{kit.index % 5}.{kit.index % 12}.0.{kit.index % 400}" if version_told else None,
        "osType": system.lower() or None if kit.platform != "web" else None,
        "osVersion": version or None if kit.platform != "web" else None,
        "hardwareType": f"hardware {kit.index % 40}" if kit.index % 3 else None,
        "networkType": None
        if kit.index % 31 == 2
        else _NETWORKS["unknown" if kit.index % 29 == 4 else kit.network],
        "publicIP": kit.ip,
        "serverRegion": None if kit.index % 17 == 6 else kit.place.data_center,
    }


class QualityRows:
    def __init__(self, organisation: Organisation) -> None:
        self._minutes = organisation.minutes

    @cached_property
    def _spelled(self) -> dict[tuple[str, str], list[bytes]]:
        """For each stream and measure the value of every minute of the pool."""
        spelled: dict[tuple[str, str], list[bytes]] = {}
        for place, minute in enumerate(self._minutes):
            for stream, measure, value in quality_samples.samples(place, minute):
                spelled.setdefault((stream, measure), []).append(_number(value))
        return spelled

    @cached_property
    def _loads(self) -> list[list[bytes]]:
        told = [quality_samples.loads(minute) for minute in self._minutes]
        return [[_number(loads[place]) for loads in told] for place in range(len(quality_samples.LOADS))]

    def row(self, instance: Instance, session: MediaSession) -> bytes:
        row: dict[str, Any] = {
            "meetingInstanceId": instance.id,
            "webexUserName": session.name,
            "webexUserEmail": session.email,
            "joinTime": exact(session.join),
            "leaveTime": exact(session.leave),
            "joinMeetingTime": f"{session.bits % 9000 / 1000:.3f}",
            **station(session),
            "participantId": session.participant,
            "participantSessionId": session.session,
        }
        if session.kit.ip is not None:
            row["maskedPublicIP"] = f"{session.kit.ip.rpartition('.')[0]}.0"
            row["localIP"] = f"192.168.{session.kit.index % 250}.{1 + session.kit.index % 200}"
        # What is not told is "" or not there at all; of the network kinds "" is none.
        empty = session.bits & 32
        row = {
            name: told or ""
            for name, told in row.items()
            if told is not None or (empty and name != "networkType")
        }
        if Quirk.old_names in instance.quirks:
            row = {_OLD_NAMES.get(name, name): told for name, told in row.items()}
        for stream, name in _STREAMS.items():
            row[name] = b"[" + b",".join(self._parts(instance, session, stream)) + b"]"
        row["resources"] = self._resources(session)
        return encoded(row)

    def _parts(self, instance: Instance, session: MediaSession, stream: str) -> list[bytes]:
        """The stream, in two parts where its codec changed, in none where nothing of it ran."""
        minutes = session.minutes
        latency = self._spelled[stream, "packet_loss_pct"]
        if not minutes or all(latency[place] == NOT_MEASURED for place in minutes):
            return [] if session.bits & 4 else [self._part(instance, session, stream, 0, 0)]
        if len(minutes) >= _SPLIT and session.bits >> 9 & 3 == 0:
            half = len(minutes) // 2
            return [
                self._part(instance, session, stream, 0, half),
                self._part(instance, session, stream, half, len(minutes)),
            ]
        return [self._part(instance, session, stream, 0, len(minutes))]

    def _part(self, instance: Instance, session: MediaSession, stream: str, first: int, last: int) -> bytes:
        heard = stream.startswith("audio")
        minutes = session.minutes[first:last]
        end = session.leave if last == len(session.minutes) else session.join + last * MINUTE
        head = (
            f'"samplingInterval":60,"startTime":"{exact(session.join + first * MINUTE)}","endTime":"{exact(end)}",'
            f'"codec":"{"Opus" if heard else "H.264 BP" if first == 0 else "AV1"}",'
            f'"transportType":"{"TCP" if session.bits & 128 else "UDP"}"'
        ).encode()
        pieces = [head]
        for measure, name in _ARRAYS.items():
            values = self._spelled.get((stream, measure))
            if values is None:
                pieces.append(_of_pictures_only(instance, session, name))
            else:
                pieces.append(_array(name, [values[place] for place in minutes]))
        return b"{" + b",".join(piece for piece in pieces if piece) + b"}"

    def _resources(self, session: MediaSession) -> bytes:
        if not session.minutes and session.bits & 8:
            return b"[]"
        arrays = [
            _array(name, [values[place] for place in session.minutes])
            for name, values in zip(quality_samples.LOADS, self._loads, strict=True)
        ]
        return b"[{" + b",".join(arrays) + b"}]"


def _number(value: float | None) -> bytes:
    return NOT_MEASURED if value is None else f"{value}".encode()


def _array(name: str, values: Sequence[bytes]) -> bytes:
    return b'"' + name.encode() + b'":[' + b",".join(values) + b"]"


def _of_pictures_only(instance: Instance, session: MediaSession, name: str) -> bytes:
    """Sound has no height and no pictures a second; the published example tells frame rates of it all the same."""
    if Quirk.heard_frames in instance.quirks and name == "frameRate":
        return _array(name, [b"25.940001"])
    if session.bits & 2048:
        return b""
    return b'"' + name.encode() + (b'":[]' if session.bits & 4096 else b'":null')
