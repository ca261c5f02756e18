"""The Things and their properties: one Thing per room except the last, some without all properties, and one that belongs to no
room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from harvester.simulator.organisation import seeded_random

CODE_NAMES = (
    "busynow", "curevmsg", "curevstart", "curevend", "curevtm", "curevorganizer", "curevid", "nextevmsg", "nextevstart",
    "nextevend", "nextevtm", "nextevorganizer", "nextevid",
)  # fmt: skip
DESCRIBED_NAMES = (
    "busynow", "curevmtg", "curevstart", "curevend", "curevorganizer", "nextevmtg", "nextevstart", "nextevend",
    "nextevorganizer",
)  # fmt: skip
FREE_PLAN_NAMES = ("busynow", "curevmsg", "curevend", "nextevmsg", "nextevstart")
_SETS: Sequence[Sequence[str]] = (CODE_NAMES, DESCRIBED_NAMES, FREE_PLAN_NAMES, CODE_NAMES[:-1])


@dataclass(slots=True, kw_only=True)
class Property:
    id: str
    name: str
    value: Any
    updated: str


@dataclass(slots=True, kw_only=True)
class Thing:
    id: str
    name: str
    properties: dict[str, Property] = field(default_factory=dict)
    """By id."""

    def values(self) -> Mapping[str, Any]:
        return {each.name: each.value for each in self.properties.values()}

    def named(self, name: str) -> Property:
        """Return a property by name; KeyError if there is none."""
        return next((each for each in self.properties.values() if each.name == name), None) or _missing(name)


def _missing(name: str) -> Property:
    raise KeyError(name)


def invent_things(seed: int, rooms: Iterable[str], created: str, *, complete: bool = False) -> list[Thing]:
    """`complete`: a Thing with every property for every room."""
    names = list(rooms)
    if complete:
        return [_thing(seed, name, CODE_NAMES, created) for name in names]
    things = [_thing(seed, name, _SETS[n % len(_SETS)], created) for n, name in enumerate(names[:-1])]
    return [*things, _thing(seed, "Coffee machine", ("temperature",), created)]


def _thing(seed: int, name: str, properties: Sequence[str], created: str) -> Thing:
    thing = Thing(id=_uuid(seed, "thing", name), name=name)
    for each in properties:
        identifier = _uuid(seed, "property", name, each)
        value: Any = False if each == "busynow" else 91.5 if each == "temperature" else ""
        thing.properties[identifier] = Property(id=identifier, name=each, value=value, updated=created)
    return thing


def _uuid(*parts: str | int) -> str:
    return str(UUID(bytes=seeded_random.digest("arduino", *parts, size=16), version=4))


def thing_row(thing: Thing, *, properties: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": thing.id,
        "name": thing.name,
        "href": f"/iot/v1/things/{thing.id}",
        "user_id": "invented-user",
        "timezone": "Europe/Berlin",
        "properties_count": len(thing.properties),
    }
    if properties:
        row["properties"] = [property_row(thing, each) for each in thing.properties.values()]
    return row


def property_row(thing: Thing, each: Property) -> dict[str, Any]:
    return {
        "id": each.id,
        "name": each.name,
        "variable_name": each.name,
        "thing_id": thing.id,
        "thing_name": thing.name,
        "href": f"/iot/v1/things/{thing.id}/properties/{each.id}",
        "type": {"busynow": "STATUS", "temperature": "TEMPERATURE"}.get(each.name, "CHARSTRING"),
        "permission": "READ_WRITE",
        "update_strategy": "ON_CHANGE",
        "persist": True,
        "last_value": each.value,
        "value_updated_at": each.updated,
    }
