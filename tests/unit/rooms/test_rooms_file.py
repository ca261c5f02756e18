"""harvester/rooms/rooms_file.py: both formats, and messages that name the place and never a secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.errors import ConfigurationError
from harvester.config import Environment
from harvester.rooms.rooms_file import ArduinoAccount, Room, ServiceClient, read_rooms_file

TOML = """
[zoom.main]
account_id = "another table, of another command"

[rooms]
timezone = "Europe/Rome"
titles = "hide"

[[rooms.room]]
name = "Blue"
calendar = "blue@resource.example.org"
capacity = 6

[[rooms.room]]
name = "Tokyo"
calendar = "tokyo@resource.example.org"
timezone = "Asia/Tokyo"

[[rooms.client]]
id = "panels"
secret = {env = "PANELS_SECRET"}

[rooms.arduino]
client_id = "iot"
client_secret_file = "SECRET"
organization_id = "org"
"""
ORIGINAL = {
    "iot_client_id": "iot",
    "iot_client_secret": "arduino-secret-1",
    "gcal_watch_function_url": "https://old.example.org",
    "rooms": [{"room_name": "blue_room", "gcal_calendar_id": "blue@group.example.org"}],
}
SECRET = "invented-secret-of-the-panels"


def read(folder: Path, text: str, **variables: str) -> Any:
    path = folder / "rooms"
    path.write_text(text)
    return read_rooms_file(path, Environment(values=variables))


def test_a_toml_file_has_rooms_clients_and_arduino(tmp_path: Path) -> None:
    secret = tmp_path / "arduino"
    secret.write_text("arduino-secret-2\n")
    found = read(tmp_path, TOML.replace("SECRET", str(secret), 2).replace(f"PANELS_{secret}", "P"), P=SECRET)
    rome = ZoneInfo("Europe/Rome")
    assert found.rooms == (
        Room(name="Blue", calendar="blue@resource.example.org", zone=rome, capacity=6),
        Room(name="Tokyo", calendar="tokyo@resource.example.org", zone=ZoneInfo("Asia/Tokyo")),
    )
    assert found.titles == "hide"
    assert found.clients == (ServiceClient(id="panels", secret=SECRET),)
    assert found.arduino == ArduinoAccount(
        client_id="iot", client_secret="arduino-secret-2", organization="org"
    )
    assert set(found.secrets) == {SECRET, "arduino-secret-2"}
    assert SECRET not in repr(found)


def test_the_originals_file_is_read_unchanged(tmp_path: Path) -> None:
    found = read(tmp_path, json.dumps(ORIGINAL))
    assert found.rooms == (Room(name="blue_room", calendar="blue@group.example.org"),)
    assert found.arduino == ArduinoAccount(client_id="iot", client_secret="arduino-secret-1")
    assert found.clients == ()


ROOM = '[[rooms.room]]\nname = "Blue"\ncalendar = "b"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no table \\[rooms\\]"),
        ("[rooms\n", "line 1, is not TOML"),
        ("{", "line 1, is not JSON"),
        ("{}", "has no list `rooms`"),
        ('{"rooms": [1]}', "rooms, number 1 is not a table"),
        ('{"rooms": [{"room_name": "a"}]}', "gcal_calendar_id is missing"),
        ("[rooms]", "names no room"),
        ('[rooms]\ntitle = "hide"\n' + ROOM, "no key 'title'; did you mean titles?"),
        ('[rooms]\ntitles = "none"\n' + ROOM, 'titles must be "show" or "hide"'),
        ('[rooms]\ntimezone = "Mars"\n' + ROOM, "timezone"),
        (ROOM + ROOM, "the room 'Blue' is there twice"),
        (ROOM + ROOM.replace("Blue", "Red"), "the calendar 'b' is there twice"),
        (ROOM + "seats = 3\n", "no key 'seats'"),
        (ROOM + "capacity = 0\n", "whole number of seats"),
        (ROOM + "[[rooms.client]]\nid = 'a'\n", "set secret_file"),
        (ROOM + "[[rooms.client]]\nid = 'a'\nsecret = 'short'\n", "too short"),
        (ROOM + "[[rooms.client]]\nid = 'a'\nsecret = {env = 'NONE'}\n", "the variable NONE is not set"),
        (ROOM + "[[rooms.client]]\nid = 'a'\nsecret_file = '/nowhere'\n", "cannot be read"),
        (ROOM + "[rooms.client]\nid = 'a'\n", "write each client under"),
        (ROOM + "[rooms.arduino]\nclient_id = 'a'\n", "set client_secret_file"),
        (ROOM + "[rooms.arduino]\nrequests_per_second = 11\n", "a number up to 10"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read(tmp_path, text)


def test_a_secret_is_never_quoted(tmp_path: Path) -> None:
    broken = f"{ROOM}[[rooms.client]]\nid = 'a'\nsecret = '{SECRET} with spaces'\n"
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path, broken)
    assert SECRET not in str(refused.value)


def test_a_missing_file_names_the_command_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="harvester rooms discover > "):
        read_rooms_file(tmp_path / "rooms.toml", Environment(values={}))
