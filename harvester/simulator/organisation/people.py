"""The people of the organisation, its guests, and their devices."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from harvester.simulator.organisation import names
from harvester.simulator.organisation.seeded_random import generator

AccountStatus = Literal["active", "inactive", "pending", "departed"]
Platform = Literal["windows", "mac", "linux", "ios", "android", "web", "phone", "room", "sip"]
Network = Literal["wired", "wifi", "cellular", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person with an account. `departed`: the account is deleted, the records of their meetings are not."""

    index: int
    name: str
    email: str
    team: int
    status: AccountStatus

    @property
    def department(self) -> str:
        return names.TEAMS[self.team][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A person without an account: on a computer, on a telephone or in a meeting room. `name` is None if they
    gave none."""

    index: int
    name: str | None
    email: str | None
    joined_by: Literal["guest", "phone", "room"] = "guest"


Visitor = Person | Guest


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    city: str | None
    country: str | None
    country_name: str
    data_center: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device at a location on a network. `ip` is the text that Zoom logged, which may not be a valid address."""

    index: int
    platform: Platform
    system: str
    network: Network
    ip: str | None
    location: Location
    camera: bool

    @property
    def valid_ip(self) -> str | None:
        return None if self.ip == INVALID_ADDRESS else self.ip


INVALID_ADDRESS = "120.000.000"
"""As in Zoom's own examples."""

LOCATIONS: tuple[Location, ...] = (
    Location(city="Berlin", country="DE", country_name="Germany", data_center="Frankfurt"),
    Location(city="San Jose", country="US", country_name="United States", data_center="San Jose"),
    Location(city="São Paulo", country="BR", country_name="Brazil", data_center="São Paulo"),
    Location(city="Nairobi", country="KE", country_name="Kenya", data_center="Amsterdam"),
    Location(city="Osaka", country="JP", country_name="Japan", data_center="Tokyo"),
    Location(city="Frankfurt am Main", country="DE", country_name="Germany", data_center="Frankfurt"),
    Location(city="Reykjavík", country="IS", country_name="Iceland", data_center="Amsterdam"),
    Location(city=None, country=None, country_name="India", data_center="Mumbai"),
    Location(city="New York", country=None, country_name="United States", data_center="New York"),
)
_SYSTEMS: dict[Platform, tuple[str, ...]] = {
    "windows": ("Windows 11 23H2", "Windows 10 22H2"),
    "mac": ("macOS 15.1", "macOS 14.6"),
    "linux": ("Ubuntu 24.04",),
    "ios": ("iOS 18.1", "iPadOS 17.7"),
    "android": ("Android 15", "Android 13"),
    "web": ("Chrome 129", "Firefox 131"),
    "phone": ("",),
    "room": ("Rooms 6.2",),
    "sip": ("",),
}
_STATUSES: dict[int, AccountStatus] = {5: "inactive", 9: "departed", 11: "pending"}
_DESKS: tuple[Platform, ...] = ("windows", "windows", "windows", "mac", "mac", "linux", "web")
_POCKETS: tuple[Platform, ...] = ("ios", "android")


def generate_people(seed: int, count: int) -> list[Person]:
    """Return everyone with an account; hosts are taken from the front, so the unusual statuses come early."""
    rng = generator(seed, "staff")
    return [_person(index, rng) for index in range(count)]


def _person(index: int, rng: Random) -> Person:
    given, family, address, family_first = names.PEOPLE[index % len(names.PEOPLE)]
    round_ = index // len(names.PEOPLE)
    name = f"{family} {given}" if family_first else f"{given} {family}"
    return Person(
        index=index,
        name=f"{name} {round_ + 1}" if round_ else name,
        email=f"{address}{round_ + 1 if round_ else ''}@example.org",
        team=rng.randrange(len(names.TEAMS)),
        status=_status(index),
    )


def _status(index: int) -> AccountStatus:
    # Every twelfth person is inactive, departed or pending, the first of each early enough to host a meeting.
    return _STATUSES.get(index % 36, "active")


def generate_guests(seed: int, count: int) -> list[Guest]:
    """Return external people who attend repeatedly; two in five gave an e-mail address when they registered."""
    rng = generator(seed, "guests")
    return [_guest(index, rng) for index in range(count)]


def _guest(index: int, rng: Random) -> Guest:
    given, family = rng.choice(names.GUESTS_GIVEN), rng.choice(names.GUESTS_FAMILY)
    registered = rng.random() < 0.4
    email = f"guest{index}@{rng.choice(names.GUEST_DOMAINS)}" if registered else None
    return Guest(index=index, name=f"{given} {family}", email=email)


def generate_odd_guests() -> list[Guest]:
    return [Guest(index=100_000 + n, name=name, email=None) for n, name in enumerate(names.ODD)]


def generate_devices(seed: int, count: int) -> list[Device]:
    """Return devices: desktops at even positions, mobile devices at odd ones."""
    rng = generator(seed, "kits")
    return [_device(index, rng, rng.choice(_POCKETS if index % 2 else _DESKS)) for index in range(count)]


def generate_special_devices(seed: int) -> dict[str, list[Device]]:
    """Return telephones, meeting rooms and SIP devices."""
    rng = generator(seed, "special kits")
    wanted: tuple[tuple[Platform, int], ...] = (("phone", 8), ("room", 8), ("sip", 4))
    made: dict[str, list[Device]] = {}
    first = 1_000_000
    for platform, count in wanted:
        made[platform] = [_device(first + n, rng, platform) for n in range(count)]
        first += count
    return made


def _device(index: int, rng: Random, platform: Platform) -> Device:
    networks: tuple[Network, ...] = (
        ("cellular", "wifi") if platform in _POCKETS else ("wired", "wifi", "wifi")
    )
    return Device(
        index=index,
        platform=platform,
        system=rng.choice(_SYSTEMS[platform]),
        network="unknown" if platform == "phone" else rng.choice(networks),
        ip=None if platform == "phone" else _address(rng),
        location=rng.choice(LOCATIONS),
        camera=rng.random() < 0.26,
    )


def _address(rng: Random) -> str | None:
    # Networks reserved for documentation; of Zoom's addresses, one in thirty is invalid.
    draw = rng.random()
    if draw < 0.03:
        return INVALID_ADDRESS
    if draw < 0.06:
        return None
    if draw < 0.25:
        return f"2001:db8:{rng.randrange(1, 0xFFFF):x}::{rng.randrange(1, 0xFFFF):x}"
    network = rng.choice(("192.0.2", "198.51.100", "203.0.113"))
    return f"{network}.{rng.randrange(1, 255)}"
