"""Who attended each meeting, as Zoom knows it: the only source of its answers and of the expected documents.

`None` means that Zoom does not return the value. Whether a row then has "", null or no key is up to the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from harvester.simulator.organisation import Device, Organisation, Person, Session
from harvester.simulator.zoom.account import Account, Instance, Quirk, user_id

FIRST_USER_ID = 16_778_240
_IN_MEETING = "in_meeting"
_WAITING = "in_waiting_room"

# Free text, whatever the documentation lists: https://github.com/Jericho/ZoomNet/issues/168, /237, /324,
# /354, /369
_DEVICES = {
    "windows": ("Windows", "WIN", "win 10+ 17763", "Windows 11"),
    "mac": ("Mac", "Mac", "MAC"),
    "linux": ("Linux",),
    "ios": ("iOS",),
    "android": ("Android",),
    "web": ("Web", "Web Browser Chrome 129"),
    "phone": ("Phone", "Phone", "Phone", "Unknown + Phone"),
    "room": ("Zoom Rooms",),
    "sip": ("H.323/SIP",),
}
_NETWORKS = {"wired": "Wired", "wifi": "Wifi", "cellular": "Cellular", "unknown": "Others"}
_CLIENTS = {"phone": None, "web": "Web", "room": "Zoom Rooms", "sip": "CRC"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """A device in Zoom's terms.

    `city` and `country` are set if the location has the form "Berlin (DE)".
    """

    index: int
    device: str | None
    os: str | None
    os_version: str | None
    client: str | None
    version: str | None
    ip_address: str | None
    location: str | None
    city: str | None
    country: str | None
    network_type: str
    data_center: str
    camera: str | None


@dataclass(slots=True)
class SessionRecord:
    """One row about one session.

    join, leave, known_at: milliseconds since 1970.
    shares: application, desktop, whiteboard, recording.
    bits: random bits for the form of the row.
    """

    user_id: str
    participant_uuid: str
    id: str | None
    name: str | None
    email: str | None
    role: str | None
    status: str | None
    breakout: str | None
    join: int
    leave: int
    known_at: int
    device_info: DeviceInfo
    reason: str | None
    shares: tuple[bool | None, bool | None, bool | None, bool | None]
    bits: int
    session: Session
    measured: bool
    """Whether the qualities contain it: they list connections to the meeting itself, distinguished by their
    ids."""


class Attendance:
    """The rows of every instance in the order of joining."""

    def __init__(self, account: Account) -> None:
        self._organisation: Organisation = account.organisation
        self._ids = lru_cache(maxsize=8192)(self._id)
        self._device_infos: dict[int, DeviceInfo] = {}
        self.records = lru_cache(maxsize=2048)(self._records)

    def _records(self, instance: Instance) -> Sequence[SessionRecord]:
        if Quirk.blank_empty in instance.quirks:
            return ()
        sessions = self._organisation.sessions(instance.meeting)
        rows = [self._record(instance, session) for session in sessions]
        return _apply_quirks(rows, instance.quirks) if instance.quirks else rows

    def _record(self, instance: Instance, session: Session) -> SessionRecord:
        visitor, bits, seed = session.visitor, session.bits, instance.meeting.seed
        name = visitor.name.replace(",", "#") if visitor.name else None
        waiting, breakout = session.kind == "waiting_room", session.kind == "breakout"
        return SessionRecord(
            str(FIRST_USER_ID + 1024 * session.connection),
            f"{bits:08X}-{seed & 0xFFFF:04X}-4{session.connection & 0xFFF:03X}-8A5F-{seed & 0xFFFFFFFFFFFF:012X}",
            self._ids(visitor) if isinstance(visitor, Person) else None,
            name,
            visitor.email,
            None if bits & 63 == 17 else session.role,
            _WAITING if waiting else None if bits & 31 == 9 else _IN_MEETING,
            f"{seed & 0xFFFFFF:06x}/BO+{session.room}==" if breakout else None,
            session.join,
            session.leave,
            session.known_at,
            self._device_info(session.device),
            _reason(session, name or ""),
            _shares(bits, instance.meeting.shared),
            bits,
            session,
            session.kind == "meeting",
        )

    def _id(self, person: Person) -> str:
        return user_id(self._organisation.seed, person)

    def _device_info(self, device: Device) -> DeviceInfo:
        device_info = self._device_infos.get(device.index)
        if device_info is None:
            device_info = self._device_infos[device.index] = _device_info(device)
        return device_info


def _device_info(device: Device) -> DeviceInfo:
    devices = _DEVICES[device.platform]
    system, _, version = device.system.partition(" ")
    known = device.index % 19 != 5  # some locations are unknown
    return DeviceInfo(
        index=device.index,
        device=None if device.index % 23 == 7 else devices[device.index % len(devices)],
        os=system or None,
        os_version=version or None,
        client=_CLIENTS.get(device.platform, "Zoom Workplace"),
        version=None
        if device.platform in {"phone", "sip"}
        else f"6.{device.index % 4}.{device.index % 13}.{48500 + device.index % 999}",
        ip_address=device.ip,
        location=_location(device) if known else None,
        city=device.location.city if known and device.location.country else None,
        country=device.location.country if known else None,
        network_type="PPP" if device.index % 41 == 4 else _NETWORKS[device.network],
        data_center=device.location.data_center,
        camera="Built-in camera" if device.camera else None,
    )


def _location(device: Device) -> str:
    location = device.location
    if location.city is None:
        return location.country_name
    return f"{location.city} ({location.country})" if location.country else location.city


def _reason(session: Session, name: str) -> str | None:
    if session.bits & 127 == 5:
        return None
    if session.leave_reason == "left":
        return f"{name} left the meeting."
    if session.leave_reason == "dropped":
        return f"{name} got disconnected from the meeting.<br>Reason: Network connection error."
    return (
        "Host ended the meeting." if session.leave_reason == "ended" else f"{name} was removed by the host."
    )


def _shares(bits: int, shared: bool) -> tuple[bool | None, bool | None, bool | None, bool | None]:
    if bits >> 12 & 63 == 3:
        return None, None, None, None
    desktop = shared and bits >> 6 & 3 == 0
    return shared and bits >> 8 & 15 == 0, desktop, bits >> 18 & 63 == 0, bits >> 10 & 31 == 0


def _apply_quirks(rows: list[SessionRecord], quirks: frozenset[Quirk]) -> list[SessionRecord]:
    if Quirk.hidden in quirks:
        rows = [_hide(row) for row in rows]
    if Quirk.fractions in quirks:
        rows = [
            replace(row, join=row.join + row.bits % 997, leave=row.leave + row.bits % 991) for row in rows
        ]
    if Quirk.duplicates in quirks:
        rows = rows + rows[:5:2]
    if Quirk.collision in quirks:
        rows = _add_collisions(rows)
    return rows


def _hide(row: SessionRecord) -> SessionRecord:
    device_info = replace(row.device_info, index=-1, ip_address=None, location=None, city=None, country=None)
    return replace(row, name=None, email=None, reason=None, device_info=device_info)


def _add_collisions(rows: list[SessionRecord]) -> list[SessionRecord]:
    """Repeat the longest sessions with another end; the qualities then contain none of them."""
    result: list[SessionRecord] = []
    longest = {id(row) for row in sorted(rows, key=lambda row: row.join - row.leave)[:3]}
    for row in rows:
        if id(row) not in longest:
            result.append(row)
            continue
        result.append(replace(row, measured=False))
        result.append(replace(row, leave=row.leave - 17_000, known_at=row.known_at - 17_000, measured=False))
    return result
