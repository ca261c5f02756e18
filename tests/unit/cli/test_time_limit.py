from __future__ import annotations

import time

import click
import pytest

from connectors.errors import TimeIsUp
from connectors.exit_codes import ExitCode
from harvester.cli.time_limit import Duration, stopping_after
from harvester.pipeline.stop_signal import StopSignal


@pytest.mark.parametrize(
    ("text", "seconds"), [("50m", 3_000), ("90s", 90), ("2h", 7_200), ("1h30m", 5_400), ("1h0m5s", 3_605)]
)
def test_times_are_read(text: str, seconds: int) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "50", "m", "-5m", "1.5h", "0m", "5 m", "1d", "169h", "５m"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="50m, 90s or 1h30m"):
        Duration().convert(text, None, None)


def test_the_run_is_stopped_when_the_time_is_up() -> None:
    stop = StopSignal()
    with stopping_after(0, stop), pytest.raises(TimeIsUp, match="the same command goes on"):
        stop.wait(60)
    assert stop.exit_code == ExitCode.TEMPFAIL


def test_a_run_that_ends_before_is_not_stopped() -> None:
    stop = StopSignal()
    with stopping_after(3_600, stop):
        pass
    with stopping_after(None, stop):
        time.sleep(0)
    assert not stop.is_set
