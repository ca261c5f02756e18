"""kill -9 at every request of a command that writes to Meetecho, then the same command: exactly the desired rooms and decks.

At each request the process is killed once before the request arrives and once after it was carried out, when the
process has not seen the answer. What the process knows afterwards is in its state folder alone.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import Literal

import pytest

from harvester.simulator.meetecho.planned_faults import Exchange, PlannedFault
from tests.e2e.meetecho_bench import Bench, ndjson, room_row, room_values

When = Literal["before", "after"]
KILLED = -signal.SIGKILL

EDITED, RIGHT, NEW, UNLISTED = room_row(50), room_row(51), room_row(52), room_row(53)
FILE = ndjson(EDITED, RIGHT, NEW)


@dataclass
class Killer:
    """Kills the process at the N-th request, counted from 1."""

    bench: Bench
    request: int
    when: When
    _started: Event = field(default_factory=Event)
    _pid: int = 0
    _counted: int = 0

    def on_started(self, pid: int) -> None:
        self._pid = pid
        self._started.set()

    def observe(self, exchange: Exchange, moment: str) -> None:
        if moment != self.when:
            return
        self._counted += 1
        if self._counted != self.request:
            return
        self._started.wait()
        os.kill(self._pid, signal.SIGKILL)
        if self.when == "before":  # a dead process sends nothing more
            self.bench.meetecho.exchanges.faults.append(
                PlannedFault(call=exchange.call, kind="lost_request", about=exchange.about)
            )


def kill_at_every_request(
    bench: Bench, words: tuple[str, ...], stdin: bytes, prepare: Callable[[], None], check: Callable[[], None]
) -> int:
    """Returns how many requests the command makes; each is a point at which it was killed and run again."""
    root = bench.folder
    requests = 0
    while True:
        requests += 1
        whens: tuple[When, ...] = ("before", "after")
        for when in whens:
            bench.folder = root / f"{requests} {when}"
            bench.folder.mkdir()
            prepare()
            killer = Killer(bench, requests, when)
            bench.meetecho.exchanges.observers[:] = [killer.observe]
            ended = bench.run(*words, stdin=stdin, on_started=killer.on_started)
            bench.meetecho.exchanges.observers.clear()
            bench.repair()
            if ended.exit_code == 0:  # there is no such request
                check()
                return requests - 1
            assert ended.exit_code == KILLED, (requests, when, ended)
            completed = bench.run(*words, stdin=stdin)
            assert completed.exit_code == 0, (requests, when, completed)
            check()
            bench.check_secrets()


def test_rooms_are_as_desired_after_a_kill_at_any_request_of_apply(meetecho: Bench) -> None:
    others = meetecho.other_rooms()

    def prepare() -> None:
        meetecho.remove_rooms()
        for row in ({**EDITED, "minutes": 30}, RIGHT, UNLISTED):
            meetecho.add_room(row)

    def check() -> None:
        assert meetecho.rooms() == room_values(EDITED, RIGHT, NEW)
        assert meetecho.other_rooms() == others
        since = meetecho.mark()
        assert meetecho.run("rooms", "apply", "-", "--prune", "--yes", stdin=FILE).exit_code == 0
        assert meetecho.calls(since=since, writes=True) == []

    words = ("rooms", "apply", "-", "--prune", "--yes")
    # tokens, fetch; create, fetch, delete; create; delete
    assert kill_at_every_request(meetecho, words, FILE, prepare, check) == 7


def test_without_prune_a_killed_replacement_is_completed_and_unlisted_rooms_stay(meetecho: Bench) -> None:
    def prepare() -> None:
        meetecho.remove_rooms()
        for row in ({**EDITED, "minutes": 30}, UNLISTED):
            meetecho.add_room(row)

    def check() -> None:
        assert meetecho.rooms() == room_values(EDITED, UNLISTED)

    words = ("rooms", "apply", "-")
    assert kill_at_every_request(meetecho, words, ndjson(EDITED), prepare, check) == 5


def test_decks_are_as_desired_after_a_kill_at_any_request_of_sync(meetecho: Bench) -> None:
    session, other = meetecho.session(0), meetecho.session(1)
    meetecho.link(session, (3, "00"), (1, "01"), (2, "00"))
    meetecho.run("slides", "sync", "--session", other, "--no-verify")
    untouched = meetecho.decks(other)
    odd = [{"id": 9, "title": "Odd", "url": "https://example.org/9-00", "rev": "00", "order": 3}]

    def prepare() -> None:
        meetecho.meetecho.control.change({"decks": {session: odd}})

    def check() -> None:
        assert meetecho.decks(session) == meetecho.linked(session)
        assert meetecho.decks(other) == untouched
        since = meetecho.mark()
        assert meetecho.run("slides", "sync", "--session", session).exit_code == 0
        assert meetecho.calls(since=since, writes=True) == []

    words = ("slides", "sync", "--session", session)
    # the list; three decks; tokens; the whole list
    assert kill_at_every_request(meetecho, words, b"", prepare, check) == 6


@pytest.mark.parametrize("name", ["revise", "remove"])
def test_decks_are_as_desired_after_a_kill_at_any_request_of_a_single_call(
    meetecho: Bench, name: str
) -> None:
    session = meetecho.session()
    meetecho.link(session, (1, "00"), (2, "00"))
    meetecho.run("slides", "sync", "--session", session)
    before = meetecho.meetecho.rooms.decks.of(session)
    meetecho.link(session, *([(1, "00"), (2, "01")] if name == "revise" else [(1, "00")]))

    def prepare() -> None:
        meetecho.meetecho.control.change({"decks": {session: before}})

    def check() -> None:
        assert meetecho.decks(session) == meetecho.linked(session)

    words = ("slides", name, "--session", session, "--deck", "2", "--no-verify")
    # the list; tokens; the calls; the whole list
    assert kill_at_every_request(meetecho, words, b"", prepare, check) == (5 if name == "revise" else 4)
