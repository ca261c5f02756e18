"""`--for`: a run that stops by itself after some time, so that another one may have the accounts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Timer

import click

from connectors.errors import TimeIsUp
from harvester.cli.time_types import Duration
from harvester.pipeline.stop_signal import StopSignal

FOR = click.option(
    "--for",
    "time_limit",
    type=Duration(),
    metavar="TIME",
    help="Stop after TIME (50m, 2h) with exit code 75; the same command goes on.  [default: no limit]",
)


@contextmanager
def stopping_after(limit: timedelta | None, stop: StopSignal) -> Iterator[None]:
    """Stop the run after this time; `None`: never."""
    if limit is None:
        yield
        return
    timer = Timer(
        limit.total_seconds(),
        stop.end,
        [TimeIsUp("stopped after the time given with --for; run the same command again to continue")],
    )
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
