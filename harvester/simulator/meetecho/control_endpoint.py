"""`/_simulator/meetecho`: the complete state of rooms and decks, and changes behind the harvester's back.

It is not part of Meetecho's or the datatracker's API. Answers contain no token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harvester.simulator.meetecho.account import Room
from harvester.simulator.meetecho.formats import meetecho_stamp, parse_meetecho_stamp
from harvester.simulator.meetecho.materials import Deck, Materials
from harvester.simulator.meetecho.meetecho_api import RoomsApi
from harvester.simulator.meetecho.planned_faults import Exchanges, PlannedFault

PATH = "/_simulator/meetecho"


class Control:
    def __init__(self, api: RoomsApi, materials: Materials, exchanges: Exchanges) -> None:
        self._api = api
        self._materials = materials
        self._exchanges = exchanges

    def state(self) -> dict[str, Any]:
        """Return the rooms of every group, the decks that Meetecho has of every session, and the requests.

        requests: every request for rooms and decks, `writes` for those that change something.
        """
        groups: dict[str, list[dict[str, Any]]] = {}
        for room in self._api.rooms.all():
            groups.setdefault(room.group, []).append(_room_row(room))
        return {
            "rooms": groups,
            "decks": self._api.decks.all(),
            "requests": list(self._exchanges.log),
        }

    def change(self, changes: Mapping[str, Any]) -> None:
        """Apply changes; each key is optional.

        create_rooms: rows with `group` and the keys of createRoom. delete_rooms: uuids.
        decks: by session, the decks that Meetecho has. materials: by session, those of the datatracker, rows with
        `id`, `title`, `name` and `rev`. files: by path, the status with which a deck's file is answered.
        expire: groups whose tokens expire. faults: planned faults, which replace earlier ones.

        Raises KeyError, TypeError or ValueError for changes of another form.
        """
        for row in changes.get("create_rooms", ()):
            self._api.rooms.create(
                row["group"],
                number=row["room_id"],
                start=parse_meetecho_stamp(row["start_time"]),
                minutes=row["duration"],
                description=row["description"],
                extrainfo=row.get("extrainfo", ""),
            )
        for uuid in changes.get("delete_rooms", ()):
            self._api.rooms.delete(uuid)
        for session, decks in changes.get("decks", {}).items():
            self._api.decks.replace(session, decks)
        for session, rows in changes.get("materials", {}).items():
            self._materials.set_decks(int(session), [Deck(**row) for row in rows])
        self._materials.statuses.update(changes.get("files", {}))
        for group in changes.get("expire", ()):
            self._api.tokens.expire(group)
        if "faults" in changes:
            self._exchanges.faults[:] = [PlannedFault(**row) for row in changes["faults"]]


def _room_row(room: Room) -> dict[str, Any]:
    return {
        "uuid": room.uuid,
        "url": room.url,
        "room_id": room.number,
        "description": room.description,
        "start_time": meetecho_stamp(room.start),
        "duration": room.minutes,
        "extrainfo": room.extrainfo,
    }
