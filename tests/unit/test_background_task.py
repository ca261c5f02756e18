"""harvester/background_task.py: a task ends with the program, and its failure ends the program."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NoReturn

import pytest

from connectors.errors import Interrupted
from harvester.background_task import background_task
from harvester.pipeline.stop_signal import StopSignal


class Task:
    """Runs until it has to end."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def run(self, check_stop: Callable[[], None]) -> NoReturn:
        try:
            while True:
                check_stop()
        finally:
            self.ended.set()


def test_a_task_ends_with_its_context() -> None:
    task, stop = Task(), StopSignal()
    with background_task(task.run, stop, name="task"):
        assert not task.ended.is_set()
    assert task.ended.is_set()
    assert not stop.is_set


def test_a_task_sees_the_stop_signal() -> None:
    task, stop = Task(), StopSignal()
    with background_task(task.run, stop, name="task"):
        stop.set(143)
        assert task.ended.wait(10)


def test_an_error_of_the_task_stops_the_program_and_is_raised() -> None:
    def run(check_stop: Callable[[], None]) -> NoReturn:
        raise ZeroDivisionError("bug")

    stop = StopSignal()
    with pytest.raises(ZeroDivisionError), background_task(run, stop, name="task"):
        while True:
            try:
                stop.wait(1)
            except Interrupted:
                break
