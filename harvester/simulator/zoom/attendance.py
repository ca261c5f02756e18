"""What Zoom knows of every stay, before anybody spells it: the one source of its answers and of the truth.

`None` is what Zoom does not tell. Whether it then writes "", null or no key at all is for the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from harvester.simulator.organisation import Kit, Organisation, Person, Stay
from harvester.simulator.zoom.account import Account, Instance, Quirk, user_id

FIRST_USER_ID = 16_778_240
_IN_MEETING = "in_meeting"
_WAITING = "in_waiting_room"

# Free text, whatever the documentation lists: https://github.com/Jericho/ZoomNet/issues/168, /237, /324, /354, /369
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
class Station:
    """A kit in Zoom's words. `city` and `country` are told apart where the location has the form "Berlin (DE)"."""

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
class Presence:
    """One row about one stay. `join`, `leave`, `known_at`: milliseconds since 1970; `shares`: application, desktop,
    whiteboard, recording; `bits`: chance, for the spelling of the row."""

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
    station: Station
    reason: str | None
    shares: tuple[bool | None, bool | None, bool | None, bool | None]
    bits: int
    stay: Stay
    measured: bool
    """Whether the qualities list it: connections into the meeting itself, told apart by their ids."""


class Presences:
    """Every row about an instance, in the order of joining."""

    def __init__(self, account: Account) -> None:
        self._organisation: Organisation = account.organisation
        self._ids = lru_cache(maxsize=8192)(self._id)
        self._stations: dict[int, Station] = {}
        self.of = lru_cache(maxsize=2048)(self._of)

    def _of(self, instance: Instance) -> Sequence[Presence]:
        if Quirk.blank_empty in instance.quirks:
            return ()
        stays = self._organisation.stays(instance.meeting)
        rows = [self._presence(instance, stay) for stay in stays]
        return _with_quirks(rows, instance.quirks) if instance.quirks else rows

    def _presence(self, instance: Instance, stay: Stay) -> Presence:
        visitor, bits, seed = stay.visitor, stay.bits, instance.meeting.seed
        name = visitor.name.replace(",", "#") if visitor.name else None
        waiting, breakout = stay.place == "waiting_room", stay.place == "breakout"
        return Presence(
            str(FIRST_USER_ID + 1024 * stay.visit),
            f"{bits:08X}-{seed & 0xFFFF:04X}-4{stay.visit & 0xFFF:03X}-8A5F-{seed & 0xFFFFFFFFFFFF:012X}",
            self._ids(visitor) if isinstance(visitor, Person) else None,
            name,
            visitor.email,
            None if bits & 63 == 17 else stay.role,
            _WAITING if waiting else None if bits & 31 == 9 else _IN_MEETING,
            f"{seed & 0xFFFFFF:06x}/BO+{stay.room}==" if breakout else None,
            stay.join,
            stay.leave,
            stay.known_at,
            self._station(stay.kit),
            _reason(stay, name or ""),
            _shares(bits, instance.meeting.shared),
            bits,
            stay,
            stay.place == "meeting",
        )

    def _id(self, person: Person) -> str:
        return user_id(self._organisation.seed, person)

    def _station(self, kit: Kit) -> Station:
        station = self._stations.get(kit.index)
        if station is None:
            station = self._stations[kit.index] = _station(kit)
        return station


def _station(kit: Kit) -> Station:
    devices = _DEVICES[kit.platform]
    system, _, version = kit.system.partition(" ")
    told = kit.index % 19 != 5  # some places are not known
    return Station(
        index=kit.index,
        device=None if kit.index % 23 == 7 else devices[kit.index % len(devices)],
        os=system or None,
        os_version=version or None,
        client=_CLIENTS.get(kit.platform, "Zoom Workplace"),
        version=None
        if kit.platform in {"phone", "sip"}
        else f"6.{kit.index % 4}.{kit.index % 13}.{48500 + kit.index % 999}",
        ip_address=kit.ip,
        location=_location(kit) if told else None,
        city=kit.place.city if told and kit.place.country else None,
        country=kit.place.country if told else None,
        network_type="PPP" if kit.index % 41 == 4 else _NETWORKS[kit.network],
        data_center=kit.place.data_center,
        camera="Built-in camera" if kit.camera else None,
    )


def _location(kit: Kit) -> str:
    place = kit.place
    if place.city is None:
        return place.country_name
    return f"{place.city} ({place.country})" if place.country else place.city


def _reason(stay: Stay, name: str) -> str | None:
    if stay.bits & 127 == 5:
        return None
    if stay.exit == "left":
        return f"{name} left the meeting."
    if stay.exit == "dropped":
        return f"{name} got disconnected from the meeting.<br>Reason: Network connection error."
    return "Host ended the meeting." if stay.exit == "ended" else f"{name} was removed by the host."


def _shares(bits: int, shared: bool) -> tuple[bool | None, bool | None, bool | None, bool | None]:
    if bits >> 12 & 63 == 3:
        return None, None, None, None
    desktop = shared and bits >> 6 & 3 == 0
    return shared and bits >> 8 & 15 == 0, desktop, bits >> 18 & 63 == 0, bits >> 10 & 31 == 0


def _with_quirks(rows: list[Presence], quirks: frozenset[Quirk]) -> list[Presence]:
    if Quirk.hidden in quirks:
        rows = [_hidden(row) for row in rows]
    if Quirk.fractions in quirks:
        rows = [
            replace(row, join=row.join + row.bits % 997, leave=row.leave + row.bits % 991) for row in rows
        ]
    if Quirk.duplicates in quirks:
        rows = rows + rows[:5:2]
    if Quirk.collision in quirks:
        rows = _collided(rows)
    return rows


def _hidden(row: Presence) -> Presence:
    station = replace(row.station, index=-1, ip_address=None, location=None, city=None, country=None)
    return replace(row, name=None, email=None, reason=None, station=station)


def _collided(rows: list[Presence]) -> list[Presence]:
    """The longest stays come again, each with another end: the qualities then know none of them."""
    told: list[Presence] = []
    longest = {id(row) for row in sorted(rows, key=lambda row: row.join - row.leave)[:3]}
    for row in rows:
        if id(row) not in longest:
            told.append(row)
            continue
        told.append(replace(row, measured=False))
        told.append(replace(row, leave=row.leave - 17_000, known_at=row.known_at - 17_000, measured=False))
    return told
