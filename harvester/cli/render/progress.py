"""How far runs have come: a line for each account on a terminal, a line a minute elsewhere, nothing with --quiet."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Event, Lock, Thread
from typing import IO, TYPE_CHECKING, cast

import connectors
from connectors.base import Connector
from connectors.exit_codes import ExitCode
from harvester.cli.render.layout import is_styled
from harvester.cli.standard_streams import LossyStderr
from harvester.formatting import format_duration, format_instant, plural, without_prefix
from harvester.logging_setup import messages_through
from harvester.pipeline.connector_context import RunContext
from harvester.pipeline.report import Report
from harvester.printable import printable
from harvester.wrapping import wrap_lines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

logger = logging.getLogger(__name__)

BAR_SECONDS = 0.5
LINE_SECONDS = 60.0
DAY_SECONDS = 86_400
BAR_WIDTH = 12
MARGIN = BAR_WIDTH + 6
"""Columns of the spinner, the bar and the spaces between the columns."""
SHORTEST_WAIT = 2.0
"""Shorter waits are not explained, in seconds."""


class Progress:
    """The words about one run, while it fills its report and after its end."""

    def __init__(self, report: Report, connector: Connector, context: RunContext) -> None:
        self.report = report
        self.has_ended = False
        self._permitted = connector.requests_per_second * context.speed
        self._context = context
        self._began = context.stopwatch()

    @property
    def share_done(self) -> tuple[float, float | None]:
        """What is done, and of how much, if that is known."""
        report = self.report
        if report.only_lists:
            return report.seconds_listed, report.seconds_to_list or None
        return report.ended, report.listed + report.resumed if report.listing_complete else None

    def fitting_words(self, width: int) -> str:
        """As many of the parts as fit into this number of columns."""
        words = ""
        for part in self.parts():
            longer = f"{words}, {part}" if words else part
            if words and len(longer) > width:
                break
            words = longer
        return words[:width]

    def parts(self) -> Iterator[str]:
        """What is known, the most important first."""
        report = self.report
        elapsed = max(self._context.stopwatch() - self._began, 1e-9)
        yield from self._end() if self.has_ended else self._wait()
        known = report.listed + report.resumed
        more = "" if report.listing_complete else "+"
        noun = "meeting" if known == 1 and not more else "meetings"
        if report.only_lists:
            yield f"{known:,}{more} {noun} listed"
        else:
            yield f"{report.ended:,} of {known:,}{more} {noun}"
        if not self.has_ended:
            yield from self._speed(elapsed)
        if not report.only_lists:
            yield plural(report.documents, "document")

    def _speed(self, elapsed: float) -> Iterator[str]:
        report = self.report
        if days := self._days():
            yield days
        if (left := self.seconds_left(elapsed)) is not None:
            yield f"{format_duration(left)} left"
        if report.unchanged:
            yield f"{report.unchanged:,} unchanged"
        yield f"{self._context.request_stats.requests / elapsed:.1f} of {self._permitted:.1f} requests/s"

    def _wait(self) -> Iterator[str]:
        seconds = (
            self._context.request_stats.throttled_until - self._context.elapsed()
        ) / self._context.speed
        if seconds >= SHORTEST_WAIT:
            yield f"waiting {format_duration(seconds)}, as {self._title} asks"

    def _end(self) -> Iterator[str]:
        report = self.report
        if report.until is not None:
            yield f"stopped: {self._title}'s daily quota, until {format_instant(report.until)[-5:]} UTC"
        elif report.stopped is not None and report.stopped_with != ExitCode.OK:
            yield f"stopped: {without_prefix(report.stopped, report.vendor)}"
        else:
            yield "ended" if report.exit_code else "done"

    @property
    def _title(self) -> str:
        return connectors.load(self.report.vendor).title

    def _days(self) -> str:
        """How far the listing is; empty if it is done, or one piece."""
        report = self.report
        days = round(report.seconds_to_list / DAY_SECONDS)
        if report.listing_complete or days < 2:
            return ""
        return f"{round(report.seconds_listed / DAY_SECONDS):,} of {days:,} days listed"

    def seconds_left(self, elapsed: float) -> float | None:
        """An estimate; before the listing is complete, the days to list are taken to hold as much as those listed."""
        report = self.report
        if report.only_lists:
            done, whole = report.seconds_listed, report.seconds_to_list
        else:
            done, whole = float(report.ended), float(report.listed + report.resumed)
            if not report.listing_complete:
                if not report.seconds_listed:
                    return None
                whole *= report.seconds_to_list / report.seconds_listed
        return (whole - done) * elapsed / done if 0 < done < whole else None


class ProgressDisplay:
    """Shows the runs that are under way; those that have ended stay as long as others go on.

    Called with what a run has, it returns a context manager around the run. Safe for threads.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._lock = Lock()
        self._runs: list[Progress] = []
        self._screen: _Screen | _Lines | None = None

    @contextmanager
    def __call__(self, report: Report, connector: Connector, context: RunContext) -> Iterator[None]:
        if self._quiet:
            yield
            return
        run = Progress(report, connector, context)
        self._begin(run)
        try:
            yield
        finally:
            self._end(run)

    def _begin(self, run: Progress) -> None:
        with self._lock:
            if self._screen is None:
                self._screen = _Screen() if _is_animated() else _Lines()
            self._runs.append(run)
            self._screen.show([*self._runs])

    def _end(self, run: Progress) -> None:
        with self._lock:
            run.has_ended = True
            if self._screen is not None and all(each.has_ended for each in self._runs):
                self._screen.close()
                self._screen = None
                self._runs.clear()


