"""How far a run has come: a bar on a terminal, a line a minute elsewhere, nothing with --quiet."""

from __future__ import annotations

import logging
import sys
import time
from threading import Event, Thread
from types import TracebackType

from connectors.base import Connector
from harvester.formatting import plural
from harvester.pipeline.context import RunContext
from harvester.pipeline.report import Report

logger = logging.getLogger(__name__)

BAR_SECONDS = 0.5
LINE_SECONDS = 60.0


class Progress:
    """Shows a report while a run fills it; a context manager around the run."""

    def __init__(self, report: Report, connector: Connector, context: RunContext, *, quiet: bool) -> None:
        self._report = report
        self._permitted = connector.requests_per_second * context.speed
        self._context = context
        self._quiet = quiet
        self._ended = Event()
        self._began = context.stopwatch()
        show = self._bar if sys.stderr.isatty() else self._lines
        self._thread = Thread(target=show, name="progress", daemon=True)

    def __enter__(self) -> Progress:
        if not self._quiet:
            self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _lines(self) -> None:
        while not self._ended.wait(LINE_SECONDS):
            logger.info(f"{self._report.vendor}: {self._words()}")

    def _words(self) -> str:
        report, traffic = self._report, self._context.request_stats
        elapsed = max(self._context.stopwatch() - self._began, 1e-9)
        ended, known = report.ended, report.listed + report.resumed
        words = (
            f"{ended:,} of {known:,}{'' if report.listing_complete else '+'} meetings, "
            f"{plural(report.documents, 'document')}, {traffic.requests / elapsed:.1f} of {self._permitted:.1f} requests/s"
        )
        if report.listing_complete and 0 < ended < known:
            left = (known - ended) * elapsed / ended
            words += f", {time.strftime('%H:%M:%S', time.gmtime(left))} left"
        return words

    def _bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn
        from rich.progress import Progress as Bars

        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[words]}"),
        )
        with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task(self._report.vendor, total=None, words="")
            while not self._ended.wait(BAR_SECONDS):
                report = self._report
                total = report.listed + report.resumed if report.listing_complete else None
                bars.update(task, completed=report.ended, total=total, words=self._words())
