"""Several accounts at the same time: one's failure is its own, and the end of the reader is the end of all."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Barrier, Event, current_thread

import pytest

from connectors.errors import Interrupted, VendorError
from connectors.exit_codes import ExitCode
from harvester.cli.concurrent_accounts import MOST_AT_ONCE, run_side_by_side
from harvester.logging_setup import configure_logging, messages_of
from harvester.pipeline.report import Report
from harvester.pipeline.stop_signal import StopSignal
from harvester.sinks.base import PipeClosed

SECONDS = 20.0
Run = Callable[[], None]


def report(label: str) -> Report:
    return Report(vendor="zoom", account=label, name=f"zoom/{label}")


def run(*runs: Run, stop: StopSignal | None = None) -> list[Report]:
    reports = [report(str(number)) for number in range(len(runs))]
    run_side_by_side(list(zip(reports, runs, strict=True)), stop or StopSignal())
    return reports


def test_all_run_at_the_same_time() -> None:
    meeting_point = Barrier(MOST_AT_ONCE, timeout=SECONDS)

    def meet() -> None:
        meeting_point.wait()

    reports = run(*[meet] * MOST_AT_ONCE)
    assert [each.exit_code for each in reports] == [0] * MOST_AT_ONCE


def test_more_accounts_than_threads_run_one_after_another() -> None:
    threads: set[str] = set()
    count = MOST_AT_ONCE + 5
    done: list[int] = []

    def note() -> None:
        threads.add(current_thread().name)
        done.append(1)

    run(*[note] * count)
    assert len(done) == count
    assert len(threads) <= MOST_AT_ONCE


def test_none_is_no_error() -> None:
    assert run() == []


def test_a_bug_of_one_is_its_own_and_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    done = Event()

    def crash() -> None:
        raise ZeroDivisionError("never mind")

    crashed, other = run(crash, done.set)
    assert (crashed.exit_code, other.exit_code) == (ExitCode.SOFTWARE, 0)
    assert "a bug" in (crashed.reason or "")
    assert done.is_set()
    shown = capsys.readouterr().err
    assert shown.startswith("zoom/0: this is a bug, please report it with these lines\n")
    assert "ZeroDivisionError" in shown


def test_too_few_threads_are_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()

    def crash() -> None:
        raise RuntimeError("can't start new thread")

    (crashed,) = run(crash)
    assert crashed.exit_code == ExitCode.TEMPFAIL
    assert "raise its limits (ulimit -v, ulimit -u" in (crashed.reason or "")
    assert "Traceback" not in capsys.readouterr().err


def test_if_the_reader_of_the_output_has_gone_the_others_stop() -> None:
    stop = StopSignal()
    closed, other = report("closed"), report("other")

    def close() -> None:
        closed.record_stop(PipeClosed("the output was closed"))

    def harvest() -> None:
        try:
            stop.wait(SECONDS)
        except Interrupted as error:
            other.record_stop(error)

    run_side_by_side([(closed, close), (other, harvest)], stop)
    assert (closed.stopped_with, other.stopped_with) == (0, 0)
    assert (closed.exit_code, other.exit_code) == (0, 0)


def test_a_failure_stops_no_other() -> None:
    stop = StopSignal()
    failed = report("failed")

    def fail() -> None:
        failed.record_stop(VendorError("zoom: no", status=500))

    run_side_by_side([(failed, fail), (report("other"), lambda: None)], stop)
    assert not stop.is_set


def test_an_account_that_has_not_begun_when_the_signal_comes_does_not_begin() -> None:
    stop = StopSignal()
    stop.set(143)
    begun = Event()
    (stopped,) = run(begun.set, stop=stop)
    assert stopped.exit_code == 143
    assert not begun.is_set()


def test_messages_of_an_account_name_it_in_every_thread(capsys: pytest.CaptureFixture[str]) -> None:
    from connectors.concurrency import ordered_map

    configure_logging()
    logger = logging.getLogger("connectors.test")

    def of(label: str) -> Run:
        def harvest() -> None:
            with messages_of(f"zoom/{label}"):
                list(ordered_map(lambda n: logger.info("zoom: page %d", n), [1], workers=1, name="t"))
                logger.info("Zoom: from %s", label)
                logger.info(f"zoom/{label}: named already")
                logger.info("without a name", extra={"once": True})

        return harvest

    run(of("a"), of("b"))
    logger.info("zoom: no account any more")
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "zoom: no account any more"
    assert sorted(lines[:-1]) == [
        *("zoom/a: from a", "zoom/a: named already", "zoom/a: page 1", "zoom/a: without a name"),
        *("zoom/b: from b", "zoom/b: named already", "zoom/b: page 1", "zoom/b: without a name"),
    ]
