from __future__ import annotations

import time
from datetime import timedelta

import pytest

from connectors.errors import TimeIsUp
from connectors.exit_codes import ExitCode
from harvester.cli.time_limit import stopping_after
from harvester.pipeline.stop_signal import StopSignal


def test_the_run_is_stopped_when_the_time_is_up() -> None:
    stop = StopSignal()
    with (
        stopping_after(timedelta(0), stop),
        pytest.raises(TimeIsUp, match="given with --for; run the same command again to continue"),
    ):
        stop.wait(60)
    assert stop.exit_code == ExitCode.TEMPFAIL


def test_a_run_that_ends_before_is_not_stopped() -> None:
    stop = StopSignal()
    with stopping_after(timedelta(hours=1), stop):
        pass
    with stopping_after(None, stop):
        time.sleep(0)
    assert not stop.is_set
