"""`--for`: a run that stops by itself after some time, so that another one may have the accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

import click

from connectors.errors import TimeIsUp
from harvester.pipeline.stop_signal import StopSignal

_SECONDS = {"h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:[0-9]+[hms])+")


class Duration(click.ParamType[int]):
    """A time such as `50m`, `90s` or `1h30m`, in seconds."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value)
        seconds = 0
        if _DURATION.fullmatch(text):
            seconds = sum(
                int(number) * _SECONDS[unit] for number, unit in re.findall(r"([0-9]+)([hms])", text)
            )
        if not 0 < seconds <= 7 * 24 * 3600:
            raise click.BadParameter("write a time up to a week like 50m, 90s or 1h30m", ctx, param)
        return seconds


FOR = click.option(
    "--for",
    "time_limit",
    type=Duration(),
    metavar="TIME",
    help="Stop after TIME (50m, 2h) with exit code 75; the same command goes on.  [default: no limit]",
)


@contextmanager
def stopping_after(seconds: int | None, stop: StopSignal) -> Iterator[None]:
    """Stop the run after so many seconds; `None`: never."""
    if seconds is None:
        yield
        return
    timer = Timer(
        seconds,
        stop.end,
        [TimeIsUp("the time of --for is over; the same command goes on where this run ends")],
    )
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
