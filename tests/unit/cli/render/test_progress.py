"""The words of the progress bar, and messages while it is shown."""

from __future__ import annotations

import logging
import os
import pty
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connectors.base import Connector
from harvester.cli.render.progress import DAY_SECONDS, MARGIN, Progress
from harvester.logging_setup import configure_logging
from harvester.pipeline.connector_context import RunContext
from harvester.pipeline.report import Report


def progress(report: Report, *, elapsed: float = 100.0, requests: int = 200, quiet: bool = False) -> Progress:
    """The progress of a run that began so many seconds ago."""
    times = iter([0.0])
    context = SimpleNamespace(
        speed=1.0,
        stopwatch=lambda: next(times, elapsed),
        request_stats=SimpleNamespace(requests=requests),
    )
    connector = SimpleNamespace(requests_per_second=31.0)
    return Progress(report, cast(Connector, connector), cast(RunContext, context), quiet=quiet)


def report(**fields: Any) -> Report:
    return Report(vendor="google-meet", account="main", **fields)


def test_a_run_under_way_shows_days_and_an_estimate() -> None:
    run = report(
        listed=100, done=30, unchanged=20, documents=700,
        seconds_to_list=60 * DAY_SECONDS, seconds_listed=12 * DAY_SECONDS,
    )  # fmt: skip
    assert progress(run).fitting_words(200) == (
        "50 of 100+ meetings, 12 of 60 days listed, 15 min 00 s left, 20 skipped, 2.0 of 31.0 requests/s, "
        "700 documents"
    )


def test_after_the_listing_the_estimate_is_that_of_the_rest() -> None:
    run = report(
        listed=100, done=50, listing_complete=True, seconds_to_list=DAY_SECONDS, seconds_listed=DAY_SECONDS
    )
    assert progress(run).fitting_words(40) == "50 of 100 meetings, 1 min 40 s left"


def test_a_listing_alone_is_measured_in_days() -> None:
    run = report(
        only_lists=True, listed=57, seconds_to_list=40 * DAY_SECONDS, seconds_listed=10 * DAY_SECONDS
    )
    assert progress(run).fitting_words(60) == "57+ meetings listed, 10 of 40 days listed, 5 min 00 s left"


@pytest.mark.parametrize("done", [0, 1])
def test_nothing_is_estimated_before_the_first_days_are_listed(done: int) -> None:
    run = report(listed=3, done=done, seconds_to_list=DAY_SECONDS * 9)
    assert progress(run).seconds_left(10) is None


def test_the_line_fits_eighty_columns() -> None:
    run = report(
        listed=12_345, done=9_000, unchanged=3_000, documents=1_234_567,
        seconds_to_list=180 * DAY_SECONDS, seconds_listed=100 * DAY_SECONDS,
    )  # fmt: skip
    width = 80 - MARGIN - len("google-meet")
    words = progress(run).fitting_words(width)
    assert len(words) <= width
    assert words.startswith("12,000 of 12,345+ meetings, 100 of 180 days")


def shown_on_terminal(monkeypatch: pytest.MonkeyPatch, show: Callable[[], None]) -> str:
    """The output on a terminal of 80 columns as stderr during this call."""
    master, slave = pty.openpty()
    blocks: list[bytes] = []

    def read() -> None:
        with suppress(OSError):  # the other end is closed
            while block := os.read(master, 4096):
                blocks.append(block)

    reader = Thread(target=read)
    reader.start()
    with os.fdopen(slave, "w") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        patch.setenv("TERM", "xterm")
        patch.setenv("COLUMNS", "80")
        show()
    reader.join()
    os.close(master)
    return b"".join(blocks).decode()


def test_a_message_has_its_own_line_from_the_first_frame_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def show() -> None:
        configure_logging()
        logger = logging.getLogger("harvester.test")
        with progress(report()):
            logger.info("first message")
            logger.info("x" * 60 + " " + "y" * 40)
        logger.info("after the bar")

    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown_on_terminal(monkeypatch, show)).replace("\r\n", "\n")
    lines = [line.rpartition("\r")[2].rstrip() for line in shown.split("\n")]
    assert "first message" in lines
    assert "x" * 60 in lines, "text wraps between words"
    assert "y" * 40 in lines
    assert "after the bar" in lines


def test_quiet_mode_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def show() -> None:
        with progress(report(), quiet=True):
            pass
        sys.stderr.write("end\n")

    assert shown_on_terminal(monkeypatch, show) == "end\r\n"
