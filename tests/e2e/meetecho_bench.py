"""The command line against a simulated Meetecho in this process, whose rooms and decks a test sees and changes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.meetecho.app import Meetecho
from harvester.simulator.meetecho.materials import Deck
from harvester.simulator.meetecho.options import MeetechoOptions
from harvester.simulator.meetecho.planned_faults import PlannedFault
from harvester.simulator.meetecho.tokens import CLIENT_SECRET
from harvester.simulator.server import Options, serving_simulator
from tests.e2e.harness import COMMAND_LINE, Harvester

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GROUP = "hushwg"
"""A group that begins without rooms."""
CREATE = "POST meeting/interim/createRoom"
DELETE = "POST meeting/interim/deleteRoom"
FETCH = "GET meeting/interim/fetchRooms"
TOKENS = "POST auth/ietfservice/tokens"


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a command ended. A negative exit code is a signal."""

    exit_code: int
    stdout: str
    stderr: str


RoomValues = tuple[int, str, int, str]
"""Id, start, minutes, description."""


def room_row(
    number: int, *, hour: int = 15, minutes: int = 60, group: str = GROUP, **changed: Any
) -> dict[str, Any]:
    """A row of the file of rooms, on 1 December 2026."""
    return {
        "group": group,
        "session_id": number,
        "description": f"interim {number}",
        "start": f"2026-12-01T{hour:02}:00:00Z",
        "minutes": minutes,
        **changed,
    }


def room_values(*rows: Mapping[str, Any]) -> list[RoomValues]:
    """The rooms that these rows describe, written out by the rules of the protocol: UTC without a zone, minutes."""
    values = []
    for row in rows:
        start = datetime.fromisoformat(row["start"]).astimezone(UTC)
        values.append((row["session_id"], f"{start:%Y-%m-%d %H:%M:%S}", row["minutes"], row["description"]))
    return sorted(values)


