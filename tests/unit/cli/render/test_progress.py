"""The words of the progress bar, and messages while it is shown."""

from __future__ import annotations

import logging
import os
import pty
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from io import StringIO
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from connectors.base import Connector
from connectors.errors import QuotaExhausted
from harvester.cli.render.progress import DAY_SECONDS, MARGIN, Progress, ProgressDisplay, _print_message
from harvester.logging_setup import configure_logging
from harvester.pipeline.connector_context import RunContext
from harvester.pipeline.report import Report

CONNECTOR = cast(Connector, SimpleNamespace(requests_per_second=31.0))


def context(
    *, elapsed: float = 100.0, requests: int = 200, throttled_until: float = 0.0, speed: float = 1.0
) -> RunContext:
    """Of a run that began so many seconds ago."""
    times = iter([0.0])
    stats = SimpleNamespace(requests=requests, throttled_until=throttled_until)
    made = SimpleNamespace(
        speed=speed,
        stopwatch=lambda: next(times, elapsed),
        elapsed=lambda: elapsed * speed,
        request_stats=stats,
    )
    return cast(RunContext, made)


def progress(report: Report, **of_context: float) -> Progress:
    return Progress(report, CONNECTOR, context(**of_context))  # type: ignore[arg-type]  # numbers all


def report(**fields: Any) -> Report:
    return Report(**{"vendor": "google-meet", "account": "main", **fields})


