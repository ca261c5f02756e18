"""The rooms at Meetecho: listed by group, created and deleted.

No room is ever changed: the API has no call for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count

from harvester.simulator.meetecho.account import Room
from harvester.simulator.organisation import seeded_random


class Rooms:
    """Rooms in the order of their creation, and the deletion tokens that have been used."""

    def __init__(self, seed: int, rooms: Iterable[Room]) -> None:
        self._seed = seed
        self._rooms = {room.uuid: room for room in rooms}
        self._numbers = count()
        self._deleted: dict[str, Room] = {}

    def all(self) -> Sequence[Room]:
        return list(self._rooms.values())

    def of(self, group: str) -> Sequence[Room]:
        return [room for room in self._rooms.values() if room.group == group]

    def create(
        self, group: str, *, number: int, start: int, minutes: int, description: str, extrainfo: str = ""
    ) -> Room:
        digits = seeded_random.digest(self._seed, "created room", next(self._numbers)).hex()
        room = Room(
            uuid=f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}",
            group=group,
            number=number,
            start=start,
            minutes=minutes,
            description=description,
            session=None,
            extrainfo=extrainfo,
        )
        self._rooms[room.uuid] = room
        return room

    def delete(self, uuid: str) -> Room:
        """Raises KeyError if there is no such room."""
        room = self._rooms.pop(uuid)
        self._deleted[self.deletion_token(room)] = room
        return room

    def deletion_token(self, room: Room) -> str:
        return f"delete-{seeded_random.digest(self._seed, 'deletion token', room.uuid).hex()}"

    def by_deletion_token(self, token: str) -> Room | None:
        return next((room for room in self._rooms.values() if self.deletion_token(room) == token), None)

    def deleted_with(self, token: str) -> Room | None:
        """Return the room that was deleted with this token."""
        return self._deleted.get(token)
