"""Harvests several accounts at the same time, each in a thread of its own.

One process is enough, since a run mostly waits for its vendor, and accounts of one quota pool can share its limiters. The main
thread waits, and so hears signals at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context

from connectors.exhausted import exhausted
from connectors.exit_codes import ExitCode
from harvester.pipeline.report import Report
from harvester.pipeline.stop_signal import StopSignal

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 32
"""More accounts than that wait for the first to end."""


def run_side_by_side(runs: Sequence[tuple[Report, Callable[[], None]]], stop: StopSignal) -> None:
    """Run all of these. An exception of one is a bug: its report counts it, and the others continue.

    If the reader of the output has gone, the others stop, too.
    """
    with ThreadPoolExecutor(max(1, min(len(runs), MOST_AT_ONCE)), thread_name_prefix="account") as pool:
        futures = [pool.submit(copy_context().run, _run, report, run, stop) for report, run in runs]
        wait(futures)
    for (report, _), future in zip(runs, futures, strict=True):
        _count_bug(report, future)


def _run(report: Report, run: Callable[[], None], stop: StopSignal) -> None:
    if stop.is_set:
        report.record_stop(stop.interruption())
        return
    run()
    if report.stopped_with == ExitCode.OK and not stop.is_set:
        stop.set(ExitCode.OK)


def _count_bug(report: Report, future: Future[None]) -> None:
    if (error := future.exception()) is None:
        return
    if (lack := exhausted(error)) is not None:
        report.record_stop(lack)
        logger.error("%s: %s", report.name, lack)
    else:
        report.crashed(error)
        logger.error("%s: this is a bug, please report it with these lines", report.name, exc_info=error)
