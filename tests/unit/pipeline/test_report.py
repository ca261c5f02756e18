"""The counts of a run, its exit code and its reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_type_hints

import orjson
import pytest

from connectors.errors import (
    CredentialsError,
    HarvestError,
    Interrupted,
    LeaseHeld,
    NotReady,
    OutputError,
    QuotaExhausted,
    TimeIsUp,
)
from connectors.models import Pending, Reason, SkippedPartition
from harvester.pipeline.report import Report
from harvester.pipeline.run_clock import Clock
from harvester.pipeline.run_summary import RunSummary
from harvester.pipeline.tracker import Unchanged
from harvester.sinks.base import Ack, PipeClosed

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def report(**values: object) -> Report:
    return Report(**{"vendor": "zoom", "account": "main", "started": True, **values})  # type: ignore[arg-type]  # the values are those of a keyword


def test_the_summary_has_every_field_of_its_type_and_is_json() -> None:
    summary = report(next_due=NOW, throttled_seconds=1.26).summary()
    assert summary.keys() == get_type_hints(RunSummary).keys()
    assert (summary["next_due"], summary["throttled_seconds"]) == ("2026-11-20T12:00:00Z", 1.3)
    assert orjson.loads(orjson.dumps(summary)) == summary


def test_a_run_that_was_stopped_has_the_exit_code_and_the_reason_of_the_error() -> None:
    run = report()
    run.record_stop(CredentialsError("Zoom: POST /oauth/token: no token (400)"))
    summary = run.summary()
    assert (summary["exit_code"], summary["reason"]) == (77, "Zoom: POST /oauth/token: no token (400)")
    assert summary["failures"] == [{"what": "the run", "why": summary["reason"]}]


CLOCK = Clock(wall=lambda: 1_000.0, monotonic=lambda: 0.0, shift=timedelta(days=1), speed=2.0)
NOW_HERE = datetime(1970, 1, 1, 0, 16, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "at"),
    [
        ([], None),
        ([timedelta(hours=2)], "1970-01-01T01:16:40Z"),
        ([timedelta(hours=2), timedelta(hours=1), timedelta(hours=3)], "1970-01-01T00:46:40Z"),
        ([timedelta(hours=24)], None),
        ([timedelta(hours=-1)], "1970-01-01T00:16:40Z"),
    ],
)
def test_a_run_says_when_there_is_something_to_do_before_the_next_night(
    after: list[timedelta], at: str | None
) -> None:
    """An hour of the vendor's clock is half an hour here."""
    run = report()
    for each in after:
        run.may_resume(each)
    run.set_resume_at(CLOCK)
    assert run.summary()["resume_at"] == at


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(LeaseHeld("held", seconds=30), 15), (TimeIsUp("over"), 0), (OutputError("full"), None)],
)
def test_a_run_resumes_when_the_lease_may_be_free_or_its_time_was_up(
    error: HarvestError, seconds: int | None
) -> None:
    run = report()
    run.record_stop(error)
    run.set_resume_at(CLOCK)
    assert run.resume_at == (None if seconds is None else NOW_HERE + timedelta(seconds=seconds))


def test_a_listed_meeting_with_nothing_new_counts_as_unchanged_only_if_it_is_stored() -> None:
    run = report()
    for meeting in (
        Unchanged(),
        Unchanged(gone="no start time"),
        Unchanged(waits=("no start time", NOW)),
    ):
        run.listed += 1
        run.meeting_unchanged(meeting)
    assert (run.unchanged, run.gone, run.pending, run.nothing_yet, run.stored) == (1, 1, 1, 1, 0)
    assert (run.unread, run.exit_code) == (0, 0)
    assert run.gone_by_reason == run.pending_by_reason == {"no start time": 1}
    assert run.next_due == NOW


def test_the_first_error_that_stops_a_run_counts() -> None:
    run = report()
    run.record_stop(QuotaExhausted("today's calls are spent", until=NOW))
    run.record_stop(OutputError("the disk is full"))
    assert (run.exit_code, run.until, run.stopped) == (75, NOW, "today's calls are spent")


def test_an_interrupted_run_has_the_code_of_its_signal_after_any_failure() -> None:
    run = report(listed=3, failed=1, causes={75})
    run.record_stop(Interrupted(exit_code=143))
    assert (run.exit_code, run.summary()["reason"]) == (143, "interrupted")
    assert run.unread == 2


def test_a_closed_pipe_is_no_failure() -> None:
    run = report(destination="stdout", listed=1, done=1)
    run.record_stop(PipeClosed("the output was closed"))
    assert (run.exit_code, run.failures) == (0, [])


def test_documents_of_meetings_without_cleanup_are_counted() -> None:
    run = report(listed=30, fetched=21)
    run.meeting_loaded(Ack(uuid="a", ok=4), pending=None)
    for uuid in ("b", "c"):
        run.meeting_cleanup_pending(Ack(uuid=uuid, ok=3, rejected=1, complete=False))
    run.unacknowledged = 18
    assert (run.documents, run.rejected, run.unread, run.exit_code) == (10, 2, 9, 65)


def test_outcomes_add_up_to_the_listed_meetings() -> None:
    run = report(listed=66, done=39, out_of_range=1)
    for _ in range(3):
        run.meeting_ended("m", NotReady("no time yet", reason=Reason.no_time, until=NOW))
    run.pending += 23
    assert run.ended == run.listed
    assert run.stored == 62


def test_only_partitions_that_may_come_back_make_the_run_partial() -> None:
    run = report(listed=1, done=1)
    for number in range(11):
        run.skip(SkippedPartition(partition=f"user {number}", reason=Reason.unknown_user, permanent=True))
    assert run.exit_code == 0
    run.skip(SkippedPartition(partition="user 2", reason=Reason.error, permanent=False))
    assert (run.exit_code, run.reason) == (75, "1 part of listings could not be read: error")
    assert (run.missing_partitions, run.failed_partitions) == ({"unknown user": 11}, {"error": 1})


def test_a_name_that_no_later_run_will_know_is_a_mistake_in_the_settings() -> None:
    run = report(listed=1, done=1)
    run.skip(SkippedPartition(partition="group typo", reason=Reason.unknown_group, permanent=False))
    run.skip(SkippedPartition(partition="group acro", reason=Reason.error, permanent=False))
    assert run.exit_code == 78


def test_kept_meetings_are_not_counted_as_stored() -> None:
    run = report(listed=3, fetched=3)
    run.meeting_loaded(Ack(uuid="a", ok=2), pending=None)
    run.meeting_kept(None)
    run.meeting_kept(Pending(until=NOW, reason=Reason.quality))
    assert (run.stored, run.kept_richer, run.pending) == (1, 1, 1)
    assert run.pending_by_reason == {"quality not ready": 1}


def test_documents_of_the_future_are_a_problem() -> None:
    run = Report(vendor="zoom", account="main", future_documents=2)
    assert (run.exit_code, run.reason) == (65, "2 documents in the index harvested in the future")


def test_a_refused_partition_counts_once_over_all_slices() -> None:
    run = report(listed=1, done=1)
    for _ in range(3):
        run.skip(SkippedPartition(partition="user x", reason=Reason.refused, permanent=True))
    assert (run.skipped, run.missing_partitions) == (1, {"refused": 1})
