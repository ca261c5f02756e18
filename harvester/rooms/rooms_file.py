"""Reads which rooms there are: the table `[rooms]` of a TOML file, or a `config.json` of arduino-iotcloud-gcal-sync.

    [rooms]
    timezone = "Europe/Rome"
    titles = "hide"

    [[rooms.room]]
    name = "Blue"
    calendar = "c_blue@resource.calendar.google.com"
    capacity = 6

    [[rooms.client]]
    id = "door-panels"
    secret = {env = "PANELS_SECRET"}

    [rooms.arduino]
    client_id = "…"
    client_secret_file = "/run/secrets/arduino"

`config.json` has iot_client_id, iot_client_secret, iot_organization_id (optional) and rooms with room_name and
gcal_calendar_id; its gcal_watch_function_url is not used.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from connectors.errors import ConfigurationError
from connectors.text_file import UnreadableFile, read_text_file
from harvester import config
from harvester.config import Environment
from harvester.rooms.status_json import Titles
from harvester.setting_checks import checked_text, checked_token

SHORTEST_SECRET = 16
MAX_NAME = 100
"""The characters that a room's name may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A room and its calendar."""

    name: str
    calendar: str
    zone: ZoneInfo | None = None
    """None: the zone of its calendar."""
    capacity: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArduinoAccount:
    """The credentials for Arduino IoT Cloud."""

    client_id: str
    client_secret: str = field(repr=False)
    organization: str | None = None
    requests_per_second: float = 1.0
    """What the plan permits: 1 if it is free, 10 if it is paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceClient:
    """A program that may use the REST service, with a secret of its own."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomsFile:
    """The whole file."""

    rooms: tuple[Room, ...]
    titles: Titles = "show"
    arduino: ArduinoAccount | None = None
    clients: tuple[ServiceClient, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be printed."""
        arduino = (self.arduino.client_secret,) if self.arduino is not None else ()
        return (*arduino, *(client.secret for client in self.clients))


def read_rooms_file(path: Path, environment: Environment) -> RoomsFile:
    """`environment`: where `{env = "NAME"}` is looked up. Raises ConfigurationError, which never quotes a secret."""
    try:
        text = read_text_file(path)
    except UnreadableFile as error:
        hint = (
            ""
            if path.exists()
            else f": write the company's rooms into it with `harvester rooms discover > {path}`"
        )
        raise ConfigurationError(f"{path} {error}{hint}") from None
    reader = _Reader(path, environment)
    try:
        if text.lstrip().startswith("{"):
            return reader.read_json(json.loads(text))
        return reader.read_toml(tomllib.loads(text))
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{path}, line {error.lineno}, is not JSON") from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise ConfigurationError(
            f"{path}{f', line {line[1]},' if line else ''} is not TOML: check the quotation marks, the brackets and the ="
        ) from None
    except ValueError:  # Python reads no number of more than 4,300 digits
        raise ConfigurationError(f"{path} contains a number with too many digits") from None
    except RecursionError:
        raise ConfigurationError(f"{path} is nested too deeply") from None


def with_client(file: RoomsFile, client_id: str | None, secret: str | None) -> RoomsFile:
    """The file with one more client, which the settings name; by default with the client id of the Arduino account.

    Raises ConfigurationError if one of the two is missing, or the secret is too short.
    """
    if secret is None:
        return file
    if client_id is None and file.arduino is not None:
        client_id = file.arduino.client_id
    if client_id is None:
        raise ConfigurationError("ROOMS_CLIENT_SECRET is set, but ROOMS_CLIENT_ID is not")
    if len(secret) < SHORTEST_SECRET:
        raise ConfigurationError(
            f"ROOMS_CLIENT_SECRET is too short: use at least {SHORTEST_SECRET} characters"
        )
    others = tuple(client for client in file.clients if client.id != client_id)
    return replace(file, clients=(*others, ServiceClient(id=client_id, secret=secret)))


class _Reader:
    def __init__(self, path: Path, environment: Environment) -> None:
        self._path = path
        self._environment = environment

    def read_toml(self, tables: Mapping[str, Any]) -> RoomsFile:
        table = tables.get("rooms")
        if not isinstance(table, dict):
            raise self._error("has no table [rooms]; `harvester rooms discover` prints one")
        self._check_keys("[rooms]", table, ("timezone", "titles", "room", "client", "arduino"))
        titles = table.get("titles", "show")
        if titles not in {"show", "hide"}:
            raise self._error('[rooms]: titles must be "show" or "hide"')
        zone = self._zone("[rooms]", table)
        arduino = table.get("arduino")
        return RoomsFile(
            rooms=self._rooms(self._room(place, row, zone) for place, row in self._tables(table, "room")),
            titles=titles,
            arduino=None if arduino is None else self._arduino(arduino),
            clients=self._clients(self._client(place, row) for place, row in self._tables(table, "client")),
        )

    def read_json(self, found: Any) -> RoomsFile:
        if not isinstance(found, dict) or not isinstance(found.get("rooms"), list):
            raise self._error("has no list `rooms`")
        rooms = [
            self._named(f"rooms, number {number}", row, "room_name", "gcal_calendar_id")
            for number, row in enumerate(found["rooms"], 1)
        ]
        arduino = None
        if found.get("iot_client_id"):
            arduino = ArduinoAccount(
                client_id=self._text("config.json", found, "iot_client_id"),
                client_secret=checked_token(
                    f"{self._path}: iot_client_secret", self._text("config.json", found, "iot_client_secret")
                ),
                organization=self._optional_text("config.json", found, "iot_organization_id"),
            )
        return RoomsFile(rooms=self._rooms(rooms), arduino=arduino)

    # Rooms

    def _room(self, place: str, row: Mapping[str, Any], zone: ZoneInfo | None) -> Room:
        self._check_keys(place, row, ("name", "calendar", "timezone", "capacity"))
        named = self._named(place, row, "name", "calendar")
        capacity = row.get("capacity")
        if capacity is not None and (
            isinstance(capacity, bool) or not isinstance(capacity, int) or capacity < 1
        ):
            raise self._error(f"{place}: capacity must be a whole number of seats")
        return Room(
            name=named.name,
            calendar=named.calendar,
            zone=self._zone(place, row) or zone,
            capacity=capacity,
        )

    def _named(self, place: str, row: Any, name: str, calendar: str) -> Room:
        if not isinstance(row, dict):
            raise self._error(f"{place} is not a table with {name} and {calendar}")
        return Room(name=self._text(place, row, name), calendar=self._text(place, row, calendar))

    def _rooms(self, rooms: Iterable[Room]) -> tuple[Room, ...]:
        found = tuple(rooms)
        if not found:
            raise self._error("names no room")
        self._check_unique("the room", (room.name for room in found))
        self._check_unique("the calendar", (room.calendar for room in found))
        return found

    # Clients and Arduino

    def _client(self, place: str, row: Mapping[str, Any]) -> ServiceClient:
        self._check_keys(place, row, ("id", "secret", "secret_file"))
        secret = self._secret(place, row, "secret")
        if len(secret) < SHORTEST_SECRET:
            raise self._error(f"{place}: the secret is too short: use at least {SHORTEST_SECRET} characters")
        return ServiceClient(id=self._text(place, row, "id"), secret=secret)

    def _clients(self, clients: Iterable[ServiceClient]) -> tuple[ServiceClient, ...]:
        found = tuple(clients)
        self._check_unique("the client", (client.id for client in found))
        return found

    def _arduino(self, row: Any) -> ArduinoAccount:
        if not isinstance(row, dict):
            raise self._error("[rooms.arduino] is not a table")
        self._check_keys(
            "[rooms.arduino]",
            row,
            ("client_id", "client_secret", "client_secret_file", "organization_id", "requests_per_second"),
        )
        rate = row.get("requests_per_second", 1)
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= 10:
            raise self._error("[rooms.arduino]: requests_per_second must be a number up to 10")
        return ArduinoAccount(
            client_id=self._text("[rooms.arduino]", row, "client_id"),
            client_secret=self._secret("[rooms.arduino]", row, "client_secret"),
            organization=self._optional_text("[rooms.arduino]", row, "organization_id"),
            requests_per_second=float(rate),
        )

    # Values

    def _tables(self, table: Mapping[str, Any], name: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
        rows = table.get(name, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._error(f"write each {name} under a line [[rooms.{name}]]")
        return [(f"[[rooms.{name}]], number {number}", row) for number, row in enumerate(rows, 1)]

    def _text(self, place: str, row: Mapping[str, Any], key: str) -> str:
        value = row.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self._error(f"{place}: {key} is missing")
        text = checked_text(f"{self._path}: {place}: {key}", value.strip())
        if len(text) > MAX_NAME:
            raise self._error(f"{place}: {key} is longer than {MAX_NAME} characters")
        return text

    def _optional_text(self, place: str, row: Mapping[str, Any], key: str) -> str | None:
        return self._text(place, row, key) if row.get(key) else None

    def _secret(self, place: str, row: Mapping[str, Any], key: str) -> str:
        """The text itself, the text of the file that KEY_file names, or that of the variable in `{env = "NAME"}`."""
        name = f"{self._path}: {place}: {key}"
        value, file = row.get(key), row.get(f"{key}_file")
        if (value is None) == (file is None):
            raise self._error(f'{place}: set {key}_file = "FILE" or {key} = {{env = "NAME"}}')
        if isinstance(file, str):
            try:
                text = read_text_file(Path(file)).strip()
            except UnreadableFile as error:
                raise ConfigurationError(f"{name}_file: {file} {error}") from None
        elif isinstance(value, dict) and set(value) == {"env"} and isinstance(value["env"], str):
            text = self._environment.get(value["env"]) or ""
            if not text:
                raise ConfigurationError(f"{name}: the variable {value['env']} is not set")
        elif isinstance(value, str):
            text = value.strip()
        else:
            raise self._error(f'{place}: {key} must be a text or {{env = "NAME"}}')
        return checked_token(name, text)

    def _zone(self, place: str, row: Mapping[str, Any]) -> ZoneInfo | None:
        name = row.get("timezone")
        if name is None:
            return None
        return config.zone(str(name), f"{self._path}: {place}: timezone")

    def _check_keys(self, place: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                similar = get_close_matches(key, known, n=1)
                hint = f"; did you mean {similar[0]}?" if similar else f"; it may have {', '.join(known)}"
                raise self._error(f"{place}: there is no key {key!r}{hint}")

    def _check_unique(self, what: str, names: Iterable[str]) -> None:
        for name, count in Counter(names).items():
            if count > 1:
                raise self._error(f"{what} {name!r} is there twice")

    def _error(self, problem: str) -> ConfigurationError:
        separator = " " if problem.startswith(("has ", "names ")) else ": "
        return ConfigurationError(f"{self._path}{separator}{problem}")
