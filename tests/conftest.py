"""How many examples hypothesis tries of each property: `--hypothesis-profile` chooses; `tests/hypothesis_examples.py` has the slow ones.

`quick`, for a fast answer (`make check`), is the default; `thorough` is for `make test`. Both try the same examples every
time, so that only a change makes them fail; `soak` (`make soak`) tries new ones. No example has a deadline, and examples that
take long to invent are not failures, since a busy machine is not a defect.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from harvester.logging_setup import OWN_LOGGERS, reset_logging

_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", _UNTIMED, max_examples=20, derandomize=True)
settings.register_profile("thorough", _UNTIMED, max_examples=100, derandomize=True)
settings.register_profile("soak", _UNTIMED, max_examples=5_000)
settings.load_profile("quick")


def pytest_configure() -> None:
    """A shell starts background jobs, such as a test run, with SIGINT ignored, and `nohup` starts them with SIGHUP ignored. The
    commands that tests start would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)  # commands inherit no handler of Python


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: some tests wait for a thread or a process. With end-to-end tests it is two
    more: the hook of tests/e2e/conftest.py comes first."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Python's garbage collector would look through the thousands of collected tests again and again, and find none to
    delete: a tenth of a run. While tests run, it looks less often than by default (700, 10, 10), which halves its time:
    little garbage needs it, and at the end pytest collects all of it and reports what was not closed."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


@pytest.fixture(autouse=True)
def log_messages() -> Iterator[None]:
    """`caplog` sees every message that a person would; what a command set up ends with its test."""
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO)
    yield
    reset_logging()
