"""The request to stop a run, without real signals; those are tested in tests/unit/test_signals.py."""

from __future__ import annotations

import threading

import pytest

from connectors.errors import Interrupted, LeaseLost, TimeIsUp
from harvester.pipeline.stop_signal import StopSignal


def test_a_wait_ends_with_the_exit_code_of_the_signal() -> None:
    stop = StopSignal()
    threading.Timer(0.01, stop.set, (143,)).start()
    with pytest.raises(Interrupted) as raised:
        stop.wait(60)
    assert raised.value.exit_code == 143


def test_a_run_that_ends_by_itself_ends_with_its_first_error() -> None:
    stop = StopSignal()
    stop.end(TimeIsUp("over"))
    stop.end(LeaseLost("lost"))
    for check in (stop.check, lambda: stop.wait(60)):
        with pytest.raises(TimeIsUp, match="over"):
            check()
    assert stop.exit_code == 75


def test_a_signal_comes_before_what_happens_later() -> None:
    stop = StopSignal()
    stop.set(143)
    stop.end(LeaseLost("lost"))
    with pytest.raises(Interrupted) as raised:
        stop.check()
    assert raised.value.exit_code == 143


def test_without_a_signal_nothing_is_raised() -> None:
    stop = StopSignal()
    stop.wait(0)
    stop.wait(-1)
    stop.check()
    stop.interrupt_call()
    assert not stop.is_set


def test_every_callback_is_called_once() -> None:
    stop, called = StopSignal(), []
    stop.add_callback(lambda: called.append(1))
    stop.add_callback(lambda: called.append(2))
    stop.set(130)
    assert called == [1, 2]
    with pytest.raises(Interrupted):
        stop.check()


def test_only_a_call_that_is_under_way_is_interrupted() -> None:
    stop = StopSignal()
    with pytest.raises(Interrupted), stop.interruptible_call():
        stop.interrupt_call()
    stop.interrupt_call()
