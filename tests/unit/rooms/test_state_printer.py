"""harvester/rooms/state_printer.py: no reader of stdout holds up the watcher."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread

import pytest

from connectors.errors import Interrupted, OutputError
from harvester.rooms import state_printer
from harvester.rooms.state_printer import StatePrinter
from harvester.rooms.status_json import RoomReading
from harvester.sinks.base import PipeClosed
from tests.unit.rooms.test_state_indexer import reading


def stopping_after(count: int) -> Callable[[], None]:
    looks = iter(range(count))

    def check_stop() -> None:
        if next(looks, None) is None:
            raise Interrupted(exit_code=143)

    return check_stop


def test_states_are_printed_in_order() -> None:
    printed: list[RoomReading] = []
    printer = StatePrinter(printed.append)
    shown = [reading(9), reading(10, "red"), reading(11)]
    for each in shown:
        printer.show(each)
    with pytest.raises(Interrupted):
        printer.run(stopping_after(3))
    assert printed == shown


def test_a_reader_that_reads_nothing_holds_up_no_state() -> None:
    begun, released = Event(), Event()

    def write(_reading: RoomReading) -> None:
        begun.set()
        released.wait()

    printer = StatePrinter(write)
    printer.show(reading(9))
    ended: list[Exception] = []

    def run() -> None:
        try:
            printer.run(stopping_after(1))
        except Interrupted as error:
            ended.append(error)

    thread = Thread(target=run)
    thread.start()
    begun.wait()
    printer.show(reading(10))
    printer.show(reading(11))
    assert thread.is_alive()
    released.set()
    thread.join()
    assert len(ended) == 1


def test_only_the_newest_states_wait(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(state_printer, "MOST_WAITING", 2)
    printed: list[RoomReading] = []
    printer = StatePrinter(printed.append)
    shown = [reading(hour) for hour in (8, 9, 10, 11)]
    with caplog.at_level(logging.WARNING):
        for each in shown:
            printer.show(each)
    with pytest.raises(Interrupted):
        printer.run(stopping_after(2))
    assert printed == shown[-2:]
    assert caplog.messages == ["rooms: stdout is read too slowly: states are left out"]


def test_a_reader_that_has_gone_is_noticed_although_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_printer, "LOOK_SECONDS", 0)
    looks = iter([False, True])
    printed: list[RoomReading] = []
    printer = StatePrinter(printed.append, lambda: next(looks))
    printer.show(reading(9))
    with pytest.raises(PipeClosed):
        printer.run(stopping_after(10))
    assert len(printed) == 1


def test_what_cannot_be_printed_ends_the_printer() -> None:
    def write(_reading: RoomReading) -> None:
        raise OutputError("the output cannot be written")

    printer = StatePrinter(write)
    printer.show(reading(9))
    with pytest.raises(OutputError):
        printer.run(stopping_after(10))