def _print_message(console: Console, text: str) -> None:
    """Wrapped here, since rich would break a command."""
    from rich.text import Text

    console.print(Text(wrap_lines(text, console.width)), soft_wrap=True)


def _is_animated() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


class _Lines:
    """A line a minute for each run, as messages."""

    def __init__(self) -> None:
        self._runs: list[Progress] = []
        self._closed = Event()
        self._thread = Thread(target=self._work, name="progress", daemon=True)
        self._thread.start()

    def show(self, runs: list[Progress]) -> None:
        self._runs = runs

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._closed.wait(LINE_SECONDS):
            for run in self._runs:
                if not run.has_ended:
                    logger.info(f"{run.report.name}: {', '.join(run.parts())}")


class _Screen:
    """A line for each run at the bottom of the terminal; messages are printed above them.

    It is on the screen before a run logs anything.
    """

    def __init__(self) -> None:
        self._runs: list[Progress] = []
        self._closed = Event()
        self._shown = ExitStack()
        self._bars, self._console = self._open()
        self._thread = Thread(target=self._work, name="progress", daemon=True)
        self._thread.start()

    def _open(self) -> tuple[Bars, Console]:
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn
        from rich.progress import Progress as Bars

        console = Console(file=cast("IO[str]", LossyStderr()), no_color=not is_styled())
        bars = Bars(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            BarColumn(BAR_WIDTH),
            TextColumn("{task.fields[words]}", markup=False),
            console=console,
            transient=True,
        )
        self._shown.enter_context(bars)
        self._shown.enter_context(messages_through(partial(_print_message, console)))
        return bars, console

    def show(self, runs: list[Progress]) -> None:
        self._runs = runs

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        self._shown.close()

    def _work(self) -> None:
        while not self._closed.wait(BAR_SECONDS):
            self._draw()

    def _draw(self) -> None:
        runs = self._runs
        width = self._console.width - MARGIN - max((len(run.report.name) for run in runs), default=0)
        for position, run in enumerate(runs):
            while len(self._bars.task_ids) <= position:
                self._bars.add_task(runs[len(self._bars.task_ids)].report.name, total=None, words="")
            done, total = (1, 1) if run.has_ended else run.share_done
            words = printable(run.fitting_words(width))
            self._bars.update(self._bars.task_ids[position], completed=done, total=total, words=words)
