"""What the commands that write to Meetecho show: plans, outcomes, rooms and the log, as text and as JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson

from connectors.meetecho.room_rows import Room
from connectors.meetecho.writing.room_apply import GroupPlan, RoomOutcome
from connectors.meetecho.writing.room_plan import (
    Change,
    Create,
    Delete,
    Finding,
    Keep,
    Past,
    Replace,
    Unlisted,
)
from connectors.meetecho.writing.slide_sync import SlideOutcome, SlidePlan
from harvester.cli.render.table import table_lines
from harvester.formatting import format_instant, plural
from harvester.printable import printable_json
from harvester.state.write_log import LoggedWrite


def json_lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        line = orjson.dumps({name: value for name, value in row.items() if value is not None}).decode()
        yield printable_json(line)


def room_fields(room: Room, group: str) -> dict[str, Any]:
    return {
        "group": group,
        "session_id": room.number,
        "uuid": room.uuid,
        "start": _instant(room.start),
        "minutes": room_minutes(room),
        "description": room.description,
        "url": room.url,
    }


def _described(room: Room) -> str:
    return room.description or "without a description"


def room_minutes(room: Room) -> int | None:
    if room.start is None or room.end is None:
        return None
    return int((room.end - room.start).total_seconds() // 60)


def room_table(rooms: Iterable[tuple[str, Room]]) -> list[str]:
    rows = [[_cell(value) for value in room_fields(room, group).values()] for group, room in rooms]
    return table_lines(("group", "session", "uuid", "start", "minutes", "description", "url"), rows)


def plan_lines(plans: Sequence[GroupPlan]) -> Iterator[str]:
    """A line for each room that differs from the file, and a count of the others."""
    same = 0
    for plan in plans:
        if plan.error is not None:
            yield f"{plan.group}: {plan.error}"
        for change in plan.changes:
            if isinstance(change, (Keep, Past)):
                same += 1
            else:
                yield f"{plan.group} {_change_text(change)}"
    yield f"{plural(same, 'room')} as in the file or past"


def plan_fields(plan: GroupPlan) -> Iterator[dict[str, Any]]:
    if plan.error is not None:
        yield {"group": plan.group, "change": "failed", "message": str(plan.error)}
    for change in plan.changes:
        yield {"group": plan.group, **_change_fields(change)}


def outcome_line(outcome: RoomOutcome) -> str:
    parts = [outcome.group, outcome.number or "", f"{outcome.result}:"]
    if outcome.result == "replaced" and outcome.room is not None:
        urls = ", ".join(room.url or room.uuid for room in outcome.replaced)
        parts.append(
            f"{outcome.room.url or outcome.room.uuid} replaces {urls}; store the new address in the datatracker"
        )
    else:
        shown = [outcome.room] if outcome.room is not None else list(outcome.replaced)
        parts += [outcome.message, *(room.url or room.uuid for room in shown)]
    return " ".join(filter(None, parts))


def outcome_fields(outcome: RoomOutcome) -> dict[str, Any]:
    return {
        "group": outcome.group,
        "session_id": outcome.number,
        "result": outcome.result,
        "url": outcome.room.url if outcome.room is not None else None,
        "uuid": outcome.room.uuid if outcome.room is not None else None,
        "others": [room.url or room.uuid for room in outcome.replaced] or None,
        "message": outcome.message or None,
    }


def slide_plan_lines(plan: SlidePlan) -> Iterator[str]:
    yield f"session {plan.session} ({plan.group}): {plural(len(plan.decks), 'deck')}"
    for finding in plan.findings:
        yield f"  finding: {finding}"
    if plan.steps:
        for deck in plan.decks:
            yield f"  {deck.order}. {deck.title} (deck {deck.id}, revision {deck.rev})"
    elif not plan.findings:
        yield "  nothing to send"


def slide_outcome_line(outcome: SlideOutcome) -> str:
    line = f"session {outcome.session} {outcome.result}: {plural(outcome.decks, 'deck')}"
    return f"{line}; {outcome.message}" if outcome.message else line


def slide_outcome_fields(outcome: SlideOutcome) -> dict[str, Any]:
    return {
        "session": outcome.session,
        "result": outcome.result,
        "decks": outcome.decks,
        "message": outcome.message or None,
    }


def log_table(writes: Iterable[LoggedWrite]) -> list[str]:
    rows = [
        [
            format_instant(write.at),
            write.action,
            write.group,
            write.number,
            _status(write),
            write.url or write.uuid or "",
        ]
        for write in writes
    ]
    return table_lines(("time (UTC)", "action", "group", "id", "status", "room"), rows)


def log_fields(write: LoggedWrite) -> dict[str, Any]:
    return {
        "time": _instant(write.at),
        "action": write.action,
        "group": write.group,
        "id": write.number,
        "uuid": write.uuid,
        "url": write.url,
        "status": write.status,
        "finished": write.finished,
    }


def _change_text(change: Change) -> str:
    match change:
        case Create(desired=desired):
            return (
                f"{desired.session_id} create: {_time(desired.start, desired.minutes)}, {desired.description}"
            )
        case Replace(desired=desired, rooms=rooms):
            old = "; ".join(f"{_time(room.start, room_minutes(room))}, {_described(room)}" for room in rooms)
            return f"{desired.session_id} replace: {_time(desired.start, desired.minutes)}, {desired.description} (now: {old})"
        case Delete(room=room, reason=reason):
            return f"{room.number} delete ({reason}): {_time(room.start, room_minutes(room))}, {_described(room)}"
        case Finding(message=message, rooms=rooms):
            return (
                f"{rooms[0].number} finding: {message}: {', '.join(room.url or room.uuid for room in rooms)}"
            )
        case Unlisted(room=room):
            return f"{room.number} not in the file: {_time(room.start, room_minutes(room))}, {_described(room)}; it stays"
        case Keep(desired=desired) | Past(desired=desired):
            return f"{desired.session_id} as in the file"


def _change_fields(change: Change) -> dict[str, Any]:
    kind = type(change).__name__.lower()
    match change:
        case (
            Create(desired=desired) | Keep(desired=desired) | Past(desired=desired) | Replace(desired=desired)
        ):
            return {
                "change": kind,
                "session_id": str(desired.session_id),
                "start": _instant(desired.start),
                "minutes": desired.minutes,
                "description": desired.description,
                "others": [room.url or room.uuid for room in change.rooms]
                if isinstance(change, Replace)
                else None,
            }
        case Delete(room=room) | Unlisted(room=room):
            return {"change": kind, "session_id": room.number, "uuid": room.uuid, "url": room.url}
        case Finding(message=message, rooms=rooms):
            return {
                "change": kind,
                "session_id": rooms[0].number,
                "message": message,
                "others": [room.url or room.uuid for room in rooms],
            }


def _time(start: datetime | None, minutes: int | None) -> str:
    shown = f"{format_instant(start)} UTC" if start is not None else "no start time"
    return f"{shown} for {minutes} min" if minutes is not None else shown


def _instant(value: datetime | None) -> str | None:
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if value is not None else None


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _status(write: LoggedWrite) -> str:
    if not write.finished:
        return "interrupted"
    return str(write.status) if write.status is not None else "unknown"
