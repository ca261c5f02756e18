"""Make the changes of a plan, so that no answer that is lost and no kill leaves a room too many or too few.

- A request that creates or deletes is sent once. If its outcome is unknown, the rooms are fetched, and only if it was not
  carried out is it sent again, once.
- A room is replaced in this order: create the new one, find it in a fetch, delete the old one.
- A replacement is stored before it begins. A run that was killed in between is completed by the next one.

If one change fails, the others continue. If Meetecho is unreachable, the rest is not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from connectors.errors import BrokenResponse, HarvestError, Interrupted, Unreachable, VendorError
from connectors.exit_codes import ExitCode
from connectors.meetecho.endpoints import VENDOR
from connectors.meetecho.errors import MeetechoRefused
from connectors.meetecho.room_rows import Room
from connectors.meetecho.writing.calls import (
    Fetched,
    WriteClient,
    WriteRequest,
    create_room,
    delete_room,
    is_doubtful,
    status_of,
)
from connectors.meetecho.writing.desired_state import DesiredRoom
from connectors.meetecho.writing.room_plan import (
    Change,
    Create,
    Delete,
    Finding,
    Keep,
    Past,
    Replace,
    Unlisted,
    differences,
    plan_group,
)
from connectors.meetecho.writing.write_log_contract import Write, WriteLog

ATTEMPTS = 2
"""How often a request that creates or deletes is sent, each time after a look at what is there."""

Done = Literal["unchanged", "past", "left alone", "created", "replaced", "deleted", "finding", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlan:
    """A group's rooms and the changes that they need; `error` if they could not be read."""

    group: str
    changes: Sequence[Change] = ()
    fetched: Fetched | None = None
    error: HarvestError | None = None

    @property
    def asks(self) -> list[Room]:
        """The rooms to delete that the user has to agree to."""
        return [change.room for change in self.changes if isinstance(change, Delete) and change.asks]

    def requests(self) -> Iterator[WriteRequest]:
        """The requests that `apply` would send, if every answer is the expected one."""
        for change in self.changes:
            if isinstance(change, (Create, Replace)):
                yield create_room(change.desired)
            for _ in _rooms_to_delete(change):
                yield delete_room(self.group)

    @property
    def exit_code(self) -> ExitCode:
        """Of `plan`: DATAERR if there are differences."""
        if self.error is not None:
            return error_code(self.error)
        return ExitCode.DATAERR if differences(self.changes) else ExitCode.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomOutcome:
    """What became of one change."""

    group: str
    result: Done
    number: str | None = None
    room: Room | None = None
    """The room that exists now, or the one that was deleted."""
    replaced: tuple[Room, ...] = ()
    message: str = ""
    exit_code: ExitCode = ExitCode.OK


class RoomWriter:
    """Plans and applies the rooms of groups."""

    def __init__(self, client: WriteClient, log: WriteLog, now: Callable[[], datetime]) -> None:
        self._client = client
        self._log = log
        self._now = now

    def plan(self, group: str, desired_rooms: Sequence[DesiredRoom], *, prune: bool) -> GroupPlan:
        """Reads the rooms of the group. Raises CredentialsError or Interrupted; any other error is stored in the plan."""
        try:
            fetched = self._client.fetch_rooms(group)
        except (VendorError, Unreachable) as error:
            return GroupPlan(group=group, error=error)
        changes = plan_group(
            desired_rooms, fetched[0], now=self._now(), prune=prune, replacing=self._log.replacements(group)
        )
        return GroupPlan(group=group, changes=changes, fetched=fetched)

    def apply(self, plan: GroupPlan) -> Iterator[RoomOutcome]:
        """Makes the changes of the plan, one outcome per change."""
        if plan.error is not None or plan.fetched is None:
            yield _failed(plan.group, None, plan.error)
            return
        unreachable: Unreachable | None = None
        failed: set[str | None] = set()
        group = _Group(self._client, self._log, plan.group, plan.fetched)
        for change in plan.changes:
            if unreachable is not None and isinstance(change, (Create, Replace, Delete)):
                failed.add(_number(change))
                yield _failed(plan.group, _number(change), unreachable)
                continue
            try:
                yield group.make(change)
            except Interrupted:
                raise
            except HarvestError as error:
                unreachable = error if isinstance(error, Unreachable) else None
                failed.add(_number(change))
                yield _failed(plan.group, _number(change), error)

        self._end_replacements(plan, failed)

    def _end_replacements(self, plan: GroupPlan, failed: Collection[str | None]) -> None:
        """Of an earlier run: their desired rooms exist, and no other room of the same id is left."""
        kept = {_number(change) for change in plan.changes if isinstance(change, Keep)}
        for number in self._log.replacements(plan.group):
            if number in kept and number not in failed:
                self._log.end_replacement(plan.group, number)

    def delete(self, plan: GroupPlan, rooms: Sequence[Room]) -> Iterator[RoomOutcome]:
        """Deletes these rooms of the plan's group."""
        changes = [Delete(room=room, reason="asked for", asks=True) for room in rooms]
        yield from self.apply(GroupPlan(group=plan.group, changes=changes, fetched=plan.fetched))