def test_a_run_under_way_shows_days_and_an_estimate() -> None:
    run = report(
        listed=100, done=30, unchanged=20, documents=700,
        seconds_to_list=60 * DAY_SECONDS, seconds_listed=12 * DAY_SECONDS,
    )  # fmt: skip
    assert progress(run).fitting_words(200) == (
        "50 of 100+ meetings, 12 of 60 days listed, 15 min 00 s left, 20 unchanged, 2.0 of 31.0 requests/s, "
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


def shown_on_terminal(monkeypatch: pytest.MonkeyPatch, show: Callable[[], None], **environment: str) -> str:
    """The output on a terminal of 80 columns as stderr during this call."""
    master, slave = pty.openpty()
    blocks: list[bytes] = []

    def read() -> None:
        with suppress(OSError):  # the other end is closed
            while block := os.read(master, 4096):
                blocks.append(block)

    monkeypatch.setattr("harvester.cli.render.progress.BAR_SECONDS", 0.01)
    reader = Thread(target=read)
    reader.start()
    with os.fdopen(slave, "w") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        patch.setenv("TERM", "xterm")
        patch.setenv("COLUMNS", "80")
        patch.delenv("NO_COLOR", raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        show()
    reader.join()
    os.close(master)
    return b"".join(blocks).decode()


def test_a_message_stands_on_a_line_of_its_own_from_the_first_frame_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def show() -> None:
        configure_logging()
        logger = logging.getLogger("harvester.test")
        with ProgressDisplay(quiet=False)(report(), CONNECTOR, context()):
            logger.info("first message")
            logger.info("x" * 60 + " " + "y" * 40)
        logger.info("after the bar")

    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown_on_terminal(monkeypatch, show)).replace("\r\n", "\n")
    lines = [line.rpartition("\r")[2].rstrip() for line in shown.split("\n")]
    assert "first message" in lines
    assert "x" * 60 in lines, "text wraps between words"
    assert "  " + "y" * 40 in lines
    assert "after the bar" in lines


def test_a_terminal_that_goes_away_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run goes on without it after `nohup`, and otherwise finishes what is in flight."""
    monkeypatch.setattr("harvester.cli.render.progress.BAR_SECONDS", 0.01)
    master, slave = pty.openpty()
    gone = False
    with suppress(OSError), os.fdopen(slave, "w") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        patch.setenv("TERM", "xterm")
        configure_logging()
        with ProgressDisplay(quiet=False)(report(), CONNECTOR, context()):
            os.close(master)
            logging.getLogger("harvester.test").info("a message")
        gone = True
    assert gone


def test_quiet_mode_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def show() -> None:
        with ProgressDisplay(quiet=True)(report(), CONNECTOR, context()):
            pass
        sys.stderr.write("end\n")

    assert shown_on_terminal(monkeypatch, show) == "end\r\n"


def test_a_wait_that_the_vendor_asks_for_is_explained() -> None:
    run = report(vendor="zoom", listed=9, done=2)
    assert progress(run, throttled_until=130.0).fitting_words(40) == "waiting 30 s, as Zoom asks"
    assert progress(run, throttled_until=6050.0, speed=60.0).fitting_words(200).startswith("2 of 9+ meetings")
    assert progress(run, throttled_until=6600.0, speed=60.0).fitting_words(40) == "waiting 10 s, as Zoom asks"
    assert progress(run, throttled_until=99.0).fitting_words(40).startswith("2 of 9+ meetings")


def ended(**fields: Any) -> str:
    run = progress(report(vendor="zoom", name="zoom/berlin", listing_complete=True, **fields))
    run.has_ended = True
    return run.fitting_words(100)


def test_the_line_of_a_run_that_has_ended_says_why() -> None:
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    spent = report(listed=9, done=2)
    spent.record_stop(QuotaExhausted("today's 48,000 calls (heavy) are spent", until=midnight))
    assert ended(listed=9, done=2, until=spent.until, stopped=spent.stopped, stopped_with=75) == (
        "stopped: Zoom's daily quota, until 00:00 UTC, 2 of 9 meetings, 0 documents"
    )
    assert ended(stopped="zoom: GET /users: credentials refused", stopped_with=77).startswith(
        "stopped: GET /users: credentials refused"
    )
    assert ended(listed=2, done=2, documents=7) == "done, 2 of 2 meetings, 7 documents"
    assert ended(listed=2, done=1, failed=1, causes={75}).startswith("ended, 2 of 2 meetings")


def two_accounts() -> None:
    """Two runs, the first of which ends first, with a message after each."""
    configure_logging()
    logger = logging.getLogger("harvester.test")
    display = ProgressDisplay(quiet=False)
    with display(report(name="zoom/berlin", vendor="zoom", listed=3), CONNECTOR, context()):
        with display(report(name="zoom/paris", vendor="zoom", listed=5), CONNECTOR, context()):
            time.sleep(0.3)
        logger.info("paris has ended")
        time.sleep(0.3)
    logger.info("both have ended")


def test_every_account_has_a_line_until_the_last_one_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = shown_on_terminal(monkeypatch, two_accounts)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert "zoom/berlin" in text
    assert "0 of 5+ meetings" in text
    after = text.partition("paris has ended")[2]
    assert "zoom/paris" in after
    assert "done, 0 of 5+ meetings" in after
    assert "zoom/" not in text.partition("both have ended")[2]


COLOUR = r"\x1b\[[0-9;]*[34][0-9][0-9;]*m"


def test_no_colour_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.search(COLOUR, shown_on_terminal(monkeypatch, two_accounts))
    plain = shown_on_terminal(monkeypatch, two_accounts, NO_COLOR="1")
    assert "zoom/berlin" in plain
    assert not re.search(COLOUR, plain)


def test_a_dumb_terminal_gets_messages_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        shown_on_terminal(monkeypatch, two_accounts, TERM="dumb") == "paris has ended\r\nboth have ended\r\n"
    )


def test_in_a_pipe_every_run_has_a_line_a_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("harvester.cli.render.progress.LINE_SECONDS", 0.1)
    two_accounts()
    lines = capsys.readouterr().err.splitlines()
    assert "zoom/berlin: 0 of 3+ meetings, 2.0 of 31.0 requests/s, 0 documents" in lines
    assert "zoom/paris: 0 of 5+ meetings, 2.0 of 31.0 requests/s, 0 documents" in lines
    assert not any(line.startswith("zoom/paris") for line in lines[lines.index("paris has ended") :])
    assert "\x1b" not in "".join(lines)


def test_a_message_above_the_bars_keeps_its_command_whole() -> None:
    command = "`harvester verify zoom --repair --account main`"
    screen = StringIO()
    _print_message(
        Console(file=screen, width=40), f"zoom: something was wrong; run {command} and look again at it"
    )
    lines = screen.getvalue().splitlines()
    assert any(command in line for line in lines)
    assert len(lines) > 2


@pytest.mark.parametrize(
    ("complete", "words"),
    [(True, "done, 1 of 1 meeting, 1 document"), (False, "done, 1 of 1+ meetings, 1 document")],
)
def test_one_meeting_is_not_many_unless_more_may_come(complete: bool, words: str) -> None:
    run = progress(report(listed=1, done=1, documents=1, listing_complete=complete))
    run.has_ended = True
    assert run.fitting_words(200) == words
