"""Ctrl-C, SIGTERM and SIGHUP during calls that block."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from connectors.errors import Interrupted
from harvester import signals
from harvester.cli.load import InterruptibleStream
from harvester.pipeline.stop_signal import StopSignal
from harvester.signals_during_import import SIGNALS

SOON = 0.1

STUCK = """
import os
from harvester.pipeline.connector_context import StopSignal
from harvester.signals import finish_on_signals
finish_on_signals(StopSignal(), seconds=0.2)
while True:
    os.write(1, bytes(1 << 16))
"""


@pytest.fixture
def stop() -> Iterator[StopSignal]:
    """A stop signal that real signals set, in this process, which they do not end."""
    previous = [signal.getsignal(number) for number in SIGNALS]
    stop = StopSignal()
    signals.finish_on_signals(stop)
    signal.set_wakeup_fd(-1)
    yield stop
    for number, handler in zip(SIGNALS, previous, strict=True):
        signal.signal(number, handler)


def send_soon(number: signal.Signals) -> None:
    threading.Timer(SOON, os.kill, (os.getpid(), number)).start()


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_ends_a_read_that_blocks(stop: StopSignal, sent: signal.Signals, code: int) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as pipe, os.fdopen(writer, "wb"):
        send_soon(sent)
        with pytest.raises(Interrupted) as raised:
            InterruptibleStream(pipe, stop).read1(100)
    assert raised.value.exit_code == code


def test_a_signal_ends_reading_what_never_ends(stop: StopSignal) -> None:
    send_soon(signal.SIGTERM)
    with Path("/dev/zero").open("rb") as zeros:
        stream = InterruptibleStream(zeros, stop)
        deadline = time.monotonic() + 60
        with pytest.raises(Interrupted):
            while time.monotonic() < deadline:
                stream.read1(1 << 16)


def test_outside_of_such_a_call_a_signal_is_only_recorded(stop: StopSignal) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    assert (stop.is_set, stop.exit_code) == (True, 143)
    with pytest.raises(Interrupted), stop.interruptible_call():
        pytest.fail("the call has begun")


FINISHING = """
import os, signal, sys
from harvester.pipeline.stop_signal import StopSignal
from harvester.signals import finish_on_signals
if sys.argv[2:] == ["ignored"]:
    signal.signal(signal.Signals[sys.argv[1]], signal.SIG_IGN)
stop = StopSignal()
finish_on_signals(stop)
for name in sys.argv[1].split():
    os.kill(os.getpid(), signal.Signals[name])
print("finished", stop.is_set and stop.exit_code)
"""


def run_finishing(*words: str) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "-c", FINISHING, *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.stderr == ""
    return ended.returncode, ended.stdout


@pytest.mark.parametrize(
    "sent", ["SIGHUP SIGHUP SIGHUP", "SIGTERM SIGHUP", "SIGHUP SIGTERM SIGHUP", "SIGHUP SIGTERM"]
)
def test_all_signals_of_a_connection_that_goes_are_one_request(sent: str) -> None:
    """The kernel and the shell each send SIGHUP; systemd sends SIGTERM and SIGHUP, which may arrive in either order."""
    assert run_finishing(sent) == (0, "finished 143\n")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("SIGTERM SIGTERM", 143),
        ("SIGINT SIGINT", 130),
        ("SIGTERM SIGHUP SIGTERM", 143),
        ("SIGHUP SIGTERM SIGINT", 130),
    ],
)
def test_a_second_request_ends_the_process_at_once(sent: str, code: int) -> None:
    assert run_finishing(sent) == (code, "")


@pytest.mark.parametrize("sent", ["SIGHUP", "SIGINT"])
def test_a_signal_that_is_ignored_at_the_start_stays_ignored(sent: str) -> None:
    """As `nohup` ignores SIGHUP, and a shell SIGINT in the background jobs of a script."""
    assert run_finishing(sent, "ignored") == (0, "finished False\n")


def test_a_repeated_hangup_does_not_raise_again() -> None:
    """It would interrupt the clean-up after the first one."""
    signals.raise_on_signals()
    try:
        with pytest.raises(Interrupted):
            signals.interrupt(signal.SIGHUP, None)
        signals.interrupt(signal.SIGHUP, None)
        signals.interrupt(signal.SIGTERM, None)
        with pytest.raises(Interrupted):
            signals.interrupt(signal.SIGTERM, None)
        assert signals.exit_code_after(0) == 143
    finally:
        signals.raise_on_signals()


def test_a_process_that_cannot_finish_is_ended() -> None:
    """It writes into a pipe without a reader."""
    process = subprocess.Popen([sys.executable, "-c", STUCK], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    _, errors = process.communicate()
    assert errors == b""


HANDLER = """
import os, signal, sys, threading
from harvester.pipeline.stop_signal import StopSignal
from harvester.signals_during_import import SIGNALS
from harvester.signals import finish_on_signals

finish_on_signals(StopSignal(), seconds=0.2)
with threading._active_limbo_lock:  # as in the middle of starting a thread
    os.kill(os.getpid(), signal.SIGTERM)
    print("handled", flush=True)
    while True:
        signal.pause()
"""


def test_a_signal_in_the_middle_of_starting_a_thread_is_heard() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HANDLER], capture_output=True, timeout=60, check=False, env=os.environ
    )
    assert (ended.returncode, ended.stdout) == (143, b"handled\n"), ended.stderr


DEAF = """
import signal, threading
from harvester.pipeline.stop_signal import StopSignal
from harvester.signals_during_import import SIGNALS
from harvester.signals import finish_on_signals

stop = StopSignal()
finish_on_signals(stop, seconds=60)
forever = threading.Lock()
forever.acquire()
# Sent to this thread, the signal does not end the wait of the main thread.
threading.Timer(0.2, signal.raise_signal, (signal.SIGTERM,)).start()
stop.add_callback(forever.release)
forever.acquire()
print(stop.exit_code)
"""


def test_a_signal_that_does_not_end_the_wait_of_the_main_thread_is_heard() -> None:
    """As if it had arrived a moment before the wait."""
    ended = subprocess.run([sys.executable, "-c", DEAF], capture_output=True, timeout=50, check=False)
    assert ended.stdout == b"143\n", ended.stderr


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_whose_exception_is_swallowed_is_heard_all_the_same(
    stop: StopSignal, sent: signal.Signals, code: int
) -> None:
    """By a library that is being imported, or by code that goes on after an error."""
    signals.raise_on_signals()
    try:
        with suppress(Exception):
            signals.interrupt(sent, None)
        assert signals.exit_code_after(0) == code
        later = StopSignal()
        signals.finish_on_signals(later)
        signal.set_wakeup_fd(-1)
        assert (later.is_set, later.exit_code) == (True, code)
    finally:
        signals.raise_on_signals()
    assert signals.exit_code_after(0) == 0, "the next command in this process has heard none"
