"""The file of rooms, as arduino/arduino-iotcloud-gcal-sync reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harvester.output_file import write_output
from harvester.simulator.arduino.app import CLIENT_ID, CLIENT_SECRET, ArduinoOptions
from harvester.simulator.google_meet.rooms.room import Room


def write_rooms(path: Path, rooms: Iterable[Room], options: ArduinoOptions) -> None:
    """Write the file, readable by its owner only: it has Arduino's secret."""
    content = original_configuration(rooms, options)
    write_output(path, json.dumps(content, indent=2, ensure_ascii=False).encode(), private=True)


def original_configuration(rooms: Iterable[Room], options: ArduinoOptions) -> dict[str, Any]:
    organization = {"iot_organization_id": options.organization} if options.organization else {}
    return {
        "iot_client_id": CLIENT_ID,
        "iot_client_secret": CLIENT_SECRET,
        **organization,
        "gcal_watch_function_url": "",
        "rooms": [{"room_name": room.name, "gcal_calendar_id": room.email} for room in rooms],
    }