class _Group:
    """The changes to one group's rooms, with what was last fetched of them."""

    def __init__(self, client: WriteClient, log: WriteLog, group: str, fetched: Fetched) -> None:
        self._client = client
        self._log = log
        self._group = group
        self._rooms, self._deletion_tokens = fetched

    def make(self, change: Change) -> RoomOutcome:
        match change:
            case Create(desired=desired):
                room = self._create(desired)
                return self._outcome("created", room)
            case Replace(desired=desired, rooms=old):
                return self._replace(desired, old)
            case Delete(room=room, reason=reason):
                self._delete(room)
                return self._outcome("deleted", room, message=reason)
            case Keep(room=room):
                return self._outcome("unchanged", room)
            case Past(desired=desired):
                return RoomOutcome(
                    group=self._group,
                    result="past",
                    number=str(desired.session_id),
                    message="its time is over",
                )
            case Unlisted(room=room):
                return self._outcome("left alone", room, message="not in the file")
            case Finding(message=message, rooms=rooms):
                return RoomOutcome(
                    group=self._group,
                    result="finding",
                    number=rooms[0].number,
                    replaced=rooms,
                    message=message,
                    exit_code=ExitCode.DATAERR,
                )

    def _outcome(self, result: Done, room: Room, *, message: str = "") -> RoomOutcome:
        return RoomOutcome(group=self._group, result=result, number=room.number, room=room, message=message)

    def _replace(self, desired: DesiredRoom, old: tuple[Room, ...]) -> RoomOutcome:
        number = str(desired.session_id)
        self._log.begin_replacement(self._group, number)
        try:
            created = self._create(desired)
        except MeetechoRefused as error:
            if len(old) == 1:  # several are what an earlier run left behind, and still to be cleared up
                self._log.end_replacement(self._group, number)
            if error.status in {401, 403}:
                raise
            return RoomOutcome(
                group=self._group,
                result="finding",
                number=number,
                replaced=old,
                message=f"Meetecho refuses a second room with this id ({error.status}): delete the old room first, with "
                "`harvester meetecho rooms delete`",
                exit_code=ExitCode.DATAERR,
            )
        self._verify(created)
        for room in old:
            self._delete(room)
        self._log.end_replacement(self._group, number)
        return RoomOutcome(group=self._group, result="replaced", number=number, room=created, replaced=old)

    def _create(self, desired: DesiredRoom) -> Room:
        known = frozenset(room.uuid for room in self._rooms)
        for attempt in range(1, ATTEMPTS + 1):
            number = self._log.begin(
                Write(action="create room", group=self._group, number=str(desired.session_id))
            )
            try:
                response = self._client.send(create_room(desired))
                room = self._client.created_room(response, self._group)
            except HarvestError as error:
                self._log.finish(number, status_of(error))
                if not is_doubtful(error):
                    raise
                found = self._find(desired, known)
                if found is not None:
                    return found
                if attempt == ATTEMPTS:
                    raise
            else:
                self._log.finish(number, response.status, uuid=room.uuid, url=room.url)
                return room
        raise AssertionError("the last attempt returns or raises")

    def _find(self, desired: DesiredRoom, known: Collection[str]) -> Room | None:
        """The room that a request with a lost answer created."""
        self._fetch()
        return next((room for room in self._rooms if room.uuid not in known and desired.fits(room)), None)

    def _verify(self, created: Room) -> None:
        """Raises BrokenResponse unless Meetecho lists the room."""
        self._fetch()
        if all(room.uuid != created.uuid for room in self._rooms):
            raise BrokenResponse(
                f"{VENDOR}: the new room {created.number} of {self._group} is not listed, so the old one stays; run the "
                "same command again"
            )

    def _delete(self, room: Room) -> None:
        """Deletes the room, or finds that it is gone."""
        for attempt in range(1, ATTEMPTS + 1):
            token = self._deletion_tokens.get(room.uuid)
            if token is None:
                raise VendorError(f"{VENDOR}: no deletion token for room {room.number} of {self._group}")
            number = self._log.begin(
                Write(
                    action="delete room",
                    group=self._group,
                    number=room.number or "",
                    uuid=room.uuid,
                    url=room.url,
                )
            )
            try:
                response = self._client.delete(delete_room(self._group), token)
            except (VendorError, Unreachable) as error:
                self._log.finish(number, status_of(error))
                last = error
            else:
                self._log.finish(number, response.status)
                return
            self._fetch()
            if all(listed.uuid != room.uuid for listed in self._rooms):
                return
            if attempt == ATTEMPTS:
                raise last

    def _fetch(self) -> None:
        self._rooms, self._deletion_tokens = self._client.fetch_rooms(self._group)


def error_code(error: HarvestError) -> ExitCode:
    """77 for a group that Meetecho refuses, 65 for a request that it refuses, else the error's own."""
    if isinstance(error, MeetechoRefused):
        return ExitCode.NOPERM if error.status in {None, 401, 403} else ExitCode.DATAERR
    return ExitCode.worst([error.exit_code])


def _failed(group: str, number: str | None, error: HarvestError | None) -> RoomOutcome:
    if error is None:
        raise ValueError("a plan without rooms and without an error")
    return RoomOutcome(
        group=group, result="failed", number=number, message=str(error), exit_code=error_code(error)
    )


def _number(change: Change) -> str | None:
    match change:
        case (
            Create(desired=desired) | Replace(desired=desired) | Keep(desired=desired) | Past(desired=desired)
        ):
            return str(desired.session_id)
        case Delete(room=room) | Unlisted(room=room):
            return room.number
        case Finding(rooms=rooms):
            return rooms[0].number


def _rooms_to_delete(change: Change) -> tuple[Room, ...]:
    match change:
        case Replace(rooms=rooms):
            return rooms
        case Delete(room=room):
            return (room,)
        case _:
            return ()
