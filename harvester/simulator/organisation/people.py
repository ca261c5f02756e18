"""The people of the organisation, its guests, and what they sit in front of."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from harvester.simulator.organisation import names
from harvester.simulator.organisation.seeded_random import dice

Standing = Literal["active", "inactive", "pending", "departed"]
Platform = Literal["windows", "mac", "linux", "ios", "android", "web", "phone", "room", "sip"]
Network = Literal["wired", "wifi", "cellular", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with an account. `departed`: the account is gone, the records of their meetings are not."""

    index: int
    name: str
    email: str
    team: int
    standing: Standing

    @property
    def department(self) -> str:
        return names.TEAMS[self.team][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Somebody without an account: on a computer, a telephone or in a room. No name: they gave none."""

    index: int
    name: str | None
    email: str | None
    means: Literal["guest", "phone", "room"] = "guest"


Visitor = Person | Guest


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    city: str | None
    country: str | None
    country_name: str
    data_center: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """A device at a place on a network. `ip` is the text that a server noted, which may be none at all."""

    index: int
    platform: Platform
    system: str
    network: Network
    ip: str | None
    place: Place
    camera: bool


PLACES: tuple[Place, ...] = (
    Place(city="Berlin", country="DE", country_name="Germany", data_center="Frankfurt"),
    Place(city="San Jose", country="US", country_name="United States", data_center="San Jose"),
    Place(city="São Paulo", country="BR", country_name="Brazil", data_center="São Paulo"),
    Place(city="Nairobi", country="KE", country_name="Kenya", data_center="Amsterdam"),
    Place(city="Osaka", country="JP", country_name="Japan", data_center="Tokyo"),
    Place(city="Frankfurt am Main", country="DE", country_name="Germany", data_center="Frankfurt"),
    Place(city="Reykjavík", country="IS", country_name="Iceland", data_center="Amsterdam"),
    Place(city=None, country=None, country_name="India", data_center="Mumbai"),
    Place(city="New York", country=None, country_name="United States", data_center="New York"),
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
_STANDINGS: dict[int, Standing] = {5: "inactive", 9: "departed", 11: "pending"}
_DESKS: tuple[Platform, ...] = ("windows", "windows", "windows", "mac", "mac", "linux", "web")
_POCKETS: tuple[Platform, ...] = ("ios", "android")


def staff(seed: int, count: int) -> list[Person]:
    """Everybody with an account; hosts are chosen from the front, so the odd standings come where they matter."""
    rolls = dice(seed, "staff")
    return [_person(index, rolls) for index in range(count)]


def _person(index: int, rolls: Random) -> Person:
    given, family, address, family_first = names.PEOPLE[index % len(names.PEOPLE)]
    round_ = index // len(names.PEOPLE)
    name = f"{family} {given}" if family_first else f"{given} {family}"
    return Person(
        index=index,
        name=f"{name} {round_ + 1}" if round_ else name,
        email=f"{address}{round_ + 1 if round_ else ''}@example.org",
        team=rolls.randrange(len(names.TEAMS)),
        standing=_standing(index),
    )


def _standing(index: int) -> Standing:
    # Every twelfth has left in one way or another, the first of each early enough to host something.
    return _STANDINGS.get(index % 36, "active")


def guests(seed: int, count: int) -> list[Guest]:
    """People from elsewhere who come again; two in five of them gave an address when they registered."""
    rolls = dice(seed, "guests")
    return [_guest(index, rolls) for index in range(count)]


def _guest(index: int, rolls: Random) -> Guest:
    given, family = rolls.choice(names.GUESTS_GIVEN), rolls.choice(names.GUESTS_FAMILY)
    registered = rolls.random() < 0.4
    email = f"guest{index}@{rolls.choice(names.GUEST_DOMAINS)}" if registered else None
    return Guest(index=index, name=f"{given} {family}", email=email)


def odd_guests() -> list[Guest]:
    return [Guest(index=100_000 + n, name=name, email=None) for n, name in enumerate(names.ODD)]


def kits(seed: int, count: int) -> list[Kit]:
    """Desks at even places, what people carry at odd ones."""
    rolls = dice(seed, "kits")
    return [_kit(index, rolls, rolls.choice(_POCKETS if index % 2 else _DESKS)) for index in range(count)]


def special_kits(seed: int) -> dict[str, list[Kit]]:
    """Telephones, meeting rooms and SIP devices."""
    rolls = dice(seed, "special kits")
    wanted: tuple[tuple[Platform, int], ...] = (("phone", 8), ("room", 8), ("sip", 4))
    made: dict[str, list[Kit]] = {}
    first = 1_000_000
    for platform, count in wanted:
        made[platform] = [_kit(first + n, rolls, platform) for n in range(count)]
        first += count
    return made


def _kit(index: int, rolls: Random, platform: Platform) -> Kit:
    networks: tuple[Network, ...] = (
        ("cellular", "wifi") if platform in _POCKETS else ("wired", "wifi", "wifi")
    )
    return Kit(
        index=index,
        platform=platform,
        system=rolls.choice(_SYSTEMS[platform]),
        network="unknown" if platform == "phone" else rolls.choice(networks),
        ip=None if platform == "phone" else _address(rolls),
        place=rolls.choice(PLACES),
        camera=rolls.random() < 0.26,
    )


def _address(rolls: Random) -> str | None:
    # Networks set aside for documentation, and in one case of thirty what is no address at all.
    draw = rolls.random()
    if draw < 0.03:
        return "120.000.000"
    if draw < 0.06:
        return None
    if draw < 0.25:
        return f"2001:db8:{rolls.randrange(1, 0xFFFF):x}::{rolls.randrange(1, 0xFFFF):x}"
    network = rolls.choice(("192.0.2", "198.51.100", "203.0.113"))
    return f"{network}.{rolls.randrange(1, 255)}"