@dataclass
class Bench:
    """One simulated Meetecho and one state folder."""

    meetecho: Meetecho
    clock: SimulatedClock
    settings: dict[str, str]
    folder: Path
    output: list[str] = field(default_factory=list)

    def run(self, *words: str, stdin: bytes = b"", **more: Any) -> Result:
        """Run `harvester meetecho …`. Settings can be changed by name."""
        env = {name: value for name, value in more.items() if name.isupper()}
        others = {name: value for name, value in more.items() if not name.isupper()}
        ended = COMMAND_LINE.run(
            "meetecho",
            *words,
            env=Harvester(self.folder, self.settings).environment(**env),
            folder=self.folder,
            stdin=stdin,
            **others,
        )
        result = Result(
            exit_code=ended.returncode, stdout=ended.stdout.decode(), stderr=ended.stderr.decode()
        )
        self.output += [result.stdout, result.stderr]
        return result

    def apply(self, *rows: Mapping[str, Any], words: tuple[str, ...] = (), **more: Any) -> Result:
        return self.run("rooms", "apply", "-", *words, stdin=ndjson(*rows), **more)

    def plan(self, *rows: Mapping[str, Any], words: tuple[str, ...] = ()) -> Result:
        return self.run("rooms", "plan", "-", *words, stdin=ndjson(*rows))

    def fail(self, call: str, kind: str, **more: Any) -> None:
        self.meetecho.exchanges.faults.append(PlannedFault(call=call, kind=cast("Any", kind), **more))

    def advance(self, by: timedelta) -> None:
        """Let time pass for Meetecho and for the command line."""
        self.clock.advance(by)
        self.settings["HARVESTER_NOW"] = self.clock.as_setting

    def repair(self) -> None:
        self.meetecho.exchanges.faults.clear()

    def rooms(self, group: str = GROUP) -> list[RoomValues]:
        rows = self.meetecho.control.state()["rooms"].get(group, [])
        return sorted(
            (row["room_id"], row["start_time"], row["duration"], row["description"]) for row in rows
        )

    def other_rooms(self) -> dict[str, Any]:
        """The rooms of all other groups."""
        return {
            group: rows for group, rows in self.meetecho.control.state()["rooms"].items() if group != GROUP
        }

    def add_room(self, row: Mapping[str, Any]) -> str:
        """Create a room behind the harvester's back. Returns its URL."""
        start = datetime.fromisoformat(row["start"]).astimezone(UTC)
        created = {
            "group": row["group"],
            "room_id": row["session_id"],
            "description": row["description"],
            "start_time": f"{start:%Y-%m-%d %H:%M:%S}",
            "duration": row["minutes"],
        }
        self.meetecho.control.change({"create_rooms": [created]})
        return self.meetecho.rooms.rooms.all()[-1].url

    def remove_rooms(self, group: str = GROUP) -> None:
        for room in self.meetecho.rooms.rooms.of(group):
            self.meetecho.rooms.rooms.delete(room.uuid)

    def session(self, position: int = 0) -> str:
        """One of the sessions of the datatracker without lost decks."""
        sound = [s for s in self.meetecho.account.sessions if s.id % 8 != 6]
        return str(sound[position].id)

    def group_of(self, session: str) -> str:
        return self.meetecho.account.by_id[int(session)].group

    def link(self, session: str, *decks: tuple[int, str]) -> None:
        """Let the datatracker have these decks, each an id and a revision, in this order."""
        rows = [
            Deck(id=number, title=f"Deck {number}", name=f"slides-{number}", rev=rev) for number, rev in decks
        ]
        self.meetecho.materials.set_decks(int(session), rows)

    def linked(self, session: str) -> list[tuple[int, int, str, str, str]]:
        """What Meetecho should have of a session: order, id, title, revision, URL, by the list of the datatracker."""
        base = self.settings["DATATRACKER_URL"]
        body = self.meetecho.materials.body(int(session), base)
        assert body is not None
        return [
            (order, deck["id"], deck["title"], deck["rev"], deck["url"])
            for order, deck in enumerate(body["slides"]["decks"], start=1)
        ]

    def decks(self, session: str) -> list[tuple[int, int, str, str, str]]:
        """What Meetecho has of a session."""
        return [
            (deck["order"], deck["id"], deck["title"], deck["rev"], deck["url"])
            for deck in self.meetecho.rooms.decks.of(session)
        ]

    def calls(self, *, since: int = 0, writes: bool = False) -> list[str]:
        """The calls so far, or those that write, without the reading of decks."""
        rows = list(self.meetecho.exchanges.log)[since:]
        return [row["call"] for row in rows if (row["writes"] or not writes) and row["call"] != "GET deck"]

    def mark(self) -> int:
        """How many requests there were so far, for `calls(since=…)`."""
        return len(self.meetecho.exchanges.log)

    def check_secrets(self) -> None:
        """No deletion token and no client secret is in any output or file; a group's token in the token store only."""
        rooms = self.meetecho.rooms.rooms
        secrets = {CLIENT_SECRET, *(rooms.deletion_token(room) for room in rooms.all()), *rooms._deleted}
        tokens = set(self.meetecho.rooms.tokens._live)
        printed = "".join(self.output).encode()
        assert not [secret for secret in secrets | tokens if secret.encode() in printed]
        for path in self.folder.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                hidden = secrets if path.name.startswith("account.db") else secrets | tokens
                assert not [secret for secret in hidden if secret.encode() in content], path


def ndjson(*rows: Mapping[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@contextmanager
def meetecho_bench(folder: Path, *, faults: float = 0.0, **options: Any) -> Iterator[Bench]:
    """A simulated Meetecho with this state folder; afterwards no secret was written anywhere, and it received no request
    that the datatracker's client would not send."""
    served = Options(
        size=24, days=3, now=NOW, vendors=("meetecho",), speed=200, faults=faults, seed=3,
        meetecho=MeetechoOptions(hasty=0, **options),
    )  # fmt: skip
    with serving_simulator(served) as (simulator, settings):
        meetecho = cast("Meetecho", simulator.vendors["meetecho"].vendor())
        bench = Bench(
            meetecho=meetecho,
            clock=simulator.clock,
            settings=settings,
            folder=folder,
        )
        yield bench
        bench.check_secrets()
        assert meetecho.traffic()["unlike"] == {}
