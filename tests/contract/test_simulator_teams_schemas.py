"""Validates the simulator's answers against Microsoft's published schema, which is not in this repository.

It is read from the folder named by VENDOR_SCHEMAS, by default beside the checkout.
"""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harvester.simulator.teams.account import Quirk
from tests.unit.simulator.teams_client import ALL, RECORDS, TeamsClient, teams_client

FOLDER = Path(os.environ.get("VENDOR_SCHEMAS") or Path(__file__).parents[3] / "shared" / "vendors" / "data")
TEAMS = FOLDER / "teams-callrecords.csdl"
NAMESPACE = "microsoft.graph.callRecords."
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")
DURATION = re.compile(r"-?P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")
IDENTITIES = {"graph.identity", "graph.identitySet", "graph.communicationsIdentitySet"}
"""Open types of another namespace, which the file does not have."""

PRIMITIVES: dict[str, Any] = {
    "Edm.String": lambda value: isinstance(value, str),
    "Edm.Boolean": lambda value: isinstance(value, bool),
    "Edm.Int32": lambda value: type(value) is int and abs(value) < 1 << 31,
    "Edm.Int64": lambda value: type(value) is int,
    "Edm.Single": lambda value: type(value) in {int, float},
    "Edm.DateTimeOffset": lambda value: isinstance(value, str) and STAMP.fullmatch(value) is not None,
    "Edm.Duration": lambda value: isinstance(value, str) and DURATION.fullmatch(value) is not None,
}


class Schema:
    """The types of one namespace."""

    def __init__(self, path: Path) -> None:
        root = ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314  # a file that a developer put there
        self.enums = {
            enum.get("Name"): {member.get("Name") for member in enum.iter(f"{EDM}Member")}
            for enum in root.iter(f"{EDM}EnumType")
        }
        self.types = {
            str(kind.get("Name")): kind
            for tag in ("ComplexType", "EntityType")
            for kind in root.iter(f"{EDM}{tag}")
        }

    def bases(self, name: str) -> Iterator[ET.Element]:
        """Yield the type and those that it extends, if this namespace has them."""
        while name in self.types:
            yield self.types[name]
            name = (self.types[name].get("BaseType") or "").removeprefix(NAMESPACE)

    def errors(self, value: Any, kind: str, place: str = "") -> Iterator[str]:
        """Yield what is wrong with a value of this type, with its place."""
        name = kind.removeprefix(NAMESPACE)
        if kind.startswith("Collection("):
            if not isinstance(value, list):
                yield f"{place}: no collection"
                return
            for position, part in enumerate(value):
                yield from self.errors(part, kind[len("Collection(") : -1], f"{place}[{position}]")
        elif kind in PRIMITIVES:
            if not PRIMITIVES[kind](value):
                yield f"{place}: {value!r} is no {kind}"
        elif name in self.enums:
            if value not in self.enums[name]:
                yield f"{place}: {value!r} is no {name}"
        elif not isinstance(value, dict):
            yield f"{place}: {value!r} is not an object"
        elif kind in IDENTITIES:
            yield from self._identity_errors(value, kind, place)
        else:
            yield from self._object_errors(value, name, place)

    def _identity_errors(self, value: dict[str, Any], kind: str, place: str) -> Iterator[str]:
        if kind == "graph.identity":
            if not {"id", "displayName"} <= value.keys():
                yield f"{place}: an identity has an id and a name"
        elif len([member for member in value.values() if member is not None]) != 1:
            yield f"{place}: an identity set has one member"
        else:
            [member] = [member for member in value.values() if member is not None]
            yield from self._identity_errors(member, "graph.identity", place)

    def _object_errors(self, value: dict[str, Any], declared: str, place: str) -> Iterator[str]:
        name = value.get("@odata.type", f"#{NAMESPACE}{declared}").removeprefix(f"#{NAMESPACE}")
        chain = list(self.bases(name))
        if declared not in {kind.get("Name") for kind in chain}:
            yield f"{place}: {name} is no {declared}"
        if chain and chain[0].get("Abstract") == "true":
            yield f"{place}: {name} is abstract"
        properties = {str(p.get("Name")): p for kind in chain for p in kind if p.tag != f"{EDM}Member"}
        if not any(kind.get("OpenType") == "true" for kind in chain):
            known = {*properties, *(["id"] if any(k.tag == f"{EDM}EntityType" for k in chain) else [])}
            unknown = [key for key in value if "@odata." not in key and key not in known]
            yield from (f"{place}.{key}: not in {name}" for key in unknown)
        for key, described in properties.items():
            required = described.get("Nullable") == "false"
            if required and key not in value:
                yield f"{place}.{key}: missing"
            elif value.get(key) is not None:
                yield from self.errors(value[key], str(described.get("Type")), f"{place}.{key}")
            elif required:
                yield f"{place}.{key}: null"


