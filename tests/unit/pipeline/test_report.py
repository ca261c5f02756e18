"""What a run says of itself at its end."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.errors import CredentialsError, Interrupted, NotReady, OutputError, QuotaExhausted
from connectors.models import Pending, Reason, SkippedPartition
from harvester.pipeline.report import Report
from harvester.sinks.base import Ack, PipeClosed

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def report(**given: object) -> Report:
    return Report(**{"vendor": "zoom", "account": "main", "started": True, **given})  # type: ignore[arg-type]


def test_a_run_that_came_to_nothing_says_why_and_no_zeros() -> None:
    run = report()
    run.stopped_by(CredentialsError("Zoom: POST /oauth/token: no token (400)"))
    assert run.lines() == ["zoom: POST /oauth/token: no token (400)"]
    told = run.summary()
    assert (told["exit_code"], told["reason"]) == (77, "Zoom: POST /oauth/token: no token (400)")
    assert told["failures"] == [{"what": "the run", "why": told["reason"]}]


def test_what_stopped_it_is_told_once_and_by_whoever_was_nearest() -> None:
    run = report()
    run.stopped_by(QuotaExhausted("today's calls are spent", until=NOW))
    run.stopped_by(OutputError("the disk is full"))
    assert run.lines() == [
        "zoom: today's calls are spent",
        "zoom: go on at 2026-11-20 12:00 UTC with the same command",
    ]
    assert (run.exit_code, run.until) == (75, NOW)


def test_an_interrupted_run_has_its_signals_code_whatever_failed_before() -> None:
    run = report(listed=3, failed=1, causes={75})
    run.stopped_by(Interrupted(exit_code=143))
    assert (run.exit_code, run.summary()["reason"]) == (143, "interrupted")
    assert run.lines()[0] == "zoom: interrupted; the same command resumes"
    assert "2 not read" in run.lines()[1]


def test_what_was_loaded_and_not_settled_is_told_and_its_rejects_count() -> None:
    run = report(listed=30, fetched=21)
    run.meeting_loaded(Ack(uuid="a", ok=4), pending=None)
    for uuid in ("b", "c"):
        run.meeting_unsettled(Ack(uuid=uuid, ok=3, rejected=1, complete=False))
    run.unacknowledged = 18
    lines = run.lines()
    assert lines[0] == "zoom: 2 documents rejected"
    assert (
        lines[1] == "zoom: 30 meetings listed: 1 done, 0 pending, 20 not acknowledged, 9 not read, 0 failed"
    )
    assert lines[2].startswith("zoom: 10 documents stored, 2 rejected (see `harvester rejects list`); ")
    assert "2 meetings loaded and not yet acknowledged" in lines[3]
    assert "18 meetings fetched, whose loading nobody acknowledged" in lines[4]


def test_outcomes_sum_up_to_what_was_listed() -> None:
    run = report(listed=66, done=39, out_of_range=1, unchanged=0)
    for _ in range(3):
        run.meeting_ended("m", NotReady("no time yet", reason=Reason.no_time, until=NOW))
    run.pending += 23
    assert run.ended == run.listed
    assert run.stored == 62
    assert run.lines()[0] == (
        "zoom: 66 meetings listed: 39 done, 26 pending (3 of them with nothing to store yet), 1 outside, 0 failed"
    )


def test_a_single_one_is_not_many() -> None:
    run = report(listed=1, done=1, documents=1, requests=1, collisions=1)
    assert run.lines() == [
        "zoom: 1 meeting listed: 1 done, 0 pending, 0 failed",
        "zoom: 1 document stored; 1 request, 0.0 s in all",
        "zoom: 1 stay with the key of another one: numbered apart",
    ]


def test_into_stdout_documents_are_printed() -> None:
    run = report(destination="stdout", listed=1, done=1, documents=3, requests=2)
    assert run.lines()[1] == "zoom: 3 documents printed; 2 requests, 0.0 s in all"
    run.stopped_by(PipeClosed("the output was closed"))
    assert run.exit_code == 0
    assert run.lines()[-1].startswith("zoom: whoever reads the output wanted no more of it")


def test_where_nothing_is_left_to_do_it_says_so() -> None:
    assert report().lines() == ["zoom: nothing is left to do: nothing that failed or is due"]


def test_parts_that_are_not_there_are_normal_and_parts_that_failed_are_asked_for_again() -> None:
    run = report(listed=1, done=1)
    for _ in range(11):
        run.skip(SkippedPartition(partition="user", reason=Reason.unknown_user, permanent=True))
    assert run.exit_code == 0
    assert "11 parts of the listing left out, which the vendor says is not there" in run.lines()[-1]
    assert run.lines()[-1].endswith("this is normal): 11 unknown user")
    run.skip(SkippedPartition(partition="user 2", reason=Reason.error, permanent=False))
    assert (run.exit_code, run.reason) == (75, "1 part of the listing could not be had: error")
    assert run.lines()[0] == "zoom: 1 part of the listing could not be had"
    assert "a later run asks again: 1 error" in run.lines()[-1]


def test_what_stays_as_it_is_stored_was_not_stored_by_this_run() -> None:
    run = report(listed=3, fetched=3)
    run.meeting_loaded(Ack(uuid="a", ok=2), pending=None)
    run.meeting_kept(None)
    run.meeting_kept(Pending(until=NOW, reason=Reason.quality))
    assert (run.stored, run.kept_richer, run.pending) == (1, 1, 1)
    assert any("1 quality not ready" in line for line in run.lines())
