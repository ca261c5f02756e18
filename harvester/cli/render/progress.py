"""How far a run has come: a bar on a terminal, a line a minute elsewhere, nothing with --quiet."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING

from connectors.base import Connector
from harvester.formatting import format_duration, plural
from harvester.logging_setup import messages_through
from harvester.pipeline.connector_context import RunContext
from harvester.pipeline.report import Report

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


class Progress:
    """Shows a report while a run fills it; a context manager around the run."""

    def __init__(self, report: Report, connector: Connector, context: RunContext, *, quiet: bool) -> None:
        self._report = report
        self._permitted = connector.requests_per_second * context.speed
        self._context = context
        self._quiet = quiet
        self._ended = Event()
        self._began = context.stopwatch()
        self._shown = ExitStack()
        self._thread: Thread | None = None

    def __enter__(self) -> Progress:
        if self._quiet:
            return self
        if sys.stderr is not None and sys.stderr.isatty():
            # The bar is on the screen before the run logs anything, and messages are printed above it.
            bars, console = self._start_bar()
            self._thread = Thread(target=self._bar, args=(bars, console), name="progress", daemon=True)
        else:
            self._thread = Thread(target=self._lines, name="progress", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._shown.close()

    def _lines(self) -> None:
        while not self._ended.wait(LINE_SECONDS):
            logger.info(f"{self._report.vendor}: {', '.join(self._parts())}")

    def _parts(self) -> Iterator[str]:
        """What is known, the most important first."""
        report = self._report
        elapsed = max(self._context.stopwatch() - self._began, 1e-9)
        known = report.listed + report.resumed
        more = "" if report.listing_complete else "+"
        if report.only_lists:
            yield f"{known:,}{more} {'meeting' if known == 1 and not more else 'meetings'} listed"
        else:
            yield f"{report.ended:,} of {known:,}{more} meetings"
        if days := self._days():
            yield days
        if (left := self.seconds_left(elapsed)) is not None:
            yield f"{format_duration(left)} left"
        if skipped := report.unchanged + report.kept_richer + report.out_of_range:
            yield f"{skipped:,} skipped"
        yield f"{self._context.request_stats.requests / elapsed:.1f} of {self._permitted:.1f} requests/s"
        if not report.only_lists:
            yield plural(report.documents, "document")

    def _days(self) -> str:
        """How far the listing is; empty if it is done, or one piece."""
        report = self._report
        days = round(report.seconds_to_list / DAY_SECONDS)
        if report.listing_complete or days < 2:
            return ""
        return f"{round(report.seconds_listed / DAY_SECONDS):,} of {days:,} days listed"

    def seconds_left(self, elapsed: float) -> float | None:
        """An estimate; before the listing is complete, the days to list are taken to hold as much as those listed."""
        report = self._report
        if report.only_lists:
            done, whole = report.seconds_listed, report.seconds_to_list
        else:
            done, whole = float(report.ended), float(report.listed + report.resumed)
            if not report.listing_complete:
                if not report.seconds_listed:
                    return None
                whole *= report.seconds_to_list / report.seconds_listed
        return (whole - done) * elapsed / done if 0 < done < whole else None

    def fitting_words(self, width: int) -> str:
        """As many of the parts as fit into so many columns."""
        words = ""
        for part in self._parts():
            longer = f"{words}, {part}" if words else part
            if words and len(longer) > width:
                break
            words = longer
        return words

    def _start_bar(self) -> tuple[Bars, Console]:
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn
        from rich.progress import Progress as Bars
        from rich.text import Text

        console = Console(stderr=True)
        bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(BAR_WIDTH),
            TextColumn("{task.fields[words]}"),
            console=console,
            transient=True,
        )
        self._shown.enter_context(bars)
        self._shown.enter_context(messages_through(lambda text: console.print(Text(text))))
        return bars, console

    def _bar(self, bars: Bars, console: Console) -> None:
        report = self._report
        task = bars.add_task(report.vendor, total=None, words="")
        while not self._ended.wait(BAR_SECONDS):
            width = console.width - MARGIN - len(report.vendor)
            done: float = report.ended
            total: float | None = report.listed + report.resumed if report.listing_complete else None
            if report.only_lists:
                done, total = report.seconds_listed, report.seconds_to_list or None
            bars.update(task, completed=done, total=total, words=self.fitting_words(width))