@pytest.fixture(scope="module")
def schema() -> Schema:
    if not TEAMS.exists():
        pytest.skip(
            f"NOT CHECKED: the vendors' published schemas are not in {FOLDER}; name their folder in VENDOR_SCHEMAS"
        )
    return Schema(TEAMS)


@pytest.fixture(scope="module")
def client() -> TeamsClient:
    return teams_client()


def of_type(name: str) -> str:
    return f"Collection({NAMESPACE}{name})"


def test_listed_records(schema: Schema, client: TeamsClient) -> None:
    rows = client.rows(RECORDS, filter=ALL)
    assert {row["type"] for row in rows} == {"groupCall", "peerToPeer", "unknown"}
    assert list(schema.errors(rows, of_type("callRecord"))) == []


@pytest.mark.parametrize(
    "quirk", [quirk for quirk in Quirk if quirk not in {Quirk.not_listed, Quirk.not_readable}]
)
def test_sessions_and_participants(schema: Schema, client: TeamsClient, quirk: Quirk) -> None:
    record = client.record(quirk)
    sessions = client.sessions(record)
    assert sessions
    assert list(schema.errors(sessions, of_type("session"))) == []
    people = client.rows(f"{RECORDS}/{record.id}/participants_v2")
    assert list(schema.errors(people, of_type("participant"))) == []


def test_a_record_with_its_sessions(schema: Schema, client: TeamsClient) -> None:
    body = client.get(
        f"{RECORDS}/{client.record(Quirk.sixty_one).id}", expand="sessions($expand=segments)"
    ).body
    assert len(body["sessions"]) == 60
    media = [medium for s in body["sessions"] for g in s["segments"] for medium in g["media"] or ()]
    assert len([medium for medium in media if medium["streams"]]) > 60
    assert list(schema.errors(body, f"{NAMESPACE}callRecord")) == []


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (("startDateTime",), "2026-11-19 09:00"),
        (("caller", "userAgent", "platform"), "Windows"),
        (("caller", "userAgent", "colour"), "red"),
        (("segments", 0, "media", 0, "streams", 0, "averageJitter"), 0.016),
        (("segments", 0, "media", 0, "streams", 0, "streamDirection"), None),
        (("segments", 0, "media", 0, "callerNetwork", "linkSpeed"), "fast"),
        (("modalities",), None),
    ],
)
def test_the_validation_finds_a_difference(schema: Schema, place: tuple[Any, ...], wrong: Any) -> None:
    client = teams_client()
    sessions = client.sessions(client.record(Quirk.sixty))
    session = next(
        s
        for s in sessions
        if s["caller"]["userAgent"] and s["segments"][0]["media"] and s["segments"][0]["media"][0]["streams"]
    )
    part: Any = session
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = wrong
    errors = list(schema.errors(sessions, of_type("session")))
    assert len(errors) == 1
    assert str(place[-1]) in errors[0]
