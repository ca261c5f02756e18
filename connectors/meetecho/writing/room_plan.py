"""Which rooms to create, replace and delete, so that a group has exactly the desired ones. Pure functions.

Meetecho cannot change a room (`ietf/utils/meetecho.py` has no such call), so a room that differs is replaced. A room that
has begun is never deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.meetecho.room_rows import Room
from connectors.meetecho.writing.desired_state import DesiredRoom


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """The room is as desired."""

    desired: DesiredRoom
    room: Room


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The desired time is over: Meetecho may no longer list the room, so nothing is done."""

    desired: DesiredRoom


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    desired: DesiredRoom


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Create the desired room, then delete the ones that differ from it."""

    desired: DesiredRoom
    rooms: tuple[Room, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    room: Room
    reason: str
    asks: bool
    """Whether the user has to agree: the room is not desired, rather than replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the command leaves to people."""

    message: str
    rooms: tuple[Room, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlisted:
    """A future room that is not in the file, which stays unless `--prune` is given."""

    room: Room


Change = Keep | Past | Create | Replace | Delete | Finding | Unlisted


def plan_group(
    desired_rooms: Iterable[DesiredRoom],
    rooms: Iterable[Room],
    *,
    now: datetime,
    prune: bool,
    replacing: Collection[str] = frozenset(),
) -> list[Change]:
    """The changes for one group, in the order of the desired rooms.

    `replacing`: the ids of rooms whose replacement an earlier run began and did not end. Of these, the rooms that do not
    fit the desired one are deleted without `prune`.
    """
    by_id: dict[str | None, list[Room]] = {}
    for room in rooms:
        by_id.setdefault(room.number, []).append(room)
    changes: list[Change] = []
    for desired in desired_rooms:
        number = str(desired.session_id)
        found = by_id.pop(number, [])
        if desired.end <= now:
            changes.append(Past(desired=desired))
        else:
            changes += _plan_desired(desired, found, now=now, may_delete=prune or number in replacing)
    for unlisted in by_id.values():
        changes += _plan_unlisted(unlisted, now=now, prune=prune)
    return changes


def has_begun(room: Room, now: datetime) -> bool:
    """Also if its start cannot be read: such a room is not deleted."""
    return room.start is None or room.start <= now


def differences(changes: Iterable[Change]) -> list[Change]:
    """The changes that `apply` would make or report."""
    return [change for change in changes if isinstance(change, (Create, Replace, Delete, Finding))]


def _plan_desired(
    desired: DesiredRoom, found: Sequence[Room], *, now: datetime, may_delete: bool
) -> list[Change]:
    if not found:
        return [Create(desired=desired)]
    fitting = [room for room in found if desired.fits(room)]
    if fitting:
        return [
            Keep(desired=desired, room=fitting[0]),
            *_plan_others(fitting[0], found, now=now, may_delete=may_delete),
        ]
    if len(found) > 1 and not may_delete:
        return [_two_rooms(found)]
    begun = tuple(room for room in found if has_begun(room, now))
    if begun:
        return [
            Finding(
                message="differs from the file, but has begun or has no start time: it stays as it is",
                rooms=begun,
            )
        ]
    return [Replace(desired=desired, rooms=tuple(found))]


def _plan_others(kept: Room, found: Sequence[Room], *, now: datetime, may_delete: bool) -> list[Change]:
    others = [room for room in found if room is not kept]
    if not others:
        return []
    if not may_delete or any(has_begun(room, now) for room in others):
        return [_two_rooms(found)]
    return [
        Delete(room=room, reason="another room of this id is as in the file", asks=False) for room in others
    ]


def _plan_unlisted(rooms: Sequence[Room], *, now: datetime, prune: bool) -> list[Change]:
    future = [room for room in rooms if not has_begun(room, now)]
    if prune:
        return [Delete(room=room, reason="not in the file", asks=True) for room in future]
    if len(future) > 1 and future[0].number is not None:
        return [_two_rooms(future)]
    return [Unlisted(room=room) for room in future]


def _two_rooms(rooms: Sequence[Room]) -> Finding:
    return Finding(
        message=f"{len(rooms)} rooms have the id {rooms[0].number}: delete the wrong ones, or use --prune",
        rooms=tuple(rooms),
    )
